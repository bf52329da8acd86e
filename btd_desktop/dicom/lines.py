"""Slices that lie on one line through space, beside it, or on several lines.

Positions of a stack form a line: along the normal, or slanted when the gantry is
tilted. Two stacks under one series form two; a slice that was moved lies beside.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

# A slice beside the line by half a pixel is seen when one scrolls.
_TOLERANCE_PX: Final = 0.5
_JUMP_PX: Final = 2.0
_TOLERANCE_UNKNOWN_MM: Final = 0.5
_MIN_SLICES: Final = 3
_MIN_SHARE: Final = 0.1
_EXPLAINED: Final = 0.8
# No gantry and no oblique stack shifts slices by more than two steps a step.
_STEEPEST: Final = 2.0
_DECIMALS: Final = 5
_SEEDS: Final = 24
_PARTNERS: Final = 16

Points = NDArray[np.float64]


def main_line(
    points: Points, *, same_mm: float, pixel_mm: float
) -> tuple[Points, Points]:
    """Slope of the line that most slices lie on, and how far each lies beside it.

    Args:
        points: Along normal, columns, rows, mm, shape (S, 3).
        same_mm: Positions nearer than this are one.
        pixel_mm: Smaller side of a pixel; 0 when unknown.

    Returns:
        Shift along columns and rows per mm of the normal, shape (2,); distances in
        the plane, mm, shape (S,).
    """
    tolerance = _tolerance(pixel_mm)
    slope, start = _fitted(points)
    beside = _beside(points, slope, start)
    if beside.max(initial=0.0) > tolerance:
        on_line = _best_line(points, same_mm, tolerance)
        if int(on_line.sum()) >= _MIN_SLICES:
            slope, start = _fitted(points[on_line])
            beside = _beside(points, slope, start)
    return slope, beside


def parallel_stacks(
    points: Points, *, same_mm: float, pixel_mm: float
) -> NDArray[np.intp] | None:
    """Number of the line of each slice, shape (S,); None when one line holds them.

    Slices beside all lines belong to the nearest one.
    """
    tolerance = _tolerance(pixel_mm)
    if _beside(points, *_fitted(points)).max(initial=0.0) <= tolerance:
        return None
    left = np.arange(len(points))
    found: list[NDArray[np.intp]] = []
    while len(left) >= _MIN_SLICES:
        on_line = _best_line(points[left], same_mm, tolerance)
        if int(on_line.sum()) < max(_MIN_SLICES, _MIN_SHARE * len(points)):
            break
        found.append(left[on_line])
        left = left[~on_line]
    if sum(map(len, found)) < _EXPLAINED * len(points):
        return None
    fits = [_fitted(points[group]) for group in found]
    kept = [
        index
        for index, group in enumerate(found)
        if all(
            _lies_apart(points[group], fits[other], pixel_mm) for other in range(index)
        )
    ]
    if len(kept) < 2:
        return None
    distances = np.stack([_beside(points, *fits[index]) for index in kept])
    nearest: NDArray[np.intp] = distances.argmin(axis=0)
    return nearest


def _lies_apart(group: Points, line: tuple[Points, Points], pixel_mm: float) -> bool:
    """True where all of it lies far from a line: no curve and no jitter beside it."""
    limit = _JUMP_PX / _TOLERANCE_PX * _tolerance(pixel_mm)
    return float(_beside(group, *line).min()) > limit


def _tolerance(pixel_mm: float) -> float:
    return _TOLERANCE_PX * pixel_mm if pixel_mm > 0 else _TOLERANCE_UNKNOWN_MM


def _fitted(points: Points) -> tuple[Points, Points]:
    """Slope and start of the line nearest to the points, each of shape (2,)."""
    along = points[:, 0] - points[:, 0].mean()
    middle = points[:, 1:].mean(axis=0)
    spread = float(along @ along)
    slope = along @ (points[:, 1:] - middle) / spread if spread > 0 else np.zeros(2)
    return slope, middle - slope * points[:, 0].mean()


def _beside(points: Points, slope: Points, start: Points) -> Points:
    apart = points[:, 1:] - start - points[:, :1] * slope
    distances: Points = np.hypot(apart[:, 0], apart[:, 1])
    return distances


def _best_line(points: Points, same_mm: float, tolerance: float) -> NDArray[np.bool_]:
    """Slices on the line through two of them that most others lie on, shape (S,)."""
    # Phases repeat each position; one of them is enough to draw a line through.
    ends = np.unique(np.round(points, _DECIMALS), axis=0)
    best = np.zeros(len(points), dtype=np.bool_)
    count = 0
    for seed in np.unique(np.linspace(0, len(ends) - 1, _SEEDS).astype(int)):
        first = ends[seed]
        later = ends[seed + 1 :]
        far = later[later[:, 0] - first[0] > same_mm][:_PARTNERS]
        earlier = ends[:seed]
        near = earlier[first[0] - earlier[:, 0] > same_mm][-_PARTNERS:]
        for second in np.concatenate([far, near]):
            slope = (second[1:] - first[1:]) / (second[0] - first[0])
            if np.abs(slope).max() > _STEEPEST:
                continue
            start = first[1:] - slope * first[0]
            on_line = _beside(points, slope, start) <= tolerance
            if int(on_line.sum()) > count:
                best, count = on_line, int(on_line.sum())
    return best
