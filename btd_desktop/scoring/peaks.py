"""The highest distinct places of a series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

APART_MM = 24.0
"""Two peaks nearer than that, in the plane and across slices, are one place: a tampered
cube is wider.
"""
N_PLACES = 12


@dataclass(frozen=True, slots=True)
class Peak:
    """A place of a series with its score.

    Attributes:
        score: Score there.
        slice_index: From 0.
        row: Row of the patch's centre in pixels, from 0.
        column: Column of it, from 0.
    """

    score: float
    slice_index: int
    row: int
    column: int


def distinct_peaks(
    maps: Sequence[NDArray[np.floating]],
    stride: int,
    positions_mm: Sequence[float],
    spacing_mm: tuple[float, float],
    *,
    n: int = N_PLACES,
) -> tuple[Peak, ...]:
    """Distinct places of a series, the highest first.

    Each is the highest of those that lie farther than 24 mm, in the plane or across
    slices, from every place before it.

    Args:
        maps: Scores of each slice at multiples of `stride`, shape (R, C); NaN where
            there is none.
        stride: Distance between centres, px.
        positions_mm: Position of each slice along the normal.
        spacing_mm: Distance between rows and between columns of pixels.
        n: How many at most.
    """
    if not maps:
        return ()
    left = np.stack([np.asarray(m, dtype=np.float64) for m in maps])
    depth = np.asarray(positions_mm, dtype=np.float64)
    rows = np.arange(left.shape[1]) * stride * spacing_mm[0]
    columns = np.arange(left.shape[2]) * stride * spacing_mm[1]
    found: list[Peak] = []
    while len(found) < n and np.isfinite(left).any():
        s, i, j = (int(k) for k in np.unravel_index(np.nanargmax(left), left.shape))
        found.append(Peak(float(left[s, i, j]), s, stride * i, stride * j))
        in_plane = ((rows - rows[i]) ** 2)[:, None] + (columns - columns[j]) ** 2
        beside = np.abs(depth - depth[s]) <= APART_MM
        left[np.ix_(beside, *map(np.arange, in_plane.shape))] = np.where(
            in_plane <= APART_MM**2, np.nan, left[beside]
        )
    return tuple(found)
