"""What an import hands on: one record per file, ordered series, findings.

These types know neither files nor pydicom; the case stores them, the report prints
them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from btd_desktop.containment.measures import Containment
from btd_desktop.volume import Volume


class Fate(enum.StrEnum):
    """What became of a file; each file has exactly one."""

    ACCEPTED = "accepted"
    NOT_AN_IMAGE = "not_an_image"
    UNSUPPORTED = "unsupported"
    DAMAGED = "damaged"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file as received, and what became of it.

    Attributes:
        name: Unique within the import: path below the input folder with `/`, and
            `archive.zip!member` inside an archive. Control and bidi characters are
            as in the file system; whoever shows the name makes them visible.
        path: Absolute path of the file, or of the archive that holds it.
        size_bytes: Size as received (of an archive member: unpacked).
        sha256: Digest of those bytes; "" only when the file could not be read.
        pixel_sha256: `digest.array_digest` of the decoded stored values, shape
            (frames, rows, columns), before rescaling; "" when there are none. Equal
            for one image in two lossless transfer syntaxes.
        fate: What became of it.
        reason: One sentence why; "" only for accepted files.
        series_uid: Series Instance UID, "" when the file has none.
        sop_instance_uid: SOP Instance UID, "" when the file has none.
    """

    name: str
    path: str
    size_bytes: int
    sha256: str
    pixel_sha256: str
    fate: Fate
    reason: str
    series_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class SeriesFinding:
    """Something about a series that the examiner should know.

    Attributes:
        code: Stable machine-readable name, for instance "gap".
        severity: "note" (a fact to be aware of) or "warning" (weigh the results).
        sentence: What was found and what it may mean; plain text.
        instance_uids: The slices concerned, as in `Volume.instance_uids`; empty
            when it concerns the whole series.
    """

    code: str
    severity: Annotated[str, Meta(pattern="^(note|warning)$")]
    sentence: str
    instance_uids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LoadedSeries:
    """A series ready for examination.

    Attributes:
        volume: Ordered, rescaled slices.
        series_uid: Series Instance UID. Shared by the parts of a series that had to
            be split; `sha256:...` for files that carry no UID.
        description: What to call it: description, else the file's name.
        findings: Warnings first, then notes.
        record_names: `FileRecord.name` of the file of each slice, in slice order.
    """

    volume: Volume
    series_uid: str
    description: str
    findings: tuple[SeriesFinding, ...]
    record_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Import:
    """Everything that one import found.

    Attributes:
        series: Series that can be examined.
        files: One record for each file, and for each archive that was not opened.
        containers: Archives that were opened, as received.
        containment: What held every process that parsed files; None when none did.
    """

    series: tuple[LoadedSeries, ...]
    files: tuple[FileRecord, ...]
    containers: tuple[FileRecord, ...]
    containment: Containment | None = None
