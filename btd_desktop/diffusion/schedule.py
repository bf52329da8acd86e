"""The variance schedule of the diffusion process.

Index `t` runs from 0 to T - 1; t = 0 is the first noising step, the one that the
detector reverses. The schedule is the sigmoid one of the paper's code, with T = 1000,
start -3, end 3 and tau 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_N_STEPS, _START, _END = 1000, -3.0, 3.0
_MAX_BETA = 0.999


@dataclass(frozen=True, slots=True, eq=False)
class NoiseSchedule:
    """Betas of the forward process and what follows from them.

    Attributes:
        betas: Variance added at each step, shape (T,), float64, in (0, 1).
    """

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


def sigmoid_schedule() -> NoiseSchedule:
    """Sigmoid schedule of Jabri et al. 2022 (arXiv 2212.11972, figure 8).

    >>> round(sigmoid_schedule().first_level, 7)
    0.0173286
    """

    def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1.0 / (1.0 + np.exp(-x)))

    t = np.linspace(0.0, _N_STEPS, _N_STEPS + 1) / _N_STEPS
    v_start, v_end = sigmoid(np.array([_START, _END]))
    alpha_bar = (v_end - sigmoid(t * (_END - _START) + _START)) / (v_end - v_start)
    alpha_bar /= alpha_bar[0]
    betas = 1.0 - alpha_bar[1:] / alpha_bar[:-1]
    return NoiseSchedule(np.clip(betas, 0.0, _MAX_BETA))
