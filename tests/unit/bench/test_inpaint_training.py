"""Training of the in-painting networks: places, resume, refusal of what is damaged."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from btd_desktop.bench.attacks.inpaint.latent_autoencoder import LatentAutoencoder
from btd_desktop.bench.attacks.inpaint.network import InpaintConfig, InpaintUnet
from btd_desktop.bench.attacks.inpaint.pool import SLAB, Place, draw_batch
from btd_desktop.bench.attacks.inpaint.training import (
    AttackRecipe,
    latent_batch,
    pixel_batch,
    train_autoencoder,
    train_inpainter,
)
from btd_desktop.bench.attacks.inpaint.weights import (
    PIXEL,
    load_inpainter,
    save_attack_weights,
)
from btd_desktop.errors import ModelError
from btd_desktop.strict_json import plain_json

CONFIG = InpaintConfig(1, 2, (8, 8, 8), 1, 0.2, 0.01, 1.0)
RECIPE = AttackRecipe(steps=6, batch=2, half_precision=False)


def _places(n: int = 4) -> list[Place]:
    rng = np.random.default_rng(0)
    return [
        Place(
            slab=rng.normal(-850, 30, (3, SLAB, SLAB)).astype(np.int16),
            has_before=k % 2 == 0,
            has_behind=True,
            distance_mm=2.5,
            pixel_mm=0.7,
            noise_hu=30.0,
            widths_mm=(0.0, 8.0 * (k % 2), 6.0 * (k % 2)),
        )
        for k in range(n)
    ]


def _network() -> InpaintUnet:
    torch.manual_seed(0)
    return InpaintUnet(CONFIG)


def _trained(folder, recipe=RECIPE) -> tuple[InpaintUnet, int]:
    network = _network()
    places = _places()
    step = 0
    states = train_inpainter(
        network, lambda n, rng: pixel_batch(places, n, rng), recipe, folder
    )
    for state in states:
        step = state.step
    return network, step


def test_resumed_training_ends_like_an_uninterrupted_one(tmp_path, monkeypatch):
    whole, _ = _trained(tmp_path / "whole")
    # Interrupted: the time is over after three steps, then there is time again.
    over = iter([False] * 3 + [True])
    module = "btd_desktop.bench.attacks.inpaint.training._over"
    monkeypatch.setattr(module, lambda *_: next(over))
    _, step = _trained(tmp_path / "parts")
    assert step == 3
    monkeypatch.setattr(module, lambda *_: False)
    parts, step = _trained(tmp_path / "parts")
    assert step == 6
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-7)
    fresh = _network().state_dict()
    assert not torch.allclose(parts.stem.weight, fresh["stem.weight"])


def test_training_ends_when_its_time_is_over(tmp_path):
    _, step = _trained(tmp_path, replace(RECIPE, steps=10_000, budget_s=0.0))
    assert step == 0


def test_checkpoint_of_another_recipe_is_refused(tmp_path):
    _trained(tmp_path)
    with pytest.raises(ModelError, match="another recipe"):
        _trained(tmp_path, replace(RECIPE, learning_rate=1e-4))


def test_damaged_checkpoint_is_refused(tmp_path):
    _trained(tmp_path)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="damaged"):
        _trained(tmp_path)


def test_autoencoder_learns_from_places(tmp_path):
    torch.manual_seed(0)
    network = LatentAutoencoder((8, 8))
    before = network.state_dict()["decoder.0.weight"].clone()
    for _ in train_autoencoder(network, _places(), RECIPE, tmp_path):
        pass
    assert not torch.allclose(network.state_dict()["decoder.0.weight"], before)


def test_content_is_zero_outside_the_hole_and_where_no_slice_is():
    content, condition = pixel_batch(_places(), 16, np.random.default_rng(3))
    outside = (condition.mask == 0).expand_as(content)
    assert not content[outside].any()
    assert content[:, 1].any()
    alone = condition.facts[:, 3] == 0
    assert alone.any()
    assert not content[alone, 0].any()


def test_guide_marks_solid_places_only():
    _, condition = draw_batch(_places(), 32, np.random.default_rng(4))
    solid = condition.facts[:, 5] > 0
    marked = condition.guide.amax((1, 2, 3)) > 0
    assert torch.equal(solid, marked)
    assert 0 < int(solid.sum()) < 32


def test_latent_batch_has_four_channels_a_slice():
    network = LatentAutoencoder((8, 8))
    content, condition = latent_batch(network, _places(), 2, np.random.default_rng(0))
    assert content.shape == (2, 12, 20, 20)
    assert condition.fill.shape == (2, 4, 20, 20)
    assert condition.mask.shape == (2, 1, 20, 20)


def test_weights_come_back_in_half_precision(tmp_path):
    network = _network()
    card = {"network": plain_json(CONFIG)}
    save_attack_weights(tmp_path, PIXEL, network.state_dict(), card)
    again = load_inpainter(PIXEL, tmp_path)
    for name, value in network.state_dict().items():
        assert torch.equal(again.state_dict()[name], value.half().float())


def test_weights_that_the_card_does_not_name_are_refused(tmp_path):
    card = {"network": plain_json(CONFIG)}
    save_attack_weights(tmp_path, PIXEL, _network().state_dict(), card)
    path = tmp_path / f"{PIXEL}.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelError, match="not the file"):
        load_inpainter(PIXEL, tmp_path)


def test_missing_weights_name_the_training_script(tmp_path):
    with pytest.raises(ModelError) as caught:
        load_inpainter(PIXEL, tmp_path)
    assert "train_inpainting" in (caught.value.hint or "")
