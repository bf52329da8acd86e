"""The paper's method: the patch alone, its two scores, and what its code clamps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.diffusion.schedule import sigmoid_schedule
from btd_desktop.errors import ModelError
from btd_desktop.preprocess.presets import PRESETS, fit_scale, scaled_slice
from btd_desktop.scoring.alone import clamped
from btd_desktop.scoring.detector import Backend, DetectorInfo
from btd_desktop.scoring.engine import NoiseMaps, grid_of, scored_slice
from btd_desktop.scoring.method import Method
from btd_desktop.volume import Volume
from tests.unit.scoring.fakes import chest_volume

PRESET = PRESETS["ct96"]
GRID = grid_of(PRESET, "paper")
LEVEL = sigmoid_schedule().first_level


@dataclass
class WholePatch:
    """Its map of a patch depends on every pixel of the patch, as attention does."""

    method: Method = "paper"
    broken: bool = False

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo(
            "whole patch", "e" * 64, PRESET, (LEVEL,), 0, Backend("cpu"),
            method=self.method,
        )  # fmt: skip

    def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("the paper's method takes no slices")

    def predict_patches(
        self, patches: NDArray[np.float32], level: float
    ) -> NDArray[np.float32]:
        assert level == LEVEL
        mean = patches.mean(axis=(1, 2), keepdims=True)
        maps: NDArray[Any] = (patches - mean) * np.float32(np.nan if self.broken else 9)
        return maps.astype(np.float32)


def features_of(
    volume: Volume, at: tuple[int, int] | None = None, method: Method = "paper"
) -> Any:
    maps = NoiseMaps(WholePatch(method), volume, fit_scale(volume, PRESET))
    return scored_slice(maps, 1, GRID, at)


def test_squares_of_the_grid_tile_the_slice() -> None:
    assert (GRID.patch, GRID.stride, GRID.centre) == (96, 32, 32)


def test_scores_are_means_over_the_central_square_and_over_the_patch_alone() -> None:
    volume = chest_volume(3, 0)
    found = features_of(volume)
    image = np.pad(scaled_slice(volume.voxels[1], fit_scale(volume, PRESET)), 48)
    r, c = 96, 64
    i, j = r // 32, c // 32
    patch = image[r : r + 96, c : c + 96]
    square = ((patch - patch.mean()) * 9.0) ** 2
    features = found.features
    assert features.removal[i, j] == pytest.approx(square.mean(), rel=1e-4)
    expected = square[32:64, 32:64].mean()
    assert features.injection[i, j] == pytest.approx(expected, rel=1e-4)
    logs = np.log([features.injection[i, j], features.removal[i, j]])
    np.testing.assert_allclose(features.features[i, j], logs, rtol=1e-3)
    shown = found.residual[r - 16 : r + 16, c - 16 : c + 16] ** 2
    assert shown.mean() == pytest.approx(features.injection[i, j], rel=1e-4)


def test_place_alone_gives_what_the_grid_gives_and_any_pixel_can_be_asked() -> None:
    volume = chest_volume(3, 0)
    grid, place = features_of(volume).features, features_of(volume, (96, 64)).features
    assert place.injection[0, 0] == grid.injection[3, 2]
    assert place.removal[0, 0] == grid.removal[3, 2]
    assert place.aerated[0, 0] == grid.aerated[3, 2]
    assert features_of(volume, (91, 67)).features.scored.all()


def test_nothing_outside_the_patch_enters_a_score() -> None:
    volume = chest_volume(3, 0)
    before = features_of(volume, (96, 64)).features
    voxels = volume.voxels.copy()
    voxels[0], voxels[2] = 300, -300
    voxels[1, :, 64 + 48 :] = 700  # right of the patch, and the neighbouring slices
    after = features_of(replace(volume, voxels=voxels), (96, 64)).features
    assert (after.injection, after.removal) == (before.injection, before.removal)
    voxels[1, 96, 64 + 47] = 1500
    inside = features_of(replace(volume, voxels=voxels), (96, 64)).features
    assert inside.removal != before.removal


def test_clamped_residual_is_that_of_a_reverse_step_with_a_clamped_image() -> None:
    schedule, rng = sigmoid_schedule(), np.random.default_rng(4)
    patch = rng.uniform(0.0, 1.0, (1, 8, 8)).astype(np.float32)
    patch[0, :4] = 0.0  # what the window clips
    eps = rng.standard_normal((1, 8, 8)).astype(np.float32)
    x, bar = patch * 2.0 - 1.0, float(schedule.alphas_cumprod[0])
    image = np.clip(x / np.sqrt(bar) - np.sqrt(1.0 / bar - 1.0) * eps, -1.0, 1.0)
    found = clamped(eps, patch, LEVEL)
    np.testing.assert_allclose(found, (x - image) / np.sqrt(1.0 - bar), atol=2e-3)
    lower = found[0, :4][eps[0, :4] > 0.1]
    assert lower.size
    np.testing.assert_array_equal(lower, 0.0)
    free = np.abs(x) < 0.9
    np.testing.assert_allclose(found[free], eps[free], atol=0.02)


def test_clamping_lowers_scores_where_the_window_clips() -> None:
    volume = chest_volume(3, 0)
    plain, cut = (features_of(volume, None, m) for m in ("paper", "paper-clamped"))
    scored = plain.features.scored
    lung = scored & (plain.features.aerated > 0.8)
    assert lung.any()
    assert (cut.features.injection[lung] < plain.features.injection[lung]).all()


def test_model_that_gives_no_numbers_is_refused() -> None:
    volume = chest_volume(3, 0)
    maps = NoiseMaps(WholePatch(broken=True), volume, fit_scale(volume, PRESET))
    with pytest.raises(ModelError, match="no numbers"):
        scored_slice(maps, 1, GRID)
