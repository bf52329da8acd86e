"""A random head and the MR signal of one plane of it.

Tissue constants are round textbook values near 1.5 T. The cortex is folded by sheets of
a smooth random field: where the field vanishes runs a sulcus, beside it grey matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.simulator.random_field import RandomField, random_field
from btd_desktop.simulator.raster import (
    RasterGrid,
    angle_table,
    coverage,
    paint,
    ripple,
    superellipse,
)

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tissue:
    """What an MR sequence sees of a tissue.

    Attributes:
        t1_ms: Longitudinal relaxation time.
        t2_ms: Transverse relaxation time.
        proton_density: Relative to water, [0, 1].
    """

    t1_ms: float
    t2_ms: float
    proton_density: float


TISSUES: Mapping[str, Tissue] = {
    "fat": Tissue(270.0, 75.0, 0.90),
    "muscle": Tissue(900.0, 47.0, 0.80),
    "bone": Tissue(500.0, 20.0, 0.06),
    "marrow": Tissue(350.0, 65.0, 0.55),
    "csf": Tissue(4000.0, 1800.0, 1.00),
    "grey": Tissue(950.0, 100.0, 0.84),
    "deep_grey": Tissue(850.0, 88.0, 0.82),
    "white": Tissue(600.0, 80.0, 0.72),
}


@dataclass(frozen=True, slots=True, eq=False)
class HeadPhantom:
    """One simulated patient's head; z = 0 is the level of the lateral ventricles.

    Attributes:
        half_width: Half width of the skull's outside, mm.
        half_depth: Half length of it from front to back, mm.
        half_height: Distance from z = 0 to the top of the skull, mm.
        scalp: Thickness of the scalp, mm.
        skull: Thickness of the skull, mm.
        ventricle: Size of the ventricles relative to an average.
        folds: Field whose zero sheets are the sulci.
        texture: Field that varies tissue within itself.
        ripple: Amplitude and phase of the outline's harmonics 2 to 4.
    """

    half_width: float
    half_depth: float
    half_height: float
    scalp: float
    skull: float
    ventricle: float
    folds: RandomField
    texture: RandomField
    ripple: tuple[tuple[float, float], ...]

    def on_plane(
        self, grid: RasterGrid, z_mm: float, signal: Mapping[str, float]
    ) -> Plane:
        """Signal at height `z_mm`, shape (n, n), zero in air.

        Args:
            grid: Pixel positions.
            z_mm: World height.
            signal: Signal of each tissue named in `TISSUES`.
        """
        image = np.zeros((grid.n, grid.n), np.float32)
        skull_radius = self._skull_radius(z_mm)
        if skull_radius.max() < 5.0:
            return image
        depth = skull_radius[grid.angle_index] - grid.radius_mm
        soft = grid.spacing_mm
        texture = self.texture.on_slice(grid.x_mm, grid.y_mm, z_mm)
        paint(image, coverage(depth + self.scalp, soft), signal["muscle"])
        paint(image, coverage(depth + self.scalp - 1.5, soft), signal["fat"])
        paint(image, coverage(depth + 1.2, soft), signal["muscle"])
        paint(image, coverage(depth, soft), signal["bone"])
        middle = 0.5 * self.skull - np.abs(depth - 0.5 * self.skull) - 1.8
        paint(image, coverage(middle, soft), signal["marrow"])
        brain = depth - self.skull
        paint(image, coverage(brain, soft), signal["csf"])
        self._paint_brain(image, grid, z_mm, signal, brain - 2.0)
        inside = coverage(brain, soft)
        image *= 1.0 + 0.012 * texture * inside
        return image

    def _paint_brain(
        self,
        image: Plane,
        grid: RasterGrid,
        z_mm: float,
        signal: Mapping[str, float],
        depth: Plane,
    ) -> None:
        soft = grid.spacing_mm
        fold = self.folds.on_slice(grid.x_mm, grid.y_mm, z_mm)
        sheet = np.asarray(np.abs(fold), np.float32)
        # Sulci cut in some 18 mm; beneath, white matter is one body.
        near = np.clip((20.0 - depth) / 6.0, 0.0, 1.0)
        inside = coverage(depth, soft)
        paint(image, inside, signal["grey"])
        ribbon = coverage(0.62 - sheet, 0.25) * near
        paint(image, coverage(depth - 3.5, 1.5) * (1 - ribbon), signal["white"])
        sulcus = coverage(0.13 - sheet, 0.16) * near * inside
        paint(image, sulcus, signal["csf"])
        if abs(z_mm) < 40.0:
            self._paint_deep(image, grid, z_mm, signal)
        # The fissure between the hemispheres, open in front and behind.
        gap = 0.9 - np.abs(grid.xx)
        outer = np.maximum(np.abs(grid.yy) - (26.0 if z_mm < 24.0 else 0.0), 0.0)
        fissure = coverage(gap.astype(np.float32), soft) * np.clip(outer / 4.0, 0, 1)
        paint(image, fissure * inside, signal["csf"])

    def _paint_deep(
        self, image: Plane, grid: RasterGrid, z_mm: float, signal: Mapping[str, float]
    ) -> None:
        """Thalami, basal ganglia and ventricles; all mirrored about x = 0."""
        soft = grid.spacing_mm
        side, y = np.abs(grid.xx), grid.yy
        level = float(np.sqrt(max(0.0, 1.0 - (z_mm / 24.0) ** 2)))
        if level > 0:
            for centre_x, centre_y, half_x, half_y in (
                (10.0, 12.0, 8.0, 13.0),
                (22.0, -6.0, 6.5, 15.0),
                (11.0, -24.0, 5.0, 9.0),
            ):
                q = np.hypot(
                    (side - centre_x) / (half_x * level + 0.1),
                    (y - centre_y) / (half_y * level + 0.1),
                )
                inside = (1.0 - q) * half_x * level
                paint(
                    image, coverage(inside.astype(np.float32), 2.0), signal["deep_grey"]
                )
        size = self.ventricle * float(np.sqrt(max(0.0, 1.0 - ((z_mm - 6) / 26.0) ** 2)))
        if size > 0.05:
            # Front horns bend outwards in front, the bodies run back along the midline.
            bend = 5.0 + 0.006 * np.square(y - 4.0)
            half = size * (4.2 - 0.0022 * np.square(y - 2.0))
            inside = half - np.abs(side - bend - 1.5)
            paint(image, coverage(inside.astype(np.float32), soft), signal["csf"])
        if z_mm < 6.0:
            third = np.minimum(1.6 * self.ventricle - side, 14.0 - np.abs(y - 8.0))
            paint(image, coverage(third.astype(np.float32), soft), signal["csf"])

    def _skull_radius(self, z_mm: float) -> Plane:
        angle = angle_table()
        height = self.half_height if z_mm > 0 else 1.6 * self.half_height
        shrink = np.sqrt(max(0.0, 1.0 - (abs(z_mm) / height) ** 2.2))
        radius = superellipse(angle, self.half_width, self.half_depth, power=2.1)
        return np.asarray(radius * ripple(angle, self.ripple) * shrink, np.float32)


def head_phantom(rng: np.random.Generator) -> HeadPhantom:
    """A random head."""
    size = rng.uniform(0.95, 1.04)
    return HeadPhantom(
        half_width=70.0 * size * rng.uniform(0.97, 1.03),
        half_depth=88.0 * size,
        half_height=92.0 * size,
        scalp=rng.uniform(4.5, 7.0),
        skull=rng.uniform(6.0, 8.5),
        ventricle=rng.uniform(0.8, 1.5),
        folds=random_field(rng, 6.0),
        texture=random_field(rng, 3.0),
        ripple=tuple(
            (rng.uniform(-0.012, 0.012), rng.uniform(0, 2 * np.pi)) for _ in range(3)
        ),
    )
