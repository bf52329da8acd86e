"""Drawing the content of a hole through a stack of slices, in pixels or in latents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from btd_desktop.bench.attacks.inpaint.diffusion import Condition, sample_stack
from btd_desktop.bench.attacks.inpaint.latent_autoencoder import LATENT_STRIDE
from btd_desktop.bench.attacks.inpaint.places import (
    MIDDLE_MM,
    Outline,
    coarse_fill,
    from_scaled,
    hole_mask,
    scan_noise,
    slice_facts,
    tissue_fill,
    to_scaled,
    without_walls,
)
from btd_desktop.bench.attacks.inpaint.weights import (
    LATENT,
    PIXEL,
    load_autoencoder,
    load_inpainter,
)

_START = {PIXEL: 1.0, LATENT: 0.36}
"""Share of the highest noise level at which sampling begins: what the latent network
draws from pure noise is more restless than lung, so it begins closer to the fill."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """A stack of slices and what shall be drawn in its middle ones.

    Attributes:
        slab: HU, (S, P, P), P a multiple of 16; the slices to draw and, before and
            behind, known ones that they shall continue.
        n_before, n_behind: Known slices, 0 or 1 each.
        distance_mm: Distance of slices.
        pixel_mm: Pixel size.
        width_px: Width of the hole.
        outline: Its shape.
        offset_px: Its middle, from the middle of the patch (down, right).
        widths_mm: Width of the nodule wanted in each drawn slice, 0: none.
        wishes: Share of nodule wanted at each pixel of the drawn slices, in [0, 1],
            (S - known, P, P).
    """

    slab: Array
    n_before: int
    n_behind: int
    distance_mm: float
    pixel_mm: float
    width_px: float
    outline: Outline
    offset_px: tuple[float, float]
    widths_mm: tuple[float, ...]
    wishes: Array


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What was drawn.

    Attributes:
        values: HU, (S - known, P, P): the whole patch as the generator sees it.
        hole: 1 in the hole, (S - known, P, P): large structures are spared.
    """

    values: Array
    hole: Array


@torch.inference_mode()
def drawn_content(
    request: Request,
    *,
    space: Literal["pixel", "latent"],
    whole_patch: bool,
    n_steps: int,
    seed: int,
) -> Drawn:
    """Content of the hole, sampled for all slices together.

    Args:
        request: The stack.
        space: Where the diffusion runs.
        whole_patch: Give the generator's redraw outside the hole too; otherwise the
            drawn part is shifted smoothly so that it meets the scan at the rim.
        n_steps: Sampling steps.
        seed: Seed of the noise.
    """
    images = torch.from_numpy(to_scaled(request.slab))[:, None]
    side = images.shape[-1]
    plane = hole_mask(request.width_px, request.outline, side, request.offset_px)
    middle = hole_mask(MIDDLE_MM / request.pixel_mm, "disc", side, request.offset_px)
    hole = torch.from_numpy(plane)[None, None].expand(len(images), 1, side, side)
    hole = without_walls(
        images, hole, torch.from_numpy(middle)[None, None].expand_as(hole)
    )
    is_end = torch.zeros(len(images), dtype=torch.bool)
    is_end[: request.n_before] = True
    is_end[len(images) - request.n_behind :] = True
    guide, facts = _wishes(request, plane)
    fill = tissue_fill(images, hole, guide)
    generator = torch.Generator().manual_seed(seed)

    def sampled(name: str, content: Tensor, condition: Condition) -> Tensor:
        is_known = is_end[:, None, None, None] | (condition.mask < 0.5)
        return sample_stack(
            load_inpainter(name),
            content,
            is_known,
            condition,
            generator,
            n_steps=n_steps,
            start=_START[name],
            redraw=~is_end[:, None, None, None] if whole_patch else None,
        )

    if space == "pixel":
        condition = Condition(fill, hole, guide, facts)
        result = fill + sampled(PIXEL, images - fill, condition)
    else:
        autoencoder = load_autoencoder()
        fill_latent = autoencoder.encode(fill)
        condition = Condition(
            fill=fill_latent,
            mask=functional.max_pool2d(hole, LATENT_STRIDE),
            guide=functional.avg_pool2d(guide, LATENT_STRIDE),
            facts=facts,
        )
        content = autoencoder.encode(images) - fill_latent
        result = autoencoder.decode(fill_latent + sampled(LATENT, content, condition))
        if not whole_patch:
            # Outside, what the autoencoder gets wrong is known: carry it inwards.
            result = result + coarse_fill(images - result, hole) * hole
    values = result[~is_end, 0].numpy()
    return Drawn(
        values=from_scaled(values),
        hole=hole[~is_end, 0].numpy(),
    )


def _wishes(request: Request, plane: Array) -> tuple[Tensor, Tensor]:
    """Guide maps (S, 1, P, P) and facts (S, 6); known slices ask for nothing."""
    side, n = request.slab.shape[-1], len(request.slab)
    around = np.broadcast_to(plane == 0, request.slab.shape)
    noise = scan_noise(request.slab, around)
    widths = [0.0] * n
    last = n - request.n_behind
    widths[request.n_before : last] = request.widths_mm
    guides = np.zeros((n, 1, side, side), np.float32)
    guides[request.n_before : last, 0] = request.wishes
    facts = [
        slice_facts(
            noise_hu=noise,
            distance_mm=request.distance_mm,
            pixel_mm=request.pixel_mm,
            has_before=k > 0,
            has_behind=k < n - 1,
            width_mm=width,
        )
        for k, width in enumerate(widths)
    ]
    return (
        torch.from_numpy(guides),
        torch.from_numpy(np.stack(facts)),
    )
