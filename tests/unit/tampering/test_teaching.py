"""Self-made tampering that teaches: local to the bit, of every family, repeatable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.tampering.teaching import (
    ALIKE,
    FAMILIES,
    LARGEST_PX,
    SMALLEST_PX,
    noise_hu,
    random_mask,
    tamper,
)

CENTRE = (60, 52)


def slice_of(seed: int = 0, dtype: Any = np.int16) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(0.0, 40.0, (120, 110)), 0.6)
    rows = np.arange(120)[:, None]
    plane = -700.0 + 60.0 * np.sin(rows / 11.0 + seed) + noise
    return np.asarray(np.rint(plane), dtype)


def tampered(
    name: str, seed: int = 1, dtype: Any = np.int16
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32], NDArray[np.bool_]]:
    rng = np.random.default_rng(seed)
    plane = slice_of(dtype=dtype)
    mask = random_mask((120, 110), CENTRE, rng)
    copy, label = tamper(plane, mask, name, rng, slice_of(5))
    return plane, copy, mask, label


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_family_changes_the_inside_and_no_bit_outside(name: str, seed: int) -> None:
    plane, copy, mask, label = tampered(name, seed)
    assert copy.dtype == plane.dtype
    assert (copy[mask == 0.0] == plane[mask == 0.0]).all()
    inside = mask > 0.5
    assert (copy != plane)[inside].mean() > 0.5
    assert (label == (inside & (copy != plane))).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_repeated_by_its_seed_and_leaves_the_original_alone(
    name: str,
) -> None:
    plane, copy, _, label = tampered(name, 3)
    assert (plane == slice_of()).all()
    again = tampered(name, 3)
    assert (again[1] == copy).all()
    assert (again[3] == label).all()
    assert (tampered(name, 4)[1] != copy).any()


@pytest.mark.parametrize("name", FAMILIES)
def test_changed_pixels_of_fractional_slices_hold_whole_hu(name: str) -> None:
    plane, copy, _, _ = tampered(name, 2, np.float32)
    changed = copy[copy != plane]
    assert (changed == np.rint(changed)).all()
    assert np.isfinite(copy).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_family_works_at_the_border_of_a_slice(name: str) -> None:
    rng = np.random.default_rng(8)
    mask = random_mask((120, 110), (2, 108), rng)
    copy, label = tamper(slice_of(), mask, name, rng, slice_of(6))
    assert label.any()
    assert (copy[mask == 0.0] == slice_of()[mask == 0.0]).all()


def test_masks_are_soft_blobs_of_the_sizes_that_are_promised() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for _ in range(60):
        mask = random_mask((140, 140), (70, 70), rng)
        assert mask.max() <= 1.0
        assert mask[70, 70] > 0.9
        assert np.count_nonzero((mask > 0.0) & (mask < 1.0)) > 10
        widths.append(2.0 * np.sqrt(np.count_nonzero(mask > 0.5) / np.pi))
    assert 0.7 * SMALLEST_PX < min(widths) < 12.0
    assert 35.0 < max(widths) < 1.4 * LARGEST_PX


def test_harmonic_fillings_continue_a_slope_across_the_hole() -> None:
    from btd_desktop.tampering.teaching import _membrane

    rows, columns = np.mgrid[:40, :50].astype(np.float32)
    slope = 3.0 * rows - 2.0 * columns
    hole = np.hypot(rows - 20, columns - 25) < 9
    for stiff in (False, True):
        filled = _membrane(np.where(hole, 999.0, slope), hole, stiff=stiff)
        assert np.abs(filled - slope).max() < 0.01


def test_noise_is_measured_in_hu_whatever_the_content() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 30.0, (120, 110)).astype(np.float32)
    edge = np.where(np.arange(110) < 50, -800.0, 40.0).astype(np.float32)
    assert noise_hu(edge + noise) == pytest.approx(30.0, rel=0.1)
    assert noise_hu(edge) == 1.0


def test_every_family_has_one_group_of_its_like() -> None:
    grouped = [name for families in ALIKE.values() for name in families]
    assert sorted(grouped) == sorted(FAMILIES)
