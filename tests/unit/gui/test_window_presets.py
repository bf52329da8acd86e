"""Presets hold OHIF's numbers, and the computed ones clip what they say."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.gui.qimage import grey_levels
from btd_desktop.gui.window_presets import (
    WINDOW_PRESETS,
    auto_window,
    full_window,
    preset_window,
    presets_for,
)

BY_KEY = {preset.key: preset for preset in WINDOW_PRESETS}
VOXELS = np.arange(-1000, 1000, dtype=np.int16).reshape(2, 20, 50)


@pytest.mark.parametrize(
    ("key", "window"),
    [
        (1, (40, 400)),
        (2, (-600, 1500)),
        (3, (90, 150)),
        (4, (480, 2500)),
        (5, (40, 80)),
    ],
)
def test_fixed_presets_have_the_agreed_numbers(key, window):
    assert BY_KEY[key].window == window


def test_keys_run_from_one_to_nine():
    assert [preset.key for preset in WINDOW_PRESETS] == list(range(1, 10))


def test_hounsfield_presets_are_not_offered_for_mr():
    assert [preset.key for preset in presets_for("MR")] == [6, 7, 8, 9]
    assert len(presets_for("CT")) == 9


def test_full_window_of_whole_numbers_clips_nothing_and_uses_all_greys():
    levels = grey_levels(np.array([-1000, 999]), *full_window(VOXELS))
    assert list(levels) == [0, 255]
    inside = grey_levels(np.array([-990, 990]), *full_window(VOXELS))
    assert 0 < inside[0] < inside[1] < 255


def test_full_window_of_real_numbers_ignores_nan():
    voxels = np.array([[[0.0, np.nan, 2.0]]], np.float32)
    assert full_window(voxels) == (1.0, 2.0)


def test_auto_window_leaves_one_in_a_thousand_outside_at_each_end(rng):
    voxels = rng.normal(0.0, 1.0, (4, 256, 256)).astype(np.float32)
    centre, width = auto_window(voxels)
    below = float(np.mean(voxels < centre - width / 2))
    above = float(np.mean(voxels > centre + width / 2))
    assert below == pytest.approx(0.001, abs=3e-4)
    assert above == pytest.approx(0.001, abs=3e-4)


@pytest.mark.parametrize("window_of", [auto_window, full_window])
def test_constant_and_empty_volumes_get_a_usable_window(window_of):
    for voxels in (
        np.full((1, 3, 3), 7, np.int16),
        np.full((1, 3, 3), 7.0, np.float32),
        np.full((1, 3, 3), np.nan, np.float32),
    ):
        centre, width = window_of(voxels)
        assert np.isfinite(centre)
        assert width > 0


def test_preset_takes_its_numbers_from_where_it_says():
    def window(key: int) -> tuple[float, float] | None:
        return preset_window(
            BY_KEY[key], VOXELS, file_window=(1.0, 2.0), user_window=(3.0, 4.0)
        )

    assert window(2) == (-600.0, 1500.0)
    assert window(6) == (1.0, 2.0)
    assert window(7) == auto_window(VOXELS)
    assert window(8) == full_window(VOXELS)
    assert window(9) == (3.0, 4.0)


def test_preset_without_numbers_says_so():
    for key in (6, 9):
        got = preset_window(BY_KEY[key], VOXELS, file_window=None, user_window=None)
        assert got is None
