"""What the header of a volume file says, whatever its format."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.findings import warning
from btd_desktop.dicom.parsed import Modality, damaged, refused
from btd_desktop.dicom.series import SeriesFinding

HEADER_BYTES: Final = 65536
"""No text header is longer: a field beyond it would be seen by some readers only."""
GZIP_MAGIC: Final = b"\x1f\x8b"
PAIR: Final = "*.img"
"""Stands for the file beside a `.hdr` that has its name and the suffix `.img`."""
# ASCII: Python takes the digits and spaces of every script, other readers none of them.
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d{1,12}", re.ASCII)
_BLANKS: Final = re.compile(r"[ \t]+")

Vector = tuple[float, float, float]
Remark = SeriesFinding
"""A finding on the file."""

# (numerator, denominator): dividing keeps 25 um at 0.025, multiplying would not.
MM_PER_UNIT: Final = {
    "m": (1000, 1),
    "cm": (10, 1),
    "mm": (1, 1),
    "um": (1, 1000),
    "nm": (1, 1_000_000),
}


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the values of a volume file lie, what they are, and where in the body.

    Attributes:
        dtype: Of one value, with its byte order.
        sizes: Values along each axis, the fastest first.
        encoding: "raw", "gzip", "zlib" (either of both, as MetaImage) or "bzip2".
        start: Offset of the values in their file.
        detached: Name of the file of the values, `PAIR`, or None when they follow.
        spatial: The axes that are columns, rows and slices, the fastest first.
        times: The axis that counts volumes, or None.
        steps: From one value to the next along each spatial axis, LPS mm.
        origin: Centre of the first value, LPS mm.
        has_place: False when the file gives no spacing.
        slope: Factor of the stored values.
        intercept: Added to them after that.
        packed_bytes: Declared length of the compressed values, or None.
        from_end: The values are the last bytes of their file, whatever stands before.
        is_exact: Nothing may follow the values, since readers may count from the end.
        modality: "CT" or "MR" where the header says so, else "".
        remarks: Findings on the header.
    """

    dtype: np.dtype[Any]
    sizes: tuple[int, ...]
    encoding: str
    start: int
    detached: str | None
    spatial: tuple[int, ...]
    times: int | None
    steps: tuple[Vector, ...]
    origin: Vector
    has_place: bool = True
    slope: float = 1.0
    intercept: float = 0.0
    packed_bytes: int | None = None
    from_end: bool = False
    is_exact: bool = False
    modality: Modality = ""
    remarks: tuple[Remark, ...] = ()

    @property
    def n_values(self) -> int:
        """Values of all volumes together."""
        return math.prod(self.sizes)

    @property
    def n_bytes(self) -> int:
        """Bytes that the values take, unpacked."""
        return self.n_values * self.dtype.itemsize

    def grid(self) -> dict[str, list[float]]:
        """Geometry as in `ParsedFile.grid`.

        Raises:
            RejectedFileError: A step or the origin is no number.
        """
        # lengths no scanner's room holds are told and replaced by `sound_grid`
        lengths = [math.hypot(*step) for step in self.steps]
        if not all(math.isfinite(part) for part in (*lengths, *self.origin)):
            raise damaged("Spacing, origin or direction of the volume are no numbers.")
        axes = [
            np.asarray(step) / length if length > 0 else np.eye(3)[i]
            for i, (step, length) in enumerate(zip(self.steps, lengths, strict=True))
        ]
        if len(axes) == 2:
            axes.append(np.cross(axes[0], axes[1]))
            lengths.append(0.0)
        return {
            "spacing": [lengths[2], lengths[1], lengths[0]],
            "origin": [float(value) for value in self.origin],
            "row": _plain(axes[0]),
            "column": _plain(axes[1]),
            "slice": _plain(axes[2]),
        }


def _plain(axis: NDArray[np.float64]) -> list[float]:
    return [float(value) + 0.0 for value in axis]  # + 0.0: no negative zeros


def vector(parts: Iterable[float]) -> Vector:
    """Components along x, y and z; those that a flat space lacks are 0."""
    x, y, z, *_ = (*map(float, parts), 0.0, 0.0)
    return x, y, z


def after_end(what: str, n_bytes: int) -> list[Remark]:
    """A remark on bytes that follow the end of something; none when there are none."""
    if n_bytes <= 0:
        return []
    sentence = (
        f"{n_bytes:,} bytes follow the end of the {what}: they belong to no part of "
        "the image and were not read."
    )
    return [warning("bytes_after_end", sentence)]


def header_lines(head: bytes, what: str) -> list[str]:
    """Lines of a text header, without their ends.

    Only LF and CR LF end a line: a lone CR is an end to some readers and none to
    others, who would then see two different headers.

    Raises:
        RejectedFileError: Other control characters, or a lone CR.
    """
    plain = head.replace(b"\r\n", b"\n")
    odd = next((c for c in plain if (c < 32 and c not in b"\n\t") or c == 127), None)
    if odd is not None:
        name = "a lone carriage return" if odd == 13 else f"the control character {odd}"
        raise refused(
            f"The {what} header holds {name}: readers may see different headers."
        )
    return plain.decode("utf-8", "replace").split("\n")


def numbers(text: str, count: int, what: str) -> list[float]:
    """Exactly `count` finite decimal numbers.

    Raises:
        RejectedFileError: There are more, fewer or others.
    """
    words = _BLANKS.split(text.strip(" \t"))
    if len(words) != count or not all(_NUMBER.fullmatch(word) for word in words):
        raise damaged(f"{what} is not {count} numbers.")
    values = [float(word) for word in words]
    if not all(math.isfinite(value) for value in values):
        raise damaged(f"{what} holds numbers that are too large.")
    return values


def whole_numbers(text: str, count: int, what: str) -> list[int]:
    """Exactly `count` whole numbers.

    Raises:
        RejectedFileError: There are more, fewer or others.
    """
    words = _BLANKS.split(text.strip(" \t"))
    if len(words) != count or not all(_WHOLE.fullmatch(word) for word in words):
        raise damaged(f"{what} is not {count} whole numbers.")
    return [int(word) for word in words]


def in_mm(value: float, unit: str) -> float:
    """A length in millimetres, rounded once."""
    numerator, denominator = MM_PER_UNIT[unit]
    return value * numerator / denominator
