"""Where slices lie: order along the normal, spacing, gaps, tilt.

Only numbers: positions and orientations in, order and measures out. World points are
LPS millimetres (PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom import lines

_GAP_FACTOR: Final = 1.5
_UNEVEN_SHARE: Final = 0.05
_UNIT_TOLERANCE: Final = 0.01
# Positions are decimal strings: within two per cent of a voxel's side they are one.
_SAME_SHARE: Final = 0.02
_SAME_UNKNOWN_MM: Final = 0.005
# So many equal steps in a row are a protocol, not slices that went missing.
_RUN: Final = 3
_COVERED: Final = 1.05
# Finer than a thousandth of a millimetre no rounding is seen; coarser than a quarter of
# the step it explains anything.
_MOST_DECIMALS: Final = 3
_ROUNDED_SHARE: Final = 0.125
# The line through rounded positions is not the one through the true ones.
_ROUNDED: Final = 1.2
# Steps that differ by less come from the digits of the file alone.
_EXACT_SHARE: Final = 1e-4


@dataclass(frozen=True, slots=True)
class StackShape:
    """How a stack of ordered slices is spaced.

    Attributes:
        spacing_mm: Distance between neighbours: of the grid that they lie on, else the
            median; 0 for one slice.
        gaps: Indices of slices after which at least one position is missing.
        n_missing: Estimated number of missing positions.
        skipped: Indices of slices after which a position of the regular grid is empty
            although the slices beside it touch (overlapping reconstruction).
        changes: Indices of slices after which another distance begins for good.
        repeats: Indices of slices at the position of the one before.
        is_uneven: True when distances vary by more than 5 % apart from all that.
        tilt_degrees: Angle between the line of positions and the normal.
        beside_mm: Distance of each slice, in its plane, from that line, shape (S,).
    """

    spacing_mm: float
    gaps: tuple[int, ...]
    n_missing: int
    skipped: tuple[int, ...]
    changes: tuple[int, ...]
    repeats: tuple[int, ...]
    is_uneven: bool
    tilt_degrees: float
    beside_mm: tuple[float, ...]


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


def same_position_mm(*sides_mm: float | None) -> float:
    """Distance below which two positions are one, for voxels with these sides."""
    known = [side for side in sides_mm if side]
    return _SAME_SHARE * min(known) if known else _SAME_UNKNOWN_MM


def nearest_cluster(
    value: Sequence[float], centres: Sequence[Sequence[float]], tolerance: float
) -> int | None:
    """Number of the centre that no component is farther from than `tolerance`."""
    if not centres:
        return None
    apart = np.abs(np.asarray(centres, float) - np.asarray(value, float)).max(
        axis=1, initial=0.0
    )
    nearest = int(apart.argmin())
    return nearest if apart[nearest] <= tolerance else None


def place_labels(along: NDArray[np.float64], same_mm: float) -> NDArray[np.intp]:
    """Number of the place of each position, equal for those nearer than `same_mm`."""
    order = np.argsort(along, kind="stable")
    labels = np.empty(len(along), dtype=np.intp)
    labels[order] = np.cumsum(np.diff(along[order], prepend=along[order[0]]) > same_mm)
    return labels


def rounding_mm(
    positions: Sequence[tuple[float, ...]], orientation: tuple[float, ...]
) -> float:
    """How far positions along the normal may be off by the decimals that were written.

    Some consoles and converters write one or two decimals, whatever the step is.

    Returns:
        Half of the last digit, along the normal, mm; 0 for more than three decimals.
    """
    points = np.asarray(positions, float)
    for decimals in range(_MOST_DECIMALS + 1):
        scaled = points * 10.0**decimals
        if bool(np.all(np.abs(scaled - np.rint(scaled)) <= 1e-6)):
            along = float(np.abs(slice_normal(orientation)).sum())
            return 0.5 * 10.0**-decimals * along
    return 0.0


def is_regular(along: NDArray[np.float64], rounding: float = 0.0) -> float:
    """The step of positions that lie on a regular grid with few gaps; 0 otherwise.

    Args:
        along: Positions in rising order.
        rounding: Error that their decimals explain, of `rounding_mm`.
    """
    steps = np.diff(along)
    if steps.size == 0 or steps.min() <= 0:
        return 0.0
    usual = float(np.median(steps))
    multiples = np.maximum(1.0, np.rint(steps / usual))
    if int((multiples > 1).sum()) > max(1, steps.size // 4):
        return 0.0
    index = np.r_[0.0, np.cumsum(multiples)]
    deviation = float(np.abs(steps / usual - multiples).max())
    fitted, start = (float(value) for value in np.polyfit(index, along, 1))
    if deviation <= _UNEVEN_SHARE:
        return usual if deviation <= _EXACT_SHARE else fitted
    off = float(np.abs(along - start - fitted * index).max())
    is_rounded = rounding <= _ROUNDED_SHARE * fitted and off <= _ROUNDED * rounding
    return fitted if is_rounded and steps.size >= _RUN else 0.0


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


def in_slice_axes(
    positions: Sequence[tuple[float, ...]], orientation: tuple[float, ...]
) -> NDArray[np.float64]:
    """Positions as (along the normal, along columns, along rows), shape (S, 3)."""
    points = np.asarray(positions, float)
    in_plane = points @ np.stack([orientation[3:], orientation[:3]]).T
    # To the last bit what is stored: cases of before must be recognised by it.
    along = positions_along_normal(positions, orientation)
    return np.column_stack([along, in_plane])


def describe_stack(
    positions: Sequence[tuple[float, ...]],
    orientation: tuple[float, ...],
    thicknesses: Sequence[float | None] = (),
    *,
    pixel_mm: float = 0.0,
) -> StackShape:
    """Spacing, gaps, repeats, tilt and shifts of slices ordered along the normal.

    Args:
        positions: ImagePositionPatient of each slice.
        orientation: Of all of them.
        thicknesses: SliceThickness of each slice, None where it is not known.
        pixel_mm: Smaller side of a pixel; 0 when unknown.
    """
    points = in_slice_axes(positions, orientation)
    thick = np.array([value or np.nan for value in thicknesses], float)
    thick = thick if thick.size == len(points) else np.full(len(points), np.nan)
    known = thick[np.isfinite(thick)]
    same = same_position_mm(pixel_mm, float(known.min()) if known.size else None)
    steps = np.diff(points[:, 0])
    repeats = tuple(int(i) + 1 for i in np.flatnonzero(steps <= same))
    slope, beside = lines.main_line(points, same_mm=same, pixel_mm=pixel_mm)
    tilt = math.degrees(math.atan(float(np.hypot(*slope))))
    if not (steps > same).any():
        return StackShape(0.0, (), 0, (), (), repeats, False, tilt, tuple(beside))
    grid = is_regular(points[:, 0], rounding_mm(positions, orientation))
    spacing = grid or _usual_step(steps[steps > same])
    steps_apart = _classify(steps, thick, spacing, same)
    gaps, skipped, changes, usual = steps_apart
    deviation = np.abs(steps / usual - 1.0)
    deviation[(steps <= same) | _at(gaps, steps) | _at(skipped, steps)] = 0.0
    return StackShape(
        spacing_mm=spacing,
        gaps=gaps,
        n_missing=sum(max(1, round(steps[i] / usual[i]) - 1) for i in gaps),
        skipped=skipped,
        changes=changes,
        repeats=repeats,
        is_uneven=not grid and bool(deviation.max() > _UNEVEN_SHARE),
        tilt_degrees=tilt,
        beside_mm=tuple(float(value) for value in beside),
    )


def _usual_step(steps: NDArray[np.float64]) -> float:
    """The median, unless it is a step between two parts that few others share."""
    ordered = np.sort(steps)
    first = np.searchsorted(ordered, ordered * (1 - _UNEVEN_SHARE), "left")
    last = np.searchsorted(ordered, ordered / (1 - _UNEVEN_SHARE), "right")
    n_alike, middle = last - first, float(np.median(ordered))
    if 2 * int((~_differs(ordered, middle)).sum()) >= int(n_alike.max()):
        return middle
    most = int(n_alike.argmax())
    return float(np.median(ordered[first[most] : last[most]]))


def _at(indices: tuple[int, ...], steps: NDArray[np.float64]) -> NDArray[np.bool_]:
    marked = np.zeros(steps.shape, dtype=np.bool_)
    marked[list(indices)] = True
    return marked


def _classify(
    steps: NDArray[np.float64],
    thick: NDArray[np.float64],
    spacing: float,
    same: float,
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], NDArray[np.float64]]:
    """Gaps, skipped places, changes of distance, and the usual step at each step."""
    usual = np.full(steps.shape, spacing)
    starts = [0, *(np.flatnonzero(_differs(steps[1:], steps[:-1])) + 1), steps.size]
    changes = []
    for start, stop in itertools.pairwise(starts):
        if stop - start >= _RUN and steps[start] > same:
            usual[start:stop] = np.median(steps[start:stop])
            if start and _differs(usual[start], spacing):
                changes.append(int(start))
    # Half of either slice lies between their centres: so far apart they touch.
    between = 0.5 * (thick[:-1] + thick[1:])
    touches = steps <= _COVERED * between
    # A slice that lies where the one before does has no distance of its own.
    own = touches & (steps > same) & _differs(thick[:-1], thick[1:])
    usual = np.where(own, steps, usual)
    is_wide = steps > _GAP_FACTOR * usual
    # Beside a change of distance the step may be anything between the two.
    longer = np.maximum(np.r_[usual[:1], usual[:-1]], np.r_[usual[1:], usual[-1:]])
    is_wide &= steps > (1 + _UNEVEN_SHARE) * longer
    on_grid = np.abs(steps / spacing - np.rint(steps / spacing)) <= 2 * _UNEVEN_SHARE
    gaps = np.flatnonzero(is_wide & ~touches)
    skipped = np.flatnonzero(is_wide & touches & on_grid)
    return (
        tuple(int(i) for i in gaps),
        tuple(int(i) for i in skipped),
        tuple(changes),
        usual,
    )


def _differs(
    values: NDArray[np.float64] | float, others: NDArray[np.float64] | float
) -> NDArray[np.bool_]:
    """True where two lengths are more than 5 % apart; unknown ones are not."""
    larger = np.maximum(np.abs(values), np.abs(others))
    with np.errstate(invalid="ignore"):
        found: NDArray[np.bool_] = (
            np.abs(np.subtract(values, others)) > _UNEVEN_SHARE * larger
        )
    return found


def oblique_degrees(orientation: tuple[float, ...]) -> float:
    """Angle between the normal and the nearest axis of the patient."""
    largest = float(np.max(np.abs(slice_normal(orientation))))
    return math.degrees(math.acos(min(1.0, largest)))
