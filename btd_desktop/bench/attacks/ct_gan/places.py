"""Places in the lung to learn from: healthy ones, and ones that hold something solid.

Found without labels, on a 2 mm grid: the public scans at hand carry no marked nodules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.volume import Volume

GRID_MM = 2.0
"""Side of the voxels on which places are searched."""

_AERATED_HU = -400.0
_SOLID_HU = -300.0
_LOWEST_HU = -1024.0
_CLOSING_MM = 8.0
_SMALLEST_LUNG_ML = 80.0
_TRACHEA_HU = -965.0
_HEALTHY_HU = -680.0
_HOLE_MM = 20.0
_SPOT_MM = 10.0
_SOLID_SHARE = 0.05
_LUNG_SHARE = 0.85
_AERATED_SHARE = 0.55
_BLOB_CONTRAST_HU = 110.0
_BLOB_MM = (2.0, 6.0)

Mask = NDArray[np.bool_]
Point = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class LungPlaces:
    """Voxels of one volume, (slice, row, column), in random order.

    Attributes:
        healthy: Aerated lung with no more than thin vessels in the 20 mm around.
        solid: Middle of a blob: nodule, branching of vessels, vessel cut across.
    """

    healthy: tuple[Point, ...]
    solid: tuple[Point, ...]


def lung_mask(coarse: NDArray[np.float32], step_mm: float) -> Mask:
    """True in both lungs, vessels and nodules in them included.

    Args:
        coarse: HU on a cubic grid, shape (S, H, W).
        step_mm: Side of its voxels.
    """
    air = coarse < _AERATED_HU
    labels, n_labels = ndimage.label(air)
    if n_labels == 0:
        return np.zeros(coarse.shape, np.bool_)
    sizes = np.bincount(labels.ravel(), minlength=n_labels + 1).astype(np.float64)
    border = np.zeros(coarse.shape, np.bool_)
    border[:, [0, -1]] = True
    border[:, :, [0, -1]] = True
    # Air around the body touches the border of the image, lungs do not.
    sizes[np.unique(labels[border])] = 0.0
    sizes[0] = 0.0
    keep = sizes * step_mm**3 / 1000.0 >= _SMALLEST_LUNG_ML
    lungs: Mask = keep[labels]
    reach = round(_CLOSING_MM / step_mm)
    ball = ndimage.generate_binary_structure(2, 1)[None]
    padded = np.pad(lungs, ((0, 0), (reach, reach), (reach, reach)))
    closed = ndimage.binary_closing(padded, ball, iterations=reach)
    inner: Mask = closed[:, reach:-reach, reach:-reach]
    for plane in inner:
        plane[:] = ndimage.binary_fill_holes(plane)
    return inner


def lung_places(volume: Volume, rng: np.random.Generator, n: int) -> LungPlaces:
    """Up to `n` healthy and `n` solid places of a chest CT.

    Args:
        volume: CT in HU.
        rng: Chooses among the places found.
        n: Most places of either kind.
    """
    factors = [step / GRID_MM for step in volume.spacing_mm]
    values = np.maximum(volume.voxels.astype(np.float32), _LOWEST_HU)
    # Averaged in plane first: every n-th voxel of a noisy slice would be noise.
    values = ndimage.gaussian_filter(values, (0.0, 0.5 / factors[1], 0.5 / factors[2]))
    coarse = ndimage.zoom(values, factors, order=1, mode="nearest")
    lungs = lung_mask(coarse, GRID_MM)

    def share(mask: Mask, side_mm: float) -> NDArray[np.float32]:
        width = max(1, round(side_mm / GRID_MM))
        mean = ndimage.uniform_filter(mask.astype(np.float32), width, mode="constant")
        return np.asarray(mean, np.float32)

    width = round(_SPOT_MM / GRID_MM)
    middle = ndimage.uniform_filter(coarse, width, mode="nearest")
    healthy = (middle < _HEALTHY_HU) & (middle > _TRACHEA_HU)
    healthy &= share(lungs & (coarse > _SOLID_HU), _HOLE_MM) < _SOLID_SHARE
    healthy &= share(lungs, _HOLE_MM) > _LUNG_SHARE

    fine, wide = (
        ndimage.gaussian_filter(coarse, s / GRID_MM, mode="nearest") for s in _BLOB_MM
    )
    contrast = fine - wide
    solid = contrast == ndimage.maximum_filter(contrast, width)
    solid &= (contrast > _BLOB_CONTRAST_HU) & (coarse > _SOLID_HU)
    solid &= ndimage.binary_erosion(lungs, iterations=2)
    solid &= share(lungs & (coarse < _AERATED_HU), _HOLE_MM) > _AERATED_SHARE
    return LungPlaces(
        _chosen(healthy, volume, rng, n, apart_mm=8.0),
        _chosen(solid, volume, rng, n, apart_mm=0.0),
    )


def _chosen(
    mask: Mask, volume: Volume, rng: np.random.Generator, n: int, apart_mm: float
) -> tuple[Point, ...]:
    """Random places of the mask as voxels of the volume, not nearer than `apart_mm`."""
    found = np.argwhere(mask)
    found = found[rng.permutation(len(found))]
    taken: list[NDArray[np.int_]] = []
    for place in found:
        if len(taken) == n:
            break
        far = (np.abs(place - there).max() * GRID_MM >= apart_mm for there in taken)
        if all(far):
            taken.append(place)
    # `zoom` puts the corners of both grids on each other.
    scale = (np.array(volume.shape) - 1) / np.maximum(np.array(mask.shape) - 1, 1)
    points = [np.rint(place * scale).astype(int).tolist() for place in taken]
    return tuple((s, r, c) for s, r, c in points)
