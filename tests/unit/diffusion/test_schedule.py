"""Noise schedules against the published values."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.diffusion.schedule import sigmoid_schedule


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


def test_schedule_levels_rise_and_end_in_noise() -> None:
    schedule = sigmoid_schedule()
    assert schedule.betas.dtype == np.float64
    assert ((schedule.betas > 0.0) & (schedule.betas < 1.0)).all()
    assert (np.diff(schedule.noise_levels) > 0.0).all()
    assert float(schedule.noise_levels[-1]) > 0.999


def test_timestep_of_level_inverts_the_schedule() -> None:
    schedule = sigmoid_schedule()
    for t in (0, 1, 37, 500):
        found = schedule.timestep_of_level(float(schedule.noise_levels[t]))
        assert found == pytest.approx(t, abs=1e-6)
    assert schedule.timestep_of_level(0.001) == 0.0
    halfway = float(schedule.noise_levels[:2].mean())
    assert schedule.timestep_of_level(halfway) == pytest.approx(0.5)
