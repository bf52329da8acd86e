"""Where slices lie: order along the normal, spacing, gaps, tilt.

Only numbers: positions and orientations in, order and measures out. World points are
LPS millimetres (PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SAME_POSITION_MM",
    "StackShape",
    "describe_stack",
    "is_usable_orientation",
    "oblique_degrees",
    "orientation_key",
    "positions_along_normal",
    "slice_normal",
]

# Two slices nearer than this lie at the same place: positions are decimal strings.
SAME_POSITION_MM: Final = 0.005
_GAP_FACTOR: Final = 1.5
_UNEVEN_SHARE: Final = 0.05
_UNIT_TOLERANCE: Final = 0.01


@dataclass(frozen=True, slots=True)
class StackShape:
    """How a stack of ordered slices is spaced.

    Attributes:
        spacing_mm: Median distance between neighbours; 0 for one slice.
        gaps: Indices of slices after which at least one position is missing.
        n_missing: Estimated number of missing positions.
        repeats: Indices of slices at the position of the one before.
        is_uneven: True when distances vary by more than 5 % apart from the gaps.
        tilt_degrees: Angle between the line of positions and the normal.
    """

    spacing_mm: float
    gaps: tuple[int, ...]
    n_missing: int
    repeats: tuple[int, ...]
    is_uneven: bool
    tilt_degrees: float


def is_usable_orientation(orientation: tuple[float, ...] | None) -> bool:
    """True for two perpendicular unit vectors, to one per cent."""
    if orientation is None or len(orientation) != 6:
        return False
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    lengths = (float(np.linalg.norm(row)), float(np.linalg.norm(column)))
    return (
        all(abs(length - 1) <= _UNIT_TOLERANCE for length in lengths)
        and abs(float(row @ column)) <= _UNIT_TOLERANCE
    )


def orientation_key(orientation: tuple[float, ...] | None) -> tuple[float, ...]:
    """Orientation rounded so that slices of one stack have the same key."""
    if orientation is None:
        return ()
    # + 0.0 turns -0.0 into 0.0.
    return tuple(round(value, 2) + 0.0 for value in orientation)


def slice_normal(orientation: tuple[float, ...]) -> NDArray[np.float64]:
    """Unit vector across the slice: row direction x column direction."""
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    normal = np.cross(row, column)
    unit: NDArray[np.float64] = normal / np.linalg.norm(normal)
    return unit


def positions_along_normal(
    positions: Sequence[tuple[float, ...]], orientation: tuple[float, ...]
) -> NDArray[np.float64]:
    """Position of each slice along the normal in mm, shape (S,)."""
    along: NDArray[np.float64] = np.asarray(positions, float) @ slice_normal(
        orientation
    )
    return along


def describe_stack(
    positions: Sequence[tuple[float, ...]], orientation: tuple[float, ...]
) -> StackShape:
    """Spacing, gaps, repeats and tilt of slices that are ordered along the normal."""
    along = positions_along_normal(positions, orientation)
    steps = np.diff(along)
    apart = steps[steps > SAME_POSITION_MM]
    repeats = tuple(int(i) + 1 for i in np.flatnonzero(steps <= SAME_POSITION_MM))
    if apart.size == 0:
        return StackShape(0.0, (), 0, repeats, False, 0.0)
    spacing = float(np.median(apart))
    is_gap = steps > _GAP_FACTOR * spacing
    n_missing = sum(round(float(step) / spacing) - 1 for step in steps[is_gap])
    regular = apart[apart <= _GAP_FACTOR * spacing]
    deviation = float(np.max(np.abs(regular - spacing))) if regular.size else 0.0
    return StackShape(
        spacing_mm=spacing,
        gaps=tuple(int(i) for i in np.flatnonzero(is_gap)),
        n_missing=max(n_missing, int(is_gap.sum())),
        repeats=repeats,
        is_uneven=deviation > _UNEVEN_SHARE * spacing,
        tilt_degrees=_tilt_degrees(np.asarray(positions, float), orientation),
    )


def _tilt_degrees(
    positions: NDArray[np.float64], orientation: tuple[float, ...]
) -> float:
    line = positions[-1] - positions[0]
    length = float(np.linalg.norm(line))
    if length < SAME_POSITION_MM:
        return 0.0
    cosine = abs(float(line @ slice_normal(orientation))) / length
    return math.degrees(math.acos(min(1.0, cosine)))


def oblique_degrees(orientation: tuple[float, ...]) -> float:
    """Angle between the normal and the nearest axis of the patient."""
    largest = float(np.max(np.abs(slice_normal(orientation))))
    return math.degrees(math.acos(min(1.0, largest)))
