"""What a picture of a place shows: the window of its tissue, or the body alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.preprocess.foreground import foreground_mask

_MARGIN_PX = 3
_LUNG_BELOW_HU, _BONE_ABOVE_HU, _AIR_BELOW_HU = -400.0, 250.0, -950.0
_WINDOWS = {
    "lung": (-600.0, 1500.0),
    "soft tissue": (40.0, 400.0),
    "bone": (400.0, 1800.0),
}


def tissue_window(
    modality: str, part: NDArray[np.floating]
) -> tuple[str, tuple[float, float]]:
    """The tissue of a part of a slice, and the display window that shows it.

    Args:
        modality: "CT" or "MR".
        part: Modality values around the place, any shape, not empty.

    Returns:
        The tissue in a word, and (centre, width) in the unit of the values; "" and the
        range of the values where the modality has no such windows.
    """
    if modality != "CT":
        low, high = np.percentile(part, [0.5, 99.5])
        return "", (float(low + high) / 2.0, max(float(high - low), 1.0))
    inside = part[part > _AIR_BELOW_HU]
    middle = float(np.median(inside)) if inside.size else _AIR_BELOW_HU
    tissue = "lung" if middle < _LUNG_BELOW_HU else "soft tissue"
    tissue = "bone" if middle > _BONE_ABOVE_HU else tissue
    return tissue, _WINDOWS[tissue]


def picture_of_body(
    plane: NDArray[np.floating], modality: str, place: tuple[int, int] | None = None
) -> NDArray[np.bool_]:
    """True for the pixels of a slice that a redacted picture may show.

    They are the largest body of the slice and the one that holds the place, with a
    margin of three pixels. Text burned in beside the body is left out; text burned into
    the body stays, since it cannot be told from anatomy.

    Args:
        plane: Modality values, shape (H, W).
        modality: "CT" or "MR".
        place: (column, row) that must stay visible, or None.

    Returns:
        Mask of shape (H, W).
    """
    labels, n_bodies = ndimage.label(foreground_mask(plane, modality))
    if n_bodies == 0:
        return np.zeros(plane.shape, dtype=np.bool_)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    kept = {int(np.argmax(sizes))}
    if place is not None and labels[place[1], place[0]]:
        kept.add(int(labels[place[1], place[0]]))
    shown: NDArray[np.bool_] = ndimage.binary_dilation(
        np.isin(labels, list(kept)), iterations=_MARGIN_PX
    )
    return shown
