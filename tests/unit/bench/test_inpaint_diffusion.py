"""Sampling in a hole, with denoisers whose answer is known."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor

from btd_desktop.bench.attacks.inpaint.diffusion import (
    Condition,
    noise_levels,
    sample_stack,
    training_loss,
)
from btd_desktop.bench.attacks.inpaint.network import InpaintConfig, InpaintUnet

CONFIG = InpaintConfig(1, 2, (8, 8, 8), 1, 0.3, 0.01, 1.0)
SIDE = 16


def _condition(n: int) -> Condition:
    mask = torch.zeros(n, 1, SIDE, SIDE)
    mask[:, :, 4:12, 4:12] = 1.0
    facts = torch.zeros(n, 6)
    facts[1:, 3] = 1.0
    facts[:-1, 4] = 1.0
    return Condition(torch.zeros(n, 1, SIDE, SIDE), mask, torch.zeros_like(mask), facts)


class _GaussianPrior(torch.nn.Module):
    """The exact network for white content of the configured spread: F is 0."""

    config = CONFIG

    def forward(self, noised: Tensor, *_: Tensor) -> Tensor:
        return torch.zeros_like(noised[:, 1:2])


class _Averaging(_GaussianPrior):
    """Answers with the mean of both neighbours, so slices can agree or not."""

    def forward(self, noised: Tensor, *rest: Tensor) -> Tensor:
        return noised[:, 0:1] + noised[:, 2:3]


def _sample(
    network: torch.nn.Module, seed: int, *, n_steps: int = 12, eta: float = 0.0
) -> Tensor:
    condition = _condition(3)
    known = torch.linspace(-1, 1, 3 * SIDE * SIDE).reshape(3, 1, SIDE, SIDE)
    is_known = condition.mask < 0.5
    is_known[0] = True
    return sample_stack(
        cast(InpaintUnet, network),
        known,
        is_known,
        condition,
        torch.Generator().manual_seed(seed),
        n_steps=n_steps,
        eta=eta,
    )


def test_known_pixels_come_back_exactly():
    out = _sample(_GaussianPrior(), 0)
    known = torch.linspace(-1, 1, 3 * SIDE * SIDE).reshape(3, 1, SIDE, SIDE)
    hole = _condition(3).mask > 0.5
    hole[0] = False
    assert torch.equal(out[~hole], known[~hole])
    assert not torch.isclose(out[hole], known[hole]).any()


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_sample_of_an_exact_denoiser_has_the_spread_of_the_prior(eta):
    draws = [_sample(_GaussianPrior(), s, n_steps=20, eta=eta) for s in range(12)]
    hole = _condition(3).mask > 0.5
    hole[0] = False
    spread = float(torch.cat([d[hole] for d in draws]).std())
    # The start at level 1 instead of sqrt(1 + 0.3^2) costs 4 %, the steps little.
    assert abs(spread - 0.3) < 0.025


def test_same_seed_gives_the_same_sample_and_another_another():
    assert torch.equal(_sample(_GaussianPrior(), 3), _sample(_GaussianPrior(), 3))
    assert not torch.equal(_sample(_GaussianPrior(), 3), _sample(_GaussianPrior(), 4))


def test_slices_see_their_neighbours_while_sampling():
    alone = _sample(_GaussianPrior(), 3)
    together = _sample(_Averaging(), 3)
    assert not torch.allclose(alone[1:, :, 4:12, 4:12], together[1:, :, 4:12, 4:12])


def test_levels_fall_from_the_highest_to_zero():
    levels = noise_levels(CONFIG, 10)
    assert len(levels) == 11
    assert np.isclose(levels[0], 1.0)
    assert np.isclose(levels[-2], 0.01)
    assert levels[-1] == 0.0
    assert np.all(np.diff(levels) < 0)
    assert np.isclose(noise_levels(CONFIG, 10, 0.5)[0], 0.5)


def test_loss_of_an_untrained_network_is_about_one():
    g = torch.Generator().manual_seed(0)
    condition = _condition(64)
    content = 0.3 * torch.randn((64, 3, SIDE, SIDE), generator=g)
    loss = training_loss(InpaintUnet(CONFIG), content, condition, g)
    assert abs(loss.item() - 1.0) < 0.1
