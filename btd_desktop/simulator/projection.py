"""The mathematics of parallel-beam CT: projection and filtered back-projection.

Projection uses the Fourier slice theorem with a cubic B-spline gridding kernel and
twofold oversampling (O'Sullivan 1985); reconstruction is the textbook's (Kak & Slaney,
chapter 3), with projections interpolated fourfold before they are smeared back.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import map_coordinates

from btd_desktop.simulator.scanners import CtScanner

_UPSAMPLING = 4

Array = NDArray[np.float32]


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
    inside = scan_circle(rows)
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
def scan_circle(rows: int) -> NDArray[np.bool_]:
    """True inside the circle that the scanner reconstructs, shape (rows, rows)."""
    steps = np.arange(rows) - (rows - 1) / 2
    inside: NDArray[np.bool_] = np.hypot(steps[:, None], steps[None, :]) <= rows / 2
    return inside
