"""The share of the body that was scored, counted in places before padding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.examination.share import ScoredShare, scored_share
from btd_desktop.preprocess.foreground import foreground_mask
from btd_desktop.scoring.engine import tissue_of
from btd_desktop.scoring.features import GridFeatures, places_with_tissue
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.volume import Volume
from tests.factories import make_ct_volume

GRID = PatchGrid(96)


def features_of(volume: Volume) -> list[GridFeatures]:
    """What scoring stores of where it scored: NaN where there is no tissue."""
    _, height, width = volume.shape
    rows, columns = GRID.rows(height), GRID.columns(width)
    out = []
    for index in range(volume.n_slices):
        scored = places_with_tissue(tissue_of(volume, index) > 0, GRID)
        values = np.where(scored, 1.0, np.nan).astype(np.float32)
        out.append(
            GridFeatures(rows, columns, values, values, values[..., None], values)
        )
    return out


def share_of(volume: Volume) -> ScoredShare:
    return scored_share(volume, GRID, features_of(volume))


def padded(volume: Volume, mask: NDArray[Any]) -> Volume:
    return replace(volume, padding=np.broadcast_to(mask, volume.shape).copy())


@pytest.fixture(scope="module")
def volume() -> Volume:
    return make_ct_volume(3, shape=(4, 128, 128))


def test_series_without_padding_is_scored_whole(volume):
    share = share_of(volume)
    assert (share.slices, share.body, share.reasons) == (1.0, 1.0, ())
    assert share.is_enough
    assert share.is_whole


def test_corners_outside_the_field_of_view_cost_nothing(volume):
    y, x = np.mgrid[-1:1:128j, -1:1:128j]
    corners = padded(volume, x**2 + y**2 > 1.2)
    assert share_of(corners).body == 1.0


@pytest.mark.parametrize("value", [None, -2000])
def test_padding_over_the_body_is_counted_and_named(volume, value):
    """Whether the values under it were kept (a range) or are gone (a blank)."""
    mask = np.zeros((128, 128), dtype=np.bool_)
    mask[42:86, 34:94] = True
    voxels = volume.voxels.copy()
    if value is not None:
        voxels[:, mask] = value
    hidden = padded(replace(volume, voxels=voxels), mask)
    share = share_of(hidden)
    body = foreground_mask(np.asarray(hidden.voxels[0]), "CT")
    n_body = int(places_with_tissue(body, GRID).sum())
    n_left = int(features_of(hidden)[0].scored.sum())
    assert share.n_places == 4 * n_body
    assert share.n_places_scored == 4 * n_left
    assert 0.0 < share.body < 0.95
    assert not share.is_whole
    assert "padding" in share.reasons[0]


def test_body_that_is_all_padding_is_not_examined(volume):
    tissue = np.asarray(volume.voxels) > -500
    share = share_of(replace(volume, padding=tissue | True))
    assert (share.n_slices_scored, share.body) == (0, 0.0)
    assert not share.is_enough
    assert "4 slices as a whole" in share.reasons[0]


def test_values_without_a_body_are_named(volume):
    empty = replace(volume, voxels=np.full(volume.shape, -900, dtype=np.int16))
    share = share_of(empty)
    assert (share.slices, share.body) == (0.0, 0.0)
    assert share.reasons == ("No body was found in 4 of 4 slices.",)
    assert not share.is_enough
