"""Forward noising and the single reverse step."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import pytest
import torch

from btd_desktop.diffusion.process import q_sample
from btd_desktop.diffusion.schedule import sigmoid_schedule

SCHEDULE = sigmoid_schedule()


def _step_back(x: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """x_{-1} of one reverse step at t = 0 (DDPM, eq. 7 with alpha_bar_{-1} = 1)."""
    alpha_bar = float(SCHEDULE.alphas_cumprod[0])
    before: torch.Tensor = (x - (1.0 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5
    return before


def _residual(x: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
    """x_0 - x_{-1} (paper, 3.3), limited to [-1, 1] as the authors do."""
    return x - _step_back(x, eps).clamp(-1.0, 1.0)


@pytest.mark.parametrize("level", [0.0173286, 0.2, 0.9])
def test_q_sample_keeps_mean_and_adds_the_levels_variance(level: float) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.full((4, 1, 256, 256), 0.5)
    eps = torch.randn(x.shape, generator=generator)
    noised = q_sample(x, torch.full((4,), level), eps)
    assert float(noised.std()) == pytest.approx(level, rel=0.01)
    expected = 0.5 * (1.0 - level**2) ** 0.5
    assert float(noised.mean()) == pytest.approx(expected, abs=6.0 * level / 512)


def test_q_sample_applies_each_samples_own_level() -> None:
    x, eps = torch.zeros(2, 1, 4, 4), torch.ones(2, 1, 4, 4)
    noised = q_sample(x, torch.tensor([0.0, 0.3]), eps)
    assert torch.equal(noised[0], torch.zeros(1, 4, 4))
    torch.testing.assert_close(noised[1], torch.full((1, 4, 4), 0.3))


def test_residual_map_is_the_published_multiple_of_the_prediction() -> None:
    generator = torch.Generator().manual_seed(2)
    x = 0.8 * (2.0 * torch.rand((1, 1, 64, 64), generator=generator) - 1.0)
    eps = torch.randn(x.shape, generator=generator)
    residual = _residual(x, eps)
    expected = 0.0173312 * eps - 0.0001502 * x
    torch.testing.assert_close(residual, expected, atol=5e-7, rtol=0.0)


def test_squared_residual_is_the_squared_prediction_times_3e_4() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.rand((1, 1, 64, 64), generator=generator) - 0.5
    eps = torch.randn(x.shape, generator=generator)
    ratio = _residual(x, eps).square().mean() / eps.square().mean()
    assert float(ratio) == pytest.approx(3.0037e-4, rel=2e-3)


def test_reverse_step_undoes_the_first_noising_step_exactly() -> None:
    generator = torch.Generator().manual_seed(4)
    x_0 = torch.rand((1, 1, 32, 32), generator=generator) - 0.5
    eps = torch.randn(x_0.shape, generator=generator)
    noised = q_sample(x_0, torch.tensor([SCHEDULE.first_level]), eps)
    torch.testing.assert_close(_step_back(noised, eps), x_0)


def test_clamp_at_minus_one_hides_the_prediction_of_clipped_pixels() -> None:
    clipped = torch.full((1, 1, 2, 2), -1.0)
    outwards, inwards = torch.full_like(clipped, 2.0), torch.full_like(clipped, -2.0)
    assert torch.equal(_residual(clipped, outwards), torch.zeros_like(clipped))
    seen = _residual(clipped, inwards)
    torch.testing.assert_close(
        seen, torch.full_like(seen, -0.0346624 + 0.0001502), atol=5e-7, rtol=0.0
    )
