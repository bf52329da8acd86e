"""A random chest and how one plane of it attenuates X-rays.

Painting goes from the outside in; each organ covers what lies beneath it. Attenuation
is in Hounsfield units of tissue at rest, from textbooks: fat -105, muscle 55, blood 42,
aerated parenchyma -870 to -820, marrow 150 to 250, cortical bone 700 and above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.simulator.anatomy import ChestShape, random_shape
from btd_desktop.simulator.nodule import Nodule, random_nodule
from btd_desktop.simulator.random_field import RandomField, random_field
from btd_desktop.simulator.raster import (
    RasterGrid,
    angle_table,
    coverage,
    paint,
)
from btd_desktop.simulator.vessels import Tubes, grow_tree, tube_coverage

__all__ = ["ChestPhantom", "chest_phantom"]

AIR_HU = -1000.0
Plane = NDArray[np.float32]

_N_TREE_ENDS = 650
_CARINA_Z = 22.0


@dataclass(frozen=True, slots=True, eq=False)
class ChestPhantom:
    """One simulated patient's chest.

    Attributes:
        shape: Sizes and places of organs.
        parenchyma_hu: Mean attenuation of the lung.
        vessels: Arteries and veins of both lungs.
        airways: Bronchi of both lungs.
        nodules: Benign nodules, the first one 10-14 mm wide, near z = 0 and as deep in
            the lung as could be found.
        coarse: Texture with features of about 10 mm.
        fine: Texture with features of about 3 mm.
    """

    shape: ChestShape
    parenchyma_hu: float
    vessels: Tubes
    airways: Tubes
    nodules: tuple[Nodule, ...]
    coarse: RandomField
    fine: RandomField

    @property
    def centre_mm(self) -> tuple[float, float]:
        """World (x, y) of the body's middle, where a scanner puts its isocentre."""
        wall = 0.5 * (self.shape.wall_back - self.shape.wall_front)
        return 0.0, float(np.round(wall))

    def hu_on_plane(self, grid: RasterGrid, z_mm: float) -> Plane:
        """Attenuation in HU at height `z_mm`, shape (n, n), float32."""
        coarse = self.coarse.on_slice(grid.x_mm, grid.y_mm, z_mm)
        fine = self.fine.on_slice(grid.x_mm, grid.y_mm, z_mm)
        cavity_table = np.asarray(
            self.shape.cavity_radius(angle_table(), z_mm), np.float32
        )
        cavity_depth = cavity_table[grid.angle_index] - grid.radius_mm
        hu = np.full((grid.n, grid.n), AIR_HU, np.float32)
        self._paint_wall(hu, grid, z_mm, coarse, cavity_depth)
        _paint_mediastinum(hu, self.shape, grid, z_mm, coarse, cavity_depth)
        _paint_spine(hu, self.shape, grid, z_mm, fine)
        self._paint_lungs(hu, grid, z_mm, coarse, fine, cavity_depth)
        return hu

    def _paint_wall(
        self, hu: Plane, grid: RasterGrid, z_mm: float, coarse: Plane, cavity: Plane
    ) -> None:
        angle = angle_table()
        body = np.asarray(self.shape.body_radius(angle, z_mm), np.float32)
        fat = np.asarray(self.shape.fat_thickness(angle), np.float32)
        body_depth = body[grid.angle_index] - grid.radius_mm
        soft = grid.spacing_mm
        paint(hu, coverage(body_depth, soft), 25.0)
        paint(hu, coverage(body_depth - 2.0, soft), -105.0 + 5.0 * coarse)
        # Fat also streaks the muscle: seen as dark lines between bellies.
        muscle_hu = 57.0 + 5.0 * coarse
        muscle = coverage(body_depth - 2.0 - fat[grid.angle_index], soft)
        seam = coverage(0.2 - np.abs(coarse + 0.7), 0.5)
        inner = coverage(body_depth - 9.0 - fat[grid.angle_index], 6.0)
        paint(hu, muscle, muscle_hu - 90.0 * seam * inner)
        # Intercostal muscle holds no such streaks.
        paint(hu, coverage(cavity + 5.0, 2.0), 50.0 + 4.0 * coarse)
        _paint_ribs(hu, self.shape, grid, z_mm, cavity)

    def _paint_lungs(
        self,
        hu: Plane,
        grid: RasterGrid,
        z_mm: float,
        coarse: Plane,
        fine: Plane,
        cavity: Plane,
    ) -> None:
        depth = self.shape.lung_depth(grid.xx, grid.yy, z_mm, cavity)
        soft = grid.spacing_mm
        lung = coverage(np.asarray(depth, np.float32), soft)
        # Lying on the back, the lung's own weight makes it denser behind.
        sag = 26.0 * grid.yy / np.float32(self.shape.cavity_half_depth)
        twigs = 36.0 * np.maximum(fine - 0.9, 0.0) - 4.0
        parenchyma = self.parenchyma_hu + sag + 9.0 * coarse + 9.0 * fine + twigs
        paint(hu, lung, parenchyma)
        _paint_airways(hu, self.airways, grid, z_mm)
        # Beyond the pleura the tree only exists at the hilum, where fat surrounds it.
        tree = tube_coverage(self.vessels, grid, z_mm)
        paint(hu, tree * coverage(np.asarray(depth, np.float32) + 22.0, 4.0), 40.0)
        for nodule in self.nodules:
            x, y, z = nodule.centre_mm
            reach = nodule.reach_mm
            if abs(z - z_mm) < reach:
                rows, cols = grid.box(x, y, reach, reach)
                share = nodule.coverage(grid.xx[:, cols], grid.yy[rows], z_mm)
                paint(hu[rows, cols], share, nodule.hu)


