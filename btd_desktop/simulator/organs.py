"""Bones and mediastinum of the simulated chest, painted onto one plane.

Each function covers what lies beneath it on the canvas, in HU; `cavity` is the depth
inside the rib cage, positive inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btd_desktop.simulator.anatomy import ChestShape
from btd_desktop.simulator.raster import RasterGrid, angle_table, coverage, paint

Plane = NDArray[np.float32]


def paint_ribs(
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


def paint_mediastinum(
    hu: Plane,
    shape: ChestShape,
    grid: RasterGrid,
    z_mm: float,
    coarse: Plane,
    cavity: Plane,
) -> None:
    """Fat, heart, great vessels, and the organs beneath the diaphragm."""
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


def paint_spine(
    hu: Plane, shape: ChestShape, grid: RasterGrid, z_mm: float, fine: Plane
) -> None:
    """Vertebrae with shell and marrow, discs, arch, processes and spinal canal."""
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
