"""Presets: windows in HU, standardisation per series, and values left whole."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.errors import SettingsError
from btd_desktop.preprocess.foreground import foreground_mask
from btd_desktop.preprocess.presets import (
    PRESETS,
    IntensityScale,
    Preset,
    fit_scale,
    preset_named,
    scaled_slice,
)
from btd_desktop.strict_json import plain_json, record_from_json
from btd_desktop.volume import Volume


def volume_of(voxels: NDArray[Any], modality: str) -> Volume:
    n = len(voxels)
    return Volume(
        voxels,
        modality,
        "HU" if modality == "CT" else "",
        (2.0, 0.7, 0.7),
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        tuple(2.0 * s for s in range(n)),
        tuple(f"1.2.{s}" for s in range(n)),
    )


def head(rng: np.random.Generator, n: int, gain: float, offset: float) -> Volume:
    r, c = np.mgrid[:64, :64]
    inside = np.hypot(r - 32, c - 32) < 24
    clean = np.where(inside, 100.0 + 30.0 * np.sin(r / 5.0), 0.0)
    noise = rng.normal(0.0, 3.0, (n, 64, 64))
    voxels = ((clean + noise * inside) * gain + offset * inside).astype(np.float32)
    return volume_of(voxels, "MR")


@pytest.mark.parametrize(
    ("name", "hu", "scaled"),
    [
        ("ct96", -1024, 0.0),
        ("ct96", -700, 0.0),
        ("ct96", 650, 0.5),
        ("ct96", 2000, 1.0),
        ("ct96", 3071, 1.0),
        ("ct96wide", -1024, 0.0),
        ("ct96wide", -12, 0.5),
        ("ct96wide", 1000, 1.0),
    ],
)
def test_window_known_hu_gives_published_intensity(
    name: str, hu: int, scaled: float
) -> None:
    preset = preset_named(name)
    volume = volume_of(np.full((1, 8, 8), hu, np.int16), "CT")
    plane = scaled_slice(volume.voxels[0], fit_scale(volume, preset))
    assert plane.dtype == np.float32
    np.testing.assert_allclose(plane, scaled, atol=1e-6)


def test_presets_of_the_paper_have_its_windows_and_patches() -> None:
    ct, mr = PRESETS["ct96"], PRESETS["mr128"]
    assert (ct.low, ct.high, ct.patch, ct.centre) == (-700.0, 2000.0, 96, 32)
    assert (mr.kind, mr.patch, mr.centre) == ("standardise", 128, 32)
    assert record_from_json(Preset, json.loads(json.dumps(plain_json(ct)))) == ct


def test_scaling_integer_hu_stays_whole_and_unchanged(rng: np.random.Generator) -> None:
    voxels = rng.integers(-1024, 3000, (2, 16, 16)).astype(np.int16)
    before = voxels.copy()
    preset = PRESETS["ct96wide"]
    scale = fit_scale(volume_of(voxels, "CT"), preset)
    scaled = scaled_slice(voxels[0], scale)
    assert voxels.dtype == np.int16
    np.testing.assert_array_equal(voxels, before)
    inside = (voxels[0] > -1024) & (voxels[0] < 1000)
    restored = scaled.astype(np.float64) * 2024.0 - 1024.0
    np.testing.assert_array_equal(np.rint(restored)[inside], voxels[0][inside])
    # Neighbouring HU stay apart by the same step: nothing is re-quantised.
    assert abs(float(np.abs(restored - np.rint(restored)).max())) < 1e-3


def test_scaling_same_whole_values_as_float_gives_same_bits(
    rng: np.random.Generator,
) -> None:
    voxels = rng.integers(-1024, 1000, (16, 16)).astype(np.int16)
    scale = IntensityScale(-1024.0, 1000.0)
    np.testing.assert_array_equal(
        scaled_slice(voxels, scale), scaled_slice(voxels.astype(np.float32), scale)
    )


def test_standardise_series_with_other_gain_gives_same_intensities(
    rng: np.random.Generator,
) -> None:
    preset = PRESETS["mr128"]
    seed = int(rng.integers(1 << 30))
    plain = head(np.random.default_rng(seed), 4, 1.0, 0.0)
    louder = head(np.random.default_rng(seed), 4, 7.5, 0.0)
    one = scaled_slice(plain.voxels[0], fit_scale(plain, preset))
    other = scaled_slice(louder.voxels[0], fit_scale(louder, preset))
    np.testing.assert_allclose(one, other, atol=2e-5)


def test_standardise_body_has_mean_of_three_sevenths(rng: np.random.Generator) -> None:
    volume = head(rng, 4, 1.0, 0.0)
    scale = fit_scale(volume, PRESETS["mr128"])
    body = np.stack([foreground_mask(p, "MR") for p in volume.voxels])
    values = (volume.voxels[body] - scale.zero_at) / (scale.one_at - scale.zero_at)
    # -3..4 standard deviations are 0..1: the mean falls on 3/7, the spread is 1/7.
    assert float(values.mean()) == pytest.approx(3.0 / 7.0, abs=1e-5)
    assert float(values.std()) == pytest.approx(1.0 / 7.0, abs=1e-5)


def test_standardise_long_series_reads_at_most_127_slices() -> None:
    voxels = np.ones((128, 32, 32), np.int16)
    voxels[1::2] = 9999  # every second slice is skipped, so these must not count
    scale = fit_scale(volume_of(voxels, "MR"), PRESETS["mr128"])
    assert scale == IntensityScale(1.0 - 3.0, 1.0 + 4.0)


@pytest.mark.parametrize("value", [0, 1, 700])
def test_standardise_constant_image_gives_finite_constant(value: int) -> None:
    volume = volume_of(np.full((2, 40, 40), value, np.int16), "MR")
    scaled = scaled_slice(volume.voxels[0], fit_scale(volume, PRESETS["mr128"]))
    np.testing.assert_allclose(scaled, 3.0 / 7.0, atol=1e-6)


def test_fit_scale_other_modality_is_refused() -> None:
    volume = volume_of(np.zeros((1, 8, 8), np.int16), "MR")
    with pytest.raises(SettingsError) as caught:
        fit_scale(volume, PRESETS["ct96"])
    assert caught.value.code == "modality"


def test_preset_named_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        preset_named("ct97")
    assert "ct96wide" in caught.value.hint
