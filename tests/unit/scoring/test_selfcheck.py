"""A model that does not predict noise is refused, with the reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.errors import ModelError
from btd_desktop.preprocess.presets import fit_scale, preset_named
from btd_desktop.scoring.engine import NoiseMaps, grid_of, scored_slice
from btd_desktop.scoring.selfcheck import check_maps, check_noise_prediction
from tests.unit.scoring.fakes import HighPassDetector, chest_volume

LEVELS = (0.003, 0.0173286)
Predict = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def _working(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a blur takes away, over each level: noise of unit power."""
    sharp = 2.0 * (scaled - ndimage.gaussian_filter(scaled, 2.0))
    return np.stack([sharp / level for level in LEVELS]).astype(np.float32)


def _with(change: Callable[[NDArray[np.float32]], object]) -> Predict:
    def predict(scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        maps = _working(scaled)
        change(maps)
        return maps

    return predict


def _set_one(maps: NDArray[np.float32], value: float) -> None:
    maps[1, 30, 30] = value


def test_a_working_predictor_passes() -> None:
    check_noise_prediction(_working, LEVELS, "m")


@pytest.mark.parametrize(
    ("predict", "why"),
    [
        (_with(lambda m: m.fill(0.0)), "constant"),
        (_with(lambda m: m.fill(0.7)), "constant"),
        (_with(lambda m: m[1].fill(0.0)), "level 0.0173286 is constant"),
        (_with(lambda m: _set_one(m, np.nan)), "no number"),
        (_with(lambda m: _set_one(m, np.inf)), "no number"),
        (_with(lambda m: np.negative(m, out=m)), "correlation -"),
        (_with(lambda m: np.multiply(m, 0.04, out=m)), "the power that is expected"),
        (_with(lambda m: np.multiply(m, 2.0, out=m)), "the power that is expected"),
        (_with(lambda m: np.multiply(m, 1e9, out=m)), "the power that is expected"),
        (
            _with(lambda m: m.__setitem__(slice(None), m[:, ::-1].copy())),
            "does not find known noise",
        ),
        (
            lambda s: (
                np.random.default_rng(1)
                .standard_normal((2, *s.shape))
                .astype(np.float32)
            ),
            "does not find known noise",
        ),
        (lambda s: np.stack([s, s]), "does not find known noise"),
    ],
)
def test_what_is_no_predictor_is_refused_by_name(predict: Predict, why: str) -> None:
    with pytest.raises(ModelError, match=r"the model m-1 does not predict noise") as e:
        check_noise_prediction(predict, LEVELS, "m-1")
    assert why in e.value.detail
    assert e.value.code == "model_answers"


@pytest.mark.parametrize(
    ("value", "why"), [(0.0, "constant"), (np.nan, "no number"), (1e9, "power")]
)
def test_a_slice_without_an_answer_stops_the_run(value: float, why: str) -> None:
    class Broken(HighPassDetector):
        def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
            maps = super().predict_noise(scaled)
            maps[1] = value
            return maps

    volume = chest_volume(3, seed=4)
    preset = preset_named("ct96wide")
    grid = grid_of(preset)
    scale = fit_scale(volume, preset)
    scored_slice(NoiseMaps(HighPassDetector(), volume, scale), 1, grid)
    with pytest.raises(ModelError, match=why) as error:
        scored_slice(NoiseMaps(Broken(), volume, scale), 1, grid)
    assert "high-pass" in error.value.detail
    assert "slice" in error.value.detail


def test_an_empty_slice_may_have_an_empty_map() -> None:
    empty = np.zeros((8, 8), np.float32)
    check_maps(np.zeros((2, 8, 8), np.float32), empty, "m", 0)
