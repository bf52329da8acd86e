"""Means over discs, pixel by pixel and at centres anywhere."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.scoring.discs import disc_means
from btd_desktop.scoring.features import (
    LEARNED,
    GridFeatures,
    feature_names,
    grid_features,
)
from btd_desktop.scoring.grid import PatchGrid

SHAPE = (72, 90)


@pytest.mark.parametrize("radius", [10.0, 3.5, 0.0])
def test_disc_means_are_those_of_the_pixels_one_by_one(radius):
    rng = np.random.default_rng(1)
    values = rng.normal(0.0, 1.0, SHAPE).astype(np.float32)
    tissue = (rng.random(SHAPE) < 0.4).astype(np.uint8) * 2
    tissue[:, 40:] = 1
    rows, columns = (
        np.array([-12, -4, 0, 33, 71, 75, 90]),
        np.array([-3, 8, 60, 89, 99]),
    )
    found = disc_means(values, tissue, rows, columns, radius)
    assert found.shape == (7, 5)
    y, x = np.mgrid[-150:250, -150:250]
    for i, r in enumerate(rows):
        for j, c in enumerate(columns):
            disc = (y - r) ** 2 + (x - c) ** 2 <= radius**2
            inside = disc[150 : 150 + SHAPE[0], 150 : 150 + SHAPE[1]] & (tissue > 0)
            if 2 * inside.sum() < disc.sum():
                assert np.isnan(found[i, j])
            else:
                assert found[i, j] == pytest.approx(values[inside].mean(), abs=1e-5)
    assert np.isnan(found).any()
    assert np.isfinite(found).any()


def learned_features(
    spot: tuple[int, int] = (120, 130),
    *,
    n_beside: int = 0,
    at: tuple[int, int] | None = None,
    beside: float = 0.0,
) -> GridFeatures:
    """Features of a slice of noise whose evidence is high in one spot."""
    rng = np.random.default_rng(3)
    shape = (256, 256)
    noise = rng.normal(0.0, 1.0, (2, *shape)).astype(np.float32)
    y, x = np.ogrid[: shape[0], : shape[1]]
    disc = (y - spot[0]) ** 2 + (x - spot[1]) ** 2 <= 144
    evidence = np.where(disc, 5.0, -6.0).astype(np.float32)
    tissue = np.full(shape, 2, np.uint8)
    tissue[:64] = 0
    maps = np.concatenate([noise, evidence[None]])
    other = np.concatenate([noise, np.full((1, *shape), beside, np.float32)])
    return grid_features(
        maps,
        tissue,
        PatchGrid(96),
        paper_level=0,
        at=at,
        neighbours=[(other, tissue)] * n_beside,
        learned=True,
    )


def test_evidence_is_the_last_feature_and_highest_where_it_is():
    found = learned_features()
    names = feature_names((0.01, 0.02), learned=True)
    assert names[-1] == LEARNED
    assert found.features.shape[-1] == len(names)
    evidence = found.features[..., -1]
    assert np.isnan(evidence[~found.scored]).all()
    i, j = np.unravel_index(np.nanargmax(evidence), evidence.shape)
    assert np.hypot(found.rows[i] - 120, found.columns[j] - 130) <= 12
    assert evidence[i, j] == pytest.approx(5.0, abs=2.0)
    assert np.nanmedian(evidence) == pytest.approx(-6.0)


def test_no_spot_of_the_size_of_a_disc_lies_between_the_centres():
    for spot in ((120, 120), (112, 112), (120, 112), (117, 123)):
        evidence = learned_features(spot).features[..., -1]
        assert np.nanmax(evidence) > 2.0


def test_neighbours_share_the_mean():
    alone = learned_features().features[..., -1]
    quiet = learned_features(n_beside=2, beside=-6.0).features[..., -1]
    assert np.nanmax(quiet) == pytest.approx((np.nanmax(alone) - 12.0) / 3, abs=1e-4)


def test_a_click_at_a_centre_of_the_grid_gives_its_evidence():
    whole = learned_features()
    row, column = int(whole.rows[8]), int(whole.columns[8])
    place = learned_features(at=(row, column))
    assert place.features[0, 0, -1] == whole.features[8, 8, -1]
    np.testing.assert_allclose(
        place.features[0, 0, :6], whole.features[8, 8, :6], rtol=1e-4, atol=1e-5
    )
