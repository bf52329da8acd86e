"""The signed report as an Encapsulated PDF (PS3.3 A.45.1), byte for byte."""

from __future__ import annotations

from typing import Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian
from pydicom.valuerep import DT

from btd_desktop.dicom.output.envelope import FORENSIC, Envelope, file_bytes
from btd_desktop.dicom.output.origin import Origin

_KIND: Final = "encapsulated report"
_PATIENT_AND_STUDY: Final = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime"),
    *("AccessionNumber", "ReferringPhysicianName"),
)


def encapsulated_pdf(
    origin: Origin, envelope: Envelope, pdf: bytes, title: str
) -> bytes:
    """The file; EncapsulatedDocumentLength tells the padding from the signed bytes.

    Args:
        origin: A series of the study that the report is filed under.
        envelope: Maker, time, UIDs.
        pdf: The signed file.
        title: Of the document.
    """
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = EncapsulatedPDFStorage
    place = envelope.instance(_KIND)
    dataset.file_meta.MediaStorageSOPInstanceUID = place["sop_instance_uid"]
    for keyword in _PATIENT_AND_STUDY:
        setattr(dataset, keyword, origin.first.get(keyword, ""))
    series = envelope.series(_KIND, 4)
    dataset.SOPClassUID = EncapsulatedPDFStorage
    dataset.SOPInstanceUID = place["sop_instance_uid"]
    dataset.SeriesInstanceUID = series["series_instance_uid"]
    dataset.SeriesNumber = series["series_number"]
    dataset.InstanceNumber = place["instance_number"]
    dataset.Modality = "DOC"
    dataset.Manufacturer = series["manufacturer"]
    dataset.ManufacturerModelName = envelope.equipment["manufacturer_model_name"]
    dataset.SoftwareVersions = envelope.version
    dataset.ConversionType = "WSD"
    dataset.ContentDate = dataset.ContentTime = None
    dataset.AcquisitionDateTime = DT(envelope.now.strftime("%Y%m%d%H%M%S"))
    # The full report names the patient on its pages, the redacted one names nobody.
    dataset.BurnedInAnnotation = "NO" if origin.is_redacted else "YES"
    dataset.DocumentTitle = f"{title}. {FORENSIC}"
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(pdf)
    dataset.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    dataset.SourceInstanceSequence = [_reference(image) for image in origin.images]
    return file_bytes(dataset, origin, envelope, f"BTD report. {FORENSIC}")


def _reference(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    return item
