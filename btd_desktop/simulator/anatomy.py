"""Where the organs of a simulated chest lie: distances in millimetres, no intensities.

World axes are the patient's (LPS): x to the left, y to the back, z to the head; z = 0
is the middle of the lungs. Every function takes points that broadcast together and
gives the approximate depth below an organ's surface, positive inside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.simulator.raster import ripple, superellipse

Array = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class ChestShape:
    """Sizes of one chest; all lengths in mm.

    Attributes:
        cavity_half_width: Half width of the rib cage's inside.
        cavity_half_depth: Half depth of it.
        apex_z: Height at which the lungs end.
        wall_side: Thickness of the chest wall at the side.
        wall_front: Thickness in front.
        wall_back: Thickness behind, spine's processes included.
        fat: Mean thickness of the fat under the skin.
        dome_z: Height of the diaphragm's top, right and left.
        heart_centre: Centre of the heart.
        heart_axes: Its half axes.
        ripple: Amplitude and phase of the outline's harmonics 2 to 5.
        rib_phase: Height of one rib at the spine; ribs follow every `rib_distance`.
        rib_distance: Distance of ribs along z.
        disc_phase: Height of one intervertebral disc.
    """

    cavity_half_width: float
    cavity_half_depth: float
    apex_z: float
    wall_side: float
    wall_front: float
    wall_back: float
    fat: float
    dome_z: tuple[float, float]
    heart_centre: tuple[float, float, float]
    heart_axes: tuple[float, float, float]
    ripple: tuple[tuple[float, float], ...]
    rib_phase: float
    rib_distance: float
    disc_phase: float

    def cavity_radius(self, angle: Array, z: Array | float) -> Array:
        """Distance from the axis to the inner side of the ribs at a polar angle."""
        rise = np.clip((np.asarray(z) - 15.0) / (self.apex_z - 15.0), 0.0, 1.0)
        shrink = np.sqrt(np.maximum(1.0 - rise**2.4, 1e-4))
        radius = superellipse(
            angle, self.cavity_half_width, self.cavity_half_depth, power=2.3
        )
        return np.asarray(radius * shrink * ripple(angle, self.ripple))

    def body_radius(self, angle: Array, z: float) -> Array:
        """Distance from axis to skin at a polar angle, wider at the shoulders."""
        widen = 1.0 + 0.0006 * max(0.0, z - 30.0)
        depth = np.where(
            np.sin(angle) > 0,
            self.cavity_half_depth + self.wall_back,
            self.cavity_half_depth + self.wall_front,
        )
        # A furrow along the spine, as a back has.
        furrow = 5.0 * np.exp(-(((angle - np.pi / 2) / 0.12) ** 2))
        width = self.cavity_half_width + self.wall_side
        radius: Array = superellipse(angle, width * widen, depth, power=2.25) - furrow
        return radius

    def fat_thickness(self, angle: Array) -> Array:
        """Thickness of the fat under the skin at a polar angle."""
        thickness: Array = self.fat * (
            1.0 + 0.35 * np.cos(2 * angle) + 0.15 * np.cos(3 * angle + 1.0)
        )
        return thickness

    @property
    def spine_y(self) -> float:
        """Position in y of the middle of the vertebral bodies."""
        return self.cavity_half_depth - 13.0

    def spine_depth(self, x: Array, y: Array) -> Array:
        """Depth inside the vertebral bodies (a column along z)."""
        return _ellipse_depth(x, y - self.spine_y, 18.0, 14.5)

    def aorta_depth(self, x: Array, y: Array, z: Array | float) -> Array:
        """Depth inside the descending aorta, which ends at the arch."""
        away = np.hypot(x - 21.0, y - (self.spine_y - 12.0))
        above = np.maximum(np.asarray(z) - 62.0, 0.0)
        depth: Array = 11.5 - np.hypot(away, above)
        return depth

    def heart_depth(self, x: Array, y: Array, z: Array | float) -> Array:
        """Depth inside the heart with its fat."""
        scaled = [
            (p - c) / a
            for p, c, a in zip(
                (x, y, np.asarray(z)), self.heart_centre, self.heart_axes, strict=True
            )
        ]
        q = np.sqrt(sum(np.square(s) for s in scaled))
        depth: Array = (1.0 - q) * float(np.mean(self.heart_axes))
        return depth

    def mediastinum_depth(self, x: Array, y: Array, z: Array | float) -> Array:
        """Depth inside the middle space that parts the lungs."""
        back = np.clip(
            (y + self.cavity_half_depth) / (2 * self.cavity_half_depth), 0, 1
        )
        high = np.clip(np.asarray(z) / self.apex_z, -0.5, 1.0)
        # Narrow behind the breastbone, wide at the great vessels, then at the spine.
        width = 7.0 + (25.0 + 4.0 * high) * np.exp(-(((back - 0.50) / 0.22) ** 2))
        width = width + 16.0 * np.clip((back - 0.72) / 0.28, 0.0, 1.0)
        depth: Array = width - np.abs(x - 3.0 - 2.0 * np.cos(y / 25.0))
        return depth

    def diaphragm_height(self, x: Array, y: Array) -> Array:
        """Height of the diaphragm at (x, y): one dome for each lung."""
        top = np.where(x < 0, self.dome_z[0], self.dome_z[1])
        off_x = (np.abs(x) - 0.5 * self.cavity_half_width) / self.cavity_half_width
        off_y = (y + 10.0) / self.cavity_half_depth
        height: Array = top - 70.0 * off_x**2 - 55.0 * off_y**2
        return height

    def lung_depth(
        self, x: Array, y: Array, z: Array | float, cavity_depth: Array
    ) -> Array:
        """Depth below the pleura, positive in the lungs.

        Args:
            x: World x.
            y: World y.
            z: World z.
            cavity_depth: Cavity radius at the point's angle less the point's radius.
        """
        depth = np.minimum(cavity_depth - 1.5, -self.mediastinum_depth(x, y, z))
        depth = np.minimum(depth, -self.heart_depth(x, y, z))
        depth = np.minimum(depth, -self.spine_depth(x, y) - 4.0)
        depth = np.minimum(depth, -self.aorta_depth(x, y, z) - 2.0)
        # A slanting surface: the vertical gap overstates the distance to it.
        above: Array = 0.75 * (np.asarray(z) - self.diaphragm_height(x, y))
        return np.asarray(np.minimum(depth, above))

    def lung_depth_at(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Depth below the pleura at world points (N, 3), shape (N,)."""
        x, y, z = points_mm.T
        cavity = self.cavity_radius(np.arctan2(y, x), z) - np.hypot(x, y)
        return np.asarray(self.lung_depth(x, y, z, cavity), np.float64)


