"""Where the lung is in a slice of CT."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.preprocess.foreground import foreground_mask

AERATED_HU = -500.0
_GAS_HU = -965.0
_MIN_AREA_MM2 = 600.0
_SMOOTHING_PX = 1.0

Mask = NDArray[np.bool_]


def aerated_lung(plane: NDArray[Any], pixel_mm: float) -> Mask:
    """True in air-holding lung, vessels and nodules left out.

    Aerated parts of the body whose median is not that of pure gas (bowel, trachea) and
    that are not small.

    Args:
        plane: HU of one slice, shape (H, W).
        pixel_mm: Pixel spacing.
    """
    from scipy import ndimage  # slow to load

    values = plane.astype(np.float32)
    smooth = ndimage.gaussian_filter(values, _SMOOTHING_PX)
    air = foreground_mask(values, "CT") & (smooth < AERATED_HU)
    air = ndimage.binary_opening(air, iterations=2)
    labels, n = ndimage.label(air)
    if n == 0:
        return np.zeros(values.shape, np.bool_)
    numbers = np.arange(1, n + 1)
    area = ndimage.sum_labels(air, labels, numbers) * pixel_mm**2
    level = ndimage.median(smooth, labels, numbers)
    keep = np.zeros(n + 1, np.bool_)
    keep[1:] = (area >= _MIN_AREA_MM2) & (np.asarray(level) > _GAS_HU)
    lung: Mask = keep[labels]
    return lung


def filled(mask: Mask, reach_mm: float, pixel_mm: float) -> Mask:
    """A mask with gaps of up to twice the reach closed, holes and notches alike.

    Closing by distance: a disc as structuring element at the price of two maps.
    """
    from scipy import ndimage

    if not mask.any():
        return mask
    reach = reach_mm / pixel_mm
    grown = ndimage.distance_transform_edt(~mask) <= reach
    closed = ndimage.distance_transform_edt(grown) > reach
    return np.asarray(closed | mask, np.bool_)
