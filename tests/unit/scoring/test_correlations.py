"""Correlations of noise: against brute force, and what they say of planted changes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.preprocess.foreground import Tissue
from btd_desktop.scoring.correlations import correlation_channels, zone_correlations
from btd_desktop.scoring.features import feature_names, grid_features
from btd_desktop.scoring.grid import PatchGrid

LEVELS = (0.01, 0.02)
SIDE = 192
CENTRE = (96, 96)
Maps = NDArray[np.float32]


def noise(seed: int) -> Maps:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((len(LEVELS), SIDE, SIDE), dtype=np.float32)


def disc(radius: float) -> NDArray[np.bool_]:
    r, c = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    inside: NDArray[np.bool_] = np.hypot(r, c) < radius
    return inside


def sharing(common: Maps, seed: int, share: float = 0.6) -> Maps:
    """A slice whose noise correlates with `common` by `share`."""
    own = noise(seed) * np.float32(np.sqrt(1.0 - share**2))
    return np.asarray(common * np.float32(share) + own, np.float32)


def values(
    maps: Maps, neighbours: list[Maps], tissue: NDArray[np.uint8] | None = None
) -> dict[str, float]:
    if tissue is None:
        tissue = np.full((SIDE, SIDE), Tissue.SOFT, np.uint8)
    around = [(other, tissue) for other in neighbours]
    found = grid_features(
        maps, tissue, PatchGrid(96), paper_level=0, at=CENTRE, neighbours=around
    )
    numbers = found.features[0, 0].tolist()
    return dict(zip(feature_names(LEVELS), numbers, strict=True))


def correlated(found: dict[str, float], kind: str) -> list[float]:
    return [value for name, value in found.items() if name.startswith(kind)]


def test_white_noise_hangs_together_nowhere() -> None:
    found = values(noise(0), [noise(1), noise(2)])
    assert max(map(abs, correlated(found, "texture"))) < 0.12
    assert max(map(abs, correlated(found, "across slices"))) < 0.15


def test_noise_that_is_alike_everywhere_cancels() -> None:
    # Smooth and correlated from slice to slice, but so in all of the slice.
    own = ndimage.gaussian_filter(noise(3), (0.0, 0.8, 0.8))
    before, after = (
        ndimage.gaussian_filter(sharing(noise(3), s), (0.0, 0.8, 0.8)) for s in (4, 5)
    )
    found = values(own, [before, after])
    assert max(map(abs, correlated(found, "texture"))) < 0.15
    assert max(map(abs, correlated(found, "across slices"))) < 0.25


def test_smoothed_disc_raises_the_texture_of_its_zone() -> None:
    maps = noise(6)
    smooth = ndimage.gaussian_filter(maps, (0.0, 0.8, 0.8))
    # Made as loud as before: no ratio of powers tells.
    smooth /= smooth.std()
    found = values(np.where(disc(12.0), smooth, maps), [noise(7)])
    for level in LEVELS:
        assert found[f"texture disc@{level:g}"] > 0.4
        assert abs(found[f"disc@{level:g}"]) < 0.5
        assert abs(found[f"across slices disc@{level:g}"]) < 0.25
        assert found[f"texture ring1@{level:g}"] < found[f"texture disc@{level:g}"] / 2


def test_disc_sharper_than_its_surroundings_lowers_the_texture() -> None:
    smooth = ndimage.gaussian_filter(noise(8), (0.0, 0.8, 0.8))
    smooth /= smooth.std()
    found = values(np.where(disc(12.0), noise(9), smooth), [noise(7)])
    assert all(found[f"texture disc@{level:g}"] < -0.4 for level in LEVELS)


@pytest.mark.parametrize("n", [1, 2])
def test_fresh_noise_in_correlated_slices_lowers_what_goes_across_slices(
    n: int,
) -> None:
    maps = noise(10)
    around = [sharing(maps, 11 + k) for k in range(n)]
    plain = values(maps, around)
    fresh = values(np.where(disc(12.0), noise(20), maps), around)
    assert max(map(abs, correlated(plain, "across slices"))) < 0.15
    for level in LEVELS:
        assert fresh[f"across slices disc@{level:g}"] < -0.4
        # Neither loudness nor texture gives it away.
        assert abs(fresh[f"disc@{level:g}"]) < 0.35
        assert abs(fresh[f"texture disc@{level:g}"]) < 0.12


def test_fresh_noise_in_all_slices_is_noticed_as_well() -> None:
    maps = noise(13)
    own, before, after = (
        np.where(disc(12.0), noise(30 + k), m)
        for k, m in enumerate((maps, sharing(maps, 14), sharing(maps, 15)))
    )
    found = values(own, [before, after])
    assert all(found[f"across slices disc@{level:g}"] < -0.4 for level in LEVELS)


def test_disc_copied_through_the_slices_raises_what_goes_across_slices() -> None:
    maps, before, after = noise(16), noise(17), noise(18)
    found = values(maps, [np.where(disc(12.0), maps, m) for m in (before, after)])
    assert all(found[f"across slices disc@{level:g}"] > 0.7 for level in LEVELS)


def test_zone_without_pixels_counts_as_ordinary() -> None:
    tissue = np.full((SIDE, SIDE), Tissue.SOFT, np.uint8)
    r, c = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    tissue[np.hypot(r, c) < 12.5] = Tissue.OUTSIDE
    maps = np.where(disc(12.0), np.float32(2.0), noise(19))
    found = values(maps, [noise(20)], tissue)
    for level in LEVELS:
        assert found[f"texture disc@{level:g}"] == 0.0
        assert found[f"across slices disc@{level:g}"] == 0.0
        assert found[f"texture ring1@{level:g}"] != 0.0


@pytest.mark.parametrize(("sigma", "sign"), [((0, 0, 0.7), 1), ((0, 0.7, 0), -1)])
def test_noise_of_another_direction_is_noticed(
    sigma: tuple[float, ...], sign: int
) -> None:
    """Grain along rows in a slice whose grain has no direction, and along columns."""
    even = ndimage.gaussian_filter(noise(31), (0, 0.5, 0.5))
    grained = ndimage.gaussian_filter(noise(32), sigma)
    even, grained = even / even.std(), grained / grained.std()
    found = values(np.where(disc(12.0), grained, even).astype(np.float32), [])
    assert all(sign * found[f"direction disc@{level:g}"] > 0.3 for level in LEVELS)
    alike = values(even.astype(np.float32), [])
    assert all(abs(alike[f"direction disc@{level:g}"]) < 0.2 for level in LEVELS)
    # All of the slice grained alike: the scanner's own, no evidence.
    everywhere = values(grained.astype(np.float32), [])
    assert all(abs(everywhere[f"direction disc@{level:g}"]) < 0.2 for level in LEVELS)


def test_place_without_surroundings_is_compared_with_the_slice() -> None:
    # An island around the place, and tissue that its patch does not reach.
    tissue = np.zeros((SIDE, SIDE), np.uint8)
    tissue[disc(24.0)] = Tissue.SOFT
    tissue[:30] = tissue[-30:] = Tissue.SOFT
    smooth = ndimage.gaussian_filter(noise(21), (0.0, 0.8, 0.8))
    smooth /= smooth.std()
    rough_island = values(np.where(disc(26.0), noise(22), smooth), [noise(23)], tissue)
    assert all(rough_island[f"texture disc@{level:g}"] < -0.4 for level in LEVELS)
    alike = values(smooth, [noise(23)], tissue)
    assert all(abs(alike[f"texture disc@{level:g}"]) < 0.15 for level in LEVELS)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_correlations_equal_those_computed_pixel_by_pixel(n: int) -> None:
    rng = np.random.default_rng(5)
    maps = rng.standard_normal((2, 40, 50)).astype(np.float32)
    others = [
        (maps * k + rng.standard_normal(maps.shape)).astype(np.float32)
        for k in range(n)
    ]
    tissue = (rng.random((40, 50)) < 0.8).astype(np.uint8)
    label = rng.integers(0, 3, (40, 50))
    channels = correlation_channels(maps, others, tissue)
    assert channels.shape == (1 + 2 * (3 + 2 * n), 40, 50)
    sums = np.stack([channels[:, label == k].sum(axis=1) for k in range(3)])
    slice_sums = channels.sum(axis=(1, 2))
    found = zone_correlations(sums[..., None], slice_sums, 2)
    assert found.shape == (10, 1)

    def texture(level: int, zone: int) -> float:
        f, total, energy = maps[level].astype(np.float64), 0.0, 0.0
        for r, c in np.argwhere((label == zone) & (tissue > 0)):
            next_to = [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)]
            around = [f[i, j] for i, j in next_to if 0 <= i < 40 and 0 <= j < 50]
            total += f[r, c] * sum(around) / 4.0
            energy += f[r, c] ** 2
        return float(total / energy)

    def direction(level: int, zone: int) -> float:
        f, total, energy = maps[level].astype(np.float64), 0.0, 0.0
        framed = np.pad(f, 1)
        for r, c in np.argwhere((label == zone) & (tissue > 0)):
            row = framed[r + 1, c] + framed[r + 1, c + 2]
            column = framed[r, c + 1] + framed[r + 2, c + 1]
            total += f[r, c] * (row - column) / 2.0
            energy += f[r, c] ** 2
        return float(total / energy)

    def across(level: int, zone: int) -> float:
        where = (label == zone) & (tissue > 0)
        a = maps[level][where].astype(np.float64)
        b = [o[level][where].astype(np.float64) for o in others]
        return float(np.mean([a @ o / np.sqrt((a @ a) * (o @ o)) for o in b]))

    expected = [texture(lv, z) - texture(lv, 2) for lv in (0, 1) for z in (0, 1)]
    np.testing.assert_allclose(found[:4, 0], expected, atol=1e-6)
    expected = [direction(lv, 0) - direction(lv, 2) for lv in (0, 1)]
    np.testing.assert_allclose(found[4:6, 0], expected, atol=1e-6)
    if n:
        expected = [across(lv, z) - across(lv, 2) for lv in (0, 1) for z in (0, 1)]
        np.testing.assert_allclose(found[6:, 0], expected, atol=1e-6)
    else:
        assert np.isnan(found[6:]).all()


@pytest.mark.parametrize("n", [0, 2])
def test_no_place_at_all_gives_no_columns(n: int) -> None:
    n_channels = 1 + 2 * (3 + 2 * n)
    found = zone_correlations(
        np.zeros((3, n_channels, 0)), np.ones(n_channels), n_levels=2
    )
    assert found.shape == (10, 0)
