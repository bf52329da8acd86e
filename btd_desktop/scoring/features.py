"""Noise maps at a place to numbers.

The paper's two scores are two of the numbers: the mean of F(x_0)^2 over the central
32x32 (injection) and over the whole patch (removal), at the level of t = 0.

The others compare the place with its surroundings in the same slice: at each noise
level, the mean of F^2 in a disc and two rings around the centre, as log ratios to the
mean that the same mix of tissue has in the outer patch. (The signed mean of F was tried
as well: it only diluted the others.) Correlations of F within the slice and with its
neighbours follow (see `correlations`), and the ratios of disc and inner ring averaged
over the slice and its neighbours: tampering goes on in the neighbours, chance does not.
Content that is too smooth for its surroundings has negative log ratios, content that is
too rough positive ones; the calibration says which of them are unusual.

Where the model has a learned evidence map, its mean around the place, over the slice
and its neighbours, stands last.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.scoring.correlations import (
    MIN_ZONE_PIXELS,
    correlation_channels,
    zone_correlations,
)
from btd_desktop.scoring.discs import disc_means
from btd_desktop.scoring.grid import BLOCK, PatchGrid, block_sums, windows_at

# Outer radii of disc, inner and outer ring; what lies beyond is the surroundings.
# A 32 mm cube on 0.7 mm pixels reaches 23 px from its centre, its seam ring 3.
ZONE_RADII_PX = (9.0, 17.0, 27.0)
_ZONES = ("disc", "ring1", "ring2")
_CORRELATED_ZONES = _ZONES[:2]
ACROSS = "across slices"
"""First words in the names of features that need a neighbouring slice."""
LEARNED = "learned map"
"""Name of the last feature, where the model has a learned evidence map."""

Neighbour = tuple[NDArray[np.float32], NDArray[np.uint8]]
"""Maps (L, H, W), or (L + 1, H, W) with the learned evidence, and tissue classes (H, W)
of an adjacent slice.
"""

_MIN_TISSUE_SHARE = 0.25  # of the central square, for a place to be scored at all
_MIN_CLASS_PIXELS = 200  # in the surroundings, for a tissue class to be a reference
_N_CLASSES = 3  # aerated, soft, dense; see preprocess.foreground.Tissue
_FLOOR = 1e-6  # of mean F^2: keeps the log finite where the window clips everything
_BESIDE_PX = 4  # discs of evidence on either side of a centre: a grid misses none of 8


@dataclass(frozen=True, slots=True, eq=False)
class GridFeatures:
    """Numbers at every centre of a slice's grid; NaN where there is no tissue.

    Attributes:
        rows: Centre rows in pixels, shape (R,).
        columns: Centre columns in pixels, shape (C,).
        injection: Mean of F^2 in the central square at t = 0, shape (R, C).
        removal: Mean of F^2 over the patch at t = 0, shape (R, C).
        features: Log ratios, correlations and evidence, shape (R, C, K), see
            `feature_names`; those with the neighbouring slices are NaN in a slice
            without neighbours, the evidence where little around the place is tissue.
        aerated: Share of aerated pixels in the central square's tissue, (R, C).
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    injection: NDArray[np.float32]
    removal: NDArray[np.float32]
    features: NDArray[np.float32]
    aerated: NDArray[np.float32]

    @property
    def scored(self) -> NDArray[np.bool_]:
        """True where there is enough tissue to score, shape (R, C)."""
        return np.isfinite(self.injection)


def feature_names(
    levels: tuple[float, ...], *, learned: bool = False
) -> tuple[str, ...]:
    """Names of the K features of a detector with these noise levels, in order.

    Args:
        levels: Noise levels.
        learned: True when it has a learned evidence map.
    """
    ratios = [f"{zone}@{level:g}" for level in levels for zone in _ZONES]
    texture, across = (
        [f"{kind} {zone}@{level:g}" for level in levels for zone in _CORRELATED_ZONES]
        for kind in ("texture", ACROSS)
    )
    direction = [f"direction disc@{level:g}" for level in levels]
    pooled = [
        f"{ACROSS}, mean {zone}@{level:g}"
        for level in levels
        for zone in _CORRELATED_ZONES
    ]
    last = (LEARNED,) if learned else ()
    return (*ratios, *texture, *direction, *across, *pooled, *last)


