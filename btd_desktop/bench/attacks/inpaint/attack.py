"""Diffusion in-painting of a place in a CT: a nodule drawn in, or the content removed.

A stand-in for in-painting with Stable Diffusion, as the paper used it (sets SD-CT), in
two spaces: pixels, and latents of a small autoencoder. The hole is a disc or square of
32 mm (24 to 48 px) through all slices within 16 mm, at most 13; its slices are sampled
together and continue the slices beyond. A bench must not be easy: noise with the scan's
own spectrum makes up for the fine noise that the generator did not draw, and the noise
power stays even across the seam. Both can be switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.bench.attacks.inpaint.places import PATCH, Outline, chord_mm
from btd_desktop.bench.attacks.inpaint.sampling import Drawn, Request, drawn_content
from btd_desktop.bench.attacks.noise_spectrum import fine_detail, made_up
from btd_desktop.bench.attacks.paste import Centre, check_place, pasted
from btd_desktop.errors import SettingsError
from btd_desktop.tampering.nodule import random_nodule
from btd_desktop.tampering.result import Box, Kind, TamperResult, offsets_mm
from btd_desktop.volume import Volume

Space = Literal["pixel", "latent"]
"""Where the diffusion runs."""

Keep = Literal["mask", "patch"]
"""What of the redrawn patch goes into the scan: only the hole, or all 96x96 px."""

_PLACE_MM = 32.0
_MIN_PX, _MAX_PX = 24.0, 48.0
_MAX_SLICES = 13
_SEAM_PX = 2.5
_DIAMETERS_MM = (7.0, 16.0)
_EDGE_BLUR_MM = 0.7

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where and what, all drawn from one seed."""

    box: Box
    offset_px: tuple[float, float]
    width_px: float
    outline: Outline
    widths_mm: tuple[float, ...]
    kind: Kind
    size_mm: float
    seed: int


def inject(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    *,
    space: Space = "pixel",
    keep: Keep = "mask",
    diameter_mm: float | None = None,
    n_steps: int = 12,
    touch_up: bool = True,
) -> TamperResult:
    """A copy in which the place is redrawn with a nodule in its middle.

    Args:
        volume: CT in HU; not changed.
        centre: Voxel (slice, row, column) of the nodule's middle, best in lung.
        rng: Source of the one seed that is drawn and recorded.
        space: Diffusion of pixels or of latents.
        keep: Whether the whole redrawn patch stays, or only the hole.
        diameter_mm: Diameter asked of the generator, 3 to 24; 7 to 16 at random if
            not given.
        n_steps: Sampling steps.
        touch_up: Make up for missing noise, and keep its power across the seam.

    Raises:
        SettingsError: Not a CT, smaller than the patch, or a place or diameter that
            cannot be used.
        ModelError: The weights are missing or damaged.
    """
    _check(volume, centre)
    if diameter_mm is not None and not 3.0 <= diameter_mm <= 24.0:
        raise SettingsError(
            f"A nodule of {diameter_mm:g} mm cannot be drawn in.",
            hint="Use 3 to 24 mm.",
            code="diameter",
        )
    seed = int(rng.integers(2**31))
    plan = _plan(volume, centre, "injection", diameter_mm, seed)
    return _redrawn(volume, centre, plan, space, keep, n_steps, touch_up)


def remove(
    volume: Volume,
    centre: Centre,
    rng: np.random.Generator,
    *,
    space: Space = "pixel",
    keep: Keep = "mask",
    n_steps: int = 12,
    touch_up: bool = True,
) -> TamperResult:
    """A copy in which the place is redrawn without anything solid in its middle.

    Args:
        volume: CT in HU; not changed.
        centre: Voxel (slice, row, column) of the middle.
        rng: Source of the one seed that is drawn and recorded.
        space: Diffusion of pixels or of latents.
        keep: Whether the whole redrawn patch stays, or only the hole.
        n_steps: Sampling steps.
        touch_up: Make up for missing noise, and keep its power across the seam.

    Raises:
        SettingsError: Not a CT, smaller than the patch, or a place outside it.
        ModelError: The weights are missing or damaged.
    """
    _check(volume, centre)
    seed = int(rng.integers(2**31))
    plan = _plan(volume, centre, "removal", None, seed)
    return _redrawn(volume, centre, plan, space, keep, n_steps, touch_up)


def _check(volume: Volume, centre: Centre) -> None:
    check_place(volume, centre, ("CT",))
    if min(volume.shape[1:]) < PATCH:
        raise SettingsError(
            f"The slices are {volume.shape[1]} by {volume.shape[2]} pixels, "
            f"in-painting needs {PATCH} by {PATCH}.",
            hint="Choose another series.",
            code="size",
        )


