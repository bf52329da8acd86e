"""The trivial baseline: how much fine detail a place holds."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from btd_desktop.bench.detectors.detector import BenchDetector
from btd_desktop.bench.place import Shown

_HALF_PX, _RIM_PX = 24, 8


def _score(shown: Shown) -> float:
    """Mean square of what a 3x3 mean leaves in the central 32x32 px, HU^2."""
    s, r, c = shown.centre
    plane = np.asarray(shown.volume.voxels[s])
    rows = slice(max(0, r - _HALF_PX), r + _HALF_PX)
    columns = slice(max(0, c - _HALF_PX), c + _HALF_PX)
    part = plane[rows, columns].astype(np.float32)
    residual = part - ndimage.uniform_filter(part, 3)
    inner = residual[_RIM_PX:-_RIM_PX, _RIM_PX:-_RIM_PX]
    return float(np.mean(inner**2))


HIGH_PASS = BenchDetector("high_pass", "high-pass", looks=_score)
