"""The lean network: local, exact on whole slices, indifferent to batch and threads."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import numpy as np
import pytest
import torch

from btd_desktop.diffusion.denoiser import DiffusionDetector
from btd_desktop.diffusion.lean import LeanDenoiser
from btd_desktop.diffusion.networks import parameter_count
from btd_desktop.scoring.card import LeanNetwork
from btd_desktop.strict_json import plain_json, record_from_json
from tests.unit.diffusion.conftest import LEVELS, card_of, cpu, lean

NATIVE_BF16 = bool(torch.cpu._is_avx512_bf16_supported())
PLACES = [(0, 0), (4, 8), (52, 100), (64, 36), (128, 144)]


def detector(network: LeanDenoiser, dtype: str = "float32") -> DiffusionDetector:
    return DiffusionDetector(network, card_of(network, b""), cpu(dtype))


def slice_of(seed: int, h: int, w: int) -> np.ndarray[tuple[int, ...], np.dtype]:
    return np.random.default_rng(seed).random((h, w), dtype=np.float32)


def test_default_network_has_half_a_million_parameters() -> None:
    assert parameter_count(LeanDenoiser()) == 506_209


def test_config_survives_json() -> None:
    config = LeanNetwork((8, 12, 20), 1)
    written = plain_json(config)
    assert written == {"kind": "lean", "widths": [8, 12, 20], "deep_blocks": 1}
    assert record_from_json(LeanNetwork, written) == config


@pytest.mark.parametrize("place", [(80, 80), (81, 81), (82, 83), (83, 83)])
def test_prediction_sees_no_further_than_32_px(place: tuple[int, int]) -> None:
    network = lean()
    x = torch.randn(1, 1, 160, 160, generator=torch.Generator().manual_seed(1))
    x.requires_grad_(True)
    out = network(x, torch.tensor([0.0173]))[0, 0][place]
    (gradient,) = torch.autograd.grad(out, x)
    seen = gradient[0, 0].nonzero() - torch.tensor(place)
    assert int(seen.abs().max()) <= 32
    # Not for want of weights: it does look nearly that far.
    assert int(seen.abs().max()) >= 28


@pytest.mark.parametrize("place", PLACES)
def test_whole_slice_equals_patch_in_the_central_square(place: tuple[int, int]) -> None:
    model, plane = detector(lean()), slice_of(2, 256, 256)
    r, c = place
    whole = model.predict_noise(plane)
    for index, level in enumerate(LEVELS):
        alone = model.predict_patches(plane[None, r : r + 96, c : c + 96], level)[0]
        np.testing.assert_allclose(
            alone[32:64, 32:64],
            whole[index, r + 32 : r + 64, c + 32 : c + 64],
            rtol=0.0,
            atol=3e-6,
        )


def test_whole_slice_differs_from_patch_at_the_patchs_border() -> None:
    model, plane = detector(lean()), slice_of(2, 256, 256)
    whole = model.predict_noise(plane)[0, 64:160, 64:160]
    alone = model.predict_patches(plane[None, 64:160, 64:160], LEVELS[0])[0]
    assert float(np.abs(whole - alone)[:, 0].max()) > 1e-3


@pytest.mark.skipif(not NATIVE_BF16, reason="this processor has no native bfloat16")
@pytest.mark.parametrize("place", PLACES)
def test_whole_slice_equals_patch_in_bfloat16(place: tuple[int, int]) -> None:
    model, plane = detector(lean(), "bfloat16"), slice_of(2, 256, 256)
    r, c = place
    whole = model.predict_noise(plane)[0, r + 32 : r + 64, c + 32 : c + 64]
    alone = model.predict_patches(plane[None, r : r + 96, c : c + 96], LEVELS[0])[0]
    # The map itself is rounded to 8 significant bits; sums may fall to either side.
    np.testing.assert_allclose(
        alone[32:64, 32:64], whole, rtol=2.0**-6, atol=2.0**-6 * float(whole.std())
    )


@pytest.mark.skipif(not NATIVE_BF16, reason="this processor has no native bfloat16")
def test_bfloat16_stays_within_two_per_cent_of_float32() -> None:
    network, plane = lean(), slice_of(3, 128, 128)
    exact = detector(network).predict_noise(plane)
    lower = detector(network, "bfloat16").predict_noise(plane)
    error = np.sqrt(np.mean((lower - exact) ** 2) / np.mean(exact**2))
    assert 0.0 < float(error) < 0.02


@pytest.mark.parametrize(("h", "w"), [(130, 101), (97, 128), (7, 9), (64, 64)])
def test_any_slice_size_gives_maps_of_that_size(h: int, w: int) -> None:
    maps = detector(lean()).predict_noise(slice_of(4, h, w))
    assert maps.shape == (len(LEVELS), h, w)
    assert maps.dtype == np.float32
    assert np.isfinite(maps).all()


def test_odd_size_equals_even_size_away_from_the_border() -> None:
    model, plane = detector(lean()), slice_of(5, 160, 160)
    odd, even = model.predict_noise(plane[:157, :155]), model.predict_noise(plane)
    np.testing.assert_allclose(
        odd[:, :124, :122], even[:, :124, :122], rtol=0, atol=3e-6
    )


def test_score_alone_equals_score_in_a_batch() -> None:
    model = detector(lean())
    patches = np.random.default_rng(6).random((7, 96, 96), dtype=np.float32)
    batch = (model.predict_patches(patches, LEVELS[0]) ** 2).mean(axis=(1, 2))
    for index in (0, 3, 6):
        alone = model.predict_patches(patches[index : index + 1], LEVELS[0])
        assert float((alone**2).mean()) == pytest.approx(float(batch[index]), rel=1e-5)


def test_prediction_does_not_depend_on_the_number_of_threads() -> None:
    model, plane = detector(lean()), slice_of(7, 128, 128)
    maps = []
    for n in (1, 2):
        torch.set_num_threads(n)
        maps.append(model.predict_noise(plane))
    np.testing.assert_allclose(maps[0], maps[1], rtol=0.0, atol=3e-6)


@pytest.mark.parametrize(
    "dtype",
    [
        "float32",
        pytest.param(
            "bfloat16",
            marks=pytest.mark.skipif(not NATIVE_BF16, reason="no native bfloat16"),
        ),
    ],
)
def test_prediction_twice_gives_the_same_bits(dtype: str) -> None:
    model, plane = detector(lean(), dtype), slice_of(8, 136, 128)
    np.testing.assert_array_equal(
        model.predict_noise(plane), model.predict_noise(plane)
    )


def test_noise_level_alters_the_prediction() -> None:
    maps = detector(lean()).predict_noise(slice_of(9, 64, 64))
    assert float(np.abs(maps[0] - maps[1]).max()) > 1e-3
