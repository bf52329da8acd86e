"""Smooth random fields in three dimensions, for tissue texture that continues in z.

A field is a periodic lattice of independent normal values blended by cubic B-splines:
cheap to evaluate on a whole slice, the same at every resolution, and differentiable, so
neighbouring slices share their texture as neighbouring tissue does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LATTICE = 96
"""Lattice nodes per axis; the field repeats after this many node distances."""

_MEAN_SQUARE_WEIGHT = 151.0 / 315.0
"""Mean over a cell of the sum of squared cubic B-spline weights, one dimension."""


@dataclass(frozen=True, slots=True, eq=False)
class RandomField:
    """Zero-mean, unit-variance Gaussian field.

    Attributes:
        lattice: Normal values, shape (Z, Y, X), float32.
        scale_mm: Distance of lattice nodes; features are about 1.5 times as large.
    """

    lattice: NDArray[np.float32]
    scale_mm: float

    def on_slice(
        self, x_mm: NDArray[np.float32], y_mm: NDArray[np.float32], z_mm: float
    ) -> NDArray[np.float32]:
        """Values on the product of column positions (W,) and row positions (H,).

        Returns:
            Field of shape (H, W), float32, variance 1 on average.
        """
        # Four taps per axis, summed by hand: a matrix product would depend on the
        # BLAS and its threads, and the same seed must give the same bytes.
        plane = _blend(self.lattice, np.array([z_mm], np.float32), self.scale_mm)[0]
        rows = _blend(plane, y_mm, self.scale_mm)
        values = _blend(np.ascontiguousarray(rows.T), x_mm, self.scale_mm).T
        scaled: NDArray[np.float32] = np.ascontiguousarray(values)
        scaled *= np.float32(_MEAN_SQUARE_WEIGHT**-1.5)
        return scaled


def random_field(rng: np.random.Generator, scale_mm: float) -> RandomField:
    """A new field whose lattice nodes lie `scale_mm` apart."""
    shape = (_LATTICE, _LATTICE, _LATTICE)
    return RandomField(rng.standard_normal(shape, dtype=np.float32), scale_mm)


def _blend(
    lattice: NDArray[np.float32], position_mm: NDArray[np.float32], scale_mm: float
) -> NDArray[np.float32]:
    """Cubic B-spline blend along the first axis, one entry for each position."""
    u = position_mm.astype(np.float64) / scale_mm
    base = np.floor(u).astype(np.int64)
    t = u - base
    taps = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    shape = (-1,) + (1,) * (lattice.ndim - 1)
    total = np.zeros((u.size, *lattice.shape[1:]), np.float32)
    for offset, tap in enumerate(taps, start=-1):
        weight = tap.astype(np.float32).reshape(shape)
        total += weight * lattice[(base + offset) % _LATTICE]
    return total
