"""Where the body is, so that air is neither scored nor calibrated.

Tissue classes give every spot surroundings of its own kind to be compared with.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BODY_HU = -500.0
_LUNG_HU = -500.0
_DENSE_HU = 150.0
_MR_SHARE_OF_BRIGHT = (
    0.12  # of the 99th percentile: head and body, not the coil's noise
)
_SMOOTHING_PX = 1.5  # classes must follow anatomy, not the noise that scoring judges


class Tissue(IntEnum):
    """Class of a pixel; the numbers are stored in arrays."""

    OUTSIDE = 0
    AERATED = 1  # lung, airways, bowel gas inside the body
    SOFT = 2  # soft tissue; for MR the whole foreground
    DENSE = 3  # bone, contrast medium, metal


def foreground_mask(plane: NDArray[Any], modality: str) -> NDArray[np.bool_]:
    """True inside the body, holes (lungs) included.

    Args:
        plane: Modality values of one slice, shape (H, W): HU for CT.
        modality: "CT" or "MR".

    Returns:
        Mask of shape (H, W); the largest bodies only (each at least 1 % of the
        slice), so that the table and stray noise are left out. All False in an
        empty slice.
    """
    from scipy import ndimage  # slow to load

    smooth = ndimage.gaussian_filter(plane.astype(np.float32), _SMOOTHING_PX)
    if modality == "CT":
        solid = smooth > _BODY_HU
    else:
        solid = smooth > _MR_SHARE_OF_BRIGHT * np.percentile(smooth, 99.0)
        solid &= smooth > 0.0
    # Opening cuts the table off the back before components are counted.
    solid = ndimage.binary_opening(solid, iterations=3)
    labels, n_labels = ndimage.label(solid)
    if n_labels == 0:
        return np.zeros(plane.shape, dtype=np.bool_)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    floor = max(0.01 * plane.size, 0.1 * sizes.max())
    keep = sizes >= floor
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(keep[labels])
    return filled


def tissue_map(plane: NDArray[Any], modality: str) -> NDArray[np.uint8]:
    """Tissue class of every pixel of a slice, shape (H, W), values of `Tissue`.

    CT classes are bounds on smoothed HU (-500 and 150); MR has one class, because its
    values have no unit.
    """
    from scipy import ndimage  # slow to load

    inside = foreground_mask(plane, modality)
    tissue = np.full(plane.shape, Tissue.OUTSIDE, dtype=np.uint8)
    tissue[inside] = Tissue.SOFT
    if modality == "CT":
        smooth = ndimage.gaussian_filter(plane.astype(np.float32), _SMOOTHING_PX)
        tissue[inside & (smooth < _LUNG_HU)] = Tissue.AERATED
        tissue[inside & (smooth > _DENSE_HU)] = Tissue.DENSE
    return tissue
