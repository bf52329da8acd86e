"""Any slice, any grid: block sums lose nothing, windows hold what lies in the patch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from btd_desktop.scoring.grid import BLOCK, PatchGrid, block_sums, windows_at
from btd_desktop.strict_json import plain_json, record_from_json

SIDES = st.integers(1, 90)
GRIDS = st.builds(
    lambda patch, stride: PatchGrid(8 * patch, BLOCK * stride, 8),
    st.integers(1, 8),
    st.integers(1, 6),
)


def plane(seed: int, h: int, w: int) -> NDArray[np.float64]:
    """Multiples of 1/16, so that sums are exact in any order."""
    return np.random.default_rng(seed).integers(-999, 999, (h, w)) / 16.0


@settings(deadline=None)
@given(st.integers(0, 1 << 30), SIDES, SIDES)
def test_block_sums_hold_every_pixel_once(seed: int, h: int, w: int) -> None:
    values = plane(seed, h, w)
    blocks = block_sums(values)
    assert blocks.shape == (-(-h // BLOCK), -(-w // BLOCK))
    assert float(blocks.sum()) == float(values.sum())
    r, c = (h - 1) // BLOCK, (w - 1) // BLOCK
    last = values[r * BLOCK :, c * BLOCK :].sum()
    assert float(blocks[-1, -1]) == float(last)


@settings(deadline=None)
@given(st.integers(0, 1 << 30), SIDES, SIDES, GRIDS)
def test_window_sums_equal_sums_over_the_patchs_pixels_inside(
    seed: int, h: int, w: int, grid: PatchGrid
) -> None:
    values = plane(seed, h, w)
    rows, columns = (a.ravel() for a in np.meshgrid(grid.rows(h), grid.columns(w)))
    windows = windows_at(block_sums(values[None]), rows, columns, grid.patch)
    n = grid.patch // BLOCK
    assert windows.shape == (1, rows.size, n, n)
    half = grid.patch // 2
    for i in np.linspace(0, rows.size - 1, 9).astype(int):
        r, c = int(rows[i]), int(columns[i])
        part = values[max(0, r - half) : r + half, max(0, c - half) : c + half]
        assert float(windows[0, i].sum()) == float(part.sum())


@given(SIDES, GRIDS)
def test_centres_start_at_the_border_and_reach_the_far_one(
    side: int, grid: PatchGrid
) -> None:
    rows = grid.rows(side)
    assert rows[0] == 0
    assert side - grid.stride < rows[-1] <= side
    assert (np.diff(rows) == grid.stride).all()
    np.testing.assert_array_equal(rows, grid.columns(side))


@given(GRIDS)
def test_grid_survives_json(grid: PatchGrid) -> None:
    assert record_from_json(PatchGrid, plain_json(grid)) == grid


@given(
    st.integers(-40, 200).filter(lambda v: v % 8),
    st.integers(-16, 64).filter(lambda v: v < BLOCK or v % BLOCK),
)
def test_grid_off_the_blocks_is_refused(side: int, stride: int) -> None:
    with pytest.raises(ValueError, match="multiples of 8"):
        PatchGrid(side)
    with pytest.raises(ValueError, match="multiples of 8"):
        PatchGrid(96, 16, side)
    with pytest.raises(ValueError, match="multiple of 4"):
        PatchGrid(96, stride)
