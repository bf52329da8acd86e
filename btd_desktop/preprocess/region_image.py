"""Which region of the body a slice of CT shows.

A look at its outline, air and bone on pixels of 4 mm: enough to tell the regions apart,
and cheap. Bounds were set on slices of some 100 patients (chest to pelvis, shoulders,
face, thighs) and lie between what those of neighbouring regions show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.preprocess.region import in_order
from btd_desktop.volume import Region, Volume

Mask = NDArray[np.bool_]
_SAMPLED = 16
_MIN_SHARE = 0.15  # of the slices: a chest shows the top of the liver too
_PIXEL_MM = 4.0
_MOST_PIXEL_MM = 8.0
_AXIAL = 0.8  # of the normal along the body
_AIR_HU, _BONE_HU = -400.0, 250.0


def seen_regions(volume: Volume) -> tuple[Region, ...] | None:
    """Regions that the slices of a CT show, from head to foot.

    At most 16 slices are looked at; a region counts that at least 15 % of them show.
    None where nothing is read: MR, values that are no HU, slices that are not axial.
    """
    normal = np.cross(volume.row_direction, volume.column_direction)
    pixel_mm = volume.pixel_spacing_mm
    if volume.modality != "CT" or volume.unit != "HU":
        return None
    if abs(normal[2]) < _AXIAL or not 0.0 < pixel_mm < _MOST_PIXEL_MM:
        return None
    n = min(volume.n_slices, _SAMPLED)
    chosen = np.linspace(0, volume.n_slices - 1, n).round().astype(int)
    found = [region_of_slice(volume.voxels[s], pixel_mm) for s in chosen]
    return in_order(r for r in found if r and found.count(r) >= _MIN_SHARE * n)


def region_of_slice(plane: NDArray[Any], pixel_mm: float) -> Region | None:
    """Region that an axial slice of CT shows; None where it looks like none.

    Args:
        plane: HU, shape (H, W).
        pixel_mm: Pixel spacing, above 0.
    """
    look = _look(plane, pixel_mm)
    if look is None:
        return None
    small = look.area_mm2 < 35_000.0
    # Sinuses and airways are a small part of a head or neck, lungs a large one of a
    # child's chest.
    if look.lung > (0.15 if small else 0.05):
        return "chest"
    if small:
        return _of_small(look)
    if look.central < 0.002:  # no spine
        return "extremity" if look.lateral_mm2 > 250.0 else None
    sided = look.lateral_mm2 > 500.0
    if look.wide > 1.8 or (
        sided and look.bone > 0.05 and look.airway and look.wide > 1.5
    ):
        return "neck" if sided and look.airway else None  # with the shoulders
    return "pelvis" if sided and look.bone > 0.05 else "abdomen"


def _of_small(look: _Look) -> Region:
    if look.bodies == 2 or look.area_mm2 < 9_000.0:
        return "extremity"
    if look.skull > 0.3:
        return "head"
    if not look.hollow:
        return "extremity"
    return "head" if look.bone > 0.1 else "neck"


@dataclass(frozen=True, slots=True)
class _Look:
    """What a slice looks like: of its body, the table and arms left out.

    Shares are of the area within the body's outline.
    """

    bodies: int
    area_mm2: float
    wide: float  # width over height
    lung: float  # air that is not pure gas
    airway: bool  # a piece of air in the middle, 60 to 900 mm²
    hollow: bool  # some air well within the outline
    bone: float
    central: float  # bone near the midline
    lateral_mm2: float  # bone far from it, on the side that has less
    skull: float  # what bone encloses


def _look(plane: NDArray[Any], pixel_mm: float) -> _Look | None:
    from scipy import ndimage  # slow to load

    values, mm = _reduced(plane, pixel_mm)
    labels, n = ndimage.label(ndimage.binary_opening(values > _AIR_HU))
    sizes = np.bincount(labels.ravel(), minlength=n + 1)[1:] * mm**2
    large = 1 + np.flatnonzero(sizes >= max(2000.0, 0.3 * sizes.max(initial=0.0)))
    if not large.size:
        return None
    # Of three bodies the middle one: a neck or head between raised arms.
    across = [column for _, column in ndimage.center_of_mass(labels, labels, large)]
    chosen = large[np.argsort(across)[1]] if large.size == 3 else 1 + sizes.argmax()
    body = _inside(labels == chosen)
    area = float(body.sum())
    columns, rows = np.flatnonzero(body.any(0)), np.flatnonzero(body.any(1))
    width = np.ptp(columns) + 1
    aside = (np.arange(body.shape[1]) - columns.mean()) / width
    within = ndimage.binary_erosion(body, iterations=3)
    bone = body & (values > _BONE_HU)
    closed = ndimage.binary_closing(np.pad(bone, 3), iterations=2)
    return _Look(
        bodies=large.size,
        area_mm2=area * mm**2,
        wide=float(width / (np.ptp(rows) + 1)),
        lung=_lung(values, body, mm) / area,
        airway=_airway(body & (values < -600.0), aside, mm),
        hollow=bool((within & (values < _AIR_HU)).any()),
        bone=bone.sum() / area,
        central=bone[:, np.abs(aside) < 0.15].sum() / area,
        lateral_mm2=mm**2 * min(bone[:, s * aside > 0.2].sum() for s in (-1, 1)),
        skull=(ndimage.binary_fill_holes(closed).sum() - closed.sum()) / area,
    )


def _reduced(plane: NDArray[Any], pixel_mm: float) -> tuple[NDArray[np.float32], float]:
    """Mean of blocks of about 4 mm: noise is gone, and little is left to look at."""
    k = max(1, round(_PIXEL_MM / pixel_mm))
    rows, columns = (n // k for n in plane.shape)
    blocks = plane[: rows * k, : columns * k].reshape(rows, k, columns, k)
    return blocks.mean((1, 3), dtype=np.float32), k * pixel_mm


def _inside(solid: Mask) -> Mask:
    """Solid on three of four sides at least: lungs too whose wall the field cuts."""
    either = np.logical_or.accumulate
    sides = [either(solid, 0), either(solid[::-1], 0)[::-1]]
    sides += [either(solid, 1), either(solid[:, ::-1], 1)[:, ::-1]]
    inside: Mask = np.sum(sides, axis=0) >= 3
    return inside


def _lung(values: NDArray[np.float32], body: Mask, mm: float) -> float:
    """Pixels of lung: large pieces of air that are no pure gas, as bowel holds it."""
    from scipy import ndimage

    labels, n = ndimage.label(ndimage.binary_opening(body & (values < _AIR_HU)))
    if n == 0:
        return 0.0
    sizes = np.bincount(labels.ravel())[1:]
    levels = np.asarray(ndimage.median(values, labels, np.arange(1, n + 1)))
    # Emphysema is nearly gas, but large.
    lung = (sizes * mm**2 > 600.0) & (levels > -900.0)
    lung |= (sizes * mm**2 > 6000.0) & (levels > -960.0)
    return float(sizes[lung].sum())


def _airway(air: Mask, aside: NDArray[np.float64], mm: float) -> bool:
    from scipy import ndimage

    labels, n = ndimage.label(air)
    if n == 0:
        return False
    sizes = np.bincount(labels.ravel())[1:] * mm**2
    places = np.broadcast_to(aside, air.shape)
    middles = np.asarray(ndimage.mean(places, labels, np.arange(1, n + 1)))
    return bool(np.any((sizes > 65.0) & (sizes < 900.0) & (np.abs(middles) < 0.12)))
