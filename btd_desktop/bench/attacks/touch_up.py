"""Noise for redrawn content: none, white Gaussian, or copied from the same scan.

The three options that tampering tools offer (Mirsky 2019 copies or draws it; most
in-painting adds none).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from btd_desktop.bench.attacks.lung import without_other_air
from btd_desktop.preprocess.foreground import foreground_mask
from btd_desktop.tampering.copied_noise import copied_noise, gaussian_noise
from btd_desktop.tampering.result import Box
from btd_desktop.volume import Volume

TouchUp = Literal["none", "gaussian", "copied"]

_FINE_PX = 1.5
_N_DONORS = 200

Array = NDArray[np.float32]


def noise_for(
    volume: Volume, box: Box, share: Array, rng: np.random.Generator, noise: TouchUp
) -> Array:
    """Noise of the wanted kind for smooth content in the box, shape of the box.

    Args:
        volume: The untouched series.
        box: Where the content goes.
        share: 0 outside the change, shape of the box.
        rng: Source of places and of white noise.
        noise: Kind.
    """
    if noise == "none" or not share.any():
        return np.zeros(share.shape, np.float32)
    if volume.modality == "CT":
        make = copied_noise if noise == "copied" else gaussian_noise
        return make(without_other_air(volume, box), box, share, rng)
    return _tissue_noise(volume, box, share, rng, noise)


def blended(original: Array, content: Array, noise: Array, share: Array) -> Array:
    """Content mixed in by `share`, with the noise power kept even across the blend.

    (1 - share)^2 of the noise power stays with the original; the rest is added.
    """
    kept = 1.0 - share
    added = np.sqrt(np.maximum(1.0 - kept * kept, 0.0))
    return np.asarray(kept * original + share * content + added * noise, np.float32)


def robust_spread(values: NDArray[np.floating]) -> float:
    """Standard deviation from the median absolute deviation, at least 1e-3."""
    if values.size == 0:
        return 1e-3
    return max(1.4826 * float(np.median(np.abs(values - np.median(values)))), 1e-3)


def _tissue_noise(
    volume: Volume, box: Box, share: Array, rng: np.random.Generator, noise: TouchUp
) -> Array:
    """Noise for a modality without units: from places of like brightness."""
    slab = volume.voxels[box[0]].astype(np.float32)
    coarse = gaussian_filter(slab, (0.0, _FINE_PX, _FINE_PX))
    fine = slab - coarse
    here = fine[:, box[1], box[2]]
    spread = robust_spread(here[share == 0] if (share == 0).sum() > 50 else here)
    if noise == "gaussian":
        return rng.normal(0.0, spread, share.shape).astype(np.float32)
    out = np.zeros(share.shape, np.float32)
    height, width = share.shape[1:]
    last = (slab.shape[1] - height + 1, slab.shape[2] - width + 1)
    for k in np.flatnonzero(share.any(axis=(1, 2))):
        inside = foreground_mask(slab[k], volume.modality)
        level = float(np.median(coarse[k, box[1], box[2]]))
        best, donor = np.inf, (box[1].start, box[2].start)
        for r, c in rng.integers((0, 0), last, (_N_DONORS, 2)):
            near = abs(r - box[1].start) < height and abs(c - box[2].start) < width
            if near or not inside[r : r + height, c : c + width].all():
                continue
            low = coarse[k, r : r + height, c : c + width]
            unlike = abs(float(np.median(low)) - level) + float(low.std())
            if unlike < best:
                best, donor = unlike, (int(r), int(c))
        r, c = donor
        block = fine[k, r : r + height, c : c + width]
        own = robust_spread(block)
        limited = np.clip(block - np.median(block), -3.5 * own, 3.5 * own)
        out[k] = limited * (spread / own)
    return out
