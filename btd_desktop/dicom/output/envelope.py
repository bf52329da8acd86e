"""What every object written shares: its maker, its time, its UIDs, its file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import UID
from pydicom.valuerep import DA, DT, TM

from btd_desktop.dicom.output.origin import Origin
from btd_desktop.dicom.write import IMPLEMENTATION_UID, derived_uid

MANUFACTURER: Final = "BTD Desktop"
FORENSIC: Final = "FORENSIC, NOT FOR DIAGNOSTIC USE"
SCHEME: Final = "99BTD"
"""Coding scheme of our own concepts; every object that uses it names it."""
_SCHEME_NAME: Final = "Concepts of BTD Desktop"
_MODEL: Final = "btd-desktop"
_NO_SERIAL: Final = "none"
_CLOCKS: Final = (
    ("SeriesDate", "SeriesTime"),
    ("InstanceCreationDate", "InstanceCreationTime"),
    ("ContentDate", "ContentTime"),
    ("DateOfSecondaryCapture", "TimeOfSecondaryCapture"),
)
_MOMENTS: Final = ("ContributionDateTime", "ObservationDateTime")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Maker, time and UIDs of the objects of one export of one series.

    Attributes:
        seed: What the UIDs are derived from: equal seeds give equal UIDs.
        now: Time of the export, aware, UTC; the one time in every object.
        version: Version of this program.
        number: First series number; the kinds of objects count on from it.
    """

    seed: str
    now: datetime
    version: str
    number: int

    def uid(self, part: str) -> UID:
        """UID of a part of this export."""
        return derived_uid(self.seed, part)

    def series(self, kind: str, place: int) -> dict[str, Any]:
        """Arguments of highdicom for the series and the equipment of an object.

        Args:
            kind: The kind of object; each has a series of its own.
            place: Of the kind among the kinds, from 0.
        """
        return {
            "series_instance_uid": self.uid(f"{kind} series"),
            "series_number": self.number + place,
            "manufacturer": MANUFACTURER,
        }

    def instance(self, kind: str, n: int = 1) -> dict[str, Any]:
        """Arguments of highdicom for an instance of a kind, the n-th, from 1."""
        uid = self.uid(f"{kind} instance {n}")
        return {"sop_instance_uid": uid, "instance_number": n}

    @property
    def equipment(self) -> dict[str, Any]:
        """Arguments of highdicom for the equipment, of objects that ask for all."""
        return {
            "manufacturer_model_name": _MODEL,
            "software_versions": self.version,
            "device_serial_number": _NO_SERIAL,
        }


def concept(value: str, meaning: str) -> Code:
    """A coded concept of our own; the meaning has at most 64 characters."""
    return Code(value, SCHEME, meaning)


def file_bytes(
    dataset: Dataset, origin: Origin, envelope: Envelope, description: str
) -> bytes:
    """The object as a file (PS3.10), with nothing in it that another call would vary.

    Args:
        dataset: As highdicom made it, with its own clock and random UIDs.
        origin: Names the patient and the physician.
        envelope: Gives the clock and the UIDs.
        description: Of its series, at most 64 characters.
    """
    now = envelope.now
    # New elements: those of highdicom are the very ones of the source images.
    dataset.add_new(0x00100010, "PN", origin.patient_name)
    dataset.add_new(0x00080090, "PN", origin.physician_name)
    dataset.SeriesDescription = description
    dataset.SeriesDate = dataset.InstanceCreationDate = ""
    for date, time in _CLOCKS:
        if date in dataset:
            setattr(dataset, date, DA(now.date()))
            setattr(dataset, time, TM(now.time()))
    dataset.TimezoneOffsetFromUTC = "+0000"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    _name_scheme(dataset)
    for inner in _every(dataset):
        if "DimensionOrganizationUID" in inner:
            inner.DimensionOrganizationUID = envelope.uid(
                f"dimensions of {dataset.SOPInstanceUID}"
            )
        for keyword in _MOMENTS:
            if keyword in inner:
                setattr(inner, keyword, DT(now.strftime("%Y%m%d%H%M%S")))
    meta = dataset.file_meta
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "BTD_DESKTOP"
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def _name_scheme(dataset: Dataset) -> None:
    """Say whose the concepts of `SCHEME` are (PS3.3 C.12.1.1.1)."""
    named = Dataset()
    named.CodingSchemeDesignator = SCHEME
    named.CodingSchemeName = _SCHEME_NAME
    named.CodingSchemeResponsibleOrganization = MANUFACTURER
    dataset.CodingSchemeIdentificationSequence = [named]


def _every(dataset: Dataset) -> Iterator[Dataset]:
    """A data set and the items of its sequences, at any depth."""
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _every(item)
