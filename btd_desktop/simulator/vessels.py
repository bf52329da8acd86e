"""Branching trees of tapering tubes: pulmonary arteries, veins and bronchi.

A tree grows from the hilum to many end points spread over the lung, each joined to the
place of the tree that costs least; radii follow Murray's law (flow splits, r^n adds up;
n about 2.7 in the lung), which gives the taper from trunk to end branch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from btd_desktop.simulator.raster import RasterGrid

_MURRAY_EXPONENT = 2.7
_STEP_MM = 5.0


class Tubes(NamedTuple):
    """Straight, tapering tube segments.

    Attributes:
        start_mm: World points (N, 3), float32.
        end_mm: World points (N, 3), float32.
        start_radius_mm: Radius at the start (N,).
        end_radius_mm: Radius at the end (N,).
    """

    start_mm: NDArray[np.float32]
    end_mm: NDArray[np.float32]
    start_radius_mm: NDArray[np.float32]
    end_radius_mm: NDArray[np.float32]

    def wider_than(self, radius_mm: float) -> Tubes:
        """Only the segments whose end is at least `radius_mm` wide."""
        keep = self.end_radius_mm >= radius_mm
        return Tubes(*(part[keep] for part in self))

    def beside(self, share: float, direction: tuple[float, float, float]) -> Tubes:
        """Companion tubes that touch these, moved along a unit vector.

        Args:
            share: Radius of the companion relative to its partner.
            direction: Unit vector of the displacement.
        """
        away = np.array(direction, np.float32)[None, :]
        gap = 1.0 + 1.25 * share
        return Tubes(
            self.start_mm + away * (gap * self.start_radius_mm)[:, None],
            self.end_mm + away * (gap * self.end_radius_mm)[:, None],
            share * self.start_radius_mm,
            share * self.end_radius_mm,
        )

    def joined(self, other: Tubes) -> Tubes:
        """Segments of both."""
        return Tubes(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))


def grow_tree(
    rng: np.random.Generator,
    root_mm: tuple[float, float, float],
    ends_mm: NDArray[np.float64],
    end_radius_mm: float,
) -> Tubes:
    """A tree from `root_mm` to every end point.

    Args:
        rng: Source of the branches' bends.
        root_mm: World point where the trunk begins.
        ends_mm: End points, shape (N, 3).
        end_radius_mm: Radius of the last branches.
    """
    far = np.linalg.norm(ends_mm - np.array(root_mm), axis=1)
    order = np.argsort(far * rng.uniform(0.75, 1.25, far.size))
    capacity = 1 + int(np.sum(np.ceil(far / _STEP_MM))) + 2 * far.size
    nodes = np.zeros((capacity, 3))
    travelled = np.zeros(capacity)
    parent = np.full(capacity, -1)
    flow = np.zeros(capacity)
    nodes[0], used = root_mm, 1
    for end in ends_mm[order]:
        gap = np.linalg.norm(nodes[:used] - end, axis=1)
        join = int(np.argmin(gap + 0.45 * travelled[:used]))
        n_steps = max(1, int(np.ceil(gap[join] / _STEP_MM)))
        if used + n_steps > capacity:
            break
        t = np.arange(1, n_steps + 1)[:, None] / n_steps
        bend = rng.normal(0, 0.12 * gap[join], 3) * np.sin(np.pi * t)
        nodes[used : used + n_steps] = nodes[join] + t * (end - nodes[join]) + bend
        parent[used : used + n_steps] = np.arange(used - 1, used + n_steps - 1)
        parent[used] = join
        step = gap[join] / n_steps
        travelled[used : used + n_steps] = travelled[join] + step * np.arange(
            1, n_steps + 1
        )
        used += n_steps
        flow[used - 1] += 1
    nodes, parent, flow = nodes[:used], parent[:used], flow[:used]
    for node in range(used - 1, 0, -1):
        flow[parent[node]] += flow[node]
    nodes = _smoothed(nodes, parent, flow)
    radius = end_radius_mm * np.maximum(flow, 1.0) ** (1.0 / _MURRAY_EXPONENT)
    child = np.arange(1, used)
    # A branch leaves its trunk with its own width, else every twig would be a cone.
    begin = np.minimum(radius[parent[child]], 1.3 * radius[child])
    return Tubes(
        nodes[parent[child]].astype(np.float32),
        nodes[child].astype(np.float32),
        begin.astype(np.float32),
        radius[child].astype(np.float32),
    )


def tube_coverage(
    tubes: Tubes, grid: RasterGrid, z_mm: float, *, widen_mm: float = 0.0
) -> NDArray[np.float32]:
    """Share of each pixel filled by tubes where they cross the plane at `z_mm`, (n, n).

    Args:
        tubes: Segments; those away from the plane cost nothing.
        grid: Pixel positions.
        z_mm: World height of the plane.
        widen_mm: Added to every radius (the wall of an airway).
    """
    share = np.zeros((grid.n, grid.n), np.float32)
    soft = np.float32(grid.spacing_mm)
    reach = np.maximum(tubes.start_radius_mm, tubes.end_radius_mm) + widen_mm + soft
    low = np.minimum(tubes.start_mm[:, 2], tubes.end_mm[:, 2]) - reach
    high = np.maximum(tubes.start_mm[:, 2], tubes.end_mm[:, 2]) + reach
    for i in np.flatnonzero((low <= z_mm) & (z_mm <= high)):
        a, step = tubes.start_mm[i], tubes.end_mm[i] - tubes.start_mm[i]
        middle, half = a + 0.5 * step, 0.5 * np.abs(step) + reach[i]
        rows, cols = grid.box(middle[0], middle[1], half[0], half[1])
        dx = grid.xx[:, cols] - a[0]
        dy = grid.yy[rows] - a[1]
        dz = np.float32(z_mm) - a[2]
        length2 = np.float32(max(float(step @ step), 1e-6))
        t = np.clip((dx * step[0] + dy * step[1] + dz * step[2]) / length2, 0.0, 1.0)
        away = np.sqrt(
            (dx - t * step[0]) ** 2 + (dy - t * step[1]) ** 2 + (dz - t * step[2]) ** 2
        )
        r0, r1 = tubes.start_radius_mm[i], tubes.end_radius_mm[i]
        inside = (r0 + t * (r1 - r0)) + np.float32(widen_mm) - away
        np.maximum(
            share[rows, cols],
            np.clip(inside / soft + np.float32(0.5), 0.0, 1.0),
            out=share[rows, cols],
        )
    return share


def _smoothed(
    nodes: NDArray[np.float64], parent: NDArray[np.int64], flow: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Node positions pulled between parent and main child: vessels do not zigzag."""
    n = len(nodes)
    main = np.full(n, -1)
    best = np.zeros(n)
    for node in range(1, n):
        if flow[node] > best[parent[node]]:
            best[parent[node]], main[parent[node]] = flow[node], node
    inner = np.flatnonzero((main >= 0) & (parent >= 0))
    for _ in range(4):
        middle = 0.5 * (nodes[parent[inner]] + nodes[main[inner]])
        nodes[inner] = 0.4 * nodes[inner] + 0.6 * middle
    return nodes
