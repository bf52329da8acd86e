"""From a chest to CT slices: projections, photon noise, filtered back-projection.

Parallel beam over 180 degrees. Per slice: the phantom's attenuation, averaged over the
slice thickness, is projected by the Fourier slice theorem (gridding with a cubic
B-spline, twofold oversampled); photons are counted with Poisson statistics, light leaks
to neighbouring detectors, the electronics add noise; the logarithm is filtered with the
scanner's kernel and back-projected. So noise is correlated and streaky, strongest where
rays were attenuated most, as on a real scanner.

Left out: beam hardening, scatter, tube current modulation, helical interpolation (which
would correlate the noise of neighbouring slices).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from btd_desktop.progress import TaskContext
from btd_desktop.simulator.projection import (
    filtered_backprojection,
    project,
    scan_circle,
)
from btd_desktop.simulator.raster import RasterGrid, raster_grid
from btd_desktop.simulator.scanners import MANUFACTURER, CtScanner
from btd_desktop.volume import SeriesFacts, Volume

WATER_PER_MM = 0.0195
"""Linear attenuation of water near 68 keV, the mean energy of a 120 kV beam."""

_RASTER = 576
_MIN_HU, _MAX_HU = -1024, 3071

Array = NDArray[np.float32]


class CtPhantom(Protocol):
    """What a simulated CT scanner needs to know of the thing on its table."""

    @property
    def centre_mm(self) -> tuple[float, float]:
        """World (x, y) that is put into the isocentre."""

    def hu_on_plane(self, grid: RasterGrid, z_mm: float) -> Array:
        """Attenuation in HU at height `z_mm`, shape (n, n), float32."""


def simulate_ct(
    phantom: CtPhantom,
    scanner: CtScanner,
    *,
    n_slices: int,
    rows: int,
    seed: int,
    positions_mm: Sequence[float] | None = None,
    patient_id: str = "SIM-0000",
    context: TaskContext | None = None,
) -> Volume:
    """A CT series of a phantom, integer HU in [-1024, 3071].

    Args:
        phantom: What is scanned.
        scanner: How.
        n_slices: Number of slices, contiguous around z = 0; see `positions_mm`.
        rows: Rows and columns of each slice.
        seed: Seed of the noise; each slice draws from its own stream.
        positions_mm: Heights of the slices where they shall not be contiguous,
            ascending, `n_slices` of them.
        patient_id: Written to the volume's source.
        context: Where progress is reported, slice by slice.
    """
    positions = positions_mm or slice_positions_mm(scanner, n_slices)
    slices = []
    for index, z_mm in enumerate(positions):
        slices.append(
            simulate_ct_slice(
                phantom, scanner, z_mm=z_mm, rows=rows, seed=seed, index=index
            )
        )
        if context is not None:
            context.report(index + 1, len(positions), "Simulating CT slices")
    return ct_volume(
        np.stack(slices), phantom, scanner, positions, seed=seed, patient_id=patient_id
    )


def slice_positions_mm(
    scanner: CtScanner, n_slices: int, centre_mm: float = 0.0
) -> list[float]:
    """Heights of contiguous slices around `centre_mm`, ascending."""
    first = centre_mm - 0.5 * (n_slices - 1) * scanner.increment_mm
    return [first + i * scanner.increment_mm for i in range(n_slices)]


def simulate_ct_slice(
    phantom: CtPhantom,
    scanner: CtScanner,
    *,
    z_mm: float,
    rows: int,
    seed: int,
    index: int,
) -> NDArray[np.int16]:
    """One slice at height `z_mm`, shape (rows, rows), integer HU.

    Args:
        phantom: What is scanned.
        scanner: How.
        z_mm: Height of the slice's middle.
        rows: Rows and columns.
        seed: Seed of the series.
        index: Index of the slice in the series; picks its noise stream, so that slices
            can be made in any order or process.
    """
    grid = raster_grid(_RASTER, scanner.pitch_mm, *phantom.centre_mm)
    n_planes = 2 if scanner.thickness_mm < 2.0 else 3
    hu = np.zeros((grid.n, grid.n), np.float32)
    for k in range(n_planes):
        offset = (k + 0.5) / n_planes - 0.5
        hu += phantom.hu_on_plane(grid, z_mm + offset * scanner.thickness_mm)
    attenuation = np.maximum(hu / n_planes / 1000.0 + 1.0, 0.0) * np.float32(
        WATER_PER_MM
    )
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    sinogram = measured(project(attenuation, scanner), scanner, rng)
    image = filtered_backprojection(sinogram, scanner, rows)
    values = np.rint(1000.0 * (image / WATER_PER_MM - 1.0))
    inside = scan_circle(rows)
    values[~inside] = _MIN_HU
    return np.asarray(np.clip(values, _MIN_HU, _MAX_HU), np.int16)


def measured(integrals: Array, scanner: CtScanner, rng: np.random.Generator) -> Array:
    """Line integrals as the detector sees them: photon, crosstalk, read-out noise."""
    counts = rng.poisson(scanner.photons * np.exp(-np.maximum(integrals, 0.0)))
    light = counts.astype(np.float32)
    share = np.float32(scanner.crosstalk)
    light = (1 - 2 * share) * light + share * (
        np.roll(light, 1, axis=1) + np.roll(light, -1, axis=1)
    )
    light += scanner.electronic_noise * rng.standard_normal(light.shape, np.float32)
    # A starved detector reads at least a fraction of a photon, never zero or less.
    return np.asarray(np.log(scanner.photons / np.maximum(light, 0.5)), np.float32)


def ct_volume(
    voxels: NDArray[np.int16],
    phantom: CtPhantom,
    scanner: CtScanner,
    positions_mm: Sequence[float],
    *,
    seed: int,
    patient_id: str = "SIM-0000",
) -> Volume:
    """Slices (S, H, H) with the geometry and the facts of their scanner."""
    rows = voxels.shape[1]
    pixel = scanner.field_of_view_mm / rows
    step = np.diff(positions_mm)
    distance = float(np.median(step)) if step.size else 0.0
    edge = 0.5 * (rows - 1) * pixel
    centre_x, centre_y = phantom.centre_mm
    return Volume(
        voxels=voxels,
        modality="CT",
        unit="HU",
        spacing_mm=(distance, pixel, pixel),
        origin_mm=(centre_x - edge, centre_y - edge, float(positions_mm[0])),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(float(z) for z in positions_mm),
        instance_uids=tuple(
            f"simulated-{seed}-{index:04d}" for index in range(len(positions_mm))
        ),
        source=SeriesFacts(
            manufacturer=MANUFACTURER,
            model=scanner.model,
            kernel=scanner.kernel,
            description=scanner.name,
            body_part="CHEST",
            patient_id=patient_id,
            thickness_mm=scanner.thickness_mm,
            kvp=scanner.kvp,
            lossy=False,
            window=(-600.0, 1500.0),
        ),
    )
