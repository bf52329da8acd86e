"""Noise for a redrawn place, scaled to the spread of the lung around that place.

Copied from quiet lung of the same slices, as CT-GAN does (Mirsky 2019), but slice by
slice and from the quietest of many places; or white Gaussian, CT-GAN's other option.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from btd_desktop.tampering.result import Box
from btd_desktop.volume import Volume

VESSEL_HU = -650.0
"""Lung voxels above this are vessel or nodule, not parenchyma."""

_NOISE_BAND_MM = 2.5
"""Gaussian width that separates noise (finer) from tissue (coarser) in a slice."""

_N_DONORS = 400

Array = NDArray[np.float32]


def copied_noise(
    volume: Volume, box: Box, share: Array, rng: np.random.Generator
) -> Array:
    """High-pass noise of quiet places in the same slices, scaled to the box's own."""
    coarse, fine = _bands(volume, box)
    spread = _spread_around(coarse, fine, box, share)
    noise = np.zeros(share.shape, np.float32)
    for k in np.flatnonzero(share.any(axis=(1, 2))):
        r, c = _quiet_place(coarse[k], fine[k], share[k] > 0, box, rng)
        block = fine[k, r : r + share.shape[1], c : c + share.shape[2]]
        used = block[share[k] > 0]
        own = max(_spread(used), 1e-3)
        # Fine vessels of the donor would look like copies: limit them to noise height.
        limited = np.clip(block - np.median(used), -3.5 * own, 3.5 * own)
        noise[k] = limited * (spread / own)
    return noise


def gaussian_noise(
    volume: Volume, box: Box, share: Array, rng: np.random.Generator
) -> Array:
    """White Gaussian noise with the spread of the lung around the box."""
    spread = _spread_around(*_bands(volume, box), box, share)
    return rng.normal(0.0, spread, share.shape).astype(np.float32)


def _bands(volume: Volume, box: Box) -> tuple[Array, Array]:
    """Low-pass and high-pass part of the box's slices, shape (n, H, W) each."""
    slab = volume.voxels[box[0]].astype(np.float32)
    sigma = _NOISE_BAND_MM / volume.pixel_spacing_mm
    coarse = gaussian_filter(slab, (0.0, sigma, sigma))
    return coarse, slab - coarse


def _spread_around(coarse: Array, fine: Array, box: Box, share: Array) -> float:
    """Spread of the fine band of quiet lung around the change, HU."""
    around = fine[:, box[1], box[2]][(share == 0) & _tissue_mask(coarse, box)]
    return max(_spread(around if around.size > 50 else fine), 1e-3)


def _quiet_place(
    coarse: Array,
    fine: Array,
    wanted: NDArray[np.bool_],
    box: Box,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Row and column of a donor block of one slice: lung, and as even as can be found.

    Args:
        coarse: Low-pass slice (H, W).
        fine: High-pass slice (H, W).
        wanted: Pixels of the block that will be used, shape of the box in plane.
        box: Place that shall receive the noise.
        rng: Source of the candidates.
    """
    height, width = wanted.shape
    here = np.array([box[1].start, box[2].start])
    last = (coarse.shape[0] - height + 1, coarse.shape[1] - width + 1)
    best, donor = np.inf, here
    for there in rng.integers((0, 0), last, (_N_DONORS, 2)):
        if np.all(np.abs(there - here) < (height, width)):
            continue
        r, c = there
        low = coarse[r : r + height, c : c + width][wanted]
        # Air outside the body carries other noise than the lung does.
        unlike = 1e4 * float(np.mean((low < -950.0) | (low > VESSEL_HU)))
        if unlike >= best:
            continue
        peak = float(np.abs(fine[r : r + height, c : c + width][wanted]).max())
        restless = unlike + float(np.ptp(low)) + peak
        if restless < best:
            best, donor = restless, there
    return int(donor[0]), int(donor[1])


def _tissue_mask(coarse: Array, box: Box) -> NDArray[np.bool_]:
    """True in the box where the smoothed slab is lung without vessels."""
    block = coarse[:, box[1], box[2]]
    lung = (block < VESSEL_HU) & (block > -980.0)
    if not lung.any():
        return lung
    # The lower half is parenchyma for sure; vessels raise the upper tail only.
    middle = float(np.median(block[lung]))
    below = float(np.std(block[lung & (block <= middle)] - middle)) + 1.0
    quiet: NDArray[np.bool_] = lung & (block < middle + 2.5 * below)
    return quiet


def _spread(values: NDArray[np.floating]) -> float:
    """Standard deviation from the median absolute deviation: vessels do not count."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))
