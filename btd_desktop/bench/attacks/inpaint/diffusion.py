"""Diffusion in a hole: training objective and seeded sampling over a stack of slices.

What is diffused is the content less a smooth fill of the hole. Noise levels, scaling of
inputs and outputs and spacing of the steps follow Karras et al. 2022 (arXiv
2206.00364, table 1 and equation 5); a step is the deterministic DDIM step (Song et al.
2021, equation 12 with eta 0), with the second-order correction of DPM-Solver++ 2M (Lu
et al. 2022), which at 10 to 20 steps costs nothing and keeps fine noise. Slices beyond
the place are known; at every step they are set to their true content at that noise
level (RePaint, Lugmayr et al. 2022, equation 8a), so the place continues them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from btd_desktop.bench.attacks.inpaint.network import InpaintConfig, InpaintUnet

_SPACING = 5.0
_LEVEL_SPREAD = 1.3
_LEVEL_SHIFT = -0.6
_WEIGHT_OUTSIDE = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """What the network is told about N slices; shapes as in `InpaintUnet`.

    Attributes:
        fill: (N, C, H, W).
        mask: (N, 1, H, W).
        guide: (N, 1, H, W).
        facts: (N, 6).
    """

    fill: Tensor
    mask: Tensor
    guide: Tensor
    facts: Tensor


def denoised(
    network: InpaintUnet, noised: Tensor, sigma: Tensor, condition: Condition
) -> Tensor:
    """Expected content less fill, given the noised one (Karras et al., equation 7).

    Args:
        network: The raw network.
        noised: Noised content less fill of three slices, (N, 3 C, H, W); zeros where
            a neighbour is not there.
        sigma: Noise levels, (N,).
        condition: What shall be drawn where.
    """
    c = network.config.channels
    std = network.config.content_std
    s = sigma[:, None, None, None]
    total = torch.sqrt(s * s + std * std)
    raw = network(
        noised / total,
        condition.fill,
        condition.mask,
        condition.guide,
        sigma,
        condition.facts,
    )
    own = noised[:, c : 2 * c]
    guess: Tensor = own * (std / total) ** 2 + raw.float() * (s * std / total)
    return guess


def training_loss(
    network: InpaintUnet,
    content: Tensor,
    condition: Condition,
    generator: torch.Generator,
) -> Tensor:
    """Weighted squared error of the raw network, 1 for an untrained one.

    Args:
        network: The network that learns.
        content: Content less fill of three slices, (N, 3 C, H, W), zeros where a
            neighbour is not there.
        condition: As in `denoised`; facts 3 and 4 say which neighbours are there.
        generator: Source of levels and noise.
    """
    config = network.config
    n, c = len(content), config.channels
    std = config.content_std
    drawn = torch.randn(n, generator=generator) * _LEVEL_SPREAD + _LEVEL_SHIFT
    sigma = (torch.exp(drawn) * std).clamp(0.5 * config.lowest, 1.2 * config.highest)
    noise = torch.randn(content.shape, generator=generator)
    noised = content + sigma[:, None, None, None] * noise * present(condition.facts, c)
    own = content[:, c : 2 * c]
    error = denoised(network, noised, sigma, condition) - own
    s = sigma[:, None, None, None]
    weight = (s * s + std * std) / (s * std) ** 2
    region = _WEIGHT_OUTSIDE + (1.0 - _WEIGHT_OUTSIDE) * condition.mask
    return (error * error * weight * region).sum() / (region.sum() * c)


def noise_levels(
    config: InpaintConfig, n_steps: int, start: float = 1.0
) -> NDArray[np.float64]:
    """Levels from the highest to the lowest, then 0 (Karras et al., equation 5).

    Args:
        config: Gives the ends.
        n_steps: Network calls, at least 2; the result has one entry more.
        start: Share of the highest level at which to begin.
    """
    ramp = np.linspace(0.0, 1.0, n_steps)
    ends = (start * config.highest, config.lowest)
    top, bottom = (level ** (1.0 / _SPACING) for level in ends)
    levels = (top + ramp * (bottom - top)) ** _SPACING
    return np.append(levels, 0.0)


@torch.inference_mode()
def sample_stack(
    network: InpaintUnet,
    known: Tensor,
    is_known: Tensor,
    condition: Condition,
    generator: torch.Generator,
    *,
    n_steps: int = 12,
    start: float = 1.0,
    eta: float = 0.0,
    redraw: Tensor | None = None,
) -> Tensor:
    """Content less fill of a stack of neighbouring slices, sampled together.

    Args:
        network: The trained network.
        known: Content less fill where it is known, (N, C, H, W).
        is_known: True where `known` holds and is kept, (N, 1, H, W): the slices
            beyond the place, and all that lies outside the mask.
        condition: As in `denoised`, one entry per slice, in order.
        generator: Source of the noise; the same seed gives the same result.
        n_steps: Network calls per slice.
        start: Share of the highest level at which to begin: below 1, sampling starts
            from the fill with less noise, and stays closer to it.
        eta: Share of fresh noise at each step, 0 (DDIM) to 1 (DDPM); fresh noise
            corrects what earlier steps got wrong, but wants more steps.
        redraw: True where the result shall be the network's last look even at what is
            known, broadcastable to x; nowhere if not given.

    Returns:
        (N, C, H, W), equal to `known` where that is kept.
    """
    levels = [float(level) for level in noise_levels(network.config, n_steps, start)]
    first = levels[0] * torch.randn(known.shape, generator=generator)
    x = torch.where(is_known, known + first, first)
    looked = x
    before: Tensor | None = None
    for i, (now, then) in enumerate(pairwise(levels)):
        sigma = torch.full((len(x),), now)
        looked = denoised(network, _with_neighbours(x, condition), sigma, condition)
        guess = torch.where(is_known, known, looked)
        step = guess
        if before is not None and then > 0.0:
            ratio = np.log(levels[i - 1] / now) / np.log(now / then)
            step = guess + (guess - before) / (2.0 * ratio)
        # DDIM, equation 16: a share of the remaining noise is replaced by fresh noise.
        fresh = eta * then * (1.0 - (then / now) ** 2) ** 0.5
        kept = (then * then - fresh * fresh) ** 0.5
        noise = torch.randn(known.shape, generator=generator)
        own = step + (kept / now) * (x - step) + fresh * noise
        x = torch.where(
            is_known, known + (kept / now) * (x - known) + fresh * noise, own
        )
        before = guess
    x = torch.where(is_known, known, x)
    return x if redraw is None else torch.where(redraw, looked, x)


def present(facts: Tensor, channels: int) -> Tensor:
    """1 for channels of slices that are there, else 0, (N, 3 C, 1, 1).

    Args:
        facts: Facts of N slices, (N, 6): 3 and 4 say which neighbours are there.
        channels: Channels C of one slice.
    """
    own = torch.ones_like(facts[:, 3])
    there = torch.stack([facts[:, 3], own, facts[:, 4]], dim=1)
    return there.repeat_interleave(channels, dim=1)[:, :, None, None]


def _with_neighbours(x: Tensor, condition: Condition) -> Tensor:
    """The stack with the slices before and behind as channels, (N, 3 C, H, W)."""
    around = functional.pad(x, (0, 0, 0, 0, 0, 0, 1, 1))
    joined = torch.cat([around[:-2], x, around[2:]], dim=1)
    return joined * present(condition.facts, x.shape[1])
