"""Any maps, any tissue: features repeat, scale and mirror as they must."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from btd_desktop.scoring.features import (
    ACROSS,
    GridFeatures,
    feature_names,
    grid_features,
)
from btd_desktop.scoring.grid import PatchGrid

GRID = PatchGrid(96)
SEEDS = st.integers(0, 1 << 30)
SIDES = st.integers(60, 150)
NEIGHBOURS = st.integers(0, 2)
NAMES = feature_names((0.01, 0.02))
ALONE = np.array([not n.startswith(ACROSS) for n in NAMES])
BETWEEN = np.array([n.startswith(f"{ACROSS} ") for n in NAMES])  # correlations


def scene(seed: int, h: int, w: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Noise of uneven power over blobs of all classes."""
    rng = np.random.default_rng(seed)
    power = np.exp(0.5 * rng.standard_normal((2, 1, 1)))
    maps = (rng.standard_normal((2, h, w)) * power).astype(np.float32)
    coarse = rng.choice([0, 1, 2, 2, 3], size=(-(-h // 20), -(-w // 20)))
    tissue = np.kron(coarse, np.ones((20, 20)))[:h, :w].astype(np.uint8)
    return maps, tissue


def neighbours(
    maps: NDArray[np.float32], seed: int, n: int = 2
) -> list[NDArray[np.float32]]:
    """Maps that share some of their noise with the given ones."""
    rng = np.random.default_rng(seed + 1)
    shares = rng.random(n)
    return [
        (share * maps + rng.standard_normal(maps.shape)).astype(np.float32)
        for share in shares
    ]


def features(
    maps: NDArray[np.float32],
    tissue: NDArray[np.uint8],
    around: Sequence[NDArray[np.float32]],
    at: tuple[int, int] | None = None,
) -> GridFeatures:
    near = [(other, tissue) for other in around]
    return grid_features(maps, tissue, GRID, paper_level=0, at=at, neighbours=near)


def equal(a: GridFeatures, b: GridFeatures) -> None:
    for name in ("injection", "removal", "features", "aerated"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@settings(max_examples=25, deadline=None)
@given(SEEDS, SIDES, SIDES, NEIGHBOURS, st.floats(0.0, 0.999), st.floats(0.0, 0.999))
def test_place_equals_the_grid_bit_for_bit_wherever_both_exist(
    seed: int, h: int, w: int, n: int, down: float, right: float
) -> None:
    maps, tissue = scene(seed, h, w)
    around = neighbours(maps, seed, n)
    whole = features(maps, tissue, around)
    i, j = int(down * len(whole.rows)), int(right * len(whole.columns))
    alone = features(maps, tissue, around, (int(whole.rows[i]), int(whole.columns[j])))
    for name in ("injection", "removal", "features", "aerated"):
        np.testing.assert_array_equal(
            getattr(alone, name)[0, 0], getattr(whole, name)[i, j], err_msg=name
        )


@settings(max_examples=25, deadline=None)
@given(SEEDS, SIDES, SIDES, NEIGHBOURS)
def test_scores_are_positive_and_features_finite_where_there_is_tissue(
    seed: int, h: int, w: int, n: int
) -> None:
    maps, tissue = scene(seed, h, w)
    found = features(maps, tissue, neighbours(maps, seed, n))
    scored = found.scored
    assert (found.injection[scored] > 0.0).all()
    assert (found.removal[scored] > 0.0).all()
    numbers = found.features[scored]
    assert np.isfinite(numbers[:, ALONE]).all()
    if n:
        assert np.isfinite(numbers).all()
        # Differences of two correlations.
        assert (np.abs(numbers[:, BETWEEN]) <= 2.0).all()
    else:
        assert np.isnan(numbers[:, ~ALONE]).all()
    assert np.isnan(found.features[~scored]).all()
    aerated = found.aerated[scored]
    assert ((aerated >= 0.0) & (aerated <= 1.0)).all()
    assert np.isnan(found.aerated[~scored]).all()


@settings(max_examples=25, deadline=None)
@example(1146116, -2)
@given(SEEDS, st.integers(-2, 2))
def test_louder_maps_scale_the_papers_scores_and_leave_the_ratios(
    seed: int, exponent: int
) -> None:
    maps, tissue = scene(seed, 120, 120)
    gain = 2.0**exponent
    around = neighbours(maps, seed)
    plain = features(maps, tissue, around)
    louder = features(
        maps * np.float32(gain), tissue, [m * np.float32(gain) for m in around]
    )
    scored = plain.scored
    np.testing.assert_allclose(
        louder.injection[scored], plain.injection[scored] * gain**2, rtol=1e-5
    )
    # The floor under the logarithms does not scale: in quieter maps it counts for more.
    tolerance = 1e-4 * max(1.0, gain**-2)
    np.testing.assert_allclose(
        louder.features[scored], plain.features[scored], atol=tolerance
    )


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_sign_of_the_maps_does_not_matter(seed: int) -> None:
    maps, tissue = scene(seed, 100, 100)
    around = neighbours(maps, seed)
    equal(features(maps, tissue, around), features(-maps, tissue, [-m for m in around]))


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_order_of_the_neighbours_does_not_matter(seed: int) -> None:
    maps, tissue = scene(seed, 100, 100)
    before, after = neighbours(maps, seed)
    equal(
        features(maps, tissue, [before, after]), features(maps, tissue, [after, before])
    )


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_slice_among_copies_of_itself_correlates_alike_everywhere(seed: int) -> None:
    maps, tissue = scene(seed, 120, 120)
    found = features(maps, tissue, [maps, maps])
    values = dict(zip(NAMES, found.features[found.scored].T, strict=True))
    for name, across in values.items():
        if name.startswith(f"{ACROSS} "):
            np.testing.assert_allclose(across, 0.0, atol=1e-5, err_msg=name)
        if name.startswith(f"{ACROSS}, mean "):
            own = values[name.removeprefix(f"{ACROSS}, mean ")]
            np.testing.assert_allclose(across, own, atol=1e-5, err_msg=name)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_mirrored_slice_has_mirrored_features(seed: int) -> None:
    # 96 divides by the stride and by the block, so the grid mirrors onto itself.
    maps, tissue = scene(seed, 96, 96)
    around = neighbours(maps, seed)
    plain = features(maps, tissue, around)
    mirrored = features(
        maps[:, ::-1].copy(), tissue[::-1].copy(), [m[:, ::-1].copy() for m in around]
    )
    for name in ("injection", "removal", "features"):
        np.testing.assert_array_equal(
            getattr(mirrored, name)[::-1], getattr(plain, name), err_msg=name
        )


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_memory_layout_of_the_maps_does_not_matter(seed: int) -> None:
    maps, tissue = scene(seed, 100, 120)
    around = neighbours(maps, seed)
    plain = features(maps, tissue, around)
    fortran = [np.asfortranarray(m) for m in around]
    equal(plain, features(np.asfortranarray(maps), tissue, fortran))
    wide = np.zeros((2, 200, 240), np.float32)
    wide[:, ::2, ::2] = maps
    equal(plain, features(wide[:, ::2, ::2], tissue, around))
