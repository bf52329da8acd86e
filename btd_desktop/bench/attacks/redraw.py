"""Tissue redrawn through coarser sampling: what a generator or a resize leaves behind.

Nothing is added or taken away on purpose, as with the rim of CT-GAN's cube, which is
interpolated twice and pasted back. Works for any modality.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, zoom

from btd_desktop.bench.attacks.paste import (
    Centre,
    ball_share,
    check_place,
    cube_box,
    pasted,
    shifted_into,
)
from btd_desktop.bench.attacks.touch_up import TouchUp, blended, robust_spread
from btd_desktop.errors import SettingsError
from btd_desktop.tampering.result import Box, TamperResult
from btd_desktop.volume import Volume

_MARGIN_PX = 4
_N_DONORS = 60

Array = NDArray[np.float32]


def redraw(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    *,
    noise: TouchUp = "none",
) -> TamperResult:
    """Replace a ball by its own coarser sampling, with or without new fine noise.

    Args:
        volume: CT or MR; not changed.
        centre: Voxel (slice, row, column).
        rng: Source of the one seed that is drawn and recorded; radius (9 to 12.5 mm)
            and factor (1.5 to 2.5) follow from it.
        noise: "none"; "gaussian": white, with the spread of what the resampling took;
            "copied": what the same resampling takes elsewhere in the scan.

    Raises:
        SettingsError: Another modality, or a place outside the volume.
    """
    check_place(volume, centre, ("CT", "MR"))
    seed = int(rng.integers(2**31))
    rng = np.random.default_rng(seed)
    factor, radius = float(rng.uniform(1.5, 2.5)), float(rng.uniform(9.0, 12.5))
    box = cube_box(volume, centre)
    share = ball_share(volume, centre, box, radius, rng)
    original = volume.voxels[box].astype(np.float32)
    content = _coarser(volume, box, factor)
    fine = _fine_noise(volume, box, share, original - content, factor, rng, noise)
    return pasted(
        volume,
        centre,
        box,
        blended(original, content, fine, share),
        share,
        kind="redraw",
        size_mm=2.0 * radius,
        seed=seed,
        what=f"Tissue was redrawn through sampling {factor:.2f} times coarser, "
        f"noise: {noise},",
    )


def _fine_noise(
    volume: Volume,
    box: Box,
    share: Array,
    taken: Array,
    factor: float,
    rng: np.random.Generator,
    noise: TouchUp,
) -> Array:
    if noise == "none":
        return np.zeros_like(taken)
    spread = robust_spread(taken[share > 0])
    if noise == "gaussian":
        return rng.normal(0.0, spread, taken.shape).astype(np.float32)
    donor = _donor_box(volume, box, rng)
    other = volume.voxels[donor].astype(np.float32) - _coarser(volume, donor, factor)
    own = robust_spread(other[share > 0])
    limited = np.clip(other, -3.5 * own, 3.5 * own)
    return np.asarray(limited * (spread / own), np.float32)


def _donor_box(volume: Volume, box: Box, rng: np.random.Generator) -> Box:
    """A box elsewhere in the same slices whose content is of the same brightness.

    Raises:
        SettingsError: The slice is too small for a second box.
    """
    _, height, width = volume.shape
    middle = (box[0].start + box[0].stop) // 2
    plane = volume.voxels[middle].astype(np.float32)
    level = float(np.median(plane[box[1], box[2]]))
    best, found = np.inf, None
    tall, wide = box[1].stop - box[1].start, box[2].stop - box[2].start
    for _ in range(_N_DONORS * 4):
        r = int(rng.integers(0, height - tall + 1))
        c = int(rng.integers(0, width - wide + 1))
        dr, dc = r - box[1].start, c - box[2].start
        if abs(dr) < tall and abs(dc) < wide:
            continue
        block = plane[r : r + tall, c : c + wide]
        unlike = abs(float(np.median(block)) - level) + 0.5 * float(block.std())
        if unlike < best:
            best, found = unlike, (0, dr, dc)
    if found is None:
        raise SettingsError(
            "The slice is too small to copy noise from another place of it.",
            hint="Use another attack or a larger slice.",
            code="place",
        )
    return shifted_into(box, found)


def _coarser(volume: Volume, box: Box, factor: float) -> Array:
    """The box's content sampled down by `factor` in millimetres and up again.

    Slices that are already farther apart than the coarse grid are left alone along z.
    """
    wide = tuple(
        slice(max(0, b.start - _MARGIN_PX), min(n, b.stop + _MARGIN_PX))
        for b, n in zip(box, volume.shape, strict=True)
    )
    block = volume.voxels[wide].astype(np.float32)
    pixel = volume.pixel_spacing_mm
    steps = [
        max(1.0, factor * pixel / max(float(step), 1e-3)) for step in volume.spacing_mm
    ]
    if block.shape[0] == 1:
        steps[0] = 1.0
    small = zoom(block, [1.0 / s for s in steps], order=1, mode="nearest")
    grids = [
        (np.arange(b.start, b.stop) - w.start) * ((m - 1) / max(n - 1, 1))
        for b, w, n, m in zip(box, wide, block.shape, small.shape, strict=True)
    ]
    at = np.meshgrid(*grids, indexing="ij")
    return np.asarray(map_coordinates(small, at, order=3, mode="nearest"), np.float32)
