"""Any maps, any tissue: features repeat, scale and mirror as they must."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from btd_desktop.scoring.features import GridFeatures, grid_features
from btd_desktop.scoring.grid import PatchGrid

GRID = PatchGrid(96)
SEEDS = st.integers(0, 1 << 30)
SIDES = st.integers(60, 150)


def scene(seed: int, h: int, w: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Noise of uneven power over blobs of all classes."""
    rng = np.random.default_rng(seed)
    power = np.exp(0.5 * rng.standard_normal((2, 1, 1)))
    maps = (rng.standard_normal((2, h, w)) * power).astype(np.float32)
    coarse = rng.choice([0, 1, 2, 2, 3], size=(-(-h // 20), -(-w // 20)))
    tissue = np.kron(coarse, np.ones((20, 20)))[:h, :w].astype(np.uint8)
    return maps, tissue


def features(
    maps: NDArray[np.float32],
    tissue: NDArray[np.uint8],
    at: tuple[int, int] | None = None,
) -> GridFeatures:
    return grid_features(maps, tissue, GRID, paper_level=0, at=at)


def equal(a: GridFeatures, b: GridFeatures) -> None:
    for name in ("injection", "removal", "features", "aerated"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@settings(max_examples=25, deadline=None)
@given(SEEDS, SIDES, SIDES, st.floats(0.0, 0.999), st.floats(0.0, 0.999))
def test_place_equals_the_grid_bit_for_bit_wherever_both_exist(
    seed: int, h: int, w: int, down: float, right: float
) -> None:
    maps, tissue = scene(seed, h, w)
    whole = features(maps, tissue)
    i, j = int(down * len(whole.rows)), int(right * len(whole.columns))
    alone = features(maps, tissue, (int(whole.rows[i]), int(whole.columns[j])))
    for name in ("injection", "removal", "features", "aerated"):
        np.testing.assert_array_equal(
            getattr(alone, name)[0, 0], getattr(whole, name)[i, j], err_msg=name
        )


@settings(max_examples=25, deadline=None)
@given(SEEDS, SIDES, SIDES)
def test_scores_are_positive_and_features_finite_where_there_is_tissue(
    seed: int, h: int, w: int
) -> None:
    found = features(*scene(seed, h, w))
    scored = found.scored
    assert (found.injection[scored] > 0.0).all()
    assert (found.removal[scored] > 0.0).all()
    assert np.isfinite(found.features[scored]).all()
    assert np.isnan(found.features[~scored]).all()
    aerated = found.aerated[scored]
    assert ((aerated >= 0.0) & (aerated <= 1.0)).all()
    assert np.isnan(found.aerated[~scored]).all()


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(-2, 2))
def test_louder_maps_scale_the_papers_scores_and_leave_the_ratios(
    seed: int, exponent: int
) -> None:
    maps, tissue = scene(seed, 120, 120)
    gain = 2.0**exponent
    plain, louder = features(maps, tissue), features(maps * np.float32(gain), tissue)
    scored = plain.scored
    np.testing.assert_allclose(
        louder.injection[scored], plain.injection[scored] * gain**2, rtol=1e-5
    )
    np.testing.assert_allclose(
        louder.features[scored], plain.features[scored], atol=1e-4
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_sign_of_the_maps_does_not_matter(seed: int) -> None:
    maps, tissue = scene(seed, 100, 100)
    equal(features(maps, tissue), features(-maps, tissue))


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_mirrored_slice_has_mirrored_features(seed: int) -> None:
    # 96 divides by the stride and by the block, so the grid mirrors onto itself.
    maps, tissue = scene(seed, 96, 96)
    plain = features(maps, tissue)
    mirrored = features(maps[:, ::-1].copy(), tissue[::-1].copy())
    for name in ("injection", "removal", "features"):
        np.testing.assert_array_equal(
            getattr(mirrored, name)[::-1], getattr(plain, name), err_msg=name
        )


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_memory_layout_of_the_maps_does_not_matter(seed: int) -> None:
    maps, tissue = scene(seed, 100, 120)
    equal(features(maps, tissue), features(np.asfortranarray(maps), tissue))
    wide = np.zeros((2, 200, 240), np.float32)
    wide[:, ::2, ::2] = maps
    equal(features(maps, tissue), features(wide[:, ::2, ::2], tissue))
