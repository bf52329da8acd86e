"""Volume to a DICOM series: simulated scans and tampered copies for the bench.

What this program writes must never pass as evidence: new UIDs, and with `derived`
also the image type, a derivation text and a private element that import recognises.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import imagecodecs
import numpy as np
import pydicom.config
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    MRImageStorage,
)
from pydicom.valuerep import DSfloat

from btd_desktop.dicom.header import PRIVATE_CREATOR
from btd_desktop.errors import EvidenceError
from btd_desktop.volume import Volume

IMPLEMENTATION_UID: Final = UID("2.25.177482064230487361982309486120378451237")
_CT_INTERCEPT: Final = -1024
_MAX_LENGTH: Final = {"SH": 16, "CS": 16, "LO": 64, "PN": 64, "ST": 1024, "LT": 10240}
_SOURCE_ELEMENTS: Final = {
    "Manufacturer": "manufacturer",
    "ManufacturerModelName": "model",
    "ConvolutionKernel": "kernel",
    "SeriesDescription": "description",
    "BodyPartExamined": "body_part",
    "StudyDate": "study_date",
    "PatientID": "patient_id",
    "PatientName": "patient_name",
    "SoftwareVersions": "software",
}


def write_series(
    volume: Volume,
    folder: Path,
    *,
    headers: Mapping[str, str],
    uid_seed: str,
    derived: str | None = None,
    compress: bool = False,
) -> tuple[Path, ...]:
    """Write one CT or MR Image Storage file per slice and return their paths.

    Importing them gives the same voxels. Whole numbers are stored with slope 1 (CT:
    intercept -1024 where that fits, else 0); others with the slope and intercept of
    `volume.source.rescale`, rounded to the scanner's steps.

    Args:
        volume: Modality "CT" or "MR". Scanner facts come from `volume.source`.
        folder: Made if needed; no file in it is overwritten.
        headers: Further elements by DICOM keyword; they win over `volume.source`.
        uid_seed: Equal seeds give equal UIDs; different content needs different ones.
        derived: How the images came about, for anything that is not as a scanner
            wrote it. Marks the series as a simulated or tampered copy.
        compress: Encode as JPEG-LS lossless.

    Raises:
        EvidenceError: A file exists, a header is not a DICOM keyword, or the values
            cannot be stored.
    """
    if volume.modality not in ("CT", "MR"):
        raise EvidenceError(f"Cannot write modality {volume.modality!r}.")
    stored, slope, intercept = _stored_values(volume)
    template = _template(volume, headers, uid_seed, derived)
    template.RescaleSlope = DSfloat(slope, auto_format=True)
    template.RescaleIntercept = DSfloat(intercept, auto_format=True)
    _add_padding(template, volume, stored)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(volume.n_slices):
        path = folder / f"{index + 1:05d}.dcm"
        dataset = _slice_dataset(template, volume, index, uid_seed)
        _add_pixels(dataset, stored[index], compress=compress)
        buffer = io.BytesIO()
        dataset.save_as(buffer, enforce_file_format=True)
        try:
            with path.open("xb") as stream:
                stream.write(buffer.getvalue())
        except OSError as error:
            raise EvidenceError(
                f"{path} cannot be written ({error.strerror}).",
                hint="Choose an empty folder with room for the series.",
                code="not_written",
            ) from error
        paths.append(path)
    return tuple(paths)


def _stored_values(volume: Volume) -> tuple[NDArray[np.int16], float, float]:
    voxels = volume.voxels
    if voxels.dtype == np.int16:
        lowest, highest = int(voxels.min()), int(voxels.max())
        fits = lowest >= _CT_INTERCEPT and highest - _CT_INTERCEPT <= 32767
        if volume.modality == "CT" and fits:
            shifted = voxels.astype(np.int32) - _CT_INTERCEPT
            return shifted.astype(np.int16), 1.0, float(_CT_INTERCEPT)
        return voxels.astype(np.int16, copy=False), 1.0, 0.0
    rescale = volume.source.rescale
    if not rescale:
        raise EvidenceError(
            "The values are not whole numbers and their rescale rule is not known.",
            hint="Round the volume to whole numbers first.",
            code="not_integral",
        )
    slope, intercept = float(rescale[0]), float(rescale[1])
    steps = np.rint((voxels.astype(np.float64) - intercept) / slope)
    if steps.min() < -32768 or steps.max() > 32767:
        raise EvidenceError("The values do not fit 16 bits.", code="out_of_range")
    return steps.astype(np.int16), slope, intercept


def _template(
    volume: Volume, headers: Mapping[str, str], seed: str, derived: str | None
) -> Dataset:
    """Everything that the slices share."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    is_ct = volume.modality == "CT"
    dataset.SOPClassUID = CTImageStorage if is_ct else MRImageStorage
    dataset.Modality = volume.modality
    dataset.StudyInstanceUID = derived_uid(seed, "study")
    dataset.SeriesInstanceUID = derived_uid(seed, "series")
    dataset.FrameOfReferenceUID = derived_uid(seed, "frame of reference")
    dataset.SeriesNumber = 1
    for empty in ("StudyDate", "StudyTime", "AccessionNumber", "PatientName"):
        setattr(dataset, empty, "")
    for empty in ("PatientID", "PatientSex", "PatientBirthDate", "StudyID"):
        setattr(dataset, empty, "")
    dataset.ReferringPhysicianName = ""
    dataset.PositionReferenceIndicator = ""
    for keyword, name in _SOURCE_ELEMENTS.items():
        if fact := getattr(volume.source, name):
            _set(dataset, keyword, fact)
    if not is_ct:
        dataset.ScanningSequence, dataset.SequenceVariant = "RM", "NONE"
        dataset.ScanOptions, dataset.MRAcquisitionType = "", "3D"
    _add_numbers(dataset, volume)
    for keyword, value in headers.items():
        _set(dataset, keyword, value)
    _mark(dataset, derived)
    return dataset


