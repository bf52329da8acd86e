"""The study that results go back to: patient, study and images, as the headers say.

highdicom takes patient, study and geometry from data sets of the source images. These
are made anew here, from header texts that the parsing process listed and from the
geometry of the volume that was scored; the files themselves are not parsed again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pydicom.config
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.valuerep import DSfloat, validate_value

from btd_desktop.dicom.parsed import Tag
from btd_desktop.dicom.write import derived_uid
from btd_desktop.errors import EvidenceError
from btd_desktop.volume import Volume

_PATIENT: Final = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
_STUDY: Final = (
    *("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "StudyDescription"),
    *("AccessionNumber", "ReferringPhysicianName"),
)
_IMAGE: Final = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"),
    *("Modality", "BurnedInAnnotation", "NumberOfFrames"),
)
_WANTED: Final = frozenset((*_PATIENT, *_STUDY, *_IMAGE))
_NEEDED: Final = ("StudyInstanceUID", "SOPClassUID", "SOPInstanceUID")
_UIDS: Final = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
    "FrameOfReferenceUID",
)
_SEXES: Final = ("M", "F", "O")
_NAME: Final = "Placeholder^"
_UID: Final = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+"
_LONGEST_UID: Final = 64

Header = Mapping[str, str]
"""Keyword to text, of one file."""
Pseudonym = Callable[[str, str], str]
"""(kind, text) to the pseudonym of the text."""


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """A series that results go back to.

    Attributes:
        images: A data set of each slice, in order, without pixels.
        patient_name: As stated, or a pseudonym; the images hold a placeholder, since
            highdicom warns of names that it thinks odd.
        physician_name: The same of the referring physician.
        is_redacted: Pseudonyms stand in place of patient, study and UIDs.
    """

    images: tuple[Dataset, ...]
    patient_name: str = ""
    physician_name: str = ""
    is_redacted: bool = False

    @property
    def first(self) -> Dataset:
        """What all images share, and the place of the first."""
        return self.images[0]


def header_of(tags: Sequence[Tag]) -> Header:
    """The elements that results need, of the data set itself (no items of sequences).

    Elements with a longer text than is listed are left out.
    """
    return {
        tag.keyword: _printable(tag.value)
        for tag in tags
        if tag.keyword in _WANTED and "[" not in tag.path and not tag.digest
    }


def origin_of(
    volume: Volume, headers: Sequence[Header], pseudonym: Pseudonym | None = None
) -> Origin:
    """The series that a volume was read from.

    Args:
        volume: The series, of S slices.
        headers: Of each slice's file, S entries.
        pseudonym: Stands in for patient and UIDs where nobody may be named; dates,
            numbers and physicians are left empty then. None keeps what is stated.

    Raises:
        EvidenceError: The headers name several patients or studies, or a patient as
            DICOM does not allow; a file is no DICOM instance of its own; a UID is
            missing.
    """
    if pseudonym is not None:
        _check_study(headers)
        headers = [_redacted(header, pseudonym) for header in headers]
    _check_study(headers)
    _check_patient(headers[0])
    frame = headers[0].get("FrameOfReferenceUID", "")
    if not _is_uid(frame):
        frame = derived_uid(headers[0]["StudyInstanceUID"], "frame of reference")
    images = tuple(
        _image(volume, index, {**header, "FrameOfReferenceUID": frame})
        for index, header in enumerate(headers)
    )
    physician = headers[0].get("ReferringPhysicianName", "")
    return Origin(
        images,
        headers[0].get("PatientName", ""),
        physician if _is_allowed("ReferringPhysicianName", physician) else "",
        is_redacted=pseudonym is not None,
    )


def _check_study(headers: Sequence[Header]) -> None:
    for index, header in enumerate(headers):
        missing = [name for name in _NEEDED if not _is_uid(header.get(name, ""))]
        if missing:
            raise EvidenceError(
                f"slice {index + 1} has no usable {missing[0]}: its results have no "
                "study to go back to",
                hint="The series was not read from DICOM files that name their study.",
                code="no_study",
            )
        if header.get("NumberOfFrames", "") not in ("", "1"):
            raise EvidenceError(
                "the slices are frames of one file; results of such files are not "
                "written as DICOM by this version",
                hint="The report holds all results.",
                code="multi_frame",
            )
    for name in ("PatientID", "PatientName", "StudyInstanceUID"):
        found = {header.get(name, "") for header in headers}
        if len(found) > 1:
            raise EvidenceError(
                f"the slices of the series name {len(found)} different values of "
                f"{name}: results are not filed under one of them",
                hint="The findings on the series say which slices differ.",
                code="mixed_study",
            )


def _check_patient(header: Header) -> None:
    for name in ("PatientID", "PatientName"):
        if not _is_allowed(name, header.get(name, "")):
            raise EvidenceError(
                f"{name} of the scan is no value that DICOM allows: results cannot be "
                "filed under it",
                hint="The report holds all results; --redacted writes them under a "
                "pseudonym.",
                code="odd_patient",
            )


def _redacted(header: Header, pseudonym: Pseudonym) -> Header:
    stated = [header.get("PatientName", ""), header.get("PatientID", "")]
    patient = pseudonym("patient", " / ".join(filter(None, stated)))
    kept = {key: header[key] for key in ("SOPClassUID", "Modality") if key in header}
    uids = {key: pseudonym("uid", header[key]) for key in _UIDS if header.get(key)}
    return {**kept, **uids, "PatientID": patient, "PatientName": patient}


def _image(volume: Volume, index: int, header: Header) -> Dataset:
    image = Dataset()
    image.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (*_PATIENT, *_STUDY):
        text = header.get(keyword, "")
        setattr(image, keyword, text if _is_allowed(keyword, text) else "")
    image.PatientName = image.ReferringPhysicianName = _NAME
    for keyword in ("SOPClassUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        setattr(image, keyword, header[keyword])
    series = header.get("SeriesInstanceUID", "")
    if not _is_uid(series):
        series = derived_uid(header["StudyInstanceUID"], "series")
    image.SeriesInstanceUID = series
    image.Modality = volume.modality
    is_named = header.get("BurnedInAnnotation") == "YES"
    image.BurnedInAnnotation = "YES" if is_named else "NO"
    image.InstanceNumber = index + 1
    image.Rows, image.Columns = volume.shape[1:]
    image.PixelSpacing = _decimals(volume.spacing_mm[1:])
    image.SliceThickness = DSfloat(_thickness_mm(volume), auto_format=True)
    image.ImagePositionPatient = _decimals(volume.slice_origin_mm(index))
    image.ImageOrientationPatient = _decimals(
        (*volume.row_direction, *volume.column_direction)
    )
    image.PositionReferenceIndicator = ""
    return image


def _is_uid(text: str) -> bool:
    return re.fullmatch(_UID, text) is not None and len(text) <= _LONGEST_UID


def _is_allowed(keyword: str, text: str) -> bool:
    """True for a text that the element's VR allows (PS3.5 table 6.2-1)."""
    if keyword == "PatientSex" and text not in ("", *_SEXES):
        return False
    try:
        validate_value(dictionary_VR(keyword), text, pydicom.config.RAISE)
    except ValueError:
        return False
    return True


def _thickness_mm(volume: Volume) -> float:
    """Thickness of a slice; their distance, else 1 mm, where it is not stated."""
    return float(volume.source.thickness_mm or volume.spacing_mm[0] or 1.0)


def _decimals(values: Sequence[float]) -> list[DSfloat]:
    return [DSfloat(float(value), auto_format=True) for value in values]


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()
