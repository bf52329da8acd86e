"""The forward process of the diffusion.

Notation of the papers: x_0 is the image scaled to [-1, 1], eps the noise,
alpha_bar = prod(1 - beta), sigma = sqrt(1 - alpha_bar) the noise level.
"""

from __future__ import annotations

import torch
from torch import Tensor


def q_sample(x_0: Tensor, sigma: Tensor, eps: Tensor) -> Tensor:
    """Sample of q(x_t | x_0): the image after noising to level sigma (DDPM, eq. 4).

    Args:
        x_0: Clean images, shape (N, 1, H, W), in [-1, 1].
        sigma: Noise levels sqrt(1 - alpha_bar), shape (N,), in [0, 1].
        eps: Standard normal noise, shape of x_0.
    """
    s = sigma.to(x_0.dtype)[:, None, None, None]
    return torch.sqrt(1.0 - s * s) * x_0 + s * eps
