"""A water cylinder, the phantom that every CT scanner is checked with each day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.simulator.raster import RasterGrid, coverage


@dataclass(frozen=True, slots=True)
class WaterPhantom:
    """Water (0 HU) in air (-1000 HU), the same at every height.

    Attributes:
        radius_mm: Radius of the cylinder, at most 180 mm.
    """

    radius_mm: float = 120.0

    @property
    def centre_mm(self) -> tuple[float, float]:
        """The cylinder's axis."""
        return 0.0, 0.0

    def hu_on_plane(self, grid: RasterGrid, z_mm: float) -> NDArray[np.float32]:
        """Attenuation in HU, shape (n, n); `z_mm` does not matter."""
        depth = np.float32(self.radius_mm) - grid.radius_mm
        return 1000.0 * (coverage(depth, grid.spacing_mm) - 1.0)
