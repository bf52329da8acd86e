"""What a report says of the items received and of the series examined."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

__all__ = [
    "FATES",
    "ContainerItem",
    "CustodyEvent",
    "Fact",
    "FileItem",
    "ItemsReceived",
    "SeriesExamined",
    "SeriesFinding",
]

FATES: Final = (
    "accepted",
    "not an image",
    "unsupported",
    "damaged",
    "duplicate",
    "refused",
)
"""What can become of a file received; each file has exactly one fate."""


@dataclass(frozen=True, slots=True)
class FileItem:
    """One file received.

    Attributes:
        name: Path relative to the folder received, with forward slashes; for a member
            of a container its path inside the container.
        size_bytes: Length in bytes.
        sha256: Hex SHA-256 of the file; None when the bytes could not be read.
        fate: One of `FATES`.
        reason: Why, in a sentence; empty for accepted files.
        container: Name of the ZIP that held the file, or empty. Such a file is
            verified through the digest of its container.
        root: Name of the folder received that held it, when several were received.
    """

    name: str
    size_bytes: int
    sha256: str | None
    fate: str
    reason: str = ""
    container: str = ""
    root: str = ""


@dataclass(frozen=True, slots=True)
class ContainerItem:
    """One container or folder received.

    Attributes:
        name: File name of the container, relative to the folder received; the name of
            the folder for a folder.
        kind: "folder", "ZIP", "DICOMDIR", "single files".
        n_files: Files found inside.
        size_bytes: Length of the container, or of all files of a folder.
        sha256: Hex SHA-256 of the container; None for a folder.
        sha256_stated: Digest that the sender stated, or empty.
    """

    name: str
    kind: str
    n_files: int
    size_bytes: int
    sha256: str | None = None
    sha256_stated: str = ""


@dataclass(frozen=True, slots=True)
class ItemsReceived:
    """What was received and what became of it.

    Attributes:
        files: Every file, whatever its fate.
        containers: Folders, ZIPs and the like that held them.
        tree_digest: Digest over the list of names and digests (`digest.tree_digest`).
        received: When, how and from whom, in the examiner's words; may be empty.
        findings: Findings that concern no single series, as sentences.
    """

    files: tuple[FileItem, ...]
    tree_digest: str
    containers: tuple[ContainerItem, ...] = ()
    received: str = ""
    findings: tuple[str, ...] = ()

    @property
    def counts_by_fate(self) -> dict[str, int]:
        """Number of files per fate, every fate of `FATES` named, zero included."""
        counts = dict.fromkeys(FATES, 0)
        for item in self.files:
            counts[item.fate] = counts.get(item.fate, 0) + 1
        return counts


@dataclass(frozen=True, slots=True)
class CustodyEvent:
    """One event of the chain of custody.

    Attributes:
        when: Aware UTC datetime.
        person: Who acted.
        event: What was done and why, in a sentence.
        digest: Digest that the event refers to, or empty.
    """

    when: datetime
    person: str
    event: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value, both as text (a scanner fact, a parameter)."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class SeriesFinding:
    """What a check of the series noticed.

    Attributes:
        severity: "note", "warning" or "discrepancy".
        sentence: What was seen and what it may mean.
    """

    severity: str
    sentence: str


@dataclass(frozen=True, slots=True)
class SeriesExamined:
    """One series that was turned into a volume.

    Attributes:
        number: Number in this report, from 1; results refer to it.
        description: SeriesDescription as received.
        modality: "CT" or "MR".
        series_instance_uid: Identity of the series, or empty (volume files).
        n_slices: Slices of the volume.
        n_rows: Rows of a slice.
        n_columns: Columns of a slice.
        spacing_mm: (between slices, between rows, between columns), mm.
        unit: "HU" or "modality value".
        volume_digest: Digest of the voxels after rescaling, or empty.
        patient: Patient's name and identity as received, or a pseudonym.
        facts: Scanner, kernel, thickness, dates: names and values as received.
        findings: What the checks of geometry and consistency noticed.
    """

    number: int
    description: str
    modality: str
    series_instance_uid: str
    n_slices: int
    n_rows: int
    n_columns: int
    spacing_mm: tuple[float, float, float]
    unit: str = "HU"
    volume_digest: str = ""
    patient: str = ""
    facts: tuple[Fact, ...] = ()
    findings: tuple[SeriesFinding, ...] = ()
