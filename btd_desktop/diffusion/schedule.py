"""The variance schedule of the diffusion process.

Index `t` runs from 0 to T - 1; t = 0 is the first noising step, the one that the
detector reverses. The paper's code uses the sigmoid schedule with T = 1000 (start -3,
end 3, tau 1); DDPM's linear and the cosine schedule are there for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAX_BETA = 0.999


@dataclass(frozen=True, slots=True, eq=False)
class NoiseSchedule:
    """Betas of the forward process and what follows from them.

    Attributes:
        name: "sigmoid", "linear" or "cosine".
        betas: Variance added at each step, shape (T,), float64, in (0, 1).
    """

    name: str
    betas: NDArray[np.float64]

    @property
    def n_steps(self) -> int:
        """Number of steps T."""
        return int(self.betas.size)

    @property
    def alphas_cumprod(self) -> NDArray[np.float64]:
        """Cumulative product of 1 - beta (alpha-bar in the papers), shape (T,)."""
        return np.asarray(np.cumprod(1.0 - self.betas), dtype=np.float64)

    @property
    def noise_levels(self) -> NDArray[np.float64]:
        """Standard deviation of the noise in x_t, sqrt(1 - alpha-bar), shape (T,)."""
        return np.asarray(np.sqrt(1.0 - self.alphas_cumprod), dtype=np.float64)

    @property
    def first_level(self) -> float:
        """Noise level of t = 0: where the paper's single reverse step happens."""
        return float(self.noise_levels[0])

    def timestep_of_level(self, level: float) -> float:
        """Timestep whose noise level is `level`, linear between steps, in [0, T - 1].

        Levels below the first are answered with 0: the reference network has never
        seen less noise than that.
        """
        steps = np.arange(self.n_steps, dtype=np.float64)
        return float(np.interp(level, self.noise_levels, steps))


def sigmoid_schedule(
    n_steps: int = 1000, start: float = -3.0, end: float = 3.0, tau: float = 1.0
) -> NoiseSchedule:
    """Sigmoid schedule of Jabri et al. 2022 (arXiv 2212.11972, figure 8).

    >>> round(sigmoid_schedule().first_level, 7)
    0.0173286
    """

    def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1.0 / (1.0 + np.exp(-x)))

    t = np.linspace(0.0, n_steps, n_steps + 1) / n_steps
    v_start, v_end = sigmoid(np.array([start / tau, end / tau]))
    alpha_bar = (v_end - sigmoid((t * (end - start) + start) / tau)) / (v_end - v_start)
    alpha_bar /= alpha_bar[0]
    return NoiseSchedule("sigmoid", _betas_of(alpha_bar))


def linear_schedule(n_steps: int = 1000) -> NoiseSchedule:
    """Linear schedule of DDPM (Ho et al. 2020), 1e-4 to 0.02 for T = 1000."""
    scale = 1000.0 / n_steps
    return NoiseSchedule("linear", np.linspace(scale * 1e-4, scale * 0.02, n_steps))


def cosine_schedule(n_steps: int = 1000, offset: float = 0.008) -> NoiseSchedule:
    """Cosine schedule of Nichol and Dhariwal 2021 (arXiv 2102.09672, equation 17)."""
    t = np.linspace(0.0, n_steps, n_steps + 1) / n_steps
    alpha_bar = np.cos((t + offset) / (1.0 + offset) * np.pi / 2.0) ** 2
    return NoiseSchedule("cosine", _betas_of(alpha_bar / alpha_bar[0]))


def _betas_of(alpha_bar: NDArray[np.float64]) -> NDArray[np.float64]:
    betas: NDArray[np.float64] = 1.0 - alpha_bar[1:] / alpha_bar[:-1]
    return np.clip(betas, 0.0, _MAX_BETA)
