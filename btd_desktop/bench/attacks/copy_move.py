"""Copy-move: a block of the same scan pasted over the place.

The noise is genuine, only at the wrong place; what is left to find is the blend, and
that neighbours no longer fit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from btd_desktop.bench.attacks.lung import lung_plane, within_lung
from btd_desktop.bench.attacks.paste import (
    Centre,
    ball_share,
    check_place,
    cube_box,
    pasted,
    shifted_into,
)
from btd_desktop.errors import SettingsError
from btd_desktop.tampering.result import Box, Kind, TamperResult, offsets_mm
from btd_desktop.volume import Volume

_SOLID_HU = -400.0
_AIR_HU = -975.0
_N_SLICES = 8
_N_PER_SLICE = 60

Array = NDArray[np.float32]


def inject(volume: Volume, centre: Centre, rng: np.random.Generator) -> TamperResult:
    """Paste a block that holds a nodule or the section of a vessel of the same CT.

    Raises:
        SettingsError: Not a CT, a place outside it, or no such block in it.
    """
    return _copy(volume, centre, rng, "injection")


def remove(volume: Volume, centre: Centre, rng: np.random.Generator) -> TamperResult:
    """Paste a block of quiet lung of the same CT, up to the pleura.

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
    small, large = (4.5, 7.5) if kind == "injection" else (8.0, 12.0)
    radius = float(rng.uniform(small, large))
    box = cube_box(volume, centre)
    share = ball_share(volume, centre, box, radius, rng)
    if kind == "removal":
        share, _ = within_lung(volume, box, share)
    donor = _donor(volume, centre, box, share, rng, kind)
    block = volume.voxels[donor].astype(np.float32)
    original = volume.voxels[box].astype(np.float32)
    # Lung differs in density from place to place: only its level is matched, so that
    # the copied noise stays as it is. Solid tissue keeps its own values.
    # A whole number: half a step on whole values would round all of them to even.
    lift = np.rint(_lung_level(original) - _lung_level(block))
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
    volume: Volume,
    centre: Centre,
    box: Box,
    share: Array,
    rng: np.random.Generator,
    kind: Kind,
) -> Box:
    """Where to copy from: the best of many places in the lung.

    Raises:
        SettingsError: No place elsewhere has what is wanted.
    """
    apart = cube_box(volume, centre, 24.0)
    clearance = [b.stop - b.start for b in apart]
    core, shell, used = _zones(volume, centre, box, share)
    best, found = np.inf, None
    for there in _lung_spots(volume, box, centre, rng, kind):
        shift = (there[0] - centre[0], there[1] - centre[1], there[2] - centre[2])
        if all(2 * abs(d) < n for d, n in zip(shift, clearance, strict=True)):
            continue
        donor = shifted_into(box, shift)
        block = volume.voxels[donor].astype(np.float32)
        block = gaussian_filter(block, (0.0, 1.0, 1.0))
        solid = block > _SOLID_HU
        if kind == "injection":
            # A blob: solid in the middle, lung around it.
            unlike = 1.0 - float(solid[core].mean()) + float(solid[shell].mean())
        else:
            unlike = float(solid[used].mean())
        unlike += 5.0 * float((block[used] < _AIR_HU).mean())
        if unlike < best:
            best, found = unlike, donor
    limit = 1.0 if kind == "injection" else 0.15
    if found is None or best > limit:
        wanted = "a nodule or vessel" if kind == "injection" else "quiet lung"
        raise SettingsError(
            f"No block with {wanted} to copy was found elsewhere in the series.",
            hint="Use another attack, or more slices of the series.",
            code="donor",
        )
    return found


def _zones(
    volume: Volume, centre: Centre, box: Box, share: Array
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Middle, rim and the whole of the change, shape of the box each."""
    z, y, x = offsets_mm(volume, centre, box)
    distance = np.sqrt(z * z + y * y + x * x)
    used = share > 0.1
    if not used.any():
        raise SettingsError(
            "Nothing of the lung would change at this place.",
            hint="Choose a place in the lung.",
            code="place",
        )
    near = min(2.0, float(distance[used].max()))
    core = (distance <= near) & used
    shell = used & (distance > 4.0)
    return (core if core.any() else used), (shell if shell.any() else used), used


def _lung_spots(
    volume: Volume, box: Box, centre: Centre, rng: np.random.Generator, kind: Kind
) -> list[Centre]:
    """Random voxels of the lung around which the whole box fits into the volume.

    For an injection they lie on solid tissue within the lung.
    """
    before = [c - b.start for c, b in zip(centre, box, strict=True)]
    after = [b.stop - c for c, b in zip(centre, box, strict=True)]
    low = np.array(before)
    high = np.array(volume.shape) - np.array(after)
    slices = np.arange(low[0], high[0] + 1)
    spots: list[Centre] = []
    for s in rng.permutation(slices)[:_N_SLICES]:
        plane = volume.voxels[s]
        lung = lung_plane(plane, volume.pixel_spacing_mm)
        if kind == "injection":
            lung = lung & (gaussian_filter(plane.astype(np.float32), 1.0) > _SOLID_HU)
        places = np.argwhere(lung)
        inside = np.all((places >= low[1:]) & (places <= high[1:]), axis=1)
        places = places[inside]
        picks = rng.permutation(len(places))[:_N_PER_SLICE]
        spots += [(int(s), int(r), int(c)) for r, c in places[picks]]
    return spots


def _lung_level(block: Array) -> float:
    lung = block[(block < -600.0) & (block > _AIR_HU)]
    return float(np.median(lung)) if lung.size > 30 else float(np.median(block))
