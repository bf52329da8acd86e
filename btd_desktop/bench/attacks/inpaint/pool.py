"""Places to learn in-painting from: cut once from benign scans, then drawn at random.

Two classes, as the attack has two aims. "none": lung without anything solid in the
middle (and, for one place in eight, other tissue), what a removal must draw. "nodule":
something solid in lung, real (vessels cut across, nodules) or drawn by the simulator
into the scan's own noise, what an injection must draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from btd_desktop.bench.attacks.inpaint.diffusion import Condition
from btd_desktop.bench.attacks.inpaint.places import (
    MIDDLE_MM,
    Outline,
    chord_mm,
    guide_map,
    hole_mask,
    scan_noise,
    slice_facts,
    tissue_fill,
    to_scaled,
    without_walls,
)
from btd_desktop.preprocess.foreground import Tissue, tissue_map
from btd_desktop.tampering.nodule import random_nodule
from btd_desktop.volume import Volume

_SIDE = 80
"""Patches to learn from are a little smaller than the attack's: cheaper, and the
network has no fixed size."""

_ROOM = 4
SLAB = _SIDE + 2 * _ROOM
"""Side of a cached slab: a patch and some pixels of room to move it."""

_SOLID_HU = -450.0
_BLOB_MM = (4.0, 22.0)
_OTHER_TISSUE = 0.125

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A slab of three slices around a place.

    Attributes:
        slab: HU, int16, shape (3, SLAB, SLAB); slices that are not there repeat the
            middle one.
        has_before, has_behind: Whether the neighbours are there.
        distance_mm: Distance of the slices.
        pixel_mm: Pixel size.
        noise_hu: Spread of the finest detail.
        widths_mm: Width of what is solid in the middle, slice by slice; 0: nothing.
    """

    slab: NDArray[np.int16]
    has_before: bool
    has_behind: bool
    distance_mm: float
    pixel_mm: float
    noise_hu: float
    widths_mm: tuple[float, float, float]


