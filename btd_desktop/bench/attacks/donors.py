"""Solid blobs in the lung of a scan, found without a label: what a splice can use.

A blob is what is left of solid tissue inside the lung after thin vessels are opened
away, and is about as long as it is wide. Not every one is a nodule; a cross-section of
a vessel does for a splice as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.bench.attacks.lung import lung_plane
from btd_desktop.bench.attacks.paste import steps_mm
from btd_desktop.volume import Volume

_SOLID_HU = -450.0
_MIN_MM, _MAX_MM = 4.0, 26.0
_HALF_MM = 20.0
_MAX_BLOBS = 12

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Blob:
    """One solid blob with what surrounds it.

    Attributes:
        values: HU of a block around it, shape (n, h, w).
        solid: True for voxels of the blob itself, shape (n, h, w).
        centre: Middle of the blob in the block (slice, row, column), voxels.
        spacing_mm: Distances of slices, rows and columns of the block.
        diameter_mm: Diameter of a ball of the blob's volume.
    """

    values: Array
    solid: NDArray[np.bool_]
    centre: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    diameter_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class Donor:
    """Another patient's scan, as far as a splice needs it.

    Attributes:
        patient: Whose it is; a splice never uses the target's own.
        blobs: Its blobs, the roundest first.
    """

    patient: str
    blobs: tuple[Blob, ...]


def donor_of(volume: Volume, patient: str = "") -> Donor:
    """Blobs of a CT series; none for another modality or where there is none.

    Args:
        volume: The series, at least three slices for a blob to be closed in z.
        patient: Name of the patient; the series' own PatientID when empty.
    """
    name = patient or volume.source.patient_id or ""
    if volume.modality != "CT" or volume.n_slices < 3:
        return Donor(name, ())
    region = _lung_region(volume)
    solid = region & (_smoothed(volume) > _SOLID_HU)
    steps = steps_mm(volume)
    # Opened by 1.5 mm: thin vessels vanish, a blob loses only its rim.
    depth = ndimage.distance_transform_edt(solid, sampling=steps)
    core = depth > 1.5
    labels, _ = ndimage.label(core)
    found = []
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        own = labels[box] == number
        radius = float(depth[box][own].max())
        rated = _rated(own, box, radius, steps, volume.n_slices)
        if rated is not None:
            found.append((rated, number, box))
    found.sort(key=lambda item: item[0], reverse=True)
    blobs = tuple(
        _cut_out(volume, labels == number, box, solid)
        for _, number, box in found[:_MAX_BLOBS]
    )
    return Donor(name, tuple(b for b in blobs if b is not None))


def _rated(
    core: NDArray[np.bool_],
    box: tuple[slice, ...],
    radius_mm: float,
    steps: tuple[float, float, float],
    n_slices: int,
) -> float | None:
    """How round and large a core is, in (0, 1]; None where it cannot serve."""
    if box[0].start == 0 or box[0].stop == n_slices:
        return None
    sides = [(b.stop - b.start) * step for b, step in zip(box, steps, strict=True)]
    volume_mm3 = float(core.sum()) * float(np.prod(steps))
    diameter = (6.0 * volume_mm3 / np.pi) ** (1 / 3) + 3.0
    if not _MIN_MM <= diameter <= _MAX_MM or max(sides) > 2.2 * diameter:
        return None
    # The largest ball inside against the longest side: a tube is long and thin.
    round_share = min(2.0 * radius_mm / max(sides), 1.0)
    return float(round_share * min(diameter / 8.0, 1.0))


def _cut_out(
    volume: Volume,
    core: NDArray[np.bool_],
    box: tuple[slice, ...],
    solid: NDArray[np.bool_],
) -> Blob | None:
    steps = steps_mm(volume)
    middle = [0.5 * (b.start + b.stop - 1) for b in box]
    wide = tuple(
        slice(max(0, int(m - _HALF_MM / s)), min(n, int(m + _HALF_MM / s) + 1))
        for m, s, n in zip(middle, steps, volume.shape, strict=True)
    )
    # The rim that the opening took: solid tissue within 3 mm of the core.
    near = ndimage.distance_transform_edt(~core[wide], sampling=steps) < 3.0
    own = near & solid[wide]
    if own.sum() < 8:
        return None
    volume_mm3 = float(own.sum()) * float(np.prod(steps))
    return Blob(
        values=volume.voxels[wide].astype(np.float32),
        solid=own,
        centre=(
            middle[0] - wide[0].start,
            middle[1] - wide[1].start,
            middle[2] - wide[2].start,
        ),
        spacing_mm=steps,
        diameter_mm=float((6.0 * volume_mm3 / np.pi) ** (1 / 3)),
    )


def _lung_region(volume: Volume) -> NDArray[np.bool_]:
    """Lung with vessels and nodules inside it, shape (S, H, W)."""
    pixel = volume.pixel_spacing_mm
    return np.stack([lung_plane(plane, pixel) for plane in volume.voxels])


def _smoothed(volume: Volume) -> Array:
    sigma = 0.7 / volume.pixel_spacing_mm
    return np.asarray(
        ndimage.gaussian_filter(volume.voxels.astype(np.float32), (0.0, sigma, sigma)),
        np.float32,
    )