def grid_features(
    maps: NDArray[np.float32],
    tissue: NDArray[np.uint8],
    grid: PatchGrid,
    *,
    paper_level: int,
    at: tuple[int, int] | None = None,
    neighbours: Sequence[Neighbour] = (),
    learned: bool = False,
) -> GridFeatures:
    """Features of a slice at all centres of the grid, or at one place.

    Args:
        maps: Noise predictions, shape (L, H, W); with `learned` (L + 1, H, W).
        tissue: Tissue classes 0..3 (0 is outside), shape (H, W).
        grid: Patch geometry and stride.
        paper_level: Index of the level of t = 0 in `maps`.
        at: One centre (row, column) in pixels instead of the grid: any pixel, since
            the patch is cut so that it falls on whole blocks.
        neighbours: Maps and tissue classes of the adjacent slices, none to two.
        learned: The last of the maps is a learned evidence map.

    Returns:
        Features; R = C = 1 when `at` is given.

    Raises:
        ValueError: `at` lies outside the slice.
    """
    planes = [(m[-1], t) for m, t in ((maps, tissue), *neighbours)] if learned else []
    if learned:
        maps, neighbours = maps[:-1], [(m[:-1], t) for m, t in neighbours]
    _, h, w = maps.shape
    present = np.ones(tissue.shape, dtype=np.bool_)
    sums = [_class_sums(*part, present) for part in ((maps, tissue), *neighbours)]
    # Of the whole slice in either case, so that a click repeats the grid's numbers.
    slice_means = [_class_means(s) for s in sums]
    channels = correlation_channels(maps, [m for m, _ in neighbours], tissue)
    blocks = block_sums(channels)
    slice_sums = blocks.sum(axis=(1, 2))
    if at is None:
        rows, columns = grid.rows(h), grid.columns(w)
        place = (np.repeat(rows, columns.size), np.tile(columns, rows.size))
    else:
        (r, c), half = at, grid.patch // 2
        if not (0 <= r <= h and 0 <= c <= w):
            raise ValueError(f"row {r}, column {c} lies outside the slice ({h}, {w})")
        blocks = block_sums(_cut(channels, r, c, half))
        place = (np.array([half]), np.array([half]))
        rows, columns = np.array([r]), np.array([c])
        inside = _cut(present, r, c, half)
        sums = [
            _class_sums(_cut(m, r, c, half), _cut(t, r, c, half), inside)
            for m, t in ((maps, tissue), *neighbours)
        ]
    correlated = _Correlated(blocks, slice_sums)
    found = _from_sums(
        sums, slice_means, correlated, place, (rows, columns), grid, paper_level
    )
    if not learned:
        return found
    evidence = np.where(found.scored, _evidence(planes, rows, columns), np.nan)
    features = np.concatenate([found.features, evidence[..., None]], axis=-1)
    return replace(found, features=features.astype(np.float32))