def random_shape(rng: np.random.Generator) -> ChestShape:
    """Sizes of a random adult."""
    size = rng.uniform(0.94, 1.05)
    return ChestShape(
        cavity_half_width=118.0 * size * rng.uniform(0.97, 1.03),
        cavity_half_depth=83.0 * size * rng.uniform(0.95, 1.06),
        apex_z=rng.uniform(118.0, 130.0),
        wall_side=rng.uniform(22.0, 30.0),
        wall_front=rng.uniform(15.0, 22.0),
        wall_back=rng.uniform(42.0, 50.0),
        fat=rng.uniform(7.0, 14.0),
        dome_z=(rng.uniform(-72.0, -62.0), rng.uniform(-84.0, -74.0)),
        heart_centre=(
            rng.uniform(20.0, 28.0),
            rng.uniform(-34.0, -26.0),
            rng.uniform(-62.0, -52.0),
        ),
        heart_axes=(
            rng.uniform(48.0, 56.0),
            rng.uniform(38.0, 44.0),
            rng.uniform(50.0, 58.0),
        ),
        ripple=tuple(
            (rng.uniform(-0.012, 0.012), rng.uniform(0, 2 * np.pi)) for _ in range(4)
        ),
        rib_phase=rng.uniform(0.0, 26.0),
        rib_distance=rng.uniform(24.0, 28.0),
        disc_phase=rng.uniform(0.0, 24.0),
    )


def _ellipse_depth(dx: Array, dy: Array, half_x: float, half_y: float) -> Array:
    """Depth inside an axis-parallel ellipse, exact on the axes."""
    q = np.sqrt(np.square(dx / half_x) + np.square(dy / half_y))
    depth: Array = np.asarray((1.0 - q) * (0.5 * (half_x + half_y)), np.float64)
    return depth