def chest_phantom(rng: np.random.Generator) -> ChestPhantom:
    """A random chest: body, lungs, vessels, bronchi, bones, three to seven nodules."""
    shape = random_shape(rng)
    coarse, fine = random_field(rng, 6.0), random_field(rng, 1.9)
    vessels, bronchi = [], []
    for side in (-1.0, 1.0):
        artery_root, vein_root = (side * 30.0, 4.0, 4.0), (side * 30.0, 14.0, -20.0)
        arteries = grow_tree(
            rng, artery_root, _lung_points(rng, shape, side, _N_TREE_ENDS, 2.5), 0.48
        )
        veins = grow_tree(
            rng, vein_root, _lung_points(rng, shape, side, _N_TREE_ENDS, 2.5), 0.48
        )
        vessels += [arteries, veins]
        bronchi.append(arteries.wider_than(1.1).beside(0.8, (side * 0.6, 0.8, 0.0)))
    return ChestPhantom(
        shape=shape,
        parenchyma_hu=float(rng.uniform(-870.0, -835.0)),
        vessels=vessels[0].joined(vessels[1]).joined(vessels[2]).joined(vessels[3]),
        airways=bronchi[0].joined(bronchi[1]).joined(_main_airways()),
        nodules=_random_nodules(rng, shape),
        coarse=coarse,
        fine=fine,
    )


def _lung_points(
    rng: np.random.Generator, shape: ChestShape, side: float, n: int, depth_mm: float
) -> NDArray[np.float64]:
    """Points spread evenly over one lung (side -1 right, +1 left), shape (n, 3)."""
    found: list[NDArray[np.float64]] = []
    count = 0
    while count < n:
        points = rng.uniform(
            (0.0, -shape.cavity_half_depth, -125.0),
            (shape.cavity_half_width, shape.cavity_half_depth, shape.apex_z),
            (4 * n, 3),
        )
        points[:, 0] *= side
        inside = points[shape.lung_depth_at(points) > depth_mm]
        found.append(inside)
        count += len(inside)
    return np.concatenate(found)[:n]


