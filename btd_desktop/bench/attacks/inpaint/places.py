"""The geometry of a place to in-paint: hole, smooth fill, guide and facts.

Used alike in training and in the attack, so that the network meets in the attack what
it has learnt.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from btd_desktop.bench.attacks.touch_up import robust_spread

PATCH = 96
"""Side of the patch around a place, in pixels."""

HU_RANGE = (-1024.0, 1000.0)
"""Window of the generator, HU: wide, so that lung texture survives."""

Outline = Literal["disc", "square"]
"""Shape of the hole in plane."""

_GUIDE_EDGE_PX = 2.0
_AERATED_HU = -650.0
_AERATED, _SOLID, _SOFT = (
    2.0 * (hu + 1024.0) / 2024.0 - 1.0 for hu in (-600, -450, 15)
)
_RIM_PX = 8
_LUNG_SHARE = 0.35
_DOUBT = 0.03
_THICK_PX = 3
MIDDLE_MM = 18.0
"""Diameter that is painted over in any case, whatever it holds."""

Array = NDArray[np.float32]


def to_scaled(hu: Array | NDArray[np.int16]) -> Array:
    """HU limited to the generator's window, on [-1, 1]."""
    low, high = HU_RANGE
    clipped = np.clip(hu.astype(np.float32), low, high)
    return np.asarray((clipped - low) * (2.0 / (high - low)) - 1.0, np.float32)


def from_scaled(scaled: Array) -> Array:
    """Inverse of `to_scaled` within the window."""
    low, high = HU_RANGE
    hu = (np.clip(scaled, -1.0, 1.0) + 1.0) * (0.5 * (high - low)) + low
    return np.asarray(hu, np.float32)


def hole_mask(
    width_px: float,
    outline: Outline,
    side: int = PATCH,
    offset_px: tuple[float, float] = (0.0, 0.0),
) -> Array:
    """1 in the hole, 0 outside, shape (side, side).

    Args:
        width_px: Diameter of the disc or side of the square.
        outline: Its shape.
        side: Side of the patch.
        offset_px: Middle of the hole, from the middle of the patch (down, right).
    """
    places = np.arange(side, dtype=np.float32) - 0.5 * side
    down = np.abs(places - offset_px[0])[:, None]
    right = np.abs(places - offset_px[1])[None, :]
    if outline == "square":
        inside = np.maximum(down, right) <= 0.5 * width_px
    else:
        inside = np.hypot(down, right) <= 0.5 * width_px
    return np.asarray(inside, np.float32)


def coarse_fill(content: Tensor, hole: Tensor) -> Tensor:
    """Content with the hole filled smoothly from what surrounds it (push and pull).

    Means of the known pixels are taken over ever larger blocks until every block knows
    something; then the fill comes back down, smoothed at each size (Gortler et al.
    1996, section 3.6).

    Args:
        content: (N, C, H, W); what lies in the hole is not looked at.
        hole: 1 in the hole, 0 where the content is kept, between for content that is
            trusted in part, (N, 1 or C, H, W).
    """
    levels = [(content, (1.0 - hole).expand_as(content))]
    while min(levels[-1][0].shape[-2:]) >= 6:
        values, weight = levels[-1]
        share = functional.avg_pool2d(weight, 2)
        mean = functional.avg_pool2d(values * weight, 2) / share.clamp_min(1e-6)
        levels.append((mean, share))
    values, weight = levels[-1]
    middle = (values * weight).sum((2, 3), keepdim=True)
    middle = middle / weight.sum((2, 3), keepdim=True).clamp_min(1e-6)
    fill = weight * values + (1.0 - weight) * middle
    for values, weight in reversed(levels[:-1]):
        size = (values.shape[-2], values.shape[-1])
        fill = functional.interpolate(fill, size, mode="bilinear", align_corners=False)
        fill = weight * values + (1.0 - weight) * fill
        blurred = functional.avg_pool2d(
            functional.pad(fill, (2, 2, 2, 2), mode="replicate"), 5, 1
        )
        fill = weight * values + (1.0 - weight) * blurred
    return fill


