"""Reverse steps of the diffusion process on patches: back only, or forth and back.

Table 3 of the paper sets both beside each other. "Back" takes the suspect patch for the
image after so many noising steps, with no noise added, and reverses them; one step is
the paper's method. "Forth and back" adds the noise of so many steps first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from btd_desktop.diffusion.schedule import sigmoid_schedule

if TYPE_CHECKING:
    from btd_desktop.diffusion.denoiser import DiffusionDetector
    from btd_desktop.diffusion.unet import ReferenceUnet

_AT_ONCE = 4


def reverse_residuals(
    detector: DiffusionDetector,
    patches: NDArray[np.float32],
    steps: int,
    *,
    forth: bool,
    seed: int,
) -> NDArray[np.float32]:
    """x_0 minus what the reverse steps make of it, in units of the first noise level.

    Args:
        detector: With the reference network.
        patches: Scaled intensities in [0, 1], shape (N, P, P).
        steps: Noising steps that are reversed, from 1.
        forth: Add their noise first.
        seed: Of the noise, also of that which reverse steps add from the second on.

    Returns:
        Shape (N, P, P).
    """
    import torch

    network = cast("ReferenceUnet", detector.network)
    schedule = sigmoid_schedule()
    bars = np.concatenate([[1.0], schedule.alphas_cumprod])
    generator = torch.Generator().manual_seed(seed)
    out = np.empty_like(patches)
    for start in range(0, len(patches), _AT_ONCE):
        part = patches[start : start + _AT_ONCE, None]
        first = torch.from_numpy(part * np.float32(2.0) - np.float32(1.0))
        x = first

        def noise(like: torch.Tensor = first) -> torch.Tensor:
            return torch.randn(like.shape, generator=generator)

        with torch.inference_mode():
            if forth:
                bar = float(bars[steps])
                x = bar**0.5 * first + (1.0 - bar) ** 0.5 * noise()
            for t in range(steps - 1, -1, -1):
                bar, before = float(bars[t + 1]), float(bars[t])
                beta = float(schedule.betas[t])
                eps = network.predict_at(x, torch.full((len(x),), t))
                image = (x - (1.0 - bar) ** 0.5 * eps) / bar**0.5
                image = image.clamp(-1.0, 1.0)
                x = (
                    before**0.5 * beta * image
                    + (1.0 - beta) ** 0.5 * (1.0 - before) * x
                ) / (1.0 - bar)
                if t > 0:
                    x = x + (beta * (1.0 - before) / (1.0 - bar)) ** 0.5 * noise()
        residual = (first - x) / float(schedule.noise_levels[0])
        out[start : start + _AT_ONCE] = residual[:, 0].numpy()
    return out
