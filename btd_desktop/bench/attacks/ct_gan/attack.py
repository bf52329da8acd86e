"""CT-GAN-style tampering: a generator redraws a 32 mm cube, noise hides the traces.

Own implementation after Mirsky et al. 2019 with small generators trained on this
project's real training scans. For measuring a detector only. What differs from the
published attack, each time to make it no weaker: whole HU by rounding (truncation is
an option), mirrored slices at the end of short stacks, a donor of noise that holds
lung, no denser than what was there, padding left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import label

from btd_desktop.bench.attacks.ct_gan.cubes import (
    HOLE,
    clean_up,
    cube_shape,
    cut_cube,
    masked_cube,
    zoomed,
)
from btd_desktop.bench.attacks.ct_gan.network import CUBE
from btd_desktop.bench.attacks.ct_gan.touch_up import (
    block_side,
    choose_donor,
    copied_noise_block,
    gaussian_noise_block,
    injection_blend,
    removal_blend,
)
from btd_desktop.bench.attacks.ct_gan.weights import (
    Goal,
    LoadedGenerator,
    load_generator,
)
from btd_desktop.bench.attacks.paste import check_place
from btd_desktop.errors import SettingsError
from btd_desktop.tampering.nodules import Noise
from btd_desktop.tampering.result import TamperRecord, TamperResult
from btd_desktop.volume import Volume

Rounding = Literal["rounded", "truncated"]
"""How real-valued HU become whole: to the nearest, or towards 0 as published."""

Array = NDArray[np.float32]
Point = tuple[int, int, int]

_FEWEST_SLICES = 5
_LEAST_MM = 12.0
_SOLID_HU = -400.0
_OUTPUT_LIMIT = 0.5
_DENSEST_PERCENT, _NODULE_HU = 99.0, 120.0
# Scanners write -2000 and less outside the round field of view; no noise reaches that.
_OUTSIDE_VIEW_HU = -1200.0


def inject(
    volume: Volume,
    centre: Point,
    rng: np.random.Generator,
    *,
    noise: Noise = "copied",
    rounding: Rounding = "rounded",
    generator: LoadedGenerator | None = None,
) -> TamperResult:
    """A copy in which a nodule has grown at a place in the lung.

    Args:
        volume: CT in HU; not changed.
        centre: Voxel (slice, row, column) of the cube's middle.
        rng: Source of the one seed that is drawn and recorded.
        noise: "copied" from a block of the same scan, or grainy "gaussian".
        rounding: How values become whole; a volume of real values stays real.
        generator: Another generator than the one that comes with the program.

    Returns:
        The copy, where it may differ, and the record; the same for the same seed.

    Raises:
        SettingsError: Not a CT, a place outside it, or too short a stack.
        ModelError: The generator is missing or damaged.
    """
    return _tampered(volume, centre, rng, "inject", noise, rounding, generator)


def remove(
    volume: Volume,
    centre: Point,
    rng: np.random.Generator,
    *,
    noise: Noise = "copied",
    rounding: Rounding = "rounded",
    generator: LoadedGenerator | None = None,
) -> TamperResult:
    """A copy in which healthy lung has been drawn over a place.

    Arguments, result and errors are those of `inject`.
    """
    return _tampered(volume, centre, rng, "remove", noise, rounding, generator)


@dataclass(frozen=True, slots=True)
class _Block:
    """The part of a cubic block that lies inside the volume.

    Attributes:
        side: Voxels on each axis of the whole block.
        inside: The same block cut at the volume's borders, in the volume's indices.
        cut: What of the block that is, in the block's own indices.
    """

    side: int
    inside: tuple[slice, slice, slice]
    cut: tuple[slice, slice, slice]


def _tampered(
    volume: Volume,
    centre: Point,
    rng: np.random.Generator,
    goal: Goal,
    noise: Noise,
    rounding: Rounding,
    generator: LoadedGenerator | None,
) -> TamperResult:
    _check(volume, centre)
    model = generator or load_generator(goal)
    seed = int(rng.integers(2**31))
    rng = np.random.default_rng(seed)
    shape = cube_shape(volume.spacing_mm)
    side = block_side(shape)
    block = _block(centre, side, volume.shape)
    original = cut_cube(volume.voxels, centre, (side, side, side))

    cube = redrawn_cube(model, cut_cube(volume.voxels, centre, shape))
    pasted = original.copy()
    start = [side // 2 - n // 2 for n in shape]
    pasted[tuple(slice(a, a + n) for a, n in zip(start, shape, strict=True))] = cube

    origin = "drawn as Gaussian noise"
    if noise == "copied":
        donor = choose_donor(volume, side, centre, rng)
        added = copied_noise_block(volume.voxels, donor, side)
        s, r, c = donor.centre
        origin = f"copied from slice {s + 1}, row {r}, column {c}"
        origin += (
            "" if donor.published else " (the published place holds too little lung)"
        )
    else:
        local = cut_cube(volume.voxels, centre, shape)
        added = gaussian_noise_block(local, goal, side, rng)
    blend = injection_blend if goal == "inject" else removal_blend
    change = (blend(original, pasted + added) - original)[block.cut]
    return _result(volume, centre, block, change, goal, rounding, seed, origin)


def redrawn_cube(model: LoadedGenerator, cube: Array) -> Array:
    """The cube as the generator draws it, rim and middle, on the same voxels.

    Args:
        model: Generator and its equalisation.
        cube: HU of about 32 mm on each side, any number of voxels.

    Returns:
        HU, shape of the cube; about -1000 to the densest percent of the cube, or to
        120 where that is denser.
    """
    shape: Point = (cube.shape[0], cube.shape[1], cube.shape[2])
    fine = zoomed(cube, (CUBE, CUBE, CUBE))
    masked = masked_cube(model.equalisation.normalised(fine))
    with torch.inference_mode():
        drawn = model.generator(torch.from_numpy(masked)[None, None])[0, 0].numpy()
    limited = np.clip(drawn, -_OUTPUT_LIMIT, _OUTPUT_LIMIT)
    tidy = clean_up(model.equalisation.hounsfield(limited))
    # Beyond soft tissue the histogram is so steep that a hair's breadth is 1000 HU:
    # without a ceiling, a rim through the chest wall comes back as white dots.
    ceiling = max(float(np.percentile(fine, _DENSEST_PERCENT)), _NODULE_HU)
    return zoomed(np.minimum(tidy, np.float32(ceiling)), shape)


def _result(
    volume: Volume,
    centre: Point,
    block: _Block,
    change: Array,
    goal: Goal,
    rounding: Rounding,
    seed: int,
    origin: str,
) -> TamperResult:
    before = volume.voxels[block.inside].astype(np.float32)
    # The range of the scan stays: a value beyond it would give the copy away.
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    values = np.clip(before + change, low, high)
    if volume.voxels.dtype == np.int16:
        values = np.rint(values) if rounding == "rounded" else np.trunc(values)
    touched = _weighted(block, goal) & (before >= _OUTSIDE_VIEW_HU)
    if volume.padding is not None:
        touched &= ~volume.padding[block.inside]
    after = np.where(touched, values, before)
    voxels = volume.voxels.copy()
    voxels[block.inside] = after.astype(voxels.dtype)
    mask = np.zeros(voxels.shape, np.bool_)
    mask[block.inside] = touched
    shown = after if goal == "inject" else before
    diameter = _solid_diameter_mm(volume, centre, shown, block)
    s, r, c = centre
    verb = "drew a nodule at" if goal == "inject" else "drew healthy lung over"
    return TamperResult(
        volume=replace(volume, voxels=voxels),
        mask=mask,
        record=TamperRecord(
            kind="injection" if goal == "inject" else "removal",
            centre_voxel=centre,
            centre_mm=volume.world_mm(centre),
            diameter_mm=diameter,
            seed=seed,
            n_voxels=int(np.count_nonzero(mask)),
            sentence=(
                f"The CT-GAN-style attack {verb} slice {s + 1}, row {r}, column {c}, "
                f"noise {origin}, values {rounding} (seed {seed})."
            ),
        ),
    )


def _weighted(block: _Block, goal: Goal) -> NDArray[np.bool_]:
    """Voxels of the cut block that the blend gives weight to."""
    probe = np.zeros((1, block.side, block.side), np.float32)
    blend = injection_blend if goal == "inject" else removal_blend
    weighted = blend(probe, probe + 1.0) > 0
    whole = np.broadcast_to(weighted, (block.side,) * 3)
    return np.array(whole[block.cut])


def _solid_diameter_mm(
    volume: Volume, centre: Point, values: Array, block: _Block
) -> float:
    """Diameter of a ball as large as the solid thing in the hole; 0 if there is none.

    The thing that fills most of the hole's middle; what only reaches in is left out.
    """
    hole = (HOLE.stop - HOLE.start) / 2.0
    near = np.ones(values.shape, np.bool_)
    for axis in range(3):
        index = np.arange(values.shape[axis]) + block.inside[axis].start
        close = np.abs(index - centre[axis]) * volume.spacing_mm[axis] <= hole
        near &= np.expand_dims(close, tuple({0, 1, 2} - {axis}))
    labels, n_labels = label(near & (values > _SOLID_HU))
    if n_labels == 0:
        return 0.0
    n_voxels = int(np.bincount(labels.ravel())[1:].max())
    millilitres = n_voxels * float(np.prod(volume.spacing_mm))
    return float((6.0 * millilitres / np.pi) ** (1.0 / 3.0))


def _block(centre: Point, side: int, size: Point) -> _Block:
    first = [c - side // 2 for c in centre]
    inside = [
        slice(max(0, a), min(n, a + side)) for a, n in zip(first, size, strict=True)
    ]
    cut = [slice(i.start - a, i.stop - a) for i, a in zip(inside, first, strict=True)]
    return _Block(
        side=side,
        inside=(inside[0], inside[1], inside[2]),
        cut=(cut[0], cut[1], cut[2]),
    )


def _check(volume: Volume, centre: Point) -> None:
    check_place(volume, centre, ("CT",))
    depth = volume.n_slices * volume.spacing_mm[0]
    if volume.n_slices < _FEWEST_SLICES or depth < _LEAST_MM:
        raise SettingsError(
            f"The stack has {volume.n_slices} slices over {depth:.1f} mm; the "
            f"CT-GAN-style attack needs {_FEWEST_SLICES} slices over "
            f"{_LEAST_MM:.0f} mm.",
            hint="Choose a series with more slices.",
        )
