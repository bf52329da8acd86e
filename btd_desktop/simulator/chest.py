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
from btd_desktop.simulator.organs import (
    paint_mediastinum,
    paint_ribs,
    paint_spine,
)
from btd_desktop.simulator.random_field import RandomField, random_field
from btd_desktop.simulator.raster import (
    RasterGrid,
    angle_table,
    coverage,
    paint,
)
from btd_desktop.simulator.vessels import Tubes, grow_tree, tube_coverage
from btd_desktop.tampering.nodule import Nodule, random_nodule

AIR_HU = -1000.0
Plane = NDArray[np.float32]

_N_TREE_ENDS = 1000
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
        grain: Two textures of 1.5 to 2 mm, the lung's finest structure; two, because
            one alone would repeat within a lung.
    """

    shape: ChestShape
    parenchyma_hu: float
    vessels: Tubes
    airways: Tubes
    nodules: tuple[Nodule, ...]
    coarse: RandomField
    fine: RandomField
    grain: tuple[RandomField, RandomField]

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
        paint_mediastinum(hu, self.shape, grid, z_mm, coarse, cavity_depth)
        paint_spine(hu, self.shape, grid, z_mm, fine)
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
        paint_ribs(hu, self.shape, grid, z_mm, cavity)

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
        finer, coarser = (f.on_slice(grid.x_mm, grid.y_mm, z_mm) for f in self.grain)
        grain = 21.0 * (finer + coarser)
        grain += 0.7 * np.maximum(grain - 25.0, 0.0)
        parenchyma = self.parenchyma_hu + sag + 9.0 * coarse + 9.0 * fine + twigs
        parenchyma = parenchyma + grain
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
    """A random chest: body, lungs, vessels, bronchi, bones, up to seven nodules."""
    shape = random_shape(rng)
    coarse, fine = random_field(rng, 6.0), random_field(rng, 1.9)
    vessels, bronchi = [], []
    for side in (-1.0, 1.0):
        artery_root, vein_root = (side * 30.0, 4.0, 4.0), (side * 30.0, 14.0, -20.0)
        arteries = grow_tree(
            rng, artery_root, _lung_points(rng, shape, side, _N_TREE_ENDS, 2.5), 0.45
        )
        veins = grow_tree(
            rng, vein_root, _lung_points(rng, shape, side, _N_TREE_ENDS, 2.5), 0.45
        )
        vessels += [arteries, veins]
        bronchi.append(arteries.wider_than(1.1).beside(0.8, (side * 0.6, 0.8, 0.0)))
    return ChestPhantom(
        shape=shape,
        parenchyma_hu=float(rng.uniform(-880.0, -845.0)),
        vessels=vessels[0].joined(vessels[1]).joined(vessels[2]).joined(vessels[3]),
        airways=bronchi[0].joined(bronchi[1]).joined(_main_airways()),
        nodules=_random_nodules(rng, shape),
        coarse=coarse,
        fine=fine,
        grain=(random_field(rng, 1.05), random_field(rng, 1.37)),
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
    return Tubes(*(np.array(part, np.float32) for part in zip(*points, strict=True)))


def _paint_airways(hu: Plane, airways: Tubes, grid: RasterGrid, z_mm: float) -> None:
    paint(hu, tube_coverage(airways, grid, z_mm, widen_mm=0.5), -20.0)
    paint(hu, tube_coverage(airways, grid, z_mm, widen_mm=-0.2), -985.0)
