"""Cubes as CT-GAN sees them."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.bench.attacks.ct_gan.cubes import (
    Equalisation,
    clean_up,
    cube_shape,
    cut_cube,
    fit_equalisation,
    masked_cube,
    zoomed,
)


def _lungs(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cubes = rng.normal(-870.0, 40.0, (4, 40, 40, 40))
    cubes[:, 18:24, 18:24, 18:24] = rng.normal(20.0, 25.0, (4, 6, 6, 6))
    return np.rint(cubes).astype(np.int16)


def test_cube_shape_on_thick_slices_counts_voxels_of_32_mm() -> None:
    assert cube_shape((2.5, 0.7, 0.7)) == (13, 46, 46)
    assert cube_shape((50.0, 0.7, 0.7))[0] == 1


def test_cut_cube_inside_puts_the_centre_at_half_its_shape() -> None:
    voxels = np.arange(20 * 30 * 30, dtype=np.int32).reshape(20, 30, 30) % 1000
    block = cut_cube(voxels.astype(np.int16), (10, 15, 12), (5, 8, 9))
    assert block.shape == (5, 8, 9)
    assert np.array_equal(block, voxels[8:13, 11:19, 8:17])


def test_cut_cube_beyond_the_borders_mirrors_slices_and_pads_rows_with_air() -> None:
    voxels = np.zeros((4, 10, 10), np.int16)
    voxels += np.array([10, 20, 30, 40], np.int16)[:, None, None]
    block = cut_cube(voxels, (0, 0, 5), (12, 4, 4))
    by_slice = [30, 40, 40, 30, 20, 10, 10, 20, 30, 40, 40, 30]
    assert block[:, 2, 2].tolist() == by_slice
    assert np.all(block[:, :2] == -1000.0)
    assert np.all(block[:, 2:, :] > 0.0)


def test_cut_cube_of_values_outside_the_view_limits_them() -> None:
    voxels = np.full((3, 8, 8), -3024, np.int16)
    assert cut_cube(voxels, (1, 4, 4), (3, 4, 4)).min() == -1024.0


def test_zoomed_there_and_back_keeps_smooth_content() -> None:
    z, y, x = np.mgrid[0:13, 0:46, 0:46] / np.array([13, 46, 46])[:, None, None, None]
    cube = (100.0 * np.sin(3 * z + 2 * y) * np.cos(2 * x)).astype(np.float32)
    fine = zoomed(cube, (32, 32, 32))
    assert fine.shape == (32, 32, 32)
    assert np.abs(zoomed(fine, (13, 46, 46)) - cube).max() < 3.0


def test_equalisation_there_and_back_returns_the_values() -> None:
    cubes = _lungs()
    equal = fit_equalisation(cubes)
    values = cubes[0].astype(np.float32)
    assert np.abs(equal.hounsfield(equal.normalised(values)) - values).max() < 0.75


def test_equalisation_of_its_own_cubes_is_even_and_about_zero() -> None:
    cubes = _lungs()
    normal = fit_equalisation(cubes).normalised(cubes.astype(np.float32))
    assert abs(float(normal.mean())) < 1e-3
    assert -0.51 < normal.min() < -0.49
    assert 0.49 < normal.max() < 0.51
    counts, _ = np.histogram(normal, bins=10, range=(-0.5, 0.5))
    assert counts.min() > 0.08 * normal.size


def test_equalisation_beyond_the_training_values_stays_within_them() -> None:
    equal = fit_equalisation(_lungs())
    far = np.array([-5000.0, 5000.0], np.float32)
    low, high = equal.normalised(far)
    assert low == pytest.approx((equal.low - equal.mean) / (equal.high - equal.low))
    assert high == pytest.approx((equal.high - equal.mean) / (equal.high - equal.low))


def test_equalisation_rises_with_hounsfield_values() -> None:
    equal: Equalisation = fit_equalisation(_lungs())
    steps = np.diff(equal.normalised(np.linspace(-950, -800, 50, dtype=np.float32)))
    assert np.all(steps > 0)


def test_masked_cube_empties_the_inner_20_voxels_only() -> None:
    cube = np.ones((2, 32, 32, 32), np.float32)
    masked = masked_cube(cube)
    assert cube.min() == 1.0
    assert np.count_nonzero(masked == 0) == 2 * 20**3
    assert np.all(masked[:, 6:26, 6:26, 6:26] == 0.0)
    assert masked[0, 5, 5, 5] == masked[0, 26, 26, 26] == 1.0


def test_clean_up_of_extremes_replaces_and_limits_them() -> None:
    cube = np.full((9, 9, 9), -850.0, np.float32)
    cube[4, 4, 4] = 2500.0
    cube[0, 0, 0] = -1400.0
    tidy = clean_up(cube)
    mean = (124 * -850.0 + 2500.0) / 125
    assert tidy[4, 4, 4] == pytest.approx(mean, abs=0.1)
    assert tidy[0, 0, 0] == -1000.0
    assert tidy[4, 4, 3] == -850.0
