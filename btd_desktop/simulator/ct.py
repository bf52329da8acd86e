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
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import map_coordinates

from btd_desktop.progress import TaskContext
from btd_desktop.simulator.raster import RasterGrid, raster_grid
from btd_desktop.simulator.scanners import MANUFACTURER, CtScanner
from btd_desktop.volume import Volume

__all__ = [
    "WATER_PER_MM",
    "CtPhantom",
    "ct_volume",
    "filtered_backprojection",
    "project",
    "simulate_ct",
    "simulate_ct_slice",
    "slice_positions_mm",
]

WATER_PER_MM = 0.0195
"""Linear attenuation of water near 68 keV, the mean energy of a 120 kV beam."""

_RASTER = 576
_MIN_HU, _MAX_HU = -1024, 3071
_UPSAMPLING = 4

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
    inside = _circle(rows)
    values[~inside] = _MIN_HU
    return np.asarray(np.clip(values, _MIN_HU, _MAX_HU), np.int16)


def project(attenuation: Array, scanner: CtScanner) -> Array:
    """Line integrals of a square image over 180 degrees, shape (views, detectors).

    Args:
        attenuation: Image (n, n) in 1/mm at the detector pitch, centred on index
            n // 2, zero near its border.
        scanner: Number of views and pitch.
    """
    n = attenuation.shape[0]
    padded = 2 * n
    image = np.zeros((padded, padded), np.float32)
    corner = n - n // 2
    image[corner : corner + n, corner : corner + n] = attenuation * _deapodisation(n)
    spectrum = fft.fftshift(fft.fft2(fft.ifftshift(image)))
    rows, cols = _radial_samples(padded, scanner.views)
    radial = np.empty(rows.shape, np.complex64)
    for part in ("real", "imag"):
        # grid-wrap: the spectrum is periodic, as the image is sampled.
        setattr(
            radial,
            part,
            map_coordinates(
                getattr(spectrum, part),
                (rows, cols),
                order=3,
                prefilter=False,
                mode="grid-wrap",
                output=np.float32,
            ),
        )
    profile = fft.fftshift(fft.irfft(radial, n=padded, axis=1), axes=1)
    integrals: Array = profile[:, corner : corner + n] * np.float32(scanner.pitch_mm)
    return integrals


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


def filtered_backprojection(sinogram: Array, scanner: CtScanner, rows: int) -> Array:
    """Image of shape (rows, rows) in 1/mm from parallel projections.

    Args:
        sinogram: Line integrals (views, detectors), detectors centred on index n // 2.
        scanner: Kernel, pitch and field of view.
        rows: Rows and columns; pixels outside the inscribed circle stay 0.
    """
    views, n = sinogram.shape
    length = fft.next_fast_len(2 * n, real=True)
    spectrum = fft.rfft(sinogram, length, axis=1)
    spectrum *= _kernel(scanner, length)
    fine = fft.irfft(spectrum, length * _UPSAMPLING, axis=1)[:, : n * _UPSAMPLING]
    fine = np.ascontiguousarray(fine * np.float32(_UPSAMPLING))
    scale = _UPSAMPLING / scanner.pitch_mm
    pixel = scanner.field_of_view_mm / rows
    inside = _circle(rows)
    r, c = np.nonzero(inside)
    x = ((c - (rows - 1) / 2) * pixel * scale).astype(np.float32)
    y = ((r - (rows - 1) / 2) * pixel * scale).astype(np.float32)
    total = np.zeros(x.size, np.float32)
    half = np.float32((n // 2) * _UPSAMPLING + 0.5)
    for view in range(views):
        angle = np.pi * view / views
        # Adding half and cutting off rounds: all positions are positive.
        place = x * np.float32(np.cos(angle)) + (y * np.float32(np.sin(angle)) + half)
        total += fine[view].take(place.astype(np.int32), mode="clip")
    image = np.zeros((rows, rows), np.float32)
    image[inside] = total * np.float32(np.pi / views)
    return image


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
        source={
            "manufacturer": MANUFACTURER,
            "model": scanner.model,
            "kernel": scanner.kernel,
            "description": scanner.name,
            "body_part": "CHEST",
            "patient_id": patient_id,
            "thickness_mm": scanner.thickness_mm,
            "kvp": scanner.kvp,
            "lossy": False,
            "window": [-600.0, 1500.0],
        },
    )


@lru_cache(maxsize=8)
def _kernel(scanner: CtScanner, length: int) -> NDArray[np.float32]:
    """Ramp times apodisation at the `rfft` frequencies of `length` detectors."""
    frequency = fft.rfftfreq(length, scanner.pitch_mm)
    relative = frequency / scanner.kernel_cutoff
    fall = np.exp(-np.log(2.0) * relative ** (2.0 * scanner.kernel_order))
    bump = (relative * np.exp(0.5 * (1.0 - relative**2))) ** 2
    apodised = fall * (1.0 + scanner.kernel_boost * bump)
    # The ramp is sampled in space (Kak & Slaney, eq. 3.61): sampled in frequency its
    # constant term is wrong and every HU is off by the same amount.
    lag = np.rint(fft.fftfreq(length, 1.0 / length)).astype(np.int64)
    odd = lag % 2 == 1
    impulse = np.zeros(length)
    impulse[odd] = -1.0 / (np.pi * lag[odd]) ** 2
    impulse[0] = 0.25
    ramp = fft.rfft(impulse).real / scanner.pitch_mm
    return np.asarray(ramp * apodised, np.float32)


@lru_cache(maxsize=4)
def _radial_samples(padded: int, views: int) -> tuple[Array, Array]:
    """Row and column indices of radial frequencies in a centred spectrum."""
    angle = np.pi * np.arange(views)[:, None] / views
    radius = np.arange(padded // 2 + 1)[None, :]
    rows = padded // 2 + radius * np.sin(angle)
    cols = padded // 2 + radius * np.cos(angle)
    return rows.astype(np.float32), cols.astype(np.float32)


@lru_cache(maxsize=4)
def _deapodisation(n: int) -> Array:
    """Inverse of the cubic B-spline's transform over an image half the padded size."""
    position = (np.arange(n) - n // 2) / (2 * n)
    weight = 1.0 / np.sinc(position) ** 4
    return np.asarray(weight[:, None] * weight[None, :], np.float32)


@lru_cache(maxsize=8)
def _circle(rows: int) -> NDArray[np.bool_]:
    """True inside the circle that the scanner reconstructs."""
    steps = np.arange(rows) - (rows - 1) / 2
    inside: NDArray[np.bool_] = np.hypot(steps[:, None], steps[None, :]) <= rows / 2
    return inside
