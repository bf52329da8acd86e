"""Profiles of simulated scanners, after classes of real ones, not after brands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

MANUFACTURER = "BTD SIMULATED"


@dataclass(frozen=True, slots=True)
class CtScanner:
    """How a simulated CT scanner measures and reconstructs.

    Attributes:
        name: What the program lists it as.
        model: Written to the scan as the model name.
        kernel: Name of the reconstruction kernel.
        kernel_cutoff: Frequency in line pairs per mm at which the kernel halves.
        kernel_order: Steepness of the fall; 1 is Gaussian.
        kernel_boost: Gain above 1 in mid frequencies (edge enhancement).
        field_of_view_mm: Width of the reconstructed square; pixel = this / rows.
        thickness_mm: Slice thickness.
        increment_mm: Distance of slices.
        photons: Photons per ray in air and slice.
        electronic_noise: Standard deviation of the read-out, in photons.
        crosstalk: Share of light that reaches each neighbouring detector.
        views: Projections over 180 degrees.
        pitch_mm: Detector distance at the isocentre.
        kvp: Tube voltage written to the scan.
    """

    name: str
    model: str
    kernel: str
    kernel_cutoff: float
    kernel_order: float
    kernel_boost: float
    field_of_view_mm: float
    thickness_mm: float
    increment_mm: float
    photons: float
    electronic_noise: float = 10.0
    crosstalk: float = 0.03
    views: int = 600
    pitch_mm: float = 0.7
    kvp: float = 120.0


@dataclass(frozen=True, slots=True)
class MrScanner:
    """How a simulated MR scanner measures and reconstructs.

    Attributes:
        name: What the program lists it as.
        model: Written to the scan as the model name.
        sequence: "T1w" or "T2w".
        tr_ms: Repetition time.
        te_ms: Echo time.
        n_coils: Receive coils around the head.
        noise: Standard deviation of the real and imaginary part of each coil's image,
            relative to the signal of white matter.
        partial_fourier: Share of phase-encoding lines measured, (0.5, 1].
        acquired_share: Share of frequencies measured before zero filling, (0, 1].
        field_of_view_mm: Width of the square.
        thickness_mm: Slice thickness.
        increment_mm: Distance of slices.
    """

    name: str
    model: str
    sequence: str
    tr_ms: float
    te_ms: float
    n_coils: int
    noise: float
    partial_fourier: float
    acquired_share: float
    field_of_view_mm: float
    thickness_mm: float
    increment_mm: float


CT_SCANNERS: tuple[CtScanner, ...] = (
    CtScanner(
        name="Simulated A / standard kernel",
        model="SIM-A 16",
        kernel="STANDARD",
        kernel_cutoff=0.36,
        kernel_order=1.3,
        kernel_boost=0.0,
        field_of_view_mm=320.0,
        thickness_mm=2.5,
        increment_mm=2.5,
        photons=1.5e5,
    ),
    CtScanner(
        name="Simulated B / smooth kernel",
        model="SIM-B 64",
        kernel="SMOOTH",
        kernel_cutoff=0.28,
        kernel_order=1.0,
        kernel_boost=0.0,
        field_of_view_mm=350.0,
        thickness_mm=5.0,
        increment_mm=5.0,
        photons=3.0e5,
        crosstalk=0.05,
        kvp=130.0,
    ),
    CtScanner(
        name="Simulated C / sharp kernel",
        model="SIM-C 64",
        kernel="SHARP",
        kernel_cutoff=0.55,
        kernel_order=2.0,
        kernel_boost=0.7,
        field_of_view_mm=330.0,
        thickness_mm=1.25,
        increment_mm=1.25,
        photons=2.2e5,
        views=720,
    ),
    CtScanner(
        name="Simulated D / standard kernel, low dose",
        model="SIM-D 40",
        kernel="STANDARD LD",
        kernel_cutoff=0.33,
        kernel_order=1.1,
        kernel_boost=0.0,
        field_of_view_mm=340.0,
        thickness_mm=2.0,
        increment_mm=2.0,
        photons=6.0e4,
        electronic_noise=14.0,
    ),
    CtScanner(
        name="Simulated E / medium-sharp kernel",
        model="SIM-A 16",
        kernel="DETAIL",
        kernel_cutoff=0.44,
        kernel_order=1.6,
        kernel_boost=0.35,
        field_of_view_mm=320.0,
        thickness_mm=3.0,
        increment_mm=3.0,
        photons=2.2e5,
    ),
)

MR_SCANNERS: tuple[MrScanner, ...] = (
    MrScanner(
        name="Simulated M / T1w",
        model="SIM-M 1.5T",
        sequence="T1w",
        tr_ms=550.0,
        te_ms=12.0,
        n_coils=8,
        noise=0.05,
        partial_fourier=1.0,
        acquired_share=0.8,
        field_of_view_mm=240.0,
        thickness_mm=5.0,
        increment_mm=5.5,
    ),
    MrScanner(
        name="Simulated N / T2w",
        model="SIM-N 3T",
        sequence="T2w",
        tr_ms=4500.0,
        te_ms=95.0,
        n_coils=4,
        noise=0.06,
        partial_fourier=0.75,
        acquired_share=1.0,
        field_of_view_mm=230.0,
        thickness_mm=4.0,
        increment_mm=4.0,
    ),
)


def drawn_ct_scanner(rng: np.random.Generator) -> CtScanner:
    """A CT scanner that nobody has: kernel, dose, grid and thickness at random.

    Wider than real ones on purpose. What learns from many of them is less surprised
    by one it has not met.
    """
    sharp = rng.random() < 0.5
    thickness = float(rng.choice([1.0, 1.25, 2.0, 2.5, 3.0, 5.0]))
    return CtScanner(
        name="Simulated, drawn at random",
        model="SIM-R",
        kernel="DRAWN",
        kernel_cutoff=float(np.exp(rng.uniform(np.log(0.25), np.log(0.8)))),
        kernel_order=float(rng.uniform(0.9, 2.5)),
        kernel_boost=float(rng.uniform(0.2, 1.4)) if sharp else 0.0,
        field_of_view_mm=float(rng.uniform(280.0, 420.0)),
        thickness_mm=thickness,
        increment_mm=thickness,
        photons=float(np.exp(rng.uniform(np.log(5e4), np.log(4e5)))),
        electronic_noise=float(rng.uniform(5.0, 15.0)),
        crosstalk=float(rng.uniform(0.02, 0.06)),
        views=int(rng.choice([500, 600, 720])),
        pitch_mm=float(rng.uniform(0.55, 0.8)),
    )


def drawn_mr_scanner(rng: np.random.Generator) -> MrScanner:
    """An MR scanner at random, as `drawn_ct_scanner`: sequence, coils, noise, grid."""
    return replace(
        MR_SCANNERS[int(rng.integers(len(MR_SCANNERS)))],
        name="Simulated, drawn at random",
        model="SIM-R",
        n_coils=int(rng.integers(1, 9)),
        noise=float(np.exp(rng.uniform(np.log(0.02), np.log(0.12)))),
        partial_fourier=float(rng.choice([0.625, 0.75, 1.0])),
        acquired_share=float(rng.choice([0.6, 0.8, 1.0])),
        field_of_view_mm=float(rng.uniform(200.0, 300.0)),
    )
