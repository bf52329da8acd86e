"""Noise schedules against the published values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from btd_desktop.diffusion.schedule import (
    NoiseSchedule,
    cosine_schedule,
    linear_schedule,
    sigmoid_schedule,
)


@pytest.mark.parametrize(
    ("t", "level", "tolerance"),
    [  # read from the reference, which keeps float32
        (0, 0.0173286, 1e-7),
        (1, 0.0245396, 1e-7),
        (2, 0.0300956, 1e-7),
        (5, 0.0427, 5e-5),
        (10, 0.0583, 5e-5),
        (50, 0.1325, 5e-5),
        (100, 0.2000, 5e-5),
        (250, 0.3875, 5e-5),
        (500, 0.7083, 5e-5),
        (999, 1.0, 5e-5),
    ],
)
def test_sigmoid_levels_equal_those_of_the_reference(
    t: int, level: float, tolerance: float
) -> None:
    found = float(sigmoid_schedule().noise_levels[t])
    assert found == pytest.approx(level, abs=tolerance)


def test_sigmoid_first_step_has_the_reference_beta() -> None:
    schedule = sigmoid_schedule()
    assert schedule.n_steps == 1000
    assert float(schedule.betas[0]) == pytest.approx(3.0028e-4, abs=5e-9)
    assert float(schedule.alphas_cumprod[0]) == pytest.approx(0.99969971, abs=2e-8)
    assert float(schedule.alphas_cumprod[-1]) == pytest.approx(3e-7, rel=0.2)


@pytest.mark.parametrize("make", [sigmoid_schedule, linear_schedule, cosine_schedule])
def test_schedule_levels_rise_and_end_in_noise(
    make: Callable[[], NoiseSchedule],
) -> None:
    schedule = make()
    assert schedule.betas.dtype == np.float64
    assert ((schedule.betas > 0.0) & (schedule.betas < 1.0)).all()
    assert (np.diff(schedule.noise_levels) > 0.0).all()
    assert float(schedule.noise_levels[-1]) > 0.999


def test_linear_first_level_is_a_hundredth() -> None:
    schedule = linear_schedule()
    assert schedule.first_level == pytest.approx(0.01, abs=1e-12)
    assert float(schedule.betas[-1]) == pytest.approx(0.02)


def test_cosine_alpha_bar_is_near_half_in_the_middle() -> None:
    # cos^2(pi/4 * ...) of equation 17; the clip only touches the last step.
    alpha_bar = cosine_schedule().alphas_cumprod
    expected = np.cos((0.5 + 0.008) / 1.008 * np.pi / 2) ** 2
    expected /= np.cos(0.008 / 1.008 * np.pi / 2) ** 2
    assert float(alpha_bar[499]) == pytest.approx(expected, abs=1e-9)
    assert float(cosine_schedule().betas.max()) == 0.999


def test_timestep_of_level_inverts_the_schedule() -> None:
    schedule = sigmoid_schedule()
    for t in (0, 1, 37, 500):
        found = schedule.timestep_of_level(float(schedule.noise_levels[t]))
        assert found == pytest.approx(t, abs=1e-6)
    assert schedule.timestep_of_level(0.001) == 0.0
    halfway = float(schedule.noise_levels[:2].mean())
    assert schedule.timestep_of_level(halfway) == pytest.approx(0.5)
