"""Networks, training and weights files of the CT-GAN-style attack."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from btd_desktop.bench.attacks.ct_gan.cubes import fit_equalisation
from btd_desktop.bench.attacks.ct_gan.network import Discriminator, Generator
from btd_desktop.bench.attacks.ct_gan.training import (
    CtGanRecipe,
    Trained,
    hole_error_hu,
    train_generator,
)
from btd_desktop.bench.attacks.ct_gan.weights import load_generator, save_generator
from btd_desktop.errors import ModelError, SettingsError

RECIPE = CtGanRecipe(width=2, critic_width=2, steps=2, batch=2, seed=3)


@pytest.fixture(scope="module")
def cubes() -> np.ndarray:
    rng = np.random.default_rng(0)
    stack = rng.normal(-870.0, 30.0, (6, 40, 40, 40))
    stack[:, 16:24, 16:24, 16:24] = 20.0
    return np.rint(stack).astype(np.int16)


def _train(cubes: np.ndarray, folder: Path, seconds: float = float("inf")) -> Trained:
    equal = fit_equalisation(cubes)
    return train_generator(cubes, equal, RECIPE, folder, seconds=seconds)


def test_generator_of_published_width_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        generator, critic = Generator(100), Discriminator(100)
    n_generator = sum(p.numel() for p in generator.parameters())
    n_critic = sum(p.numel() for p in critic.parameters())
    assert n_generator / 1e6 == pytest.approx(162.58, abs=0.02)
    assert n_critic / 1e6 == pytest.approx(26.95, abs=0.02)


def test_networks_keep_the_cube_and_judge_patches() -> None:
    masked = torch.zeros(2, 1, 32, 32, 32)
    drawn = Generator(2)(masked)
    assert drawn.shape == masked.shape
    assert drawn.abs().max() < 1.0
    assert Discriminator(2)(drawn, masked).shape == (2, 1, 2, 2, 2)


def test_up_convolution_equals_up_sampling_then_convolution() -> None:
    torch.manual_seed(1)
    last = Generator(3).last
    x = torch.randn(2, 6, 5, 4, 3)
    fine = functional.interpolate(x, scale_factor=2.0, mode="nearest")
    expected = last.conv(functional.pad(fine, (1, 2, 1, 2, 1, 2)))
    assert torch.allclose(last(x), expected, atol=1e-5)


def test_training_interrupted_after_a_step_ends_like_one_that_was_not(
    cubes: np.ndarray, tmp_path: Path
) -> None:
    whole = _train(cubes, tmp_path / "whole")
    first = _train(cubes, tmp_path / "halves", seconds=0.0)
    assert (first.step, whole.step) == (1, 2)
    rest = _train(cubes, tmp_path / "halves")
    assert rest.step == 2
    assert np.array_equal(rest.losses, whole.losses)
    for key, value in whole.generator.state_dict().items():
        assert torch.equal(value, rest.generator.state_dict()[key]), key


def test_training_changes_both_networks_and_reports_losses(
    cubes: np.ndarray, tmp_path: Path
) -> None:
    trained = _train(cubes, tmp_path)
    assert trained.losses.shape == (2, 3)
    assert np.all(np.isfinite(trained.losses))
    assert trained.losses[0, 2] != trained.losses[1, 2]
    error = hole_error_hu(trained.generator, cubes, fit_equalisation(cubes))
    assert 0.0 < error < 4000.0


def test_training_with_another_recipe_refuses_the_checkpoint(
    cubes: np.ndarray, tmp_path: Path
) -> None:
    _train(cubes, tmp_path, seconds=0.0)
    other = CtGanRecipe(width=2, critic_width=2, steps=3, batch=2, seed=3)
    with pytest.raises(ModelError, match="another recipe"):
        train_generator(cubes, fit_equalisation(cubes), other, tmp_path)


def test_training_with_a_damaged_checkpoint_says_so(
    cubes: np.ndarray, tmp_path: Path
) -> None:
    (tmp_path / "ct-gan.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0 not json")
    with pytest.raises(ModelError, match=r"ct-gan\.safetensors"):
        _train(cubes, tmp_path)


def test_training_with_too_few_cubes_says_so(cubes: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="2 cubes"):
        _train(cubes[:2], tmp_path)


@pytest.fixture(scope="module")
def saved(cubes: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attack")
    save_generator(
        folder,
        "remove",
        _train(cubes, folder / "run"),
        fit_equalisation(cubes),
        RECIPE,
        data={"cubes": len(cubes)},
        hole_error_hu=12.0,
    )
    return folder


def test_saved_generator_comes_back_as_half_precision_of_itself(
    saved: Path, cubes: np.ndarray
) -> None:
    loaded = load_generator("remove", saved)
    trained = _train(cubes, saved / "run")
    for key, value in trained.generator.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            back = loaded.generator.state_dict()[key]
            assert torch.equal(back, value.half().float()), key
    equal = fit_equalisation(cubes)
    assert np.array_equal(loaded.equalisation.edges, equal.edges)
    assert loaded.equalisation.mean == equal.mean
    assert not loaded.generator.training
    size = (saved / "ct-gan-remove.safetensors").stat().st_size
    n_parameters = sum(p.numel() for p in loaded.generator.parameters())
    assert size < 2 * n_parameters + 8 * equal.edges.size + 10_000


def test_card_says_what_the_weights_are_for(saved: Path) -> None:
    card = json.loads((saved / "ct-gan-remove.json").read_text("utf-8"))
    assert card["purpose"].startswith("Attack for measuring")
    assert card["steps"] == 2
    assert card["recipe"]["l1_weight"] == 100.0
    assert card["losses"]["hole_error_hu"] == 12.0


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("weights", "not the file its card names"),
        ("card", "damaged"),
        ("goal", "something else"),
        ("missing", "cannot be read"),
    ],
)
def test_load_generator_of_damaged_files_says_what_is_wrong(
    saved: Path, tmp_path: Path, damage: str, words: str
) -> None:
    weights = (saved / "ct-gan-remove.safetensors").read_bytes()
    card = (saved / "ct-gan-remove.json").read_text("utf-8")
    if damage == "weights":
        weights = weights[:-1] + bytes([weights[-1] ^ 1])
    elif damage == "card":
        card = card[:100]
    elif damage == "goal":
        card = card.replace('"goal": "remove"', '"goal": "inject"')
    if damage != "missing":
        (tmp_path / "ct-gan-remove.safetensors").write_bytes(weights)
    (tmp_path / "ct-gan-remove.json").write_text(card, "utf-8")
    with pytest.raises(ModelError, match=words):
        load_generator("remove", tmp_path)


def test_training_started_from_another_begins_with_its_networks(
    cubes: np.ndarray, tmp_path: Path
) -> None:
    _train(cubes, tmp_path / "first")
    equal = fit_equalisation(cubes)
    still = CtGanRecipe(
        width=2,
        critic_width=2,
        steps=1,
        batch=2,
        learning_rate=0.0,
        critic_rate=0.0,
        seed=4,
    )
    went_on = train_generator(
        cubes, equal, still, tmp_path / "next", start_from=tmp_path / "first"
    )
    first = _train(cubes, tmp_path / "first")
    assert went_on.step == 1
    for (key, a), (_, b) in zip(
        went_on.generator.named_parameters(),
        first.generator.named_parameters(),
        strict=True,
    ):
        assert torch.equal(a, b), key
    with pytest.raises(ModelError, match="no checkpoint"):
        train_generator(
            cubes, equal, still, tmp_path / "other", start_from=tmp_path / "none"
        )