def _evidence(
    planes: Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Highest of four discs around each centre, each a mean over the slices, (R, C).

    A disc counts in the slice itself where half of it is tissue; a centre without such
    a disc has NaN.
    """
    shifts = (-_BESIDE_PX, _BESIDE_PX)
    at_rows, at_columns = (np.add.outer(c, shifts).ravel() for c in (rows, columns))
    discs = np.stack([disc_means(e, t, at_rows, at_columns) for e, t in planes])
    known = np.isfinite(discs)
    means = np.where(known, discs, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    means[~known[0]] = -np.inf
    beside = means.reshape(rows.size, len(shifts), columns.size, len(shifts))
    highest = beside.max(axis=(1, 3))
    return np.where(np.isfinite(highest), highest, np.nan).astype(np.float32)


def places_with_tissue(inside: NDArray[np.bool_], grid: PatchGrid) -> NDArray[np.bool_]:
    """True where a slice's grid holds enough tissue to score, shape (R, C).

    Args:
        inside: True for tissue, shape (H, W).
        grid: Patch geometry and stride.
    """
    rows, columns = grid.rows(inside.shape[0]), grid.columns(inside.shape[1])
    place = (np.repeat(rows, columns.size), np.tile(columns, rows.size))
    count = _pool(block_sums(inside[None]), place, _whole_centre(grid))[0, 0]
    return is_enough_tissue(count, grid).reshape(rows.size, columns.size)


def _whole_centre(grid: PatchGrid) -> NDArray[np.float64]:
    n = grid.centre // BLOCK
    return np.ones((1, n, n))


def is_enough_tissue(
    pixels: NDArray[np.float64] | int, grid: PatchGrid
) -> NDArray[np.bool_]:
    """True where so many pixels of tissue in a central square let it be scored."""
    enough: NDArray[np.bool_] = np.asarray(pixels >= _MIN_TISSUE_SHARE * grid.centre**2)
    return enough


def _cut(array: NDArray[Any], r: int, c: int, half: int) -> NDArray[Any]:
    """The patch around (r, c), with 0 (outside) where it leaves the slice."""
    pad = [(0, 0)] * (array.ndim - 2) + [(half, half), (half, half)]
    return np.pad(array, pad)[..., r : r + 2 * half, c : c + 2 * half]


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Block sums: pixels (in all, and by class) and F^2 by level (and class)."""

    pixels: NDArray[np.float64]  # (1, h, w), those of the slice
    count: NDArray[np.float64]  # (classes, h, w)
    square: NDArray[np.float64]  # (L, classes, h, w)
    whole: NDArray[np.float64]  # (L, h, w): F^2 over all pixels


def _class_sums(
    maps: NDArray[np.float32], tissue: NDArray[np.uint8], present: NDArray[np.bool_]
) -> _Sums:
    squares = maps.astype(np.float64) ** 2
    masks = np.stack([tissue == k + 1 for k in range(_N_CLASSES)])
    return _Sums(
        pixels=block_sums(present[None]),
        count=block_sums(masks),
        square=np.stack([block_sums(squares * mask) for mask in masks], axis=1),
        whole=block_sums(squares),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Correlated:
    """Block sums of the products behind correlations, and their sums over the slice."""

    blocks: NDArray[np.float64]  # (channels, h, w)
    slice_sums: NDArray[np.float64]  # (channels,)


def _zone_masks(patch: int) -> NDArray[np.float64]:
    """Disc, two rings and surroundings as masks of blocks, shape (4, n, n)."""
    n = patch // BLOCK
    offset = (np.arange(n) - (n - 1) / 2) * BLOCK
    radius = np.hypot(offset[:, None], offset[None, :])
    edges = (0.0, *ZONE_RADII_PX, np.inf)
    return np.stack(
        [(radius >= low) & (radius < high) for low, high in itertools.pairwise(edges)]
    ).astype(np.float64)


def _central_mask(grid: PatchGrid) -> NDArray[np.float64]:
    n, m = grid.patch // BLOCK, grid.centre // BLOCK
    mask = np.zeros((n, n))
    low = (n - m) // 2
    mask[low : low + m, low : low + m] = 1.0
    return mask


def _pool(
    blocks: NDArray[np.float64],
    place: tuple[NDArray[np.int64], NDArray[np.int64]],
    masks: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Sums under each mask at each centre: (K, h, w) and (Z, n, n) to (Z, K, N)."""
    windows = windows_at(blocks, *place, masks.shape[-1] * BLOCK)
    k, n_places, n, _ = windows.shape
    flat = windows.reshape(k * n_places, n * n) @ masks.reshape(len(masks), n * n).T
    return flat.T.reshape(len(masks), k, n_places)


def _from_sums(
    every: Sequence[_Sums],  # of the slice, then of its neighbours
    slice_means: Sequence[NDArray[np.float64]],
    correlated: _Correlated,
    place: tuple[NDArray[np.int64], NDArray[np.int64]],
    centres: tuple[NDArray[np.int64], NDArray[np.int64]],
    grid: PatchGrid,
    paper_level: int,
) -> GridFeatures:
    sums = every[0]
    shape = (centres[0].size, centres[1].size)
    tissue = _pool(sums.count, place, _whole_centre(grid))[0]  # (classes, N)
    scored = is_enough_tissue(tissue.sum(axis=0), grid)
    # What follows costs a window per place: most places of a slice are air.
    place, tissue = (place[0][scored], place[1][scored]), tissue[:, scored]

    paper = np.stack([_central_mask(grid), np.ones_like(_central_mask(grid))])
    squares = _pool(sums.whole[paper_level : paper_level + 1], place, paper)[:, 0]
    injection, removal = squares / np.maximum(_pool(sums.pixels, place, paper)[:, 0], 1)

    zones = _zone_masks(grid.patch)
    ratios = [
        _zone_ratios(own, means, place, zones)
        for own, means in zip(every, slice_means, strict=True)
    ]
    zone_sums = _pool(correlated.blocks, place, zones[[0, 1, 3]])
    correlations = zone_correlations(
        zone_sums, correlated.slice_sums, len(slice_means[0])
    )
    features = np.concatenate([ratios[0], correlations, _pooled(ratios)])
    aerated = tissue[0] / np.maximum(tissue.sum(axis=0), 1.0)

    def spread(values: NDArray[np.float64]) -> NDArray[np.float32]:
        out = np.full((scored.size, *values.shape[1:]), np.nan, dtype=np.float32)
        out[scored] = values
        return out.reshape(*shape, *values.shape[1:])

    return GridFeatures(
        *centres,
        injection=spread(injection),
        removal=spread(removal),
        features=spread(features.T),
        aerated=spread(aerated),
    )


def _zone_ratios(
    sums: _Sums,
    slice_means: NDArray[np.float64],
    place: tuple[NDArray[np.int64], NDArray[np.int64]],
    zones: NDArray[np.float64],
) -> NDArray[np.float64]:
    count = _pool(sums.count, place, zones)  # (zones, classes, N)
    flat = sums.square.reshape(-1, *sums.square.shape[2:])
    square = _pool(flat, place, zones)
    square = square.reshape(len(zones), len(slice_means), _N_CLASSES, square.shape[-1])
    return _log_ratios(square, count, slice_means)


def _pooled(ratios: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Ratios of disc and inner ring, mean over the slices, (2 * L, N); NaN for one."""
    n_zones, wanted = len(ZONE_RADII_PX), len(_CORRELATED_ZONES)
    rows = [i for i in range(len(ratios[0])) if i % n_zones < wanted]
    if len(ratios) == 1:
        return np.full((len(rows), ratios[0].shape[1]), np.nan)
    mean: NDArray[np.float64] = np.mean([r[rows] for r in ratios], axis=0)
    return mean


def _class_means(sums: _Sums) -> NDArray[np.float64]:
    """Mean of F^2 per level and class over the slice, shape (L, classes)."""
    total = sums.square.sum(axis=(-2, -1))
    pixels = sums.count.sum(axis=(-2, -1))
    overall = total.sum(axis=1, keepdims=True) / max(float(pixels.sum()), 1.0)
    known = pixels >= _MIN_CLASS_PIXELS
    means: NDArray[np.float64] = np.where(
        known, total / np.maximum(pixels, 1.0), overall
    )
    return means


def _log_ratios(
    square: NDArray[np.float64],
    count: NDArray[np.float64],
    slice_means: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Observed over expected mean F^2 of disc and rings, log, (L * 3, N).

    The expected mean is that of the zone's mix of tissue if each class were as in the
    surroundings; a class that is rare there is taken as in the slice. A zone with
    hardly any tissue gives 0.
    """
    around_n, around = count[-1], square[-1]  # (classes, N), (L, classes, N)
    local = around / np.maximum(around_n, 1.0)
    enough = around_n >= _MIN_CLASS_PIXELS
    reference = np.where(enough, local, slice_means[:, :, None])
    out = []
    for level in range(len(slice_means)):
        for zone in range(len(ZONE_RADII_PX)):
            pixels = count[zone].sum(axis=0)
            n_zone = np.maximum(pixels, 1.0)
            observed = square[zone, level].sum(axis=0) / n_zone
            expected = (count[zone] * reference[level]).sum(axis=0) / n_zone
            ratio = np.log((observed + _FLOOR) / (expected + _FLOOR))
            out.append(np.where(pixels >= MIN_ZONE_PIXELS, ratio, 0.0))
    return np.stack(out)
