"""Solid structures inside the lung: nodules, tumours and sections of vessels.

What an injected nodule is to be compared with. No label is needed: a structure is
solid tissue of about 4 to 30 mm within the outline of a lung, compact, and bounded by
aerated lung for the most part. Whether it is a disease is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.preprocess.lung import AERATED_HU, Mask, aerated_lung, filled

_SOLID_HU = -450.0
_BLUR_MM = 0.7
_MIN_MM, _MAX_MM = 4.0, 30.0
_OUTLINE_MM = 15.0  # gaps of 30 mm in the outline of a lung are closed
# Vessels up to twice as thick are cut off a structure, thin ones first.
_CUTS_MM = (1.0, 2.0, 3.0, 4.5, 6.0, 8.0)
_RIM_MM = 0.5
_RING_MM = 3.0
_MIN_AERATED = 0.5  # of the ring around it
_MAX_ELONGATION = 2.0
_MIN_ROUNDNESS = 0.55
NEAR_PX = 11.5
"""How far from the middle of a structure a place may lie to count as on it."""


@dataclass(frozen=True, slots=True)
class SolidStructure:
    """One solid structure of a slice.

    Attributes:
        row: Row of its middle, from 0.
        column: Column of it, from 0.
        diameter_mm: Diameter of a disc of the same area, 4 to 30.
        elongation: Ratio of its main axes, 1 to 2.
        mean_hu: Mean of its pixels.
        aerated_share: Share of the 3 mm around it that is aerated, 0.5 to 1.
    """

    row: int
    column: int
    diameter_mm: float
    elongation: float
    mean_hu: float
    aerated_share: float


def solid_structures(
    plane: NDArray[Any], spacing_mm: tuple[float, float]
) -> list[SolidStructure]:
    """Solid structures of a slice of CT, by row and column; none without a lung.

    Args:
        plane: HU, shape (H, W).
        spacing_mm: Distance of rows and of columns, both above 0.
    """
    from scipy import ndimage  # slow to load

    values = plane.astype(np.float32)
    pixel_mm = float(np.sqrt(spacing_mm[0] * spacing_mm[1]))
    lung = aerated_lung(values, pixel_mm)
    if not lung.any():
        return []
    smooth = ndimage.gaussian_filter(values, [_BLUR_MM / step for step in spacing_mm])
    solid = _outline(lung, pixel_mm) & (smooth > _SOLID_HU)
    depth = ndimage.distance_transform_edt(solid, sampling=spacing_mm)
    taken = np.zeros(solid.shape, np.bool_)
    found = []
    for part, blob in _blobs(solid, depth, spacing_mm):
        if (taken[part] & blob).any():
            continue
        own = _described(part, blob, values, smooth < AERATED_HU, depth, spacing_mm)
        if own is not None:
            taken[part] |= blob
            found.append(own)
    return sorted(found, key=lambda own: (own.row, own.column))


def structure_near(
    plane: NDArray[Any], spacing_mm: tuple[float, float], row: int, column: int
) -> SolidStructure | None:
    """The solid structure that a click means: the nearest within 11.5 px of it.

    That is half the diagonal of the grid's stride, so that one of the grid's centres is
    near every structure.

    Args:
        plane: HU, shape (H, W).
        spacing_mm: Distance of rows and of columns, both above 0.
        row: Of the click, from 0.
        column: Of the click, from 0.
    """
    found = solid_structures(plane, spacing_mm)
    far = {own: float(np.hypot(own.row - row, own.column - column)) for own in found}
    nearest = min(found, key=lambda own: far[own], default=None)
    return nearest if nearest is not None and far[nearest] <= NEAR_PX else None


def _outline(lung: Mask, pixel_mm: float) -> Mask:
    """Each lung with what lies in it or bulges into it; not what lies between them."""
    from scipy import ndimage

    labels, n = ndimage.label(lung)
    outline = np.zeros_like(lung)
    for number in range(1, n + 1):
        outline |= filled(labels == number, _OUTLINE_MM, pixel_mm)
    return outline


def _blobs(
    solid: Mask, depth: NDArray[np.float64], spacing_mm: tuple[float, float]
) -> Iterator[tuple[tuple[slice, slice], Mask]]:
    """Parts of the solid with what is thin cut off, by growing cuts.

    Each comes with room around it for its ring.
    """
    from scipy import ndimage

    for cut in _CUTS_MM:
        labels, _ = ndimage.label(depth > cut)
        for number, box in enumerate(ndimage.find_objects(labels), start=1):
            reach = cut + _RIM_MM
            part = _widened(box, reach + _RING_MM, solid.shape, spacing_mm)
            core = labels[part] == number
            near = ndimage.distance_transform_edt(~core, sampling=spacing_mm) <= reach
            yield part, near & solid[part]


def _widened(
    box: tuple[slice, ...],
    by_mm: float,
    shape: tuple[int, ...],
    spacing_mm: tuple[float, float],
) -> tuple[slice, slice]:
    rows, columns = (
        slice(
            max(0, side.start - int(np.ceil(by_mm / step)) - 1),
            min(n, side.stop + int(np.ceil(by_mm / step)) + 1),
        )
        for side, step, n in zip(box, spacing_mm, shape, strict=True)
    )
    return rows, columns


def _described(
    part: tuple[slice, slice],
    blob: Mask,
    values: NDArray[np.float32],
    aerated: Mask,
    depth: NDArray[np.float64],
    spacing_mm: tuple[float, float],
) -> SolidStructure | None:
    """The blob as a structure; None where size, shape or surroundings are not."""
    from scipy import ndimage

    diameter = 2.0 * float(np.sqrt(blob.sum() * np.prod(spacing_mm) / np.pi))
    if not _MIN_MM <= diameter <= _MAX_MM:
        return None
    if 2.0 * float(depth[part][blob].max()) < _MIN_ROUNDNESS * diameter:
        return None
    elongation, middle = _axes(blob, spacing_mm)
    if elongation > _MAX_ELONGATION:
        return None
    away = ndimage.distance_transform_edt(~blob, sampling=spacing_mm)
    # The first millimetre is the edge of the structure, blurred by the scanner.
    ring = (away > 1.0) & (away <= _RING_MM)
    share = float(aerated[part][ring].mean()) if ring.any() else 0.0
    if share < _MIN_AERATED:
        return None
    return SolidStructure(
        row=part[0].start + middle[0],
        column=part[1].start + middle[1],
        diameter_mm=diameter,
        elongation=elongation,
        mean_hu=float(values[part][blob].mean()),
        aerated_share=share,
    )


def _axes(blob: Mask, spacing_mm: tuple[float, float]) -> tuple[float, tuple[int, int]]:
    """Ratio of the main axes from second moments, and the middle, nearest pixel."""
    at = np.argwhere(blob)
    middle = at.mean(axis=0)
    away = (at - middle) * spacing_mm
    # A pixel has an extent of its own, and so a thin line has a width.
    spread = away.T @ away / len(at) + np.diag(np.square(spacing_mm)) / 12.0
    low, high = np.linalg.eigvalsh(spread)
    row, column = (round(float(x)) for x in middle)
    return float(np.sqrt(high / low)), (row, column)
