"""Slices that differ from their neighbours in noise or range."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from btd_desktop.dicom.checks.neighbours import check_neighbours, noise_levels
from btd_desktop.volume import Volume
from tests.unit.dicom.check_samples import codes_of, only

N_SLICES = 15


def volume_of(sigmas: list[float], modality: str = "CT") -> Volume:
    """A round body in air; noise of the given strength in each slice."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[:96, :96] - 48
    body = rows**2 + columns**2 < 40**2
    planes = []
    for sigma in sigmas:
        plane = np.where(body, 40.0, -1000.0) + rng.normal(0, sigma, body.shape)
        planes.append(plane.round().clip(-1024, 3071))
    voxels: NDArray[np.int16] = np.array(planes, dtype=np.int16)
    if modality == "MR":
        voxels = (voxels + 1024).astype(np.int16)
    n = len(sigmas)
    return Volume(
        voxels=voxels,
        modality=modality,
        unit="HU" if modality == "CT" else "",
        spacing_mm=(1.0, 1.0, 1.0),
        origin_mm=(0.0, 0.0, 0.0),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(float(i) for i in range(n)),
        instance_uids=tuple(f"1.{i}" for i in range(n)),
    )


def changed(volume: Volume, index: int, plane: NDArray[np.generic]) -> Volume:
    voxels = volume.voxels.copy()
    voxels[index] = plane
    return dataclasses.replace(volume, voxels=voxels)


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_noise_levels_follow_the_noise(modality: str) -> None:
    levels = noise_levels(volume_of([10.0, 20.0, 40.0], modality))
    assert levels[1] / levels[0] == pytest.approx(2, rel=0.1)
    assert levels[2] / levels[0] == pytest.approx(4, rel=0.1)


def test_slices_of_one_noise_are_not_worth_a_word() -> None:
    assert list(check_neighbours(volume_of([20.0] * N_SLICES))) == []


def test_noise_that_changes_slowly_is_no_finding() -> None:
    sigmas = [15.0 * 1.1**index for index in range(N_SLICES)]
    assert "noise_outlier" not in codes_of(check_neighbours(volume_of(sigmas)))


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_smoothed_slice_is_named(modality: str) -> None:
    volume = volume_of([20.0] * N_SLICES, modality)
    smooth = gaussian_filter(volume.voxels[6].astype(np.float64), 0.8).round()
    finding = only(check_neighbours(changed(volume, 6, smooth)), "noise_outlier")
    assert finding.severity == "warning"
    assert finding.instance_uids == ("1.6",)
    assert "slice 7" in finding.sentence


def test_noisier_slice_is_named() -> None:
    sigmas = [20.0] * N_SLICES
    sigmas[9] = 40.0
    finding = only(check_neighbours(volume_of(sigmas)), "noise_outlier")
    assert finding.instance_uids == ("1.9",)


def test_values_below_the_common_floor_name_their_slice() -> None:
    volume = volume_of([20.0] * N_SLICES)
    plane = volume.voxels[4].copy()
    plane[2, 3:40] = -1300
    finding = only(check_neighbours(changed(volume, 4, plane)), "range_outlier")
    assert finding.severity == "warning"
    assert finding.instance_uids == ("1.4",)
    assert "-1300" in finding.sentence


def test_few_or_tiny_slices_are_not_compared() -> None:
    assert list(check_neighbours(volume_of([20.0, 80.0, 20.0]))) == []
    volume = volume_of([20.0] * N_SLICES)
    tiny = dataclasses.replace(volume, voxels=volume.voxels[:, :2, :2].copy())
    assert "noise_outlier" not in codes_of(check_neighbours(tiny))


def test_slices_without_tissue_are_left_out() -> None:
    volume = volume_of([20.0] * N_SLICES)
    air = np.full(volume.voxels.shape[1:], -1000, dtype=np.int16)
    for index in (0, 7, 14):
        volume = changed(volume, index, air)
    assert "noise_outlier" not in codes_of(check_neighbours(volume))
