"""Where the lung is, for attacks that must neither copy a table nor redraw a rib.

Maps are kept by the digest of the slice, because a bench asks for the same slices again
and again while it tampers with copies.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from hashlib import blake2b
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.preprocess.lung import AERATED_HU, aerated_lung, filled
from btd_desktop.tampering.result import Box
from btd_desktop.volume import Volume

_FILL_MM = 9.0
_MAX_KEPT = 600

Mask = NDArray[np.bool_]

_kept: OrderedDict[bytes, tuple[NDArray[np.uint8], tuple[int, ...]]] = OrderedDict()
_lock = Lock()


def lung_plane(plane: NDArray[Any], pixel_mm: float) -> Mask:
    """True in lung, with vessels and nodules of up to about 18 mm inside it filled.

    Aerated parts of the body whose mean is not that of pure gas (bowel, trachea) and
    that are not small.

    Args:
        plane: HU of one slice, shape (H, W).
        pixel_mm: Pixel spacing.
    """
    data = np.ascontiguousarray(plane)
    key = blake2b(data.data, digest_size=16, key=f"{pixel_mm:.4f}".encode()).digest()
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            bits, shape = _kept[key]
            return np.unpackbits(bits, count=plane.size).astype(np.bool_).reshape(shape)
    aerated = aerated_lung(plane.astype(np.float32), pixel_mm)
    found = filled(aerated, _FILL_MM, pixel_mm)
    with _lock:
        _kept[key] = (np.packbits(found), found.shape)
        while len(_kept) > _MAX_KEPT:
            _kept.popitem(last=False)
    return found


def lung_block(volume: Volume, box: Box) -> Mask:
    """Lung in a box of a CT, shape of the box."""
    planes = [
        lung_plane(volume.voxels[s], volume.pixel_spacing_mm)[box[1], box[2]]
        for s in range(box[0].start, box[0].stop)
    ]
    return np.stack(planes)


def within_lung(
    volume: Volume, box: Box, share: NDArray[np.float32]
) -> tuple[NDArray[np.float32], Mask]:
    """A share that fades out before the pleura, and the lung in the box.

    The share stays as it is where less than a fifth of the change lies in lung: whoever
    asks for a place outside the lung means it. Other modalities are tissue throughout.
    """
    if volume.modality != "CT":
        return share, np.ones(share.shape, np.bool_)
    lung = lung_block(volume, box)
    if (share * lung).sum() < 0.2 * share.sum():
        return share, np.ones(share.shape, np.bool_)
    depth = [
        ndimage.distance_transform_edt(plane, sampling=volume.spacing_mm[1:])
        for plane in np.pad(lung, ((0, 0), (1, 1), (1, 1)), mode="edge")
    ]
    inner = np.stack(depth)[:, 1:-1, 1:-1]
    t = np.clip((inner - 0.5) / 2.0, 0.0, 1.0)
    limited = np.asarray(share * t * t * (3.0 - 2.0 * t), np.float32)
    limited[limited < 0.01] = 0.0
    return limited, lung


def without_other_air(volume: Volume, box: Box) -> Volume:
    """A CT in whose slices of the box all gas far from lung is water.

    For searching places to copy noise from: a cushion or bowel gas looks like lung by
    its values, and its noise is not the lung's.
    """
    voxels = volume.voxels.copy()
    for s in range(box[0].start, box[0].stop):
        plane = voxels[s]
        lung = lung_plane(volume.voxels[s], volume.pixel_spacing_mm)
        near = ndimage.maximum_filter(lung.view(np.uint8), 17)
        plane[(plane < AERATED_HU) & (near == 0)] = 0
    return replace(volume, voxels=voxels)
