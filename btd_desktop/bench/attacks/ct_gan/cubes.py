"""Cubes as CT-GAN sees them: cut, zoomed to 1 mm, equalised, normalised, masked.

After Mirsky et al. 2019. One thing is done otherwise: beyond the end of a short stack
the published code puts air (-1000 HU), we mirror the slices, because a slab of air in
every cube would make the attack on a short stack weaker than it need be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter, zoom

from btd_desktop.bench.attacks.ct_gan.network import CUBE

Array = NDArray[np.float32]

AIR_HU = -1000.0
HOLE = slice(6, 26)
"""Voxels 6 to 25 on each axis: the 20 mm that the generator must invent."""

_BINS = 10_000
_TOO_DENSE_HU = 2000.0
_NEIGHBOURHOOD = 5
# Nothing that is air or padding for a scanner lies lower; metal is cut off by most.
_LOWEST_HU, _HIGHEST_HU = -1024.0, 3071.0


def cube_shape(
    spacing_mm: tuple[float, float, float], side_mm: float = float(CUBE)
) -> tuple[int, int, int]:
    """Voxels (slices, rows, columns) that make up a cube of `side_mm`, at least 1."""
    s, r, c = (max(1, round(side_mm / step)) for step in spacing_mm)
    return s, r, c


def cut_cube(
    voxels: NDArray[np.int16] | NDArray[np.float32],
    centre: tuple[int, int, int],
    shape: tuple[int, int, int],
) -> Array:
    """Block of `shape` around a voxel, which comes to lie at index shape // 2.

    Rows and columns beyond the image are air; slices beyond the stack are mirrored.

    Args:
        voxels: HU, shape (S, H, W); not changed.
        centre: Slice, row, column.
        shape: Wanted voxels on each axis.

    Returns:
        HU, float32, within -1024 to 3071.
    """
    first = [c - n // 2 for c, n in zip(centre, shape, strict=True)]
    slices = _mirrored(np.arange(first[0], first[0] + shape[0]), voxels.shape[0])
    block = np.full(shape, AIR_HU, np.float32)
    rows, columns = (
        slice(max(0, first[a]), max(0, min(voxels.shape[a], first[a] + shape[a])))
        for a in (1, 2)
    )
    inside = voxels[slices][:, rows, columns]
    top, left = rows.start - first[1], columns.start - first[2]
    block[:, top : top + inside.shape[1], left : left + inside.shape[2]] = inside
    return np.clip(block, _LOWEST_HU, _HIGHEST_HU)


def _mirrored(index: NDArray[np.int_], size: int) -> NDArray[np.int_]:
    """Indices folded into [0, size), the end slice repeated once (symmetric)."""
    folded = np.mod(index, 2 * size)
    return np.where(folded < size, folded, 2 * size - 1 - folded)


def zoomed(cube: Array, shape: tuple[int, int, int]) -> Array:
    """The cube on another number of voxels, by cubic splines, edges repeated."""
    factors = [n / m for n, m in zip(shape, cube.shape, strict=True)]
    result = zoom(cube, factors, order=3, mode="nearest")
    if result.shape != shape:
        raise ValueError(f"zoom gave {result.shape}, {shape} was wanted")
    return np.asarray(result, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Equalisation:
    """Histogram equalisation and normalisation shared by all cubes of a generator.

    Attributes:
        edges: HU, ascending, shape (K,).
        shares: Share of training voxels up to each edge, not falling, shape (K,).
        mean: Mean of the equalised training voxels.
        low: Their minimum.
        high: Their maximum.
    """

    edges: Array
    shares: Array
    mean: float
    low: float
    high: float

    def normalised(self, cube: Array) -> Array:
        """HU to equalised values about 0, spread within about (-0.5, 0.5)."""
        equal = np.interp(cube, self.edges, self.shares)
        return np.asarray((equal - self.mean) / (self.high - self.low), np.float32)

    def hounsfield(self, values: Array) -> Array:
        """Normalised values back to HU; the inverse of `normalised`."""
        equal = values.astype(np.float64) * (self.high - self.low) + self.mean
        return np.interp(equal, self.shares, self.edges).astype(np.float32)


def fit_equalisation(cubes: NDArray[np.int16] | Array) -> Equalisation:
    """One histogram over all training cubes, 10,000 bins between their extremes.

    Args:
        cubes: HU, any shape.
    """
    low, high = float(cubes.min()), float(cubes.max())
    counts, edges = np.histogram(cubes, bins=_BINS, range=(low, max(high, low + 1.0)))
    shares = np.concatenate([[0.0], np.cumsum(counts) / cubes.size])
    # Whole HU leave bins empty: points that add no share would make the inverse jump.
    keep = np.concatenate([[True], np.diff(shares) > 0])
    edges, shares = edges[keep], shares[keep]
    equal = np.interp(cubes.ravel(), edges, shares)
    return Equalisation(
        edges=edges.astype(np.float32),
        shares=shares.astype(np.float32),
        mean=float(equal.mean()),
        low=float(equal.min()),
        high=float(equal.max()),
    )


def masked_cube(normalised: Array) -> Array:
    """A copy whose inner 20^3 voxels are 0, the mean of the training voxels."""
    masked = normalised.copy()
    masked[..., HOLE, HOLE, HOLE] = 0.0
    return masked


def clean_up(cube: Array) -> Array:
    """Voxels above 2000 HU become their 5^3 mean, none stays below -1000 HU."""
    mean = uniform_filter(cube, _NEIGHBOURHOOD, mode="nearest")
    cube = np.where(cube > _TOO_DENSE_HU, mean, cube)
    return np.maximum(cube, np.float32(AIR_HU))
