"""What parsing one file ends in, on its way from the parsing process to the import."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from msgspec import Meta, Struct
from numpy.typing import NDArray

from btd_desktop.dicom.instance import InstanceFacts
from btd_desktop.dicom.series import Fate, SeriesFinding

Modality = Literal["CT", "MR", ""]


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


class Tag(NamedTuple):
    """One data element (PS3.5 7.1).

    Attributes:
        path: "(0018,0050)"; inside a sequence "(0040,0275)[0](0040,0007)", items
            counted from 0.
        keyword: PS3.6 keyword; for private elements creator and, where known, name;
            "" when there is none.
        vr: Value representation, "??" when the file states none that can be read.
        value: Plain text of at most 200 characters; "n bytes" for binary values, "n
            items" for sequences; several values joined by a backslash.
        digest: SHA-256 (hex) of the whole value where `value` does not show all of
            it; else "".
    """

    path: str
    keyword: str
    vr: str
    value: str
    digest: str = ""


class Answer(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What the parsing process says of a file.

    Attributes:
        fate: ACCEPTED, or why not.
        reason: One sentence, "" when accepted.
        facts: Header facts of a DICOM instance, as far as it could be read.
        grid: Geometry of formats other than DICOM: `spacing` (S, row, column),
            `origin`, `row`, `column` (unit vectors), all in LPS mm.
        modality: What a header of these formats says, "" when nothing.
        remarks: Findings on a file of these formats.
        references: Files that a DICOMDIR refers to, components joined by a backslash.
        tags: Data elements, where they were asked for.
        note: What is missing from `tags`, "" when nothing is.
        array: How the bytes after the answer are an array; None when there is none.
    """

    fate: Fate
    reason: str = ""
    facts: InstanceFacts | None = None
    grid: dict[str, list[float]] | None = None
    modality: Modality = ""
    remarks: tuple[SeriesFinding, ...] = ()
    references: tuple[str, ...] = ()
    tags: tuple[Tag, ...] = ()
    note: str = ""
    array: ArrayShape | None = None


class ParsedFile(Answer, frozen=True, eq=False):
    """Outcome of parsing one file: the answer with its array.

    Attributes:
        pixels: Stored values (frames, rows, columns) of DICOM; values (times, S, H,
            W) of any other format; None when there are none.
    """

    pixels: NDArray[Any] | None = None
