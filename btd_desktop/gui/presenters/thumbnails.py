"""Small pictures of places, as plain arrays that a case can keep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btd_desktop.gui.qimage import grey_levels
from btd_desktop.volume import Volume

_SIDE = 144
_LUNG, _SOFT = (-600.0, 1500.0), (40.0, 400.0)
_LUNG_BELOW_HU = -400.0


def thumbnail_of(
    volume: Volume, slice_index: int, row: int, column: int
) -> NDArray[np.uint8]:
    """Grey crop around a place, uint8, at most 144 x 144, as measured."""
    plane = np.asarray(volume.voxels[slice_index])
    h, w = plane.shape
    top = min(max(row - _SIDE // 2, 0), max(h - _SIDE, 0))
    left = min(max(column - _SIDE // 2, 0), max(w - _SIDE, 0))
    crop = plane[top : top + _SIDE, left : left + _SIDE]
    if volume.modality == "CT" and volume.unit == "HU":
        centre, width = _LUNG if float(np.median(crop)) < _LUNG_BELOW_HU else _SOFT
    else:
        low, high = (float(v) for v in np.percentile(crop.astype(np.float32), (1, 99)))
        centre, width = (low + high) / 2, max(high - low, 1.0)
    whole = crop.dtype == np.int16
    return grey_levels(crop.astype(np.float32), centre, width, whole=whole)
