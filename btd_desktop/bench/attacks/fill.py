"""Filling a hole from its rim: harmonic, biharmonic and marching, in plain SciPy.

The classical in-painting methods that every image library offers; the harmonic one is
also the correction field of Poisson blending (Perez 2003).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter
from scipy.sparse.linalg import cg, spsolve

Fill = Literal["harmonic", "biharmonic", "marching"]
FILLS: tuple[Fill, ...] = ("harmonic", "biharmonic", "marching")

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]


def filled(
    values: Array, hole: Mask, spacing_mm: tuple[float, float, float], fill: Fill
) -> Array:
    """Values with the hole filled from what surrounds it.

    Args:
        values: Block (n, h, w); what lies in the hole is not looked at.
        hole: True where to fill; at least one voxel of each slice must be outside.
        spacing_mm: Distances of slices, rows and columns.
        fill: "harmonic": Laplace's equation in 3-D. "biharmonic": least bending, slice
            by slice. "marching": layer by layer from the rim inwards, each voxel the
            mean of the nearest known ones (as Telea 2004 does).
    """
    if not hole.any():
        return values.astype(np.float32)
    if fill == "harmonic":
        return harmonic(values, hole, spacing_mm)
    if fill == "biharmonic":
        return np.stack([_biharmonic(v, m) for v, m in zip(values, hole, strict=True)])
    return _marching(values, hole)


def harmonic(
    values: Array, hole: Mask, spacing_mm: tuple[float, float, float]
) -> Array:
    """The solution of Laplace's equation in the hole, its rim held fixed.

    The block's own border is free (no gradient across it), so that a hole may reach it.
    """
    operator = laplacian(values.shape, spacing_mm)
    inside = hole.ravel()
    matrix = operator[inside][:, inside]
    known = values.astype(np.float64).ravel()
    right = -(operator[inside][:, ~inside] @ known[~inside])
    start = np.full(int(inside.sum()), float(np.median(known[~inside])))
    solved, _ = cg(matrix, right, x0=start, rtol=1e-5, maxiter=2000)
    out = known.copy()
    out[inside] = solved
    return out.reshape(values.shape).astype(np.float32)


def laplacian(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...]
) -> sparse.csr_matrix:
    """Minus the Laplacian of a grid with free borders, scaled by the smallest step."""
    sides = [
        sparse.diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n))
        for n in shape
    ]
    finest = min(step for step in spacing_mm if step > 0)
    total = sparse.csr_matrix((int(np.prod(shape)), int(np.prod(shape))))
    for axis, (side, step) in enumerate(zip(sides, spacing_mm, strict=True)):
        if shape[axis] < 2:
            continue
        one = side.T @ side * (finest / step) ** 2
        before = sparse.identity(int(np.prod(shape[:axis])))
        after = sparse.identity(int(np.prod(shape[axis + 1 :])))
        total = total + sparse.kron(sparse.kron(before, one), after)
    return total.tocsr()


def _biharmonic(plane: Array, hole: Mask) -> Array:
    """Least squares of the Laplacian in the hole and one pixel around it."""
    if not hole.any():
        return plane.astype(np.float32)
    operator = laplacian(plane.shape, (1.0, 1.0))
    inside = hole.ravel()
    touching = np.asarray(abs(operator[:, inside]).sum(axis=1)).ravel() > 0
    part = operator[touching][:, inside]
    known = plane.astype(np.float64).ravel()
    right = -(operator[touching][:, ~inside] @ known[~inside])
    solved = spsolve((part.T @ part).tocsc(), part.T @ right)
    out = known.copy()
    out[inside] = solved
    return out.reshape(plane.shape).astype(np.float32)


def _marching(values: Array, hole: Mask) -> Array:
    out = np.where(hole, 0.0, values).astype(np.float32)
    known = (~hole).astype(np.float32)
    sigma = (0.0, 1.5, 1.5)
    while known.min() == 0.0:
        weight = gaussian_filter(known, sigma, truncate=2.0)
        # Only what has enough known neighbours: the front moves inwards.
        front = (known == 0.0) & (weight > 0.25)
        if not front.any():
            front = (known == 0.0) & (weight > 0.0)
        if not front.any():
            out[known == 0.0] = float(np.median(values[~hole]))
            break
        mean = gaussian_filter(out, sigma, truncate=2.0)
        out[front] = mean[front] / weight[front]
        known[front] = 1.0
    return out
