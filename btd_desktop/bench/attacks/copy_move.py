"""Copy-move: a block of the same scan pasted over the place.

The noise is genuine, only at the wrong place; what is left to find is the blend, and
that neighbours no longer fit.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from btd_desktop.bench.attacks.paste import (
    Box,
    Centre,
    ball_share,
    check_place,
    cube_box,
    pasted,
    shifted_into,
)
from btd_desktop.errors import SettingsError
from btd_desktop.simulator.tamper import TamperResult
from btd_desktop.volume import Volume

__all__ = ["inject", "remove"]

_SOLID_HU = -400.0
_AIR_HU = -975.0
_N_CANDIDATES = 1500

Array = NDArray[np.float32]
Kind = Literal["injection", "removal"]


def inject(volume: Volume, centre: Centre, rng: np.random.Generator) -> TamperResult:
    """Paste a block that holds a nodule or a thick vessel of the same CT.

    Raises:
        SettingsError: Not a CT, a place outside it, or no such block in it.
    """
    return _copy(volume, centre, rng, "injection")


def remove(volume: Volume, centre: Centre, rng: np.random.Generator) -> TamperResult:
    """Paste a block of quiet lung of the same CT.

    Raises:
        SettingsError: Not a CT, a place outside it, or no such block in it.
    """
    return _copy(volume, centre, rng, "removal")


def _copy(
    volume: Volume, centre: Centre, rng: np.random.Generator, kind: Kind
) -> TamperResult:
    check_place(volume, centre, ("CT",))
    seed = int(rng.integers(2**31))
    rng = np.random.default_rng(seed)
    small, large = (5.5, 9.0) if kind == "injection" else (8.0, 12.0)
    radius = float(rng.uniform(small, large))
    box = cube_box(volume, centre)
    share = ball_share(volume, centre, box, radius, rng)
    donor = _donor(volume, box, share, rng, kind)
    block = volume.voxels[donor].astype(np.float32)
    original = volume.voxels[box].astype(np.float32)
    # Lung differs in density from place to place: only its level is matched, so that
    # the copied noise stays as it is. Solid tissue keeps its own values.
    lift = _lung_level(original) - _lung_level(block)
    content = block + lift * np.clip((-300.0 - block) / 400.0, 0.0, 1.0)
    shift = tuple(d.start - b.start for d, b in zip(donor, box, strict=True))
    return pasted(
        volume,
        centre,
        box,
        (1.0 - share) * original + share * content,
        share,
        kind=kind,
        size_mm=2.0 * radius,
        seed=seed,
        what=f"A block was copied from {shift} voxels away (slices, rows, columns)",
    )


def _donor(
    volume: Volume, box: Box, share: Array, rng: np.random.Generator, kind: Kind
) -> Box:
    """Where to copy from: the best of many places of the kind that is wanted.

    Raises:
        SettingsError: No block elsewhere is mostly lung with what is wanted in it.
    """
    used = share > 0.5
    weight = used / used.sum()
    span = [b.stop - b.start for b in box]
    last = [n - k + 1 for n, k in zip(volume.shape, span, strict=True)]
    best, found = np.inf, None
    for corner in rng.integers(0, last, (_N_CANDIDATES, 3)):
        shift = corner - [b.start for b in box]
        if np.all(np.abs(shift) < np.array(span) * (0.5, 1.0, 1.0)):
            continue
        donor = shifted_into(box, (int(shift[0]), int(shift[1]), int(shift[2])))
        middle = volume.voxels[donor][span[0] // 2]
        aerated = float(np.mean((middle < _SOLID_HU) & (middle > _AIR_HU)))
        if aerated < 0.6:
            continue
        block = gaussian_filter(
            volume.voxels[donor].astype(np.float32), (0.0, 1.0, 1.0)
        )
        solid = float((weight * (block > _SOLID_HU)).sum())
        air = float((weight * (block < _AIR_HU)).sum())
        unlike = _unlike(solid, kind) + 5.0 * air
        if unlike < best:
            best, found = unlike, donor
        if best < 0.005:
            break
    limit = 0.12 if kind == "injection" else 0.05
    if found is None or best > limit:
        wanted = "a nodule or thick vessel" if kind == "injection" else "quiet lung"
        raise SettingsError(
            f"No block with {wanted} to copy was found elsewhere in the series.",
            hint="Use another attack, or more slices of the series.",
            code="donor",
        )
    return found


def _unlike(solid: float, kind: Kind) -> float:
    """0 for the wanted share of solid tissue within the ball, more the farther off."""
    if kind == "removal":
        return solid
    return max(0.20 - solid, 0.0) + max(solid - 0.60, 0.0)


def _lung_level(block: Array) -> float:
    lung = block[(block < -600.0) & (block > _AIR_HU)]
    return float(np.median(lung)) if lung.size > 30 else float(np.median(block))
