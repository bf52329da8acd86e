"""Simulated CT against what is known of real CT: HU, noise level, noise texture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.errors import Cancelled
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.simulator.ct import simulate_ct, simulate_ct_slice
from btd_desktop.simulator.projection import filtered_backprojection, project
from btd_desktop.simulator.raster import raster_grid
from btd_desktop.simulator.scanners import CT_SCANNERS, CtScanner, drawn_ct_scanner
from tests.unit.simulator.water import WaterPhantom

STANDARD, SMOOTH, SHARP = CT_SCANNERS[0], CT_SCANNERS[1], CT_SCANNERS[2]


def water_slice(scanner: CtScanner, seed: int = 1, rows: int = 320):
    return simulate_ct_slice(
        WaterPhantom(), scanner, z_mm=0.0, rows=rows, seed=seed, index=0
    ).astype(np.float64)


def centre(image: NDArray[np.float64], half: int = 40) -> NDArray[np.float64]:
    middle = image.shape[0] // 2
    return image[middle - half : middle + half, middle - half : middle + half]


def noise_power(noise: NDArray[np.float64], pixel_mm: float):
    """Radial frequency of each bin in 1/mm and the noise power spectrum."""
    size = noise.shape[0]
    spectrum = np.abs(np.fft.fft2(noise - noise.mean())) ** 2 * pixel_mm**2 / size**2
    frequency = np.fft.fftfreq(size, pixel_mm)
    return np.hypot(frequency[:, None], frequency[None, :]), spectrum


@pytest.mark.parametrize("scanner", CT_SCANNERS, ids=lambda s: s.kernel)
def test_water_and_air_have_their_hu_on_every_scanner(scanner: CtScanner):
    image = water_slice(scanner)
    pixel = scanner.field_of_view_mm / 320
    assert centre(image).mean() == pytest.approx(0.0, abs=2.0)
    air = image[int((scanner.field_of_view_mm / 2 - 150) / pixel) :][:8, 140:180]
    # The floor of -1024 cuts the lower tail of noisy air, which lifts its mean.
    assert air.mean() == pytest.approx(-1000.0, abs=6.0)


@pytest.mark.parametrize("scanner", CT_SCANNERS, ids=lambda s: s.kernel)
def test_noise_of_every_scanner_lies_in_the_clinical_range(scanner: CtScanner):
    assert 8.0 < centre(water_slice(scanner)).std() < 60.0


def test_projection_of_a_disc_equals_its_chords():
    grid = raster_grid(576, STANDARD.pitch_mm, 0.0, 0.0)
    disc = (WaterPhantom(100.0).hu_on_plane(grid, 0.0) / 1000 + 1).astype(np.float32)
    integrals = project(disc, STANDARD)
    place = (np.arange(576) - 288) * STANDARD.pitch_mm
    chord = 2 * np.sqrt(np.maximum(100.0**2 - place**2, 0.0))
    inner = np.abs(place) < 95.0
    assert integrals.shape == (STANDARD.views, 576)
    assert np.abs(integrals[:, inner] - chord[inner]).max() < 0.6
    assert np.abs(integrals[:, np.abs(place) > 105.0]).max() < 0.6


def test_backprojection_without_noise_returns_the_disc():
    grid = raster_grid(576, STANDARD.pitch_mm, 0.0, 0.0)
    disc = (WaterPhantom(100.0).hu_on_plane(grid, 0.0) / 1000 + 1).astype(np.float32)
    image = filtered_backprojection(project(disc, STANDARD), STANDARD, 320)
    assert image[160, 160] == pytest.approx(1.0, abs=0.003)
    steps = np.arange(320) - 159.5
    radius = np.hypot(steps[:, None], steps[None, :])
    assert image[radius < 90].mean() == pytest.approx(1.0, abs=0.002)
    assert np.abs(image[(radius > 110) & (radius < 155)]).max() < 0.01


def test_backprojection_keeps_left_and_front_where_they_are():
    grid = raster_grid(576, STANDARD.pitch_mm, 0.0, 0.0)
    blob = np.exp(-((grid.xx - 60) ** 2 + (grid.yy + 30) ** 2) / 50).astype(np.float32)
    image = filtered_backprojection(project(blob, STANDARD), STANDARD, 320)
    row, column = np.unravel_index(np.argmax(image), image.shape)
    assert (row - 159.5, column - 159.5) == pytest.approx((-30, 60), abs=1.0)


def test_noise_falls_with_the_root_of_the_photons():
    few = replace(STANDARD, photons=1.0e5, electronic_noise=0.0)
    many = replace(few, photons=4.0e5)
    ratio = centre(water_slice(few)).std() / centre(water_slice(many)).std()
    assert ratio == pytest.approx(2.0, rel=0.08)


def test_noise_is_strongest_in_the_centre():
    image = water_slice(STANDARD)
    assert centre(image, 20).std() > 1.25 * image[140:180, 255:272].std()


def test_kernels_order_the_high_frequencies_of_noise():
    power = {}
    for kernel in (SMOOTH, STANDARD, SHARP):
        scanner = replace(
            STANDARD,
            kernel_cutoff=kernel.kernel_cutoff,
            kernel_order=kernel.kernel_order,
            kernel_boost=kernel.kernel_boost,
        )
        frequency, spectrum = noise_power(centre(water_slice(scanner)), 1.0)
        power[kernel.kernel] = spectrum[(frequency > 0.3) & (frequency < 0.5)].mean()
    assert power["SHARP"] > 3 * power["STANDARD"] > 6 * power["SMOOTH"]


def test_noise_is_correlated_and_lacks_low_frequencies_as_ramp_filtering_leaves_it():
    noise = centre(water_slice(STANDARD, rows=512), 64)
    noise = noise - noise.mean()
    neighbour = float(np.mean(noise[:, 1:] * noise[:, :-1]) / noise.var())
    assert neighbour > 0.4
    frequency, spectrum = noise_power(noise, STANDARD.field_of_view_mm / 512)
    low = spectrum[(frequency > 0) & (frequency < 0.05)].mean()
    middle = spectrum[(frequency > 0.15) & (frequency < 0.3)].mean()
    high = spectrum[frequency > 0.6].mean()
    assert middle > 2.5 * low
    assert middle > 10 * high


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    first, again, other = (water_slice(STANDARD, seed, 96) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_slices_of_one_series_do_not_share_their_noise():
    volume = simulate_ct(WaterPhantom(), STANDARD, n_slices=2, rows=160, seed=3)
    a, b = (centre(s.astype(np.float64), 25).ravel() for s in volume.voxels)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.1


def test_volume_carries_geometry_and_scanner():
    volume = simulate_ct(
        WaterPhantom(), STANDARD, n_slices=3, rows=64, seed=1, patient_id="SIM-0007"
    )
    assert volume.voxels.dtype == np.int16
    assert volume.spacing_mm == (2.5, 5.0, 5.0)
    assert volume.slice_positions_mm == (-2.5, 0.0, 2.5)
    assert volume.origin_mm == (-157.5, -157.5, -2.5)
    assert volume.source.manufacturer == "BTD SIMULATED"
    assert volume.source.kernel == "STANDARD"
    assert volume.source.patient_id == "SIM-0007"


def test_pixels_outside_the_reconstruction_circle_hold_the_floor():
    image = water_slice(STANDARD, rows=96)
    assert image[0, 0] == image[-1, -1] == -1024
    assert image.min() >= -1024


def test_progress_is_reported_and_cancelling_stops():
    seen: list[Progress] = []
    context = TaskContext(listener=seen.append)
    simulate_ct(WaterPhantom(), STANDARD, n_slices=2, rows=64, seed=1, context=context)
    assert [(p.done, p.total) for p in seen] == [(1, 2), (2, 2)]
    context.cancel()
    with pytest.raises(Cancelled):
        simulate_ct(
            WaterPhantom(), STANDARD, n_slices=2, rows=64, seed=1, context=context
        )


def test_profiles_have_distinct_names_and_differ_in_pixel_dose_and_kernel():
    assert len({s.name for s in CT_SCANNERS}) == len(CT_SCANNERS) >= 4
    assert len({s.kernel for s in CT_SCANNERS}) >= 4
    assert {s.thickness_mm for s in CT_SCANNERS} <= {1.25, 2.0, 2.5, 3.0, 5.0}


def test_drawn_scanners_differ_in_kernel_and_dose_and_follow_from_their_seed():
    drawn = [drawn_ct_scanner(np.random.default_rng(seed)) for seed in range(20)]
    assert drawn[3] == drawn_ct_scanner(np.random.default_rng(3))
    cutoffs = [scanner.kernel_cutoff for scanner in drawn]
    assert min(cutoffs) < 0.35 < 0.6 < max(cutoffs)
    assert max(s.photons for s in drawn) > 3 * min(s.photons for s in drawn)
    assert {s.kernel_boost > 0 for s in drawn} == {True, False}