def _random_nodules(rng: np.random.Generator, shape: ChestShape) -> tuple[Nodule, ...]:
    side = float(rng.choice((-1.0, 1.0)))
    candidates = _lung_points(rng, shape, side, 600, 20.0)
    near = candidates[np.abs(candidates[:, 2]) < 30.0]
    deep = near[np.argsort(-shape.lung_depth_at(near))[: max(1, len(near) // 8)]]
    centres = [deep[rng.integers(len(deep))]]
    diameters = [rng.uniform(10.5, 13.5)]
    for _ in range(int(rng.integers(2, 7))):
        one_side = float(rng.choice((-1.0, 1.0)))
        centre = _lung_points(rng, shape, one_side, 1, 8.0)[0]
        if min(np.linalg.norm(centre - other) for other in centres) > 35.0:
            centres.append(centre)
            diameters.append(rng.uniform(4.0, 9.0))
    return tuple(
        random_nodule(
            rng,
            (float(centre[0]), float(centre[1]), float(centre[2])),
            float(diameter),
            hu=float(rng.uniform(10.0, 60.0)),
        )
        for centre, diameter in zip(centres, diameters, strict=True)
    )


def _main_airways() -> Tubes:
    """Trachea and main bronchi as tubes around their lumen."""
    points = [
        ((0.0, 2.0, 140.0), (0.0, 6.0, _CARINA_Z), 8.5, 8.0),
        ((0.0, 6.0, _CARINA_Z), (-32.0, 12.0, 2.0), 7.0, 5.5),
        ((0.0, 6.0, _CARINA_Z), (36.0, 14.0, -4.0), 6.5, 5.0),
    ]
    return Tubes(
        np.array([p[0] for p in points], np.float32),
        np.array([p[1] for p in points], np.float32),
        np.array([p[2] for p in points], np.float32),
        np.array([p[3] for p in points], np.float32),
    )


def _paint_airways(hu: Plane, airways: Tubes, grid: RasterGrid, z_mm: float) -> None:
    paint(hu, tube_coverage(airways, grid, z_mm, widen_mm=0.5), -20.0)
    paint(hu, tube_coverage(airways, grid, z_mm, widen_mm=-0.2), -985.0)


def _paint_ribs(
    hu: Plane, shape: ChestShape, grid: RasterGrid, z_mm: float, cavity: Plane
) -> None:
    """Ribs (sloping down to the front), breastbone and shoulder blades."""
    angle = angle_table()
    # 0 at the spine, 1 at the breastbone: a rib falls about two rib distances.
    front = np.abs(np.angle(np.exp(1j * (angle - np.pi / 2)))) / np.pi
    slope = 62.0 * front**1.2
    offset = z_mm - shape.rib_phase + slope
    nearest = offset - shape.rib_distance * np.rint(offset / shape.rib_distance)
    height = np.sqrt(np.maximum(1.0 - (nearest / 6.8) ** 2, 0.0))
    # In front, cartilage takes over and the ring must leave room for the sternum.
    bone = np.where(front < 0.86, height, 0.0).astype(np.float32)
    half = (4.2 * bone)[grid.angle_index]
    ring = half - np.abs(cavity + 6.5)
    soft = grid.spacing_mm
    present = coverage(half - 0.6, 0.6)
    paint(hu, coverage(ring, soft) * present, 720.0)
    paint(hu, coverage(ring - 1.3, soft) * present, 170.0)
    sternum_y = -shape.cavity_radius(np.array([-np.pi / 2]), min(z_mm, 40.0))[0] - 6.0
    q = np.sqrt((grid.xx / 19.0) ** 2 + ((grid.yy - sternum_y) / 6.0) ** 2)
    if z_mm > -75.0:
        paint(hu, coverage((1.0 - q) * 8.0, soft), 480.0)
        paint(hu, coverage((1.0 - q) * 8.0 - 1.6, soft), 120.0)
    blade = np.abs(np.abs(np.angle(np.exp(1j * (angle - np.pi / 2)))) - 0.95)
    present_table = np.clip((0.42 - blade) / 0.05, 0.0, 1.0) * float(z_mm > -15.0)
    present = present_table.astype(np.float32)[grid.angle_index]
    plate = coverage(2.6 - np.abs(cavity + 19.0), soft) * present
    paint(hu, plate, 620.0)


def _paint_mediastinum(
    hu: Plane,
    shape: ChestShape,
    grid: RasterGrid,
    z_mm: float,
    coarse: Plane,
    cavity: Plane,
) -> None:
    soft = grid.spacing_mm
    x, y = grid.xx, grid.yy
    inside = coverage(cavity, soft)
    paint(hu, inside, -88.0 + 22.0 * np.maximum(coarse - 0.2, 0.0))
    below = np.asarray(shape.diaphragm_height(x, y) - z_mm, np.float32)
    organ = np.where(x < 0, 58.0, 44.0).astype(np.float32) + 3.0 * coarse
    paint(hu, inside * coverage(below, 2.0), organ)
    heart = np.asarray(shape.heart_depth(x, y, z_mm), np.float32)
    paint(hu, coverage(heart - 4.0, 3.0), 46.0 + 3.0 * coarse)
    blood = 41.0 + 2.0 * coarse
    discs = [
        (-10.0, -22.0, 14.5, -20.0 < z_mm < 66.0),
        (-24.0, -14.0, 8.5, -25.0 < z_mm < 110.0),
        (9.0, shape.spine_y - 24.0, 6.5, True),
        (12.0, -14.0, 13.0, -14.0 < z_mm < 24.0),
        (10.0, -4.0, 6.0, z_mm > 66.0),
        (-13.0, -8.0, 6.0, z_mm > 66.0),
        (16.0, 6.0, 5.0, z_mm > 66.0),
    ]
    aorta = np.asarray(shape.aorta_depth(x, y, z_mm), np.float32)
    paint(hu, coverage(aorta, soft), blood)
    for centre_x, centre_y, radius, present in discs:
        if present:
            depth = radius - np.hypot(x - centre_x, y - centre_y)
            paint(hu, coverage(depth, soft), blood)
    if 48.0 < z_mm < 70.0:
        # The arch joins ascending and descending aorta.
        a, b = np.array([-8.0, -20.0]), np.array([21.0, shape.spine_y - 14.0])
        step = b - a
        t = np.clip(
            ((x - a[0]) * step[0] + (y - a[1]) * step[1]) / float(step @ step), 0, 1
        )
        gap = np.hypot(
            x - a[0] - t * step[0] - 9.0 * np.sin(np.pi * t), y - a[1] - t * step[1]
        )
        thick = 12.5 * np.sqrt(max(0.0, 1.0 - ((z_mm - 59.0) / 11.0) ** 2))
        paint(hu, coverage(np.float32(thick) - gap.astype(np.float32), soft), blood)


def _paint_spine(
    hu: Plane, shape: ChestShape, grid: RasterGrid, z_mm: float, fine: Plane
) -> None:
    soft = grid.spacing_mm
    x, y, spine_y = grid.xx, grid.yy, shape.spine_y
    offset = z_mm - shape.disc_phase
    to_disc = abs(offset - 24.0 * np.rint(offset / 24.0))
    body = np.asarray(shape.spine_depth(x, y), np.float32)
    arch = np.hypot(x / 13.0, (y - spine_y - 24.0) / 12.0)
    wings = np.minimum(
        5.0 - np.abs(y - spine_y - 25.0 + 0.22 * np.abs(x)), 34.0 - np.abs(x)
    )
    process = np.minimum(3.4 - np.abs(x), 14.0 - np.abs(y - spine_y - 44.0))
    bony = np.maximum((1.0 - arch) * 12.5, process)
    if to_disc > 7.0:
        bony = np.maximum(bony, wings)
    paint(hu, coverage(bony.astype(np.float32), soft), 560.0)
    paint(hu, coverage(bony.astype(np.float32) - 1.8, soft), 230.0 + 35.0 * fine)
    canal = (1.0 - np.hypot(x / 9.0, (y - spine_y - 22.0) / 8.0)) * 8.5
    paint(hu, coverage(canal.astype(np.float32), soft), 15.0)
    # Vertebra with its shell and end plates, or the disc between two of them.
    marrow = 185.0 + 45.0 * fine
    is_disc = float(np.clip((2.6 - to_disc) / 0.8 + 0.5, 0.0, 1.0))
    plate = float(np.exp(-(((to_disc - 3.8) / 1.0) ** 2)))
    paint(hu, coverage(body, soft), 480.0 + (85.0 - 480.0) * is_disc)
    inside = marrow + 260.0 * plate
    paint(hu, coverage(body - 1.3, soft), inside + (85.0 - inside) * is_disc)
