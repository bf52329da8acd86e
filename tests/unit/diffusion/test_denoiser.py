"""The reference network on whole slices: centres of overlapping patches."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from btd_desktop.diffusion.denoiser import DiffusionDetector, open_detector
from btd_desktop.diffusion.unet import ReferenceUnet
from btd_desktop.errors import ModelError
from btd_desktop.preprocess.presets import PRESETS
from tests.unit.diffusion.conftest import LEVELS, card_of, cpu, lean, shaken


@pytest.fixture(scope="module")
def reference() -> DiffusionDetector:
    torch.manual_seed(0)
    network = shaken(ReferenceUnet(8, (1, 1, 1, 1)))
    return DiffusionDetector(network, card_of(network, b"", levels=LEVELS[:1]), cpu())


def test_reference_map_holds_the_centres_of_patches(
    reference: DiffusionDetector,
) -> None:
    plane = np.random.default_rng(1).random((96, 96), dtype=np.float32)
    maps = reference.predict_noise(plane)
    assert maps.shape == (1, 96, 96)
    alone = reference.predict_patches(plane[None], LEVELS[0])[0]
    np.testing.assert_allclose(
        maps[0, 32:64, 32:64], alone[32:64, 32:64], rtol=1e-4, atol=1e-5
    )


def test_reference_border_patch_is_framed_with_the_darkest_value(
    reference: DiffusionDetector,
) -> None:
    plane = np.random.default_rng(2).uniform(0.1, 1.0, (64, 64)).astype(np.float32)
    framed = np.pad(plane, 32, constant_values=float(plane.min()))
    alone = reference.predict_patches(framed[None, 0:96, 0:96], LEVELS[0])[0]
    maps = reference.predict_noise(plane)
    np.testing.assert_allclose(
        maps[0, :32, :32], alone[32:64, 32:64], rtol=1e-4, atol=1e-5
    )


def test_reference_odd_size_gives_maps_of_that_size(
    reference: DiffusionDetector,
) -> None:
    plane = np.random.default_rng(3).random((40, 33), dtype=np.float32)
    maps = reference.predict_noise(plane)
    assert maps.shape == (1, 40, 33)
    assert np.isfinite(maps).all()


def test_input_is_not_changed_and_may_be_read_only() -> None:
    network = lean()
    model = DiffusionDetector(network, card_of(network, b""), cpu())
    plane = np.random.default_rng(4).random((32, 32), dtype=np.float32)
    before = plane.copy()
    plane.setflags(write=False)
    model.predict_noise(plane)
    np.testing.assert_array_equal(plane, before)


def test_no_noise_is_added_whatever_the_global_generator_says() -> None:
    network = lean()
    model = DiffusionDetector(network, card_of(network, b""), cpu())
    plane = np.random.default_rng(5).random((32, 32), dtype=np.float32)
    torch.manual_seed(1)
    first = model.predict_noise(plane)
    torch.manual_seed(2)
    np.testing.assert_array_equal(first, model.predict_noise(plane))


def test_open_detector_gives_the_saved_networks_maps(
    model_folder: Callable[..., Path],
) -> None:
    network = lean(seed=6)
    plane = np.random.default_rng(6).random((40, 48), dtype=np.float32)
    expected = DiffusionDetector(network, card_of(network, b""), cpu())
    opened = open_detector(model_folder(network), cpu())
    np.testing.assert_allclose(
        opened.predict_noise(plane), expected.predict_noise(plane), rtol=0, atol=3e-6
    )


def test_reference_card_with_a_patch_without_centre_is_refused(
    model_folder: Callable[..., Path],
) -> None:
    network = ReferenceUnet(8, (1, 1, 1, 1))
    folder = model_folder(network, preset=replace(PRESETS["ct96"], patch=64))
    with pytest.raises(ModelError) as caught:
        open_detector(folder, cpu())
    assert caught.value.code == "network"
