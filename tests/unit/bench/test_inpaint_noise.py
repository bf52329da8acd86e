"""Noise with a scan's spectrum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from btd_desktop.bench.attacks.noise_spectrum import (
    fine_detail,
    made_up,
    random_noise,
)


def _scan(spread: float, seed: int, blur: float = 0.7, n: int = 5) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal((n, 96, 96))
    noise = gaussian_filter(noise, (0.0, blur, blur))
    return np.asarray(-850.0 + noise * (spread / noise.std()), np.float32)


def _neighbour(values: np.ndarray) -> float:
    return float(np.corrcoef(values[..., 1:].ravel(), values[..., :-1].ravel())[0, 1])


def test_spread_and_texture_of_fine_detail_are_reproduced():
    scan = _scan(30.0, 0)
    detail = fine_detail(scan, np.ones(scan.shape, np.bool_))
    assert detail is not None
    assert detail.spread == pytest.approx(30.0, rel=0.15)
    again = random_noise(detail.spectrum, 0.0, 5, np.random.default_rng(1))
    assert again.std() == pytest.approx(detail.spread, rel=0.1)
    assert _neighbour(again) == pytest.approx(_neighbour(scan), abs=0.12)


def test_correlation_of_slices_is_measured_and_reproduced():
    rng = np.random.default_rng(3)
    scan = random_noise(np.full((96, 96), 400.0, np.float32), 0.6, 8, rng) - 850.0
    detail = fine_detail(scan, np.ones(scan.shape, np.bool_))
    assert detail is not None
    assert detail.along_z == pytest.approx(0.6, abs=0.05)


def test_vessels_do_not_count_as_noise():
    scan = _scan(20.0, 4)
    scan[:, 30:36, :] += 800.0
    detail = fine_detail(scan, np.ones(scan.shape, np.bool_))
    assert detail is not None
    assert detail.spread == pytest.approx(20.0, rel=0.2)


def test_level_chooses_the_tissue_that_is_measured():
    scan = _scan(20.0, 4)
    scan[:, :, 30:] = 40.0 + 3.0 * (scan[:, :, 30:] + 850.0)
    everywhere = np.ones(scan.shape, np.bool_)
    lung, tissue = (fine_detail(scan, everywhere, hu) for hu in (-850.0, 40.0))
    assert lung is not None
    assert tissue is not None
    assert tissue.height == pytest.approx(3.0 * lung.height, rel=0.15)


def test_smooth_content_is_brought_to_the_noise_around_it():
    scan = _scan(30.0, 5)
    hole = np.zeros(scan.shape, np.bool_)
    hole[:, 28:68, 28:68] = True
    around = fine_detail(scan, ~hole)
    assert around is not None
    for own in (0.0, 15.0):
        drawn = np.full(scan.shape, -840.0, np.float32)
        if own:
            drawn = _scan(own, 6)
        both = drawn + made_up(drawn, hole, around, np.random.default_rng(2))
        assert both[hole].std() == pytest.approx(30.0, rel=0.15)


def test_nothing_is_added_to_what_is_noisy_enough():
    scan, drawn = _scan(20.0, 7), _scan(30.0, 8)
    hole = np.zeros(scan.shape, np.bool_)
    hole[:, 28:68, 28:68] = True
    around = fine_detail(scan, ~hole)
    assert around is not None
    added = made_up(drawn, hole, around, np.random.default_rng(2))
    assert added.std() < 4.0


def test_too_few_quiet_pixels_give_no_spectrum():
    scan = _scan(20.0, 9)
    where = np.zeros(scan.shape, np.bool_)
    where[0, :10, :10] = True
    assert fine_detail(scan, where) is None
