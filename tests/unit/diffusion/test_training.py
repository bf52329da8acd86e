"""Training: learns, resumes to the bit, stops cleanly, splits by patient."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from btd_desktop.diffusion.training.dataset import (
    TrainingSlice,
    TrainingSplit,
    patient_weights,
    random_crops,
    split_by_patient,
)
from btd_desktop.diffusion.training.recipe import (
    TrainingRecipe,
    paper_recipe,
    small_noise_recipe,
)
from btd_desktop.diffusion.training.state import averaged_weights
from btd_desktop.diffusion.training.trainer import TrainingState, train
from btd_desktop.errors import Cancelled, EvidenceError, ModelError, SettingsError
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.scoring.card import LeanNetwork, ReferenceNetwork
from btd_desktop.strict_json import plain_json, record_from_json
from tests.unit.diffusion.conftest import cpu

NETWORK = LeanNetwork((4, 6, 8), 1)
CHECKPOINT = "checkpoint.safetensors"


def benign(
    patient: str, seed: int, h: int = 48, w: int = 48, noise: float = 20.0
) -> TrainingSlice:
    """Smooth tissue with white noise in a body that leaves a rim of air."""
    rng = np.random.default_rng(seed)
    r = np.arange(h)[:, None]
    hu = 40.0 + 30.0 * np.sin(r / 9.0 + seed) + rng.normal(0.0, noise, (h, w))
    body = np.zeros((h, w), dtype=np.bool_)
    body[6:-6, 6:-6] = True
    hu[~body] = -1000.0
    return TrainingSlice(patient, np.rint(hu).astype(np.int16), body, -1024.0, 1000.0)


def split_of(n: int = 4) -> TrainingSplit:
    slices = [benign(f"patient {i}", 10 * i + j) for i in range(n) for j in range(3)]
    return split_by_patient(slices, 0.25, seed=0)


def recipe_of(steps: int, **changes: Any) -> TrainingRecipe:
    small = {"batch": 2, "crop": 16, "warmup": 5, "precision": "float32"}
    return replace(small_noise_recipe(NETWORK, steps), **{**small, **changes})


def run(
    folder: Path,
    recipe: TrainingRecipe,
    split: TrainingSplit | None = None,
    context: TaskContext | None = None,
    **options: Any,
) -> list[TrainingState]:
    return list(
        train(
            split or split_of(),
            recipe,
            folder=folder,
            device=cpu(),
            context=context or TaskContext(),
            **options,
        )
    )


def cancel_after(step: int) -> TaskContext:
    """Cancelling takes effect at the next report, which is one step later."""
    context = TaskContext()

    def watch(progress: Progress) -> None:
        if progress.done == step - 1:
            context.cancel()

    context.listener = watch
    return context


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / CHECKPOINT)


def test_loss_falls_on_noise_that_can_be_told_from_tissue(tmp_path: Path) -> None:
    # Clean content: all that varies is the noise that the network is asked for.
    slices = [benign(f"p{i}", i, noise=0.0) for i in range(4)]
    split = split_by_patient(slices, 0.25, seed=0)
    recipe = recipe_of(100, batch=4, learning_rate=1e-2)
    states = run(tmp_path, recipe, split)
    assert [s.step for s in states] == [50, 100]
    first, last = states
    assert 0.7 < first.loss < 2.0
    assert last.loss < 0.8 * first.loss
    assert last.validation_loss < first.validation_loss
    assert last.residual_mean > 0.0
    assert last.eta_s == 0.0
    assert last.elapsed_s > 0.0
    assert json.loads(json.dumps(last.to_json()))["step"] == 100


def test_resumed_training_equals_straight_training_to_the_bit(tmp_path: Path) -> None:
    recipe = recipe_of(20)
    run(tmp_path / "straight", recipe)
    with pytest.raises(Cancelled):
        run(tmp_path / "halves", recipe, context=cancel_after(10))
    with safe_open(tmp_path / "halves" / CHECKPOINT, framework="pt") as file:
        assert file.metadata()["step"] == "10"
    run(tmp_path / "halves", recipe)
    one, other = tensors_of(tmp_path / "straight"), tensors_of(tmp_path / "halves")
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def test_training_twice_gives_the_same_bits_and_another_seed_others(
    tmp_path: Path,
) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        run(tmp_path / name, recipe_of(5, seed=seed))
    a, b, c = (averaged_weights(tmp_path / n)[0] for n in "abc")
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert not torch.equal(a["stem.weight"], c["stem.weight"])


def test_training_starts_from_given_weights_and_refuses_those_that_do_not_fit(
    tmp_path: Path,
) -> None:
    run(tmp_path / "first", recipe_of(20))
    weights = averaged_weights(tmp_path / "first")[0]
    # A rate too small to move anything: what comes out is what went in.
    still = recipe_of(1, initial="0" * 64, learning_rate=1e-12, weight_decay=0.0)
    run(tmp_path / "second", still, initial=weights)
    got = averaged_weights(tmp_path / "second")[0]
    assert all(torch.allclose(got[k], weights[k], atol=1e-8) for k in weights)
    with pytest.raises(ModelError, match="do not fit"):
        run(tmp_path / "third", still, initial={"stem.weight": torch.zeros(1)})


def test_training_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    run(tmp_path, recipe_of(2))
    assert torch.equal(before, torch.get_rng_state())


def test_cancelling_writes_a_checkpoint_of_the_steps_done(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        run(tmp_path, recipe_of(50), context=cancel_after(3), checkpoint_every=1000)
    assert averaged_weights(tmp_path)[1] == 3
    assert [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]


def test_caller_that_stops_listening_leaves_a_checkpoint(tmp_path: Path) -> None:
    states = train(
        split_of(),
        recipe_of(120),
        folder=tmp_path,
        device=cpu(),
        context=TaskContext(),
    )
    assert next(states).step == 50
    states.close()  # type: ignore[attr-defined]
    assert averaged_weights(tmp_path)[1] == 50


def test_finished_training_is_not_done_again(tmp_path: Path) -> None:
    run(tmp_path, recipe_of(3))
    before = (tmp_path / CHECKPOINT).read_bytes()
    assert run(tmp_path, recipe_of(3)) == []
    assert (tmp_path / CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize("change", [{"steps": 4}, {"seed": 1}, {"crop": 24}])
def test_checkpoint_of_another_recipe_is_refused_and_kept(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    run(tmp_path, recipe_of(3))
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(ModelError) as caught:
        run(tmp_path, replace(recipe_of(3), **change))
    assert caught.value.code == "recipe"
    assert (tmp_path / CHECKPOINT).read_bytes() == before


def damaged(folder: Path, how: str) -> None:
    path = folder / CHECKPOINT
    with safe_open(path, framework="pt") as file:
        header = dict(file.metadata())
    tensors = load_file(path)
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-100])
        return
    if how == "moment":
        del tensors["optimiser.head.bias.exp_avg"]
    elif how == "tensor":
        del tensors["network.head.bias"]
    elif how == "shape":
        tensors["average.head.bias"] = torch.zeros(3)
    elif how == "moment shape":
        tensors["optimiser.head.bias.exp_avg"] = torch.zeros(3)
    elif how == "step":
        header["step"] = "soon"
    elif how == "recipe":
        header["recipe"] = "{"
    save_file(tensors, path, header)


@pytest.mark.parametrize(
    "how", ["cut", "moment", "tensor", "shape", "moment shape", "step", "recipe"]
)
def test_damaged_checkpoint_is_refused(tmp_path: Path, how: str) -> None:
    with pytest.raises(Cancelled):
        run(tmp_path, recipe_of(9), context=cancel_after(2))
    damaged(tmp_path, how)
    with pytest.raises(ModelError) as caught:
        run(tmp_path, recipe_of(9))
    assert caught.value.code == "checkpoint"


def test_weights_of_a_folder_without_training_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        averaged_weights(tmp_path)
    assert caught.value.code == "checkpoint"


def test_diverging_training_stops_and_keeps_the_last_good_weights(
    tmp_path: Path,
) -> None:
    slices = [benign("a", 1), benign("b", 2)]
    bad = slices[0].plane.astype(np.float32)
    bad[:] = np.nan
    split = TrainingSplit((replace(slices[0], plane=bad),), ())
    with pytest.raises(ModelError) as caught:
        run(tmp_path, recipe_of(3), split)
    assert caught.value.code == "diverged"
    assert not (tmp_path / CHECKPOINT).exists()


def test_checkpoint_that_cannot_be_written_is_an_error_with_its_reason(
    tmp_path: Path,
) -> None:
    (tmp_path / f"{CHECKPOINT}.part").mkdir()
    with pytest.raises(ModelError) as caught:
        run(tmp_path, recipe_of(2))
    assert caught.value.code == "write"


def test_without_watched_patients_validation_is_absent(tmp_path: Path) -> None:
    split = split_by_patient([benign("only", 1)], 0.5, seed=0)
    assert split.validation == ()
    (state,) = run(tmp_path, recipe_of(2), split)
    assert math.isnan(state.validation_loss)
    assert state.to_json()["validation_loss"] is None


def test_learning_rate_rises_then_falls_to_zero(tmp_path: Path) -> None:
    rates: list[float] = []
    original = torch.optim.AdamW.step

    def watch(self: torch.optim.AdamW, *args: Any) -> Any:
        rates.append(self.param_groups[0]["lr"])
        return original(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", watch)
        run(tmp_path, recipe_of(40, warmup=10))
    assert int(np.argmax(rates)) in (9, 10)
    assert max(rates) < 2e-3
    assert rates[0] == pytest.approx(2e-4)
    assert rates[-1] < 1e-5


def test_paper_recipe_has_the_published_numbers() -> None:
    recipe = paper_recipe(ReferenceNetwork(32))
    assert (recipe.steps, recipe.batch, recipe.crop) == (700_000, 128, 96)
    assert (recipe.learning_rate, recipe.decay, recipe.warmup) == (8e-6, "constant", 0)
    assert (recipe.noise, recipe.precision) == ("paper", "float32")
    assert (recipe.weight_decay, recipe.gradient_clip) == (0.0, 1.0)
    # 0.995 every tenth update.
    assert recipe.ema_decay**10 == pytest.approx(0.995, abs=1e-12)
    assert record_from_json(TrainingRecipe, plain_json(recipe)) == recipe


def test_paper_noise_spans_the_schedule_and_small_noise_its_lower_end() -> None:
    from btd_desktop.diffusion.training.trainer import _draw_levels

    rng = np.random.default_rng(1)
    paper = _draw_levels(recipe_of(1, noise="paper"), 4000, rng)
    small = _draw_levels(recipe_of(1), 4000, rng)
    assert paper.min() < 0.03
    assert paper.max() > 0.999
    assert np.median(paper) == pytest.approx(0.708, abs=0.03)
    assert small.min() >= 0.003
    assert small.max() <= 0.1
    assert np.median(small) == pytest.approx(0.0173, abs=0.0012)
    higher = _draw_levels(recipe_of(1, noise_low=0.01), 4000, rng)
    assert higher.min() >= 0.01


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 0},
        {"batch": 0},
        {"crop": 8},
        {"crop": 20},
        {"validation_share": 1.0},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"noise": "much"},
        {"precision": "float8"},
        {"decay": "linear"},
    ],
)
def test_recipe_that_cannot_train_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        replace(recipe_of(5), **changes)


def test_split_keeps_each_patient_whole_and_is_repeatable() -> None:
    slices = [benign(f"p{i % 7}", i) for i in range(30)]
    split = split_by_patient(slices, 0.3, seed=5)
    assert not set(split.train_patients) & set(split.validation_patients)
    assert len(split.validation_patients) == 2
    assert len(split.train) + len(split.validation) == 30
    again = split_by_patient(reversed(slices), 0.3, seed=5)
    assert again.validation_patients == split.validation_patients
    others = {split_by_patient(slices, 0.3, s).validation_patients for s in range(9)}
    assert len(others) > 1


@pytest.mark.parametrize(("share", "n"), [(0.0, 0), (0.01, 1), (0.99, 2)])
def test_split_leaves_a_patient_on_each_side(share: float, n: int) -> None:
    slices = [benign(f"p{i}", i) for i in range(3)]
    split = split_by_patient(slices, share, seed=1)
    assert len(split.validation_patients) == n
    assert len(split.train_patients) == 3 - n


def test_split_of_nothing_is_refused() -> None:
    with pytest.raises(EvidenceError):
        split_by_patient([], 0.1, seed=0)


def test_crops_lie_inside_the_body_and_the_range(rng: np.random.Generator) -> None:
    item = benign("a", 1, 96, 96)
    body = np.zeros((96, 96), dtype=np.bool_)
    body[40:90, 50:92] = True
    plane = np.where(body, 100, -1024).astype(np.int16)
    item = replace(item, plane=plane, body=body)
    crops = random_crops([item], np.ones(1), n=60, side=24, rng=rng)
    assert crops.shape == (60, 1, 24, 24)
    assert crops.dtype == np.float32
    shares = (crops > -1.0).mean(axis=(1, 2, 3))
    assert float(shares.min()) > 0.3
    # Chance alone would put most crops into the air.
    assert 0.5 < float(shares.mean()) < 1.0


def test_crop_is_scaled_as_the_preset_has_it(rng: np.random.Generator) -> None:
    item = benign("a", 1, 24, 24)
    plane = np.full((24, 24), -12, np.int16)
    plane[:, 12:] = 3000
    item = replace(item, plane=plane, body=np.ones((24, 24), np.bool_))
    crop = random_crops([item], np.ones(1), n=1, side=24, rng=rng)
    assert set(np.unique(crop)) == {0.0, 1.0}


def test_slice_smaller_than_the_crop_is_padded_with_its_darkest(
    rng: np.random.Generator,
) -> None:
    item = benign("a", 1, 20, 28)
    crop = random_crops([item], np.ones(1), n=1, side=32, rng=rng)[0, 0]
    darkest = (-1000.0 + 1024.0) / 2024.0 * 2.0 - 1.0
    corners = [float(crop[i, j]) for i in (0, -1) for j in (0, -1)]
    assert corners == pytest.approx([darkest] * 4, abs=1e-6)


def test_patient_with_more_slices_weighs_the_root_of_them() -> None:
    slices = [benign("a", i) for i in range(9)] + [benign("b", 99)]
    weights: NDArray[np.float64] = patient_weights(slices)
    assert float(weights.sum()) == pytest.approx(1.0)
    assert float(weights[:9].sum() / weights[9]) == pytest.approx(3.0)
