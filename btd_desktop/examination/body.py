"""The part of a slice that a redacted picture may show: the body, nothing beside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.preprocess.foreground import foreground_mask

_MARGIN_PX = 3


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
