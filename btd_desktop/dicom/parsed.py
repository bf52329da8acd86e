"""What parsing one file ends in, on its way from the parsing process to the import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta, Struct
from numpy.typing import NDArray

from btd_desktop.dicom.instance import InstanceFacts
from btd_desktop.dicom.series import Fate


class RejectedFileError(Exception):
    """A file ends here; never leaves the `dicom` package.

    Attributes:
        fate: What becomes of the file.
        reason: One sentence why.
    """

    def __init__(self, fate: Fate, reason: str) -> None:
        super().__init__(reason)
        self.fate = fate
        self.reason = reason


def damaged(reason: str) -> RejectedFileError:
    """The file is not what it declares."""
    return RejectedFileError(Fate.DAMAGED, reason)


def refused(reason: str) -> RejectedFileError:
    """The file asks for what no honest one needs."""
    return RejectedFileError(Fate.REFUSED, reason)


def not_an_image(reason: str) -> RejectedFileError:
    """The file is what it says, and that is no image."""
    return RejectedFileError(Fate.NOT_AN_IMAGE, reason)


def unsupported(reason: str) -> RejectedFileError:
    """The file may be sound; this program does not read its kind."""
    return RejectedFileError(Fate.UNSUPPORTED, reason)


class Request(Struct, frozen=True):
    """What the parsing process is asked for, before the bytes of the file.

    Attributes:
        kind: "dicom", "volume", "npy", "png" or "tags".
        split: Bytes of the file itself; those of its companion follow.
        has_companion: A volume's header whose values stand in a file of their own.
    """

    kind: str
    split: int
    has_companion: bool


class ArrayShape(Struct, frozen=True):
    """How the bytes after an answer are an array."""

    dtype: Annotated[str, Meta(pattern="^([|][iu]1|<[iuf][248])$")]
    shape: Annotated[
        tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=3, max_length=4)
    ]


class Answer(Struct, frozen=True):
    """What the parsing process says of a file; see `ParsedFile`."""

    fate: Fate
    reason: str = ""
    facts: InstanceFacts | None = None
    grid: dict[str, list[float]] | None = None
    extra: dict[str, Any] = {}
    array: ArrayShape | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ParsedFile:
    """Outcome of parsing one file.

    Attributes:
        fate: ACCEPTED, or why not.
        reason: One sentence, "" when accepted.
        facts: Header facts of a DICOM instance, as far as it could be read.
        pixels: Stored values (frames, rows, columns) of DICOM; values (times, S, H,
            W) of any other format; None when there are none.
        grid: Geometry of formats other than DICOM: `spacing` (S, row, column),
            `origin`, `row`, `column` (unit vectors), all in LPS mm.
        extra: Other facts by name (files that a DICOMDIR refers to).
    """

    fate: Fate
    reason: str
    facts: InstanceFacts | None = None
    pixels: NDArray[Any] | None = None
    grid: dict[str, list[float]] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
