"""Noise with the spectrum of a scan, to make up for what a generator did not draw.

Generators draw too little fine noise: an autoencoder loses most of it, a diffusion with
few steps some. The power spectrum of the fine detail is measured on quiet pixels around
the hole and in what was drawn; random noise with the spectrum of the difference makes
up for it, of the scan's own texture without copying any of its pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

_FINE_PX = 2.5
_LAGS = 12
_QUIET_HU = 120.0
_LIMIT = 3.5

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FineDetail:
    """Second moments of the fine detail of some pixels.

    Attributes:
        spectrum: Power at each frequency of the patch, as from `scipy.fft.fft2` of
            its autocorrelation, shape (H, W), HU^2.
        height: Robust spread of a pixel less the mean of its four neighbours, HU.
        along_z: Correlation of neighbouring slices, in [0, 0.95].
        n_pixels: Pixels that were measured.
    """

    spectrum: Array
    height: float
    along_z: float
    n_pixels: int

    @property
    def spread(self) -> float:
        """Standard deviation of the fine detail, HU; coarse noise is not part of it."""
        return float(np.sqrt(self.spectrum.mean()))


def fine_detail(
    slices: Array, where: Mask, level_hu: float | None = None
) -> FineDetail | None:
    """Spectrum and slice correlation of the fine detail of quiet pixels.

    Args:
        slices: HU, (S, H, W).
        where: Pixels to measure, same shape. Vessels and edges among them are left
            out: what differs by more than 120 HU, smoothed, from the level.
        level_hu: Level of the tissue to measure; the median if not given.

    Returns:
        None when fewer than 400 quiet pixels are left.
    """
    weight = where.astype(np.float32)
    blur = (0.0, _FINE_PX, _FINE_PX)
    # Smoothing within the region only: nothing beyond its border may leak in.
    share = np.maximum(ndimage.gaussian_filter(weight, blur), 1e-3)
    smooth = ndimage.gaussian_filter(slices * weight, blur) / share
    if not where.any():
        return None
    level = float(np.median(smooth[where])) if level_hu is None else level_hu
    quiet = where & (np.abs(smooth - level) < _QUIET_HU)
    if np.count_nonzero(quiet) < 400:
        return None
    fine = np.where(quiet, slices - smooth, 0.0)
    height = _robust(fine[quiet])
    fine = np.clip(fine, -_LIMIT * height, _LIMIT * height)
    fine = np.where(quiet, fine - fine[quiet].mean(), 0.0)
    m = quiet.astype(np.float32)
    size = (2 * slices.shape[1], 2 * slices.shape[2])
    both = [np.abs(fft.rfft2(part, size)) ** 2 for part in (fine, m)]
    products, counts = (fft.irfft2(part.sum(0), size) for part in both)
    lag_r = fft.fftfreq(size[0], 1.0 / size[0])
    lag_c = fft.fftfreq(size[1], 1.0 / size[1])
    lag = np.hypot(lag_r[:, None], lag_c[None, :])
    taper = np.where(lag < _LAGS, 0.5 + 0.5 * np.cos(np.pi * lag / _LAGS), 0.0)
    correlation = products / np.maximum(counts, 1.0) * taper
    rows = np.arange(slices.shape[1]) - slices.shape[1] // 2
    columns = np.arange(slices.shape[2]) - slices.shape[2] // 2
    folded = correlation[np.ix_(rows % size[0], columns % size[1])]
    spectrum = np.maximum(fft.fft2(fft.ifftshift(folded)).real, 0.0)
    # Vessels and edges raise a spectrum, not a median: the whole spectrum is brought
    # to the robust spread of the finest detail.
    height = _robust(_finest(slices)[quiet])
    turn_r, turn_c = (2.0 * np.pi * fft.fftfreq(n) for n in spectrum.shape)
    finest = 1.0 - 0.5 * (np.cos(turn_r)[:, None] + np.cos(turn_c)[None, :])
    spectrum *= height**2 / max(float(np.mean(spectrum * finest**2)), 1e-6)
    return FineDetail(
        spectrum=spectrum.astype(np.float32),
        height=height,
        along_z=_along_z(fine, m),
        n_pixels=int(np.count_nonzero(quiet)),
    )


def random_noise(
    spectrum: Array, along_z: float, n_slices: int, rng: np.random.Generator
) -> Array:
    """Gaussian noise of a spectrum, neighbours correlated, (n_slices, H, W), HU."""
    white = rng.standard_normal((n_slices, *spectrum.shape))
    for k in range(1, n_slices):
        white[k] = along_z * white[k - 1] + np.sqrt(1.0 - along_z**2) * white[k]
    shaped = fft.ifft2(fft.fft2(white) * np.sqrt(spectrum)).real
    return np.asarray(shaped, np.float32)


def made_up(
    drawn: Array,
    hole: Mask,
    around: FineDetail,
    rng: np.random.Generator,
    level_hu: float | None = None,
) -> Array:
    """Noise that brings what was drawn to the fine detail around it, (S, H, W), HU.

    Args:
        drawn: What the generator drew, HU.
        hole: Where, same shape.
        around: Fine detail of the genuine surroundings.
        rng: Source of the noise.
        level_hu: As in `fine_detail`.
    """
    own = fine_detail(drawn, hole, level_hu)
    missing = around.spectrum
    if own is not None:
        missing = np.maximum(around.spectrum - own.spectrum, 0.0)
    return random_noise(missing, around.along_z, len(drawn), rng)


def _finest(slices: Array) -> Array:
    """Each pixel less the mean of its four neighbours in the slice."""
    around = np.zeros((1, 3, 3), np.float32)
    around[0, 0, 1] = around[0, 2, 1] = around[0, 1, 0] = around[0, 1, 2] = 0.25
    return np.asarray(slices - ndimage.convolve(slices, around), np.float32)


def _robust(values: Array) -> float:
    """Spread from the median absolute deviation, HU; never quite 0."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) + 1e-3


def _along_z(fine: Array, m: Array) -> float:
    both = m[1:] * m[:-1]
    if both.sum() < 400:
        return 0.0
    product = float((fine[1:] * fine[:-1] * both).sum() / both.sum())
    power = float((fine**2).sum() / m.sum())
    return float(np.clip(product / max(power, 1e-6), 0.0, 0.95))
