"""From a head to MR slices: signal, coils, noisy k-space, root sum of squares.

Per slice: the signal equation of a spin echo gives each tissue's brightness; every coil
sees the slice through its own complex sensitivity; k-space is cut to what was acquired
(zero filling, partial Fourier) and gets complex Gaussian noise; the coil images are
joined as root sum of squares. So noise is Rician to non-central chi, and edges ring.

Left out: motion, T2* and off-resonance, parallel imaging, flow.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from btd_desktop.progress import TaskContext
from btd_desktop.simulator.head import TISSUES, HeadPhantom
from btd_desktop.simulator.raster import raster_grid
from btd_desktop.simulator.scanners import MANUFACTURER, MrScanner
from btd_desktop.volume import SeriesFacts, Volume

_WHITE_LEVEL = 600.0
"""Stored value of white matter."""

_OVERSAMPLING = 2
_N_PLANES = 3


def simulate_mr(
    phantom: HeadPhantom,
    scanner: MrScanner,
    *,
    n_slices: int,
    rows: int,
    seed: int,
    patient_id: str = "SIM-0000",
    context: TaskContext | None = None,
) -> Volume:
    """An MR series of a phantom, whole numbers >= 0 with white matter near 600.

    Args:
        phantom: What is scanned.
        scanner: How.
        n_slices: Number of slices, evenly spaced around z = 10 mm.
        rows: Rows and columns of each slice.
        seed: Seed of the noise; each slice draws from its own stream.
        patient_id: Written to the volume's source.
        context: Where progress is reported, slice by slice.
    """
    first = 10.0 - 0.5 * (n_slices - 1) * scanner.increment_mm
    positions = [first + i * scanner.increment_mm for i in range(n_slices)]
    slices = []
    for index, z_mm in enumerate(positions):
        slices.append(
            simulate_mr_slice(
                phantom, scanner, z_mm=z_mm, rows=rows, seed=seed, index=index
            )
        )
        if context is not None:
            context.report(index + 1, len(positions), "Simulating MR slices")
    pixel = scanner.field_of_view_mm / rows
    edge = (rows // 2) * pixel
    step = np.diff(positions)
    return Volume(
        voxels=np.stack(slices),
        modality="MR",
        unit="",
        spacing_mm=(float(np.median(step)) if step.size else 0.0, pixel, pixel),
        origin_mm=(-edge, -edge, positions[0]),
        row_direction=(1.0, 0.0, 0.0),
        column_direction=(0.0, 1.0, 0.0),
        slice_positions_mm=tuple(positions),
        instance_uids=tuple(
            f"simulated-{seed}-{index:04d}" for index in range(len(positions))
        ),
        source=SeriesFacts(
            manufacturer=MANUFACTURER,
            model=scanner.model,
            description=scanner.name,
            body_part="HEAD",
            patient_id=patient_id,
            thickness_mm=scanner.thickness_mm,
            lossy=False,
            other={
                "sequence": scanner.sequence,
                "tr_ms": scanner.tr_ms,
                "te_ms": scanner.te_ms,
            },
        ),
    )


def simulate_mr_slice(
    phantom: HeadPhantom,
    scanner: MrScanner,
    *,
    z_mm: float,
    rows: int,
    seed: int,
    index: int,
) -> NDArray[np.int16]:
    """One slice at height `z_mm`, shape (rows, rows); see `simulate_mr`."""
    n = rows * _OVERSAMPLING
    grid = raster_grid(n, scanner.field_of_view_mm / n, 0.0, 0.0)
    signal = spin_echo_signal(scanner)
    plane = np.zeros((n, n), np.float32)
    for k in range(_N_PLANES):
        offset = ((k + 0.5) / _N_PLANES - 0.5) * scanner.thickness_mm
        plane += phantom.on_plane(grid, z_mm + offset, signal) / _N_PLANES
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    acquired = _acquired(scanner, rows)
    power = np.zeros((rows, rows), np.float32)
    for sensitivity in _sensitivities(scanner.n_coils, n):
        kspace = fft.fftshift(fft.fft2(fft.ifftshift(plane * sensitivity)))
        corner = (n - rows) // 2
        kspace = kspace[corner : corner + rows, corner : corner + rows] / (n * n)
        # Orthonormal noise: `noise` is its spread in the image if all is acquired.
        noise = rng.standard_normal((2, rows, rows), np.float32)
        kspace = kspace + scanner.noise / rows * (noise[0] + 1j * noise[1])
        image = fft.fftshift(fft.ifft2(fft.ifftshift(kspace * acquired)))
        power += np.square(np.abs(image) * (rows * rows)).astype(np.float32)
    magnitude = np.sqrt(power) * _WHITE_LEVEL
    return np.asarray(np.clip(np.rint(magnitude), 0, 32767), np.int16)


def spin_echo_signal(scanner: MrScanner) -> dict[str, float]:
    """Signal of each tissue relative to white matter under the scanner's TR and TE."""
    signal = {
        name: tissue.proton_density
        * (1.0 - np.exp(-scanner.tr_ms / tissue.t1_ms))
        * np.exp(-scanner.te_ms / tissue.t2_ms)
        for name, tissue in TISSUES.items()
    }
    return {name: float(value / signal["white"]) for name, value in signal.items()}


def _acquired(scanner: MrScanner, rows: int) -> NDArray[np.float32]:
    """1 where k-space was measured; a soft edge on the cut of zero filling."""
    steps = (np.arange(rows) - rows // 2) / (rows / 2)
    edge = np.clip((scanner.acquired_share - np.abs(steps)) / 0.08 + 0.5, 0.0, 1.0)
    if scanner.acquired_share >= 1.0:
        edge = np.ones(rows)
    # Partial Fourier leaves lines of one side of the phase axis (rows) unmeasured.
    measured = (steps >= 1.0 - 2.0 * scanner.partial_fourier).astype(np.float64)
    return np.asarray((edge * measured)[:, None] * edge[None, :], np.float32)


@lru_cache(maxsize=4)
def _sensitivities(n_coils: int, n: int) -> NDArray[np.complex64]:
    """Complex coil sensitivities (C, n, n); their root sum of squares is 1 mid-head."""
    steps = (np.arange(n) - n // 2) / (n / 2)
    maps = np.empty((n_coils, n, n), np.complex64)
    for coil in range(n_coils):
        angle = 2 * np.pi * coil / n_coils
        dx = steps[None, :] - 1.1 * np.cos(angle)
        dy = steps[:, None] - 1.1 * np.sin(angle)
        near = np.exp(-(dx * dx + dy * dy) / 2.4)
        phase = np.exp(1j * (angle + 0.8 * dx - 0.6 * dy))
        maps[coil] = near * phase
    centre = np.sqrt(np.sum(np.abs(maps[:, n // 2, n // 2]) ** 2))
    return np.asarray(maps / centre, np.complex64)
