"""The highest distinct places of a series."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from btd_desktop.scoring.peaks import APART_MM, Peak, distinct_peaks

STRIDE, SPACING = 16, (0.7, 0.8)


def found_in(
    maps: list[NDArray[np.float64]], *, n: int = 12, step: float = 2.5
) -> tuple[Peak, ...]:
    positions = [step * s for s in range(len(maps))]
    return distinct_peaks(maps, STRIDE, positions, SPACING, n=n)


def farther(a: Peak, b: Peak, step: float = 2.5) -> float:
    """The larger of the distances in the plane and across slices."""
    down, across = SPACING[0] * (a.row - b.row), SPACING[1] * (a.column - b.column)
    in_plane = np.hypot(down, across)
    return float(max(in_plane, step * abs(a.slice_index - b.slice_index)))


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 20))
def test_places_are_apart_descend_and_miss_none(seed, n_slices, n):
    rng = np.random.default_rng(seed)
    maps = list(rng.normal(0.0, 1.0, (n_slices, 9, 11)))
    maps[0][rng.random((9, 11)) < 0.5] = np.nan
    found = found_in(maps, n=n)
    scores = [peak.score for peak in found]
    assert scores == sorted(scores, reverse=True)
    for k, peak in enumerate(found):
        value = maps[peak.slice_index][peak.row // STRIDE, peak.column // STRIDE]
        assert value == peak.score
        assert all(farther(peak, other) > APART_MM for other in found[:k])
    if len(found) < n:
        # Nothing is left that would be a place of its own.
        for s, i, j in np.argwhere(np.isfinite(maps)):
            here = Peak(0.0, int(s), int(i) * STRIDE, int(j) * STRIDE)
            assert any(farther(here, other) <= APART_MM for other in found)


def test_the_first_is_the_highest_and_its_neighbours_belong_to_it():
    maps = [np.zeros((10, 10)) for _ in range(3)]
    maps[1][4, 4], maps[1][4, 5], maps[2][4, 4], maps[1][9, 9] = 9.0, 8.0, 7.0, 5.0
    first, second, *_ = found_in(maps)
    assert (first.score, first.slice_index, first.row, first.column) == (9.0, 1, 64, 64)
    assert (second.score, second.row, second.column) == (5.0, 144, 144)


def test_a_series_without_scores_has_no_place():
    assert found_in([np.full((4, 4), np.nan)]) == ()
    assert found_in([]) == ()
