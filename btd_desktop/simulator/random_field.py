"""Smooth random fields in three dimensions, for tissue texture that continues in z.

A field is a periodic lattice of independent normal values blended by cubic B-splines:
cheap to evaluate on a whole slice, the same at every resolution, and differentiable, so
neighbouring slices share their texture as neighbouring tissue does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RandomField", "random_field"]

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
        at_z = _spline_weights(np.array([z_mm], np.float32), self.scale_mm)[0]
        plane = np.tensordot(at_z, self.lattice, axes=1)
        along_y = _spline_weights(y_mm, self.scale_mm)
        along_x = _spline_weights(x_mm, self.scale_mm)
        values: NDArray[np.float32] = along_y @ plane @ along_x.T
        return values * np.float32(_MEAN_SQUARE_WEIGHT**-1.5)


def random_field(rng: np.random.Generator, scale_mm: float) -> RandomField:
    """A new field whose lattice nodes lie `scale_mm` apart."""
    shape = (_LATTICE, _LATTICE, _LATTICE)
    return RandomField(rng.standard_normal(shape, dtype=np.float32), scale_mm)


def _spline_weights(
    position_mm: NDArray[np.float32], scale_mm: float
) -> NDArray[np.float32]:
    """Cubic B-spline weights of every lattice node, shape (positions, lattice)."""
    u = position_mm.astype(np.float64) / scale_mm
    base = np.floor(u).astype(np.int64)
    t = u - base
    taps = (
        (1 - t) ** 3 / 6,
        (3 * t**3 - 6 * t**2 + 4) / 6,
        (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
        t**3 / 6,
    )
    weights = np.zeros((u.size, _LATTICE), np.float32)
    row = np.arange(u.size)
    for offset, tap in enumerate(taps, start=-1):
        weights[row, (base + offset) % _LATTICE] += tap
    return weights
