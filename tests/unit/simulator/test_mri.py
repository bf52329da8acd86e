"""Simulated MR: contrast by the signal equation, noise by the coils."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.simulator.head import HeadPhantom, head_phantom
from btd_desktop.simulator.mri import (
    simulate_mr,
    simulate_mr_slice,
    spin_echo_signal,
)
from btd_desktop.simulator.scanners import MR_SCANNERS

T1W, T2W = MR_SCANNERS


@pytest.fixture(scope="module")
def phantom() -> HeadPhantom:
    return head_phantom(np.random.default_rng(3))


def corner(image, size: int = 40):
    return image[:size, :size].astype(float)


def test_contrast_follows_the_weighting():
    t1, t2 = spin_echo_signal(T1W), spin_echo_signal(T2W)
    assert t1["fat"] > t1["white"] > t1["grey"] > t1["csf"]
    assert t2["csf"] > t2["grey"] > t2["white"]


def test_white_matter_lies_near_its_level(phantom):
    image = simulate_mr_slice(phantom, T1W, z_mm=45.0, rows=192, seed=1, index=0)
    assert 450 < np.median(image[90:102, 106:116]) < 750


def test_noise_in_air_is_chi_distributed_with_two_degrees_per_coil(phantom):
    # Mean over spread of a chi variable with 8 degrees of freedom (4 coils) is 3.94.
    scanner = replace(T2W, n_coils=4, partial_fourier=1.0)
    image = simulate_mr_slice(phantom, scanner, z_mm=0.0, rows=192, seed=2, index=0)
    air = corner(image, 30)
    assert air.mean() / air.std() == pytest.approx(3.94, rel=0.08)


def test_noise_of_one_coil_in_air_is_rayleigh_and_in_tissue_it_is_not(phantom):
    scanner = replace(T2W, n_coils=1, partial_fourier=1.0)
    image = simulate_mr_slice(phantom, scanner, z_mm=0.0, rows=192, seed=2, index=0)
    air = corner(image, 30)
    assert air.mean() / air.std() == pytest.approx(1.913, rel=0.06)
    skew = float(np.mean(((air - air.mean()) / air.std()) ** 3))
    assert skew == pytest.approx(0.63, abs=0.25)


def test_noise_grows_with_its_setting(phantom):
    quiet, loud = (
        corner(
            simulate_mr_slice(
                phantom,
                replace(T1W, noise=noise),
                z_mm=0.0,
                rows=128,
                seed=1,
                index=0,
            ),
            20,
        )
        for noise in (0.03, 0.06)
    )
    assert loud.mean() / quiet.mean() == pytest.approx(2.0, rel=0.12)


def test_partial_fourier_leaves_half_of_the_phase_lines_correlated(phantom):
    full = replace(T2W, partial_fourier=1.0, n_coils=1)
    partial = replace(T2W, partial_fourier=0.6, n_coils=1)

    def neighbour(scanner) -> float:
        image = simulate_mr_slice(phantom, scanner, z_mm=0.0, rows=128, seed=4, index=0)
        air = corner(image, 20)
        air -= air.mean()
        return float(np.mean(air[1:] * air[:-1]) / air.var())

    assert neighbour(partial) > neighbour(full) + 0.1


def test_volume_is_whole_numbers_with_geometry_and_same_bytes_for_a_seed(phantom):
    first = simulate_mr(phantom, T1W, n_slices=2, rows=96, seed=7, patient_id="SIM-9")
    again = simulate_mr(phantom, T1W, n_slices=2, rows=96, seed=7)
    assert first.voxels.dtype == np.int16
    assert np.array_equal(first.voxels, again.voxels)
    assert first.spacing_mm == (5.5, 2.5, 2.5)
    assert first.modality == "MR"
    assert first.source.patient_id == "SIM-9"


def test_neighbouring_planes_of_the_head_continue(phantom):
    a, b, far = (
        simulate_mr_slice(
            phantom, replace(T2W, noise=0.0), z_mm=z, rows=128, seed=1, index=0
        ).astype(float)
        for z in (10.0, 10.5, 40.0)
    )
    assert np.abs(a - b).mean() < 0.35 * np.abs(a - far).mean()


def test_above_the_head_there_is_only_noise(phantom):
    image = simulate_mr_slice(phantom, T1W, z_mm=200.0, rows=96, seed=1, index=0)
    assert image.max() < 250
