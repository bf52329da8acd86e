"""Noise and blends of the CT-GAN-style attack."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.bench.attacks.ct_gan.touch_up import (
    Donor,
    block_side,
    choose_donor,
    copied_noise_block,
    gaussian_noise_block,
    injection_blend,
    plane_window,
    removal_blend,
)
from btd_desktop.volume import Volume


def _scan(seed: int = 1, shape: tuple[int, int, int] = (40, 200, 200)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.rint(rng.normal(-870.0, 25.0, shape)).astype(np.int16)


def test_block_side_is_1_3_times_the_longest_axis() -> None:
    assert block_side((13, 46, 46)) == 59
    assert block_side((32, 32, 32)) == 41


def test_plane_window_for_removal_is_1_then_half_then_0() -> None:
    window = plane_window(59, 0.1)
    assert window[29, 29] == pytest.approx(1.0)
    for side in (window[0, 29], window[58, 29], window[29, 0], window[29, 58]):
        assert side == pytest.approx(0.5, abs=0.005)
    for corner in (window[0, 0], window[0, 58], window[58, 0], window[58, 58]):
        assert corner == pytest.approx(0.0, abs=1e-6)


def test_plane_window_for_injection_falls_nearly_to_0_at_the_sides() -> None:
    window = plane_window(59, 3.0)
    assert window[29, 29] == pytest.approx(1.0)
    assert window[0, 29] < 0.02


def test_removal_blend_mixes_by_the_window_on_every_slice() -> None:
    original = np.zeros((7, 21, 21), np.float32)
    mixed = removal_blend(original, original + 100.0)
    assert np.ptp(mixed, axis=0).max() == 0.0
    assert mixed[0, 10, 10] == pytest.approx(100.0)
    assert mixed[0, 0, 10] == pytest.approx(50.0, abs=1.0)
    assert mixed[0, 0, 0] == pytest.approx(0.0, abs=1e-3)


def test_injection_blend_is_never_darker_and_reaches_dense_content() -> None:
    rng = np.random.default_rng(3)
    original = rng.normal(-870.0, 30.0, (5, 21, 21)).astype(np.float32)
    tampered = rng.normal(-870.0, 30.0, (5, 21, 21)).astype(np.float32)
    tampered[:, 10, 10] = 40.0
    mixed = injection_blend(original, tampered)
    assert np.all(mixed >= original)
    assert mixed[2, 10, 10] == pytest.approx(40.0, abs=1.0)


def _chest(voxels: np.ndarray) -> Volume:
    n = len(voxels)
    return Volume(
        voxels=voxels,
        modality="CT",
        unit="HU",
        spacing_mm=(1.0, 1.5, 1.5),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(float(k) for k in range(n)),
        instance_uids=tuple(str(k) for k in range(n)),
    )


def _body(level: float, lungs: tuple[slice, ...], n: int = 20) -> np.ndarray:
    """A body of 180 x 180 pixels with lung between given columns, table below it."""
    rng = np.random.default_rng(1)
    voxels = np.full((n, 200, 200), -1000.0)
    voxels[:, 10:180, 10:190] = 40.0
    for columns in lungs:
        voxels[:, 30:150, columns] = level
    voxels[:, 186:, :] = level  # foam of a table, as aerated as lung
    voxels += rng.normal(0.0, 25.0, voxels.shape)
    whole: np.ndarray = np.rint(voxels).astype(np.int16)
    return whole


BOTH = (slice(20, 90), slice(110, 180))


def test_copied_noise_of_the_published_donor_is_its_own_fluctuation() -> None:
    voxels = _body(-870.0, BOTH, n=40)
    voxels[20, 86, 54] = 30  # a vessel right at the published place
    volume = _chest(voxels)
    donor = choose_donor(volume, 31, (20, 90, 150), np.random.default_rng(0))
    assert donor == Donor((20, 86, 54), -800.0, published=True)
    noise = copied_noise_block(voxels, donor, 31)
    block = voxels[5:36, 71:102, 39:70].astype(np.float64)
    aerated = block < -800
    kept = np.where(aerated, block, block[aerated].mean())
    assert noise.shape == (31, 31, 31)
    assert np.allclose(noise, kept - kept.mean(), atol=1e-2)
    assert abs(float(noise.mean())) < 1e-3


def test_choose_donor_without_lung_at_the_published_place_takes_lung_not_foam() -> None:
    volume = _chest(_body(-870.0, BOTH[1:]))
    donor = choose_donor(volume, 25, (10, 45, 125), np.random.default_rng(0))
    s, r, c = donor.centre
    assert not donor.published
    block = volume.voxels[s, r - 12 : r + 13, c - 12 : c + 13]
    assert np.mean(block < -800) > 0.9
    assert r < 150
    assert abs(r - 45) >= 25 or abs(c - 125) >= 25


def test_choose_donor_in_expiration_follows_the_density_of_the_lung() -> None:
    volume = _chest(_body(-740.0, BOTH))
    donor = choose_donor(volume, 25, (10, 90, 145), np.random.default_rng(0))
    assert not donor.published
    assert donor.limit_hu == pytest.approx(-640.0, abs=8.0)
    noise = copied_noise_block(volume.voxels, donor, 25)
    assert noise.std() == pytest.approx(25.0, rel=0.1)


def test_choose_donor_in_a_scan_without_lung_falls_back_to_the_published_place() -> (
    None
):
    volume = _chest(np.full((6, 100, 100), 40, np.int16))
    donor = choose_donor(volume, 25, (3, 50, 50), np.random.default_rng(0))
    assert donor == Donor((3, 43, 27), -800.0, published=True)
    assert not copied_noise_block(volume.voxels, donor, 25).any()


def test_copied_noise_on_a_short_stack_stays_about_zero() -> None:
    voxels = _scan(4, (6, 200, 200))
    noise = copied_noise_block(voxels, Donor((3, 86, 54), -800.0, published=True), 41)
    by_slice = noise.mean(axis=(1, 2))
    assert np.abs(by_slice).max() < 5.0


def test_gaussian_noise_for_removal_has_30_hu_before_its_grain() -> None:
    rng = np.random.default_rng(5)
    # 78 HU of spread ask for no grain: the drawn height is the noise's height.
    original = rng.normal(-900.0, 78.0, (30, 30, 30)).astype(np.float32)
    noise = gaussian_noise_block(original, "remove", 41, rng)
    assert noise.shape == (41, 41, 41)
    assert noise.std() == pytest.approx(30.0, rel=0.1)


def test_gaussian_noise_of_a_quieter_scan_has_coarser_grain() -> None:
    rng = np.random.default_rng(6)

    def likeness(spread: float) -> float:
        original = rng.normal(-900.0, spread, (20, 20, 20)).astype(np.float32)
        noise = gaussian_noise_block(original, "inject", 41, rng)
        a, b = noise[:, :, :-1].ravel(), noise[:, :, 1:].ravel()
        return float(np.corrcoef(a, b)[0, 1])

    assert likeness(78.0) < 0.3
    assert likeness(20.0) > 0.7
