"""Lung nodules as star-shaped bodies with a lobulated or spiculated outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Nodule:
    """One nodule; its radius depends on the direction from its centre.

    Attributes:
        centre_mm: World position (x, y, z).
        diameter_mm: Mean diameter.
        hu: Attenuation of its inside.
        waves: Direction waves of the outline, shape (K, 3), radians.
        phases: Their phases, shape (K,).
        amplitudes: Their heights relative to the mean radius, shape (K,).
        edge_mm: Width of the soft rim.
    """

    centre_mm: tuple[float, float, float]
    diameter_mm: float
    hu: float
    waves: Array
    phases: Array
    amplitudes: Array
    edge_mm: float

    @property
    def reach_mm(self) -> float:
        """Radius of a sphere that holds the nodule and its rim."""
        widest = 1.0 + float(np.sum(np.abs(self.amplitudes)))
        return 0.5 * self.diameter_mm * widest + self.edge_mm

    def coverage(self, x_mm: Array, y_mm: Array, z_mm: Array | float) -> Array:
        """Share of nodule tissue at world points that broadcast together, in [0, 1]."""
        dx, dy = x_mm - self.centre_mm[0], y_mm - self.centre_mm[1]
        dz = z_mm - self.centre_mm[2]
        distance = np.sqrt(dx * dx + dy * dy + np.square(dz)) + 1e-3
        outline = np.ones_like(distance)
        for wave, phase, height in zip(
            self.waves, self.phases, self.amplitudes, strict=True
        ):
            turn = (dx * wave[0] + dy * wave[1] + dz * wave[2]) / distance + phase
            outline = outline + height * np.cos(turn)
        inside = 0.5 * self.diameter_mm * outline - distance
        share = np.clip(inside / self.edge_mm + 0.5, 0.0, 1.0)
        # A smooth step: a linear ramp would leave two creases around the nodule.
        return np.asarray(share * share * (3.0 - 2.0 * share), np.float32)


def random_nodule(
    rng: np.random.Generator,
    centre_mm: tuple[float, float, float],
    diameter_mm: float,
    *,
    hu: float,
    spiculated: bool = False,
) -> Nodule:
    """A nodule with a random outline: gently lobulated, or with fine spicules too."""
    frequencies = [1.5, 2.5, 2.5, 3.5, 3.5]
    heights = [0.10, 0.07, 0.07, 0.05, 0.05]
    if spiculated:
        frequencies += [5.0, 6.0, 7.0, 9.0]
        heights += [0.06, 0.06, 0.05, 0.05]
    directions = rng.standard_normal((len(frequencies), 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Nodule(
        centre_mm=centre_mm,
        diameter_mm=diameter_mm,
        hu=hu,
        waves=(directions * np.array(frequencies)[:, None]).astype(np.float32),
        phases=rng.uniform(0, 2 * np.pi, len(heights)).astype(np.float32),
        amplitudes=(np.array(heights) * rng.uniform(0.5, 1.2, len(heights))).astype(
            np.float32
        ),
        edge_mm=float(rng.uniform(1.2, 2.2)),
    )
