"""Features against brute force over pixels, and what they say of planted changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.preprocess.foreground import Tissue
from btd_desktop.scoring.features import (
    ACROSS,
    ZONE_RADII_PX,
    GridFeatures,
    feature_names,
    grid_features,
)
from btd_desktop.scoring.grid import PatchGrid

CT, MR = PatchGrid(96), PatchGrid(128)
LEVELS = (0.01, 0.0173286, 0.055)
NAMES = feature_names(LEVELS)
N_RATIOS = 3 * len(LEVELS)
ALONE = np.array([not n.startswith(ACROSS) for n in NAMES])


def noise(seed: int = 0, side: int = 256) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((len(LEVELS), side, side), dtype=np.float32)


def soft(h: int = 256, w: int = 256) -> NDArray[np.uint8]:
    return np.full((h, w), Tissue.SOFT, dtype=np.uint8)


def features(
    maps: NDArray[np.float32],
    tissue: NDArray[np.uint8],
    grid: PatchGrid = CT,
    at: tuple[int, int] | None = None,
    neighbours: Sequence[NDArray[np.float32]] = (),
) -> GridFeatures:
    around = [(other, tissue) for other in neighbours]
    return grid_features(maps, tissue, grid, paper_level=1, at=at, neighbours=around)


def brute_mean(plane: NDArray[np.float32], r: int, c: int, side: int) -> float:
    half = side // 2
    part = plane[max(0, r - half) : r + half, max(0, c - half) : c + half]
    return float(np.mean(part.astype(np.float64) ** 2))


def index_of(found: GridFeatures, r: int, c: int) -> tuple[int, int]:
    return list(found.rows).index(r), list(found.columns).index(c)


@pytest.mark.parametrize("grid", [CT, MR])
@pytest.mark.parametrize("place", [(64, 64), (128, 112), (192, 176)])
def test_paper_scores_equal_means_over_the_patchs_pixels(
    grid: PatchGrid, place: tuple[int, int]
) -> None:
    maps = noise()
    found = features(maps, soft(), grid)
    i, j = index_of(found, *place)
    assert float(found.injection[i, j]) == pytest.approx(
        brute_mean(maps[1], *place, 32), rel=1e-6
    )
    assert float(found.removal[i, j]) == pytest.approx(
        brute_mean(maps[1], *place, grid.patch), rel=1e-6
    )


@pytest.mark.parametrize("place", [(0, 0), (16, 128), (240, 256), (256, 256)])
def test_paper_scores_at_the_border_are_means_over_pixels_inside(
    place: tuple[int, int],
) -> None:
    maps = noise()
    found = features(maps, soft())
    i, j = index_of(found, *place)
    assert float(found.injection[i, j]) == pytest.approx(
        brute_mean(maps[1], *place, 32), rel=1e-6
    )
    assert float(found.removal[i, j]) == pytest.approx(
        brute_mean(maps[1], *place, 96), rel=1e-6
    )


def test_paper_removal_score_counts_air_in_the_patch_too() -> None:
    maps, tissue = noise(), soft()
    tissue[:, 140:] = Tissue.OUTSIDE
    found = features(maps, tissue)
    i, j = index_of(found, 128, 128)
    assert float(found.removal[i, j]) == pytest.approx(
        brute_mean(maps[1], 128, 128, 96), rel=1e-6
    )


@pytest.mark.parametrize("grid", [CT, MR])
@pytest.mark.parametrize(("missing_class", "n"), [(False, 2), (True, 1), (False, 0)])
def test_place_at_a_grid_centre_equals_the_grid_bit_for_bit(
    grid: PatchGrid, missing_class: bool, n: int
) -> None:
    maps, tissue = noise(3) * np.float32(1.7), soft()
    tissue[100:140, 90:150] = Tissue.AERATED
    tissue[:40] = Tissue.OUTSIDE
    if missing_class:
        # Bone only in one spot's centre: its reference is the slice, not the patch.
        tissue[100:140, 90:150] = Tissue.SOFT
        tissue[118:138, 118:138] = Tissue.DENSE
        tissue[200:230, 20:60] = Tissue.DENSE
    around = [noise(30 + k) + maps for k in range(n)]
    whole = features(maps, tissue, grid, neighbours=around)
    assert np.isfinite(whole.features[whole.scored][:, ~ALONE]).all() == (n > 0)
    for r in (48, 112, 128, 224):
        for c in (0, 32, 128, 256):
            i, j = index_of(whole, r, c)
            alone = features(maps, tissue, grid, (r, c), around)
            for name in ("injection", "removal", "aerated", "features"):
                np.testing.assert_array_equal(
                    getattr(alone, name)[0, 0], getattr(whole, name)[i, j], err_msg=name
                )


def test_any_pixel_can_be_a_place() -> None:
    maps = noise()
    for place in ((77, 131), (0, 255), (255, 3)):
        found = features(maps, soft(), at=place)
        assert (int(found.rows[0]), int(found.columns[0])) == place
        assert float(found.injection[0, 0]) == pytest.approx(
            brute_mean(maps[1], *place, 32), rel=1e-6
        )


@pytest.mark.parametrize("place", [(-1, 5), (5, -1), (257, 5), (5, 300)])
def test_place_outside_the_slice_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="outside the slice"):
        features(noise(), soft(), at=place)


def test_names_are_one_for_each_feature() -> None:
    found = features(noise(), soft())
    assert found.features.shape == (17, 17, len(NAMES))
    assert len(set(NAMES)) == len(NAMES) == (3 + 2 + 1 + 2 + 2) * len(LEVELS)
    assert NAMES[:3] == ("disc@0.01", "ring1@0.01", "ring2@0.01")
    assert NAMES[N_RATIOS - 1] == "ring2@0.055"
    assert NAMES[N_RATIOS : N_RATIOS + 3] == (
        "texture disc@0.01",
        "texture ring1@0.01",
        "texture disc@0.0173286",
    )
    assert NAMES[N_RATIOS + 2 * len(LEVELS)] == "direction disc@0.01"
    assert NAMES[-1] == "across slices, mean ring1@0.055"
    assert int((~ALONE).sum()) == 4 * len(LEVELS)


def test_features_stand_in_the_order_of_their_names() -> None:
    # Each level and zone is changed by itself, and only numbers of its name move.
    maps, other = noise(12), noise(12) + noise(13)
    plain = features(maps, soft(), at=(128, 128), neighbours=[other]).features[0, 0]
    r, c = np.mgrid[:256, :256] // 4 * 4 + 1.5  # centres of blocks: zones are of blocks
    radius = np.hypot(r - 127.5, c - 127.5)
    low = 0.0
    for zone, high in zip(("disc", "ring1", "ring2"), ZONE_RADII_PX, strict=True):
        # Without its rim, whose pixels are next to another zone's.
        inside = ndimage.binary_erosion((radius >= low) & (radius < high))
        for index, level in enumerate(LEVELS):
            changed = maps.copy()
            # A constant is all texture, and nothing of the other slice.
            changed[index, inside] = 3.0
            after = features(changed, soft(), at=(128, 128), neighbours=[other])
            moved = np.abs(after.features[0, 0] - plain) > 1e-6
            assert {n for n, m in zip(NAMES, moved, strict=True) if m} == {
                n for n in NAMES if n.endswith(f"{zone}@{level:g}")
            }
        low = high


def test_stationary_noise_has_log_ratios_near_zero() -> None:
    found = features(noise(5, 384), soft(384, 384), neighbours=[noise(6, 384)])
    inner = found.features[3:-3, 3:-3].astype(np.float64)
    # A disc of radius 9 holds about 256 pixels, so log F^2 spreads by sqrt(2 / 256).
    assert float(np.abs(inner.mean(axis=(0, 1))).max()) < 0.03
    assert float(inner[..., :N_RATIOS].std()) < 0.12
    # Correlations of n pixels spread by 1 / sqrt(n), of four neighbours' mean by half.
    assert float(inner[..., N_RATIOS:].std()) < 0.06


def test_mean_over_slices_is_that_of_the_ratios_of_each_slice() -> None:
    slices = [noise(k) for k in (40, 41, 42)]
    slices[1][:, 120:136, 120:136] *= np.float32(0.5)
    tissues = [soft() for _ in slices]
    tissues[2][:, 100:130] = Tissue.AERATED
    place = (128, 128)
    around = [(slices[k], tissues[k]) for k in (0, 2)]
    found = grid_features(
        slices[1], tissues[1], CT, paper_level=1, at=place, neighbours=around
    ).features[0, 0]
    own = [
        features(m, t, at=place).features[0, 0]
        for m, t in zip(slices, tissues, strict=True)
    ]
    for zone in ("disc", "ring1"):
        for level in LEVELS:
            ratio = NAMES.index(f"{zone}@{level:g}")
            mean = NAMES.index(f"across slices, mean {zone}@{level:g}")
            expected = np.mean([values[ratio] for values in own])
            assert found[mean] == pytest.approx(expected, abs=1e-6)
    assert found[NAMES.index("disc@0.01")] == own[1][NAMES.index("disc@0.01")]


@pytest.mark.parametrize(("gain", "sign"), [(0.5, -1.0), (1.6, 1.0)])
def test_changed_disc_moves_its_log_ratio_by_the_log_of_its_power(
    gain: float, sign: float
) -> None:
    maps = noise(6)
    r, c = np.mgrid[:256, :256]
    maps[:, np.hypot(r - 128, c - 128) < 14] *= np.float32(gain)
    found = features(maps, soft(), at=(128, 128))
    values = dict(zip(NAMES, found.features[0, 0].tolist(), strict=True))
    for level in LEVELS:
        assert values[f"disc@{level:g}"] == pytest.approx(2.0 * np.log(gain), abs=0.3)
        assert np.sign(values[f"disc@{level:g}"]) == sign
        assert abs(values[f"ring2@{level:g}"]) < 0.2


def test_changed_ring_is_seen_in_its_zone_only() -> None:
    maps = noise(7)
    r, c = np.mgrid[:256, :256]
    radius = np.hypot(r - 127.5, c - 127.5)
    maps[:, (radius > ZONE_RADII_PX[1] + 2) & (radius < ZONE_RADII_PX[2] - 2)] *= 2.0
    found = features(maps, soft(), at=(128, 128))
    values = dict(zip(NAMES, found.features[0, 0].tolist(), strict=True))
    assert values["ring2@0.01"] > 0.6
    assert abs(values["disc@0.01"]) < 0.25


def test_other_tissue_is_compared_with_its_own_kind() -> None:
    # Lung is twice as noisy as soft tissue: a disc of lung is ordinary among lung.
    maps, tissue = noise(9), soft()
    tissue[:, 150:] = Tissue.AERATED
    r, c = np.mgrid[:256, :256]
    tissue[np.hypot(r - 128, c - 128) < 12] = Tissue.AERATED
    maps[:, tissue == Tissue.AERATED] *= np.float32(2.0)
    found = features(maps, tissue, at=(128, 128), neighbours=[noise(14)])
    assert float(np.abs(found.features[0, 0]).max()) < 0.4


def test_without_neighbours_only_what_compares_slices_is_nan() -> None:
    maps = noise(15)
    alone, among = features(maps, soft()), features(maps, soft(), neighbours=[maps])
    assert np.isnan(alone.features[..., ~ALONE]).all()
    np.testing.assert_array_equal(
        alone.features[..., ALONE], among.features[..., ALONE]
    )
    assert np.isfinite(among.features).all()
    assert alone.scored.all()


@pytest.mark.parametrize(("below", "says"), [(5, False), (2, True)])
def test_zone_with_a_handful_of_pixels_says_nothing(below: int, says: bool) -> None:
    """The rim of the body: a disc that hardly touches tissue, loud there by chance."""
    maps, tissue = noise(), soft()
    # The disc's radius is 9 px: with 2 rows less it keeps 90 pixels, with 5 it has 40.
    tissue[: 128 + below] = Tissue.OUTSIDE
    maps[:, 128 + below : 137] *= 30.0
    found = features(maps, tissue, at=(128, 128)).features[0, 0]
    discs = [i for i, name in enumerate(NAMES) if " disc@" in f" {name}" and ALONE[i]]
    assert discs
    assert bool((found[discs[: len(LEVELS)]] > 1.5).all()) == says
    if not says:
        assert (found[discs] == 0.0).all()


def test_outside_the_body_everything_is_nan() -> None:
    tissue = soft()
    tissue[:, :128] = Tissue.OUTSIDE
    found = features(noise(), tissue)
    outside = found.columns <= 112
    for array in (found.injection, found.removal):
        assert np.isnan(array[:, outside]).all()
        assert np.isfinite(array[:, ~outside]).all()
    assert np.isnan(found.features[:, outside]).all()
    np.testing.assert_array_equal(found.scored, np.isfinite(found.removal))


def test_place_with_a_quarter_of_tissue_is_scored_and_with_less_is_not() -> None:
    tissue = np.zeros((256, 256), np.uint8)
    tissue[:, 136:] = Tissue.SOFT  # columns 136..143 of the square 112..143
    assert features(noise(), tissue, at=(128, 128)).scored.all()
    none = features(noise(), tissue, at=(128, 127))
    assert not none.scored.any()
    assert none.features.shape == (1, 1, len(NAMES))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_empty_slice_has_no_scored_place(n: int) -> None:
    tissue = np.zeros((256, 256), np.uint8)
    found = features(noise(), tissue, neighbours=[noise(k) for k in range(n)])
    assert not found.scored.any()
    assert np.isnan(found.features).all()
    assert found.features.shape == (17, 17, len(NAMES))


def test_clipped_slice_with_zero_maps_has_finite_features() -> None:
    zero = np.zeros((3, 128, 128), np.float32)
    found = features(zero, soft(128, 128), neighbours=[zero])
    assert np.isfinite(found.features).all()
    assert float(np.abs(found.features).max()) == 0.0


def test_aerated_share_is_that_of_the_central_squares_tissue() -> None:
    tissue = soft()
    tissue[112:144, 112:120] = Tissue.AERATED
    found = features(noise(), tissue, at=(128, 128))
    assert float(found.aerated[0, 0]) == 0.25


def test_mr_grid_compares_over_its_larger_patch() -> None:
    maps = noise(10)
    r, c = np.mgrid[:256, :256]
    # Between the edges of the two patches: only the larger one has it around.
    frame = (np.abs(r - 128) < 64) & (np.abs(c - 128) < 64)
    frame &= (np.abs(r - 127.5) > 48) | (np.abs(c - 127.5) > 48)
    maps[:, frame] *= np.float32(3.0)
    small = features(maps, soft(), CT, (128, 128)).features[0, 0, 0]
    large = features(maps, soft(), MR, (128, 128)).features[0, 0, 0]
    assert float(small) == pytest.approx(0.0, abs=0.25)
    assert float(large) < -1.0


def test_slice_smaller_than_a_patch_is_scored() -> None:
    maps = noise(11, 40)
    found = features(maps, soft(40, 40), at=(20, 20), neighbours=[noise(12, 40)])
    assert float(found.removal[0, 0]) == pytest.approx(
        float(np.mean(maps[1].astype(np.float64) ** 2)), rel=1e-6
    )
    assert np.isfinite(found.features).all()
