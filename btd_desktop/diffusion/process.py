"""The diffusion process as pure functions on tensors.

Notation of the papers: x_0 is the image scaled to [-1, 1], eps the noise,
alpha_bar = prod(1 - beta), sigma = sqrt(1 - alpha_bar) the noise level.
"""

from __future__ import annotations

import torch
from torch import Tensor

from btd_desktop.diffusion.schedule import NoiseSchedule


def q_sample(x_0: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
    """Sample of q(x_t | x_0): the image after noising to level sigma (DDPM, eq. 4).

    Args:
        x_0: Clean images, shape (N, 1, H, W), in [-1, 1].
        sigma: Noise levels sqrt(1 - alpha_bar), shape (N,), in [0, 1].
        eps: Standard normal noise, shape of x_0.
    """
    s = sigma.to(x_0.dtype)[:, None, None, None]
    return torch.sqrt(1.0 - s * s) * x_0 + s * eps


def reverse_step(
    x: Tensor, eps: Tensor, schedule: NoiseSchedule, *, clamp: bool = True
) -> Tensor:
    """x_{-1}: one reverse step at t = 0, deterministic, as the reference takes it.

    At t = 0 the posterior's mean is the predicted x_0 alone and no noise is added
    (DDPM, eq. 7 with alpha_bar_{-1} = 1). With `clamp`, the prediction is limited to
    [-1, 1] as the reference does, which zeroes the residual wherever the window has
    already clipped the image and eps points outwards.

    Args:
        x: The suspect image taken as x_0 (fed to the network as it is), (N, 1, H, W).
        eps: The network's noise prediction for x at t = 0, shape of x.
        schedule: Gives the noise level of t = 0.
        clamp: Limit the result to [-1, 1].
    """
    alpha_bar = float(schedule.alphas_cumprod[0])
    x_prev: Tensor = (x - (1.0 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5
    return x_prev.clamp(-1.0, 1.0) if clamp else x_prev


def residual_map(x: Tensor, eps: Tensor, schedule: NoiseSchedule) -> Tensor:
    """x_0 - x_{-1} of the clamped reverse step (paper, 3.3), shape of x.

    Equal to sigma_0 * eps (sigma_0 = 0.01733) up to 1.5e-4 * x wherever nothing is
    clamped; so ||F(x_0)||^2 ranks images as the residual does.
    """
    return x - reverse_step(x, eps, schedule)
