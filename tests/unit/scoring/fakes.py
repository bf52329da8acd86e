"""A detector without a network, and slices with tissue, for tests of scoring."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.preprocess.presets import PRESETS
from btd_desktop.scoring.detector import Backend, DetectorInfo
from btd_desktop.volume import Volume

LEVELS = (0.01, 0.0173286, 0.055)


@dataclass
class HighPassDetector:
    """Maps are the slice minus its smoothed self: noise without a network."""

    calls: list[NDArray[np.float32]] = field(default_factory=list)

    @property
    def info(self) -> DetectorInfo:
        preset = PRESETS["ct96wide"]
        return DetectorInfo("high-pass", "f" * 64, preset, LEVELS, 1, Backend("cpu"))

    def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        self.calls.append(scaled)
        smooth = [ndimage.gaussian_filter(scaled, s) for s in (0.7, 1.0, 2.0)]
        return np.stack([(scaled - s) * np.float32(80.0) for s in smooth])


def chest_volume(n: int, seed: int, side: int = 192, sigma: float = 25.0) -> Volume:
    """Body with a lung, white noise, integer HU."""
    rng = np.random.default_rng(seed)
    r, c = np.mgrid[:side, :side]
    half = side / 2
    hu = np.full((side, side), -1000.0)
    hu[np.hypot((r - half) / 0.9, c - half) < 0.45 * side] = 40.0
    hu[np.hypot(r - half, (c - 0.35 * side) * 1.5) < 0.2 * side] = -850.0
    voxels = np.rint(hu + rng.normal(0.0, sigma, (n, side, side))).astype(np.int16)
    return volume_of(voxels)


def volume_of(voxels: NDArray[Any], padding: NDArray[np.bool_] | None = None) -> Volume:
    n = len(voxels)
    return Volume(
        voxels,
        "CT",
        "HU",
        (2.0, 0.7, 0.7),
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        tuple(2.0 * s for s in range(n)),
        tuple(f"1.2.{s}" for s in range(n)),
        padding,
    )
