"""The fine grid on which a phantom is drawn before it is projected.

Shapes are drawn by coverage: the share of a pixel that a shape fills, from its distance
to the boundary, so that edges carry no stair steps into the projections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

N_ANGLES = 4096
"""Entries of a table over the polar angle; 0.3 mm apart at 200 mm."""

Plane = NDArray[np.float32]
Angles = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class RasterGrid:
    """Square grid of pixel centres around an isocentre.

    Attributes:
        n: Pixels per side.
        spacing_mm: Pixel distance.
        x_mm: Column positions (n,), increasing to the patient's left.
        y_mm: Row positions (n,), increasing to the patient's back.
        radius_mm: Distance of each pixel from the phantom's axis x = y = 0, (n, n).
        angle_index: Index of each pixel's polar angle into an `angle_table`, (n, n).
    """

    n: int
    spacing_mm: float
    x_mm: Plane
    y_mm: Plane
    radius_mm: Plane
    angle_index: NDArray[np.int32]

    @property
    def xx(self) -> Plane:
        """Column positions as (1, n)."""
        return self.x_mm[None, :]

    @property
    def yy(self) -> Plane:
        """Row positions as (n, 1)."""
        return self.y_mm[:, None]

    def box(
        self, x_mm: float, y_mm: float, half_x_mm: float, half_y_mm: float
    ) -> tuple[slice, slice]:
        """Row and column slices of the pixels within half sizes around a point."""
        rows = _span(self.y_mm, y_mm - half_y_mm, y_mm + half_y_mm)
        return rows, _span(self.x_mm, x_mm - half_x_mm, x_mm + half_x_mm)


@lru_cache(maxsize=8)
def raster_grid(
    n: int, spacing_mm: float, centre_x_mm: float, centre_y_mm: float
) -> RasterGrid:
    """The grid of `n` by `n` pixels whose middle (index n // 2) is the isocentre."""
    steps = (np.arange(n) - n // 2) * spacing_mm
    x = (steps + centre_x_mm).astype(np.float32)
    y = (steps + centre_y_mm).astype(np.float32)
    angle = np.arctan2(y[:, None], x[None, :])
    index = np.rint(angle * (N_ANGLES / (2 * np.pi))).astype(np.int32) % N_ANGLES
    radius = np.hypot(y[:, None], x[None, :]).astype(np.float32)
    return RasterGrid(n, spacing_mm, x, y, radius, index)


def angle_table() -> NDArray[np.float64]:
    """Polar angles of the table entries: 0 is left, pi / 2 the back."""
    return np.linspace(0.0, 2 * np.pi, N_ANGLES, endpoint=False, dtype=np.float64)


def superellipse(
    angle: Angles, half_width: float, half_depth: Angles | float, *, power: float
) -> Angles:
    """Distance from the axis to a superellipse at polar angles."""
    across = np.abs(np.cos(angle) / half_width) ** power
    along = np.abs(np.sin(angle) / half_depth) ** power
    radius: Angles = (across + along) ** (-1.0 / power)
    return radius


def ripple(angle: Angles, harmonics: Sequence[tuple[float, float]]) -> Angles:
    """Factor near 1 of a body's outline: harmonics from the second on, with phases."""
    return np.asarray(
        1.0
        + sum(
            height * np.cos(order * angle + phase)
            for order, (height, phase) in enumerate(harmonics, start=2)
        )
    )


def coverage(inside_mm: Plane, soft_mm: float) -> Plane:
    """Share of each pixel inside a shape, from the depth below its boundary.

    Args:
        inside_mm: Distance to the boundary, positive inside.
        soft_mm: Width of the transition, normally the pixel size.
    """
    share = inside_mm / np.float32(soft_mm) + np.float32(0.5)
    return np.asarray(np.clip(share, 0.0, 1.0), np.float32)


def paint(canvas: Plane, share: Plane, value: Plane | float) -> None:
    """Replace a share of each pixel of `canvas` by `value`, in place."""
    canvas += share * (np.asarray(value, np.float32) - canvas)


def _span(positions_mm: Plane, low_mm: float, high_mm: float) -> slice:
    first, last = np.searchsorted(positions_mm, (low_mm, high_mm))
    return slice(int(first), int(last))