def places_of(
    volume: Volume, n_none: int, n_nodule: int, rng: np.random.Generator
) -> Iterator[Place]:
    """Places of both classes from one series, at most as many as asked for.

    Args:
        volume: A benign CT in HU.
        n_none: Places without anything solid in the middle.
        n_nodule: Places with something solid in the middle.
        rng: Source of the choice and of drawn nodules.
    """
    slices = rng.permutation(volume.n_slices)
    share_none = -(-n_none // max(1, len(slices)))
    share_nodule = -(-n_nodule // max(1, len(slices)))
    left_none, left_nodule = n_none, n_nodule
    for s in slices:
        plane = volume.voxels[s].astype(np.float32)
        maps = _maps(plane, volume.pixel_spacing_mm)
        for r, c in _picks(maps.empty, min(share_none, left_none), rng):
            if rng.random() < _OTHER_TISSUE:
                r, c = next(iter(_picks(maps.tissue, 1, rng)), (r, c))
            left_none -= 1
            yield _cut(volume, int(s), r, c)
        wanted = min(share_nodule, left_nodule)
        blobs = list(_blobs(maps, volume.pixel_spacing_mm))
        rng.shuffle(blobs)
        for r, c, width in blobs[: wanted // 3]:
            left_nodule -= 1
            yield _with_widths(_cut(volume, int(s), r, c), width)
        for r, c in _picks(maps.lung, wanted - min(wanted // 3, len(blobs)), rng):
            left_nodule -= 1
            yield _with_nodule(_cut(volume, int(s), r, c), rng)


def draw_batch(
    places: Sequence[Place], n: int, rng: np.random.Generator
) -> tuple[Tensor, Condition]:
    """Random patches with random holes: content (N, 3, H, W) on [-1, 1], condition.

    The content is not yet less its fill; `condition.fill` (N, 3, H, W) has the fill of
    all three slices.
    """
    content = np.empty((n, 3, _SIDE, _SIDE), np.float32)
    mask = np.empty((n, 1, _SIDE, _SIDE), np.float32)
    middle = np.empty_like(mask)
    guide = np.empty_like(content)
    facts = np.empty((n, 6), np.float32)
    for k, i in enumerate(rng.integers(len(places), size=n)):
        place = _turned(places[i], rng)
        down, right = rng.integers(-_ROOM, _ROOM + 1, size=2)
        r, c = _ROOM + down, _ROOM + right
        content[k] = to_scaled(place.slab[:, r : r + _SIDE, c : c + _SIDE])
        outline: Outline = "disc" if rng.random() < 0.6 else "square"
        mask[k, 0] = hole_mask(float(rng.uniform(24.0, 48.0)), outline, _SIDE)
        middle[k, 0] = hole_mask(MIDDLE_MM / place.pixel_mm, "disc", _SIDE)
        for j, width in enumerate(place.widths_mm):
            guide[k, j] = guide_map(
                width / place.pixel_mm, (-float(down), -float(right)), _SIDE
            )
        alone = rng.random() < 0.1
        before = place.has_before and not alone
        behind = place.has_behind and not alone and rng.random() > 0.05
        facts[k] = slice_facts(
            noise_hu=place.noise_hu,
            distance_mm=place.distance_mm,
            pixel_mm=place.pixel_mm,
            has_before=before,
            has_behind=behind,
            width_mm=place.widths_mm[1],
        )
    images, wishes = torch.from_numpy(content), torch.from_numpy(guide)
    hole = torch.from_numpy(mask)
    hole = without_walls(images[:, 1:2], hole, torch.from_numpy(middle))
    return images, Condition(
        fill=tissue_fill(images, hole, wishes),
        mask=hole,
        guide=wishes[:, 1:2],
        facts=torch.from_numpy(facts),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Maps:
    """Where places of each class may lie in a slice; HU smoothed for looking."""

    smooth: Array
    lung: NDArray[np.bool_]
    empty: NDArray[np.bool_]
    tissue: NDArray[np.bool_]


def _maps(plane: Array, pixel_mm: float) -> _Maps:
    smooth = ndimage.gaussian_filter(plane, 1.2 / pixel_mm)
    tissue = tissue_map(plane, "CT")
    aerated = (tissue == Tissue.AERATED).astype(np.float32)
    # Gas in the bowel and in airways is emptier than lung.
    share = ndimage.gaussian_filter(aerated, 7.0 / pixel_mm)
    mean = ndimage.gaussian_filter(plane * aerated, 7.0 / pixel_mm)
    mean = mean / np.maximum(share, 1e-3)
    like_lung = (share > 0.72) & (mean > -945.0) & (mean < -600.0)
    solid = (smooth > -600.0).astype(np.float32)
    free = ndimage.uniform_filter(solid, round(11.0 / pixel_mm)) < 0.05
    body = (tissue > Tissue.AERATED).astype(np.float32)
    soft = ndimage.uniform_filter(body, round(30.0 / pixel_mm)) > 0.8
    edge = np.zeros(plane.shape, np.bool_)
    rim = SLAB // 2 + 1
    edge[rim:-rim, rim:-rim] = True
    return _Maps(smooth, like_lung & edge, like_lung & free & edge, soft & edge)


def _picks(
    allowed: NDArray[np.bool_], n: int, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    places = np.flatnonzero(allowed)
    if n <= 0 or len(places) == 0:
        return
    for index in rng.choice(places, size=min(n, len(places)), replace=False):
        r, c = divmod(int(index), allowed.shape[1])
        yield r, c


def _blobs(maps: _Maps, pixel_mm: float) -> Iterator[tuple[int, int, float]]:
    """Row, column and width in mm of round solid things in lung."""
    labels, n = ndimage.label(maps.smooth > _SOLID_HU)
    for k, box in enumerate(ndimage.find_objects(labels, max_label=n), start=1):
        height, width = (s.stop - s.start for s in box)
        if max(height, width) * pixel_mm > 1.6 * _BLOB_MM[1]:
            continue
        own = labels[box] == k
        area = np.count_nonzero(own)
        size = 2.0 * float(np.sqrt(area / np.pi)) * pixel_mm
        r, c = (round(float(x)) for x in ndimage.center_of_mass(own))
        r, c = r + box[0].start, c + box[1].start
        round_enough = area > 0.5 * height * width and max(height, width) < 2 * min(
            height, width
        )
        if round_enough and _BLOB_MM[0] <= size <= _BLOB_MM[1] and maps.lung[r, c]:
            yield r, c, size


def _cut(volume: Volume, s: int, r: int, c: int) -> Place:
    half = SLAB // 2
    before, behind = s > 0, s + 1 < volume.n_slices
    wanted = [s - 1 if before else s, s, s + 1 if behind else s]
    slab = volume.voxels[wanted, r - half : r + half, c - half : c + half]
    positions = volume.slice_positions_mm
    gaps = [abs(positions[k] - positions[s]) for k in (wanted[0], wanted[2]) if k != s]
    thickness = float(volume.source.thickness_mm or 0.0)
    return Place(
        slab=np.rint(slab).astype(np.int16),
        has_before=before,
        has_behind=behind,
        distance_mm=gaps[0] if gaps else thickness or 5.0,
        pixel_mm=volume.pixel_spacing_mm,
        noise_hu=scan_noise(slab[1].astype(np.float32)),
        widths_mm=(0.0, 0.0, 0.0),
    )


def _with_widths(place: Place, width_mm: float) -> Place:
    """The place with the width of a real blob; neighbours by what is solid there."""
    side = place.slab.shape[-1]
    disc = guide_map(width_mm / place.pixel_mm, side=side) > 0.5
    shares = [
        float(np.mean(ndimage.gaussian_filter(p, 1.5)[disc] > _SOLID_HU))
        for p in place.slab.astype(np.float32)
    ]
    widths = [width_mm * float(np.sqrt(w)) if w > 0.3 else 0.0 for w in shares]
    return replace(place, widths_mm=(widths[0], width_mm, widths[2]))


def _with_nodule(place: Place, rng: np.random.Generator) -> Place:
    """The place with a nodule drawn in: tissue changes, the scan's noise stays."""
    diameter = float(rng.uniform(5.0, 20.0))
    above = float(rng.uniform(-0.4, 0.4)) * diameter
    nodule = random_nodule(
        rng,
        (0.0, 0.0, above),
        diameter,
        hu=float(rng.normal(10.0, 35.0)),
        spiculated=bool(rng.random() < 0.6),
    )
    side = place.slab.shape[-1]
    offsets = (np.arange(side, dtype=np.float32) - 0.5 * side) * place.pixel_mm
    x, y = offsets[None, :], offsets[:, None]
    out = place.slab.astype(np.float32)
    blur = float(rng.uniform(0.5, 0.9)) / place.pixel_mm
    grain = ndimage.gaussian_filter(rng.standard_normal(out.shape), (0.7, 2.0, 2.0))
    grain *= 8.0 / max(float(grain.std()), 1e-6)
    for k in range(3):
        z = (k - 1) * place.distance_mm
        thick = [
            nodule.coverage(x, y, z + part * place.distance_mm)
            for part in (-0.33, 0.0, 0.33)
        ]
        share = ndimage.gaussian_filter(np.asarray(sum(thick), np.float32) / 3.0, blur)
        smooth = ndimage.gaussian_filter(out[k], 1.3 / place.pixel_mm)
        out[k] += share * (nodule.hu + grain[k] - smooth)
    widths = [chord_mm(diameter, (k - 1) * place.distance_mm - above) for k in range(3)]
    return replace(
        place,
        slab=np.rint(out).astype(np.int16),
        widths_mm=(widths[0], widths[1], widths[2]),
    )


def _turned(place: Place, rng: np.random.Generator) -> Place:
    """Mirrored and turned at random; before and behind swapped half the time."""
    slab = np.rot90(place.slab, int(rng.integers(4)), axes=(1, 2))
    before, behind, widths = place.has_before, place.has_behind, place.widths_mm
    if rng.random() < 0.5:
        slab = slab[:, :, ::-1]
    if rng.random() < 0.5:
        slab, before, behind = slab[::-1], behind, before
        widths = (widths[2], widths[1], widths[0])
    return replace(
        place, slab=slab, has_before=before, has_behind=behind, widths_mm=widths
    )
