"""Two series side by side: which slice belongs to which, and what differs between them.

By position in space where both say where their slices lie and the slices are parallel;
else by the number of the slice. Which of the two holds is always said, because two
pictures side by side are taken for the same place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from btd_desktop.volume import Volume

_PARALLEL = 0.9998  # cosine of about one degree
_WHOLE_PX = 1e-3
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """How a second series is laid beside a first.

    Attributes:
        by: "position" or "slice number".
        why: Why not by position; or what to mind where it is, "" for nothing.
        partners: Slice of the second for each of the first, (S,); -1 for none.
        rows: Row of the second below each row of the first, (H,), -1 outside; None
            where the pixels cannot be compared.
        columns: The same of columns, (W,).
        why_apart: Why the pixels cannot be compared; "" where they can.
        is_exact: Each pixel of the first lies on a pixel of the second.
    """

    by: Literal["position", "slice number"]
    why: str
    partners: Index
    rows: Index | None
    columns: Index | None
    why_apart: str
    is_exact: bool = False

    @property
    def sentence(self) -> str:
        """How the two are linked, for the examiner."""
        told = "By position in space" if self.by == "position" else "By slice number"
        return f"{told} ({self.why})." if self.why else f"{told}."

    def partner(self, slice_index: int, offset: int = 0) -> int | None:
        """Slice of the second beside one of the first, moved by some; or None."""
        at = int(self.partners[slice_index])
        moved = at + offset
        return None if at < 0 or moved < 0 else moved

    def pixel(self, row: int, column: int) -> tuple[int, int] | None:
        """Pixel of the second at one of the first; None where there is none."""
        if self.rows is None or self.columns is None:
            return None
        there = int(self.rows[row]), int(self.columns[column])
        return None if min(there) < 0 else there


def pair(one: Volume, other: Volume) -> Pairing:
    """How a second series is laid beside a first."""
    why = _why_not_by_position(one, other)
    rows, columns, why_apart, is_exact = _grid(one, other, by_position=not why)
    if why:
        partners = np.arange(one.n_slices, dtype=np.intp)
        partners[partners >= other.n_slices] = -1
        return Pairing(
            "slice number", why, partners, rows, columns, why_apart, is_exact
        )
    here, there = _heights(one, one), _heights(one, other)
    nearest = np.abs(here[:, None] - there[None, :]).argmin(1)
    gap = np.abs(here - there[nearest])
    # Half a slice beyond the last one there is nothing to lay beside.
    reach = max(one.spacing_mm[0], other.spacing_mm[0]) / 2 + 1e-3
    partners = np.where(gap <= reach, nearest, -1).astype(np.intp)
    studies = {v.source.study_uid for v in (one, other)}
    mind = "" if len(studies) == 1 else "another study: may lie elsewhere"
    return Pairing("position", mind, partners, rows, columns, why_apart, is_exact)


def difference(
    one: Volume, other: Volume, pairing: Pairing, slices: tuple[int, int]
) -> NDArray[np.float32]:
    """Values of a slice of the first minus those of one of the second.

    Args:
        one: The first series.
        other: The second.
        pairing: Of the two; its pixels can be compared.
        slices: Slice of the first, slice of the second.

    Returns:
        Shape (H, W) of the first, float32; NaN where the second has no pixel. Nothing
        is interpolated: each pixel is compared with the nearest.

    Raises:
        ValueError: The pixels cannot be compared.
    """
    if pairing.rows is None or pairing.columns is None:
        raise ValueError(pairing.why_apart)
    shown: NDArray[np.float32] = one.voxels[slices[0]].astype(np.float32)
    theirs = other.voxels[slices[1]].astype(np.float32)
    if not pairing.is_exact:
        theirs = theirs[np.ix_(pairing.rows, pairing.columns)]
    shown -= theirs
    shown[pairing.rows < 0] = np.nan
    shown[:, pairing.columns < 0] = np.nan
    return shown


def _why_not_by_position(one: Volume, other: Volume) -> str:
    normals = [np.cross(v.row_direction, v.column_direction) for v in (one, other)]
    if float(normals[0] @ normals[1]) < _PARALLEL:
        return "their slices are not parallel"
    if min(one.n_slices, other.n_slices) < 2:
        return "one of them is a single slice"
    here, there = _heights(one, one), _heights(one, other)
    if here.max() < there.min() or there.max() < here.min():
        return "they do not overlap in space"
    return ""


def _heights(frame: Volume, volume: Volume) -> NDArray[np.float64]:
    """Where each slice lies along the normal of `frame`, mm, shape (S,)."""
    normal = np.cross(frame.row_direction, frame.column_direction)
    origins = [volume.slice_origin_mm(s) for s in range(volume.n_slices)]
    return np.asarray(np.array(origins) @ normal, np.float64)


def _grid(
    one: Volume, other: Volume, *, by_position: bool
) -> tuple[Index | None, Index | None, str, bool]:
    """Rows and columns of the second at those of the first; why not; whether exact."""
    if one.modality != other.modality:
        return None, None, "values of CT and MR cannot be subtracted", False
    if not by_position or min(*one.spacing_mm[1:], *other.spacing_mm[1:]) <= 0:
        if one.shape[1:] != other.shape[1:]:
            why = "they differ in pixels, and nothing says where their pixels lie"
            return None, None, why, False
        rows, columns = (np.arange(n, dtype=np.intp) for n in one.shape[1:])
        return rows, columns, "", True
    pairs = (
        (one.column_direction, other.column_direction),
        (one.row_direction, other.row_direction),
    )
    if any(np.dot(*directions) < _PARALLEL for directions in pairs):
        return None, None, "their pictures are turned against each other", False
    # In plane all slices of a straight stack start at one place.
    way = np.subtract(one.origin_mm, other.origin_mm)
    found, exact = [], []
    for axis, (direction, _) in enumerate(pairs, 1):
        start = float(way @ np.array(direction)) / other.spacing_mm[axis]
        step = one.spacing_mm[axis] / other.spacing_mm[axis]
        at = start + step * np.arange(one.shape[axis])
        near = np.rint(at)
        inside = (near >= 0) & (near < other.shape[axis])
        found.append(np.where(inside, near, -1).astype(np.intp))
        exact.append(
            one.shape[axis] == other.shape[axis]
            and bool(np.all(np.abs(at - np.arange(one.shape[axis])) < _WHOLE_PX))
        )
    if (found[0] < 0).all() or (found[1] < 0).all():
        return None, None, "their pictures do not overlap in space", False
    return found[0], found[1], "", all(exact)