def _plan(
    volume: Volume,
    centre: Centre,
    kind: Kind,
    diameter_mm: float | None,
    seed: int,
) -> _Plan:
    rng = np.random.default_rng(seed)
    s, r, c = centre
    positions = np.asarray(volume.slice_positions_mm)
    away = np.abs(positions - positions[s])
    near = np.flatnonzero(away <= 0.5 * _PLACE_MM + 1e-6)
    near = near[(near >= s - _MAX_SLICES // 2) & (near <= s + _MAX_SLICES // 2)]
    box = [slice(int(near.min()), int(near.max()) + 1)]
    offset = []
    for index, size in zip((r, c), volume.shape[1:], strict=True):
        start = int(np.clip(index - PATCH // 2, 0, size - PATCH))
        box.append(slice(start, start + PATCH))
        offset.append(float(index - start - PATCH // 2))
    drawn = float(rng.uniform(*_DIAMETERS_MM))
    outline: Outline = "disc" if rng.random() < 0.5 else "square"
    width_px = float(np.clip(_PLACE_MM / volume.pixel_spacing_mm, _MIN_PX, _MAX_PX))
    # A nodule needs lung around it inside the hole, also where pixels are large.
    room = 0.7 * width_px * volume.pixel_spacing_mm
    diameter = min(diameter_mm if diameter_mm is not None else drawn, room)
    widths = [0.0] * len(near)
    if kind == "injection":
        widths = [chord_mm(diameter, float(distance)) for distance in away[near]]
    return _Plan(
        box=(box[0], box[1], box[2]),
        offset_px=(offset[0], offset[1]),
        width_px=width_px,
        outline=outline,
        widths_mm=tuple(widths),
        kind=kind,
        size_mm=diameter if kind == "injection" else width_px * volume.pixel_spacing_mm,
        seed=seed,
    )


def _redrawn(
    volume: Volume,
    centre: Centre,
    plan: _Plan,
    space: Space,
    keep: Keep,
    n_steps: int,
    touch_up: bool,
) -> TamperResult:
    z = plan.box[0]
    low, high = max(0, z.start - 1), min(volume.n_slices, z.stop + 1)
    lead, tail = z.start - low, high - z.stop
    slab = volume.voxels[low:high, plan.box[1], plan.box[2]].astype(np.float32)
    found = drawn_content(
        Request(
            slab=slab,
            n_before=lead,
            n_behind=tail,
            distance_mm=_slice_distance(volume),
            pixel_mm=volume.pixel_spacing_mm,
            width_px=plan.width_px,
            outline=plan.outline,
            offset_px=plan.offset_px,
            widths_mm=plan.widths_mm,
            wishes=_wishes(volume, centre, plan),
        ),
        space=space,
        whole_patch=keep == "patch",
        n_steps=n_steps,
        seed=plan.seed,
    )
    original = slab[lead : len(slab) - tail]
    values, share = _seamed(original, found, plan, keep, touch_up)
    verb = "drawn in" if plan.kind == "injection" else "painted over"
    thing = "A nodule" if plan.kind == "injection" else "A place"
    kept = "the hole" if keep == "mask" else "the whole patch"
    return pasted(
        volume,
        centre,
        plan.box,
        values,
        share,
        kind=plan.kind,
        size_mm=plan.size_mm,
        seed=plan.seed,
        what=(
            f"{thing} of {plan.size_mm:.1f} mm was {verb} by diffusion in-painting in "
            f"{space} space, keeping {kept}{'' if touch_up else ', no touch-up'},"
        ),
    )


def _wishes(volume: Volume, centre: Centre, plan: _Plan) -> Array:
    """Share of nodule wanted in the box: lobulated, some spiculated, in [0, 1]."""
    if plan.kind == "removal":
        return np.zeros([s.stop - s.start for s in plan.box], np.float32)
    rng = np.random.default_rng([plan.seed, 2])
    nodule = random_nodule(
        rng,
        (0.0, 0.0, 0.0),
        plan.size_mm,
        hu=0.0,
        spiculated=bool(rng.random() < 0.5),
    )
    z, y, x = offsets_mm(volume, centre, plan.box)
    # A slice shows the mean over its thickness.
    step = _slice_distance(volume)
    planes = [nodule.coverage(x, y, z + k * step / 3.0) for k in (-1, 0, 1)]
    blur = _EDGE_BLUR_MM / volume.pixel_spacing_mm
    share = ndimage.gaussian_filter(np.mean(planes, axis=0), (0.0, blur, blur))
    return np.asarray(share, np.float32)


def _seamed(
    original: Array, drawn: Drawn, plan: _Plan, keep: Keep, touch_up: bool
) -> tuple[Array, Array]:
    """Values and share of the box: soft seam, noise made up for if wanted."""
    hole = drawn.hole > 0
    region = hole if keep == "mask" else np.ones_like(hole)
    depth = np.stack([ndimage.distance_transform_edt(np.pad(p, 1)) for p in region])
    t = np.clip(depth[:, 1:-1, 1:-1] / (_SEAM_PX + 1.0), 0.0, 1.0)
    share = np.asarray(t * t * (3.0 - 2.0 * t), np.float32)
    values = drawn.values
    # Noise of the tissue that was drawn: a wall beside it carries other noise.
    level = float(np.median(values[hole]))
    around = fine_detail(original, ~hole, level) or fine_detail(original, ~hole)
    mixed = share * values + (1.0 - share) * original
    if around is None or not touch_up:
        return mixed, share
    rng = np.random.default_rng([plan.seed, 1])
    mixed += share * made_up(values, region, around, rng, level)
    if keep == "mask":
        # Two independent noises mixed have too little power; this much is missing.
        # (The rim of a whole patch still carries a copy of the scan's own noise.)
        lost = np.sqrt(2.0 * share * (1.0 - share))
        nothing = np.zeros_like(original)
        mixed += lost * made_up(nothing, np.zeros_like(hole), around, rng)
    return np.asarray(mixed, np.float32), share


def _slice_distance(volume: Volume) -> float:
    """Distance of slices, or their thickness where there is only one, mm."""
    thickness = float(volume.source.thickness_mm or 5.0)
    return float(volume.spacing_mm[0]) or thickness