def _add_numbers(dataset: Dataset, volume: Volume) -> None:
    thickness = volume.source.thickness_mm
    if thickness is None:
        thickness = volume.spacing_mm[0]
    if thickness:
        dataset.SliceThickness = DSfloat(float(thickness), auto_format=True)
    if volume.source.kvp:
        dataset.KVP = DSfloat(float(volume.source.kvp), auto_format=True)
    window = volume.source.window
    if window:
        dataset.WindowCenter = DSfloat(float(window[0]), auto_format=True)
        dataset.WindowWidth = DSfloat(float(window[1]), auto_format=True)
    dataset.PixelSpacing = _decimals(volume.spacing_mm[1:])
    dataset.ImageOrientationPatient = _decimals(
        (*volume.row_direction, *volume.column_direction)
    )


def _mark(dataset: Dataset, derived: str | None) -> None:
    if derived is None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        return
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.DerivationDescription = _cut(derived, "ST")
    block = dataset.private_block(0x0009, PRIVATE_CREATOR, create=True)
    block.add_new(0x01, "LO", "SIMULATED OR TAMPERED COPY, NOT EVIDENCE")
    block.add_new(0x02, "LT", _cut(derived, "LT"))


def _slice_dataset(
    template: Dataset, volume: Volume, index: int, seed: str
) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = template.SOPClassUID
    meta.MediaStorageSOPInstanceUID = derived_uid(seed, f"instance {index}")
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "BTD_DESKTOP"
    dataset = FileDataset("", template, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.InstanceNumber = index + 1
    dataset.ImagePositionPatient = _decimals(volume.slice_origin_mm(index))
    return dataset


def _add_pixels(
    dataset: FileDataset, stored: NDArray[np.int16], *, compress: bool
) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PixelRepresentation = 1
    little = np.ascontiguousarray(stored, dtype="<i2")
    if compress:
        # The codestream is unsigned; PixelRepresentation says how to take its bits.
        frame = imagecodecs.jpegls_encode(little.view("<u2"))
        dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
        dataset.PixelData = encapsulate([bytes(frame)])
        dataset["PixelData"].VR = "OB"
    else:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.PixelData = little.tobytes()
        dataset["PixelData"].VR = "OW"


def _add_padding(dataset: Dataset, volume: Volume, stored: NDArray[np.int16]) -> None:
    """Padding is written only when one stored value means it and nothing else."""
    if volume.padding is None or not volume.padding.any():
        return
    inside = np.unique(stored[volume.padding])
    if inside.size == 1 and int((stored == inside[0]).sum()) == volume.padding.sum():
        dataset.add_new(tag_for_keyword("PixelPaddingValue") or 0, "SS", int(inside[0]))


def _set(dataset: Dataset, keyword: str, value: str) -> None:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise EvidenceError(
            f"{keyword!r} is not a DICOM keyword.", code="unknown_keyword"
        )
    vr = dictionary_VR(tag)
    converted: Any = value
    try:
        if vr in ("US", "UL", "SS", "SL"):
            converted = int(value)
        elif vr in ("FD", "FL"):
            converted = float(value)
        else:
            converted = _cut(value, vr)
        element = DataElement(tag, vr, converted, validation_mode=pydicom.config.RAISE)
        dataset.add(element)
    except (ValueError, TypeError) as error:
        raise EvidenceError(
            f"{keyword} cannot be {value!r} ({error}).", code="bad_header"
        ) from error


def _cut(text: str, vr: str) -> str:
    """Text as its VR allows it: printable and short enough."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    limit = _MAX_LENGTH.get(vr)
    if limit is None:
        return printable
    if vr == "CS":
        printable = printable.upper()
    return "\\".join(part[:limit] for part in printable.split("\\"))


def _decimals(values: Any) -> list[DSfloat]:  # noqa: ANN401 - any sequence of numbers
    return [DSfloat(float(value), auto_format=True) for value in values]


def derived_uid(seed: str, part: str) -> UID:
    """A UID below 2.25 (PS3.5 B.2) that depends on nothing but seed and part."""
    digest = hashlib.sha256(f"{seed}\n{part}".encode()).digest()
    return UID(f"2.25.{int.from_bytes(digest[:16], 'big')}")