def tissue_fill(images: Tensor, hole: Tensor, guide: Tensor) -> Tensor:
    """What the diffusion starts from: plain lung in the hole, and what is wished for.

    Where a good part of the rim is lung, the fill continues the lung and hardly looks
    at walls and vessels; elsewhere it continues whatever is there. A ball of soft
    tissue lies where the guide wants one.

    Args:
        images: (N, C, H, W) on [-1, 1].
        hole: 1 in the hole, (N, 1, H, W).
        guide: Share of solid tissue wanted, (N, 1 or C, H, W).
    """
    known = 1.0 - hole
    aerated = (_blurred(images) < _AERATED).to(images.dtype) * known
    rim = functional.max_pool2d(hole, 2 * _RIM_PX + 1, 1, _RIM_PX) * known
    share = (aerated * rim).sum((2, 3), keepdim=True)
    share = share / rim.sum((2, 3), keepdim=True).clamp_min(1.0)
    in_lung = (share > _LUNG_SHARE).to(images.dtype)
    trust = known * (aerated + (1.0 - aerated) * (1.0 - (1.0 - _DOUBT) * in_lung))
    base = coarse_fill(images, 1.0 - trust)
    base = base + guide * (_SOFT - base)
    return known * images + hole * base


def without_walls(images: Tensor, hole: Tensor, middle: Tensor) -> Tensor:
    """The hole less what is thick and goes on outside it: walls, heart, large vessels.

    Who tampers paints around the chest wall, not over it. The middle always stays part
    of the hole.

    Args:
        images: One slice each, (N, 1, H, W) on [-1, 1].
        hole: (N, 1, H, W), 1 in the hole.
        middle: (N, 1, H, W), 1 in the part that shall be painted in any case.
    """
    solid = (_blurred(images) > _SOLID).to(images.dtype)
    size, pad = 2 * _THICK_PX + 1, _THICK_PX
    thick = -functional.max_pool2d(-solid, size, 1, pad)
    thick = functional.max_pool2d(thick, size + 2, 1, pad + 1)
    out = hole.clone()
    for k in range(len(images)):
        inside = hole[k, 0].numpy() > 0
        labels, n = ndimage.label(thick[k, 0].numpy() > 0)
        outside = np.zeros(n + 1, np.bool_)
        outside[np.unique(labels[~inside])] = True
        outside[0] = False
        wall = outside[labels] & (middle[k, 0].numpy() == 0)
        out[k, 0][torch.from_numpy(wall)] = 0.0
    return out


def _blurred(images: Tensor) -> Tensor:
    padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    return functional.avg_pool2d(padded, 3, 1)


def chord_mm(diameter_mm: float, distance_mm: float) -> float:
    """Width at which a slice cuts a ball, 0 where it misses it."""
    rest = (0.5 * diameter_mm) ** 2 - distance_mm**2
    return 2.0 * float(np.sqrt(rest)) if rest > 0.0 else 0.0


def guide_map(
    width_px: float,
    offset_px: tuple[float, float] = (0.0, 0.0),
    side: int = PATCH,
) -> Array:
    """Share of solid tissue wanted: a soft disc, all 0 for a width of 0.

    Args:
        width_px: Diameter in pixels.
        offset_px: Its middle, from the middle of the patch (down, right).
        side: Side of the patch.
    """
    if width_px <= 0.0:
        return np.zeros((side, side), np.float32)
    places = np.arange(side, dtype=np.float32) - 0.5 * side
    distance = np.hypot(places[:, None] - offset_px[0], places[None, :] - offset_px[1])
    share = np.clip((0.5 * width_px - distance) / _GUIDE_EDGE_PX + 0.5, 0.0, 1.0)
    return np.asarray(share, np.float32)


def scan_noise(hu: Array, known: NDArray[np.bool_] | None = None) -> float:
    """Robust spread of the finest detail of lung (of anything if there is none), HU.

    Args:
        hu: Slices, (..., H, W).
        known: True where to look, shape of `hu`; everywhere if not given.
    """
    padded = np.pad(hu, [(0, 0)] * (hu.ndim - 2) + [(1, 1), (1, 1)], mode="edge")
    around = (
        padded[..., :-2, 1:-1]
        + padded[..., 2:, 1:-1]
        + padded[..., 1:-1, :-2]
        + padded[..., 1:-1, 2:]
    ) / 4.0
    fine = hu - around
    usable = np.ones(hu.shape, np.bool_) if known is None else known
    lung = usable & (around < _AERATED_HU)
    values = fine[lung if np.count_nonzero(lung) > 200 else usable]
    return max(robust_spread(values), 1.0)


def slice_facts(
    *,
    noise_hu: float,
    distance_mm: float,
    pixel_mm: float,
    has_before: bool,
    has_behind: bool,
    width_mm: float,
) -> Array:
    """Facts of one slice in the order and scale that the network wants, shape (6,)."""
    return np.array(
        [
            np.log(noise_hu / 20.0),
            np.log(max(distance_mm, 0.3) / 3.0),
            4.0 * np.log(pixel_mm / 0.7),
            float(has_before),
            float(has_behind),
            width_mm / 12.0,
        ],
        np.float32,
    )
