"""The training loop: minimise ||eps - F(x_t)||^2 over benign crops (paper, eq. 2).

Every step draws its crops, levels and noise from a generator seeded by (seed, step),
so a resumed run continues exactly as the uninterrupted one would.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from btd_desktop.diffusion.device import ComputeDevice
from btd_desktop.diffusion.networks import build_network
from btd_desktop.diffusion.process import q_sample
from btd_desktop.diffusion.schedule import sigmoid_schedule
from btd_desktop.diffusion.training.dataset import (
    TrainingSplit,
    patient_weights,
    random_crops,
)
from btd_desktop.diffusion.training.recipe import TrainingRecipe, learning_rate
from btd_desktop.diffusion.training.state import (
    Training,
    begun,
    load_state,
    save_state,
    take_step,
)
from btd_desktop.errors import ModelError
from btd_desktop.progress import TaskContext

_HIGHEST_LEVEL = 0.1
_REPORT_EVERY = 50
_N_WATCHED = 64


@dataclass(frozen=True, slots=True)
class TrainingState:
    """How training stands.

    Attributes:
        step: Steps done.
        steps: Steps in all.
        loss: Mean loss of the steps since the last report; 1 is an untrained network.
        validation_loss: Loss of the averaged weights on watched patients at the
            level of t = 0; NaN when no patient is watched.
        residual_mean: Mean of F(x_0)^2, no noise added, on the watched crops: the
            early look at what scores of genuine patches will be.
        residual_spread: Its standard deviation over crops, divided by the mean.
        learning_rate: Of the last step.
        elapsed_s: Seconds of training, earlier sessions included.
        eta_s: Estimated seconds to the end.
    """

    step: int
    steps: int
    loss: float
    validation_loss: float
    residual_mean: float
    residual_spread: float
    learning_rate: float
    elapsed_s: float
    eta_s: float

    def to_json(self) -> dict[str, object]:
        """JSON value; NaN becomes None."""
        return {
            k: None if isinstance(v, float) and math.isnan(v) else v
            for k, v in asdict(self).items()
        }


def train(
    split: TrainingSplit,
    recipe: TrainingRecipe,
    *,
    folder: Path,
    device: ComputeDevice,
    context: TaskContext,
    checkpoint_every: int = 1000,
    initial: Mapping[str, Tensor] | None = None,
) -> Iterator[TrainingState]:
    """Train, yielding the state every 50 steps and at the end.

    A checkpoint in `folder` made with the same recipe is resumed. When the iterator
    ends, the checkpoint holds the finished weights (`state.averaged_weights`). On
    cancelling, a checkpoint is written first.

    Args:
        split: Benign slices by patient.
        recipe: Everything that alters the result.
        folder: Folder of this training's checkpoint; created when missing.
        device: Where to compute.
        context: Progress, pause and cancel.
        checkpoint_every: Steps between checkpoints.
        initial: Weights to start from instead of random ones; `recipe.initial` names
            them.

    Raises:
        ModelError: `initial` does not fit the network, the checkpoint in `folder` is
            damaged or of another recipe, or the loss is no longer finite (the
            checkpoint holds the weights of the step before).
        Cancelled: The user asked to stop; the checkpoint is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _start(recipe, device, initial)
    load_state(folder, recipe, run)
    watched = _watched_crops(split, recipe)
    weights = patient_weights(split.train)
    losses: list[float] = []
    began, first = time.monotonic() - run.elapsed_s, run.step
    resumed_at = time.monotonic()
    try:
        while run.step < recipe.steps:
            rng = np.random.default_rng([recipe.seed, 2, run.step])
            crops = random_crops(
                split.train, weights, n=recipe.batch, side=recipe.crop, rng=rng
            )
            rate = learning_rate(recipe, run.step)
            losses.append(_one_step(run, recipe, crops, rng, rate, device))
            run.step += 1
            run.elapsed_s = time.monotonic() - began
            context.report(run.step, recipe.steps, "Training", f"loss {losses[-1]:.4f}")
            if run.step % checkpoint_every == 0 or run.step == recipe.steps:
                save_state(folder, recipe, run)
            if run.step % _REPORT_EVERY == 0 or run.step == recipe.steps:
                pace = (time.monotonic() - resumed_at) / (run.step - first)
                yield TrainingState(
                    run.step,
                    recipe.steps,
                    float(np.mean(losses)),
                    *_look(run.average, watched, recipe, device),
                    learning_rate=rate,
                    elapsed_s=run.elapsed_s,
                    eta_s=pace * (recipe.steps - run.step),
                )
                losses.clear()
    finally:
        # Also when the caller stops iterating or the user cancels: nothing is lost.
        if run.step > first:
            save_state(folder, recipe, run)


def _start(
    recipe: TrainingRecipe,
    device: ComputeDevice,
    initial: Mapping[str, Tensor] | None,
) -> Training:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = build_network(recipe.network)
        average = build_network(recipe.network)
    if initial is not None:
        try:
            network.load_state_dict(dict(initial))
        except RuntimeError as error:
            raise ModelError(
                f"the weights to start from do not fit the network: {error}",
                code="initial",
            ) from error
    return begun(network, average, recipe, device.torch_device)


def _draw_levels(
    recipe: TrainingRecipe, n: int, rng: np.random.Generator
) -> np.ndarray[Any, np.dtype[np.float64]]:
    if recipe.noise == "paper":
        schedule = sigmoid_schedule()
        return schedule.noise_levels[rng.integers(0, schedule.n_steps, n)]
    low, high = np.log(recipe.noise_low), np.log(_HIGHEST_LEVEL)
    return np.asarray(np.exp(rng.uniform(low, high, n)))


def _one_step(
    run: Training,
    recipe: TrainingRecipe,
    crops: np.ndarray[Any, np.dtype[np.float32]],
    rng: np.random.Generator,
    rate: float,
    device: ComputeDevice,
) -> float:
    x_0 = torch.from_numpy(crops).to(device.torch_device)
    eps = torch.from_numpy(rng.standard_normal(crops.shape, dtype=np.float32))
    eps = eps.to(device.torch_device)
    sigma = torch.from_numpy(_draw_levels(recipe, len(crops), rng)).float()
    sigma = sigma.to(device.torch_device)
    predicted = _predict(run.network, q_sample(x_0, sigma, eps), sigma, recipe, device)
    loss = torch.mean((eps - predicted) ** 2)
    return take_step(run, recipe, loss, rate)


def _predict(
    network: nn.Module,
    x: Tensor,
    sigma: Tensor,
    recipe: TrainingRecipe,
    device: ComputeDevice,
) -> Tensor:
    with torch.autocast(
        device.kind, torch.bfloat16, enabled=recipe.precision == "bfloat16"
    ):
        out: Tensor = network(x.contiguous(memory_format=torch.channels_last), sigma)
    return out.float()


def _watched_crops(split: TrainingSplit, recipe: TrainingRecipe) -> Tensor | None:
    if not split.validation:
        return None
    crops = random_crops(
        split.validation,
        patient_weights(split.validation),
        n=_N_WATCHED,
        side=recipe.crop,
        rng=np.random.default_rng([recipe.seed, 3]),
    )
    return torch.from_numpy(crops)


def _look(
    average: nn.Module,
    watched: Tensor | None,
    recipe: TrainingRecipe,
    device: ComputeDevice,
) -> tuple[float, float, float]:
    if watched is None:
        return math.nan, math.nan, math.nan
    level = sigmoid_schedule().first_level
    eps = torch.from_numpy(
        np.random.default_rng([recipe.seed, 4]).standard_normal(
            tuple(watched.shape), dtype=np.float32
        )
    ).to(device.torch_device)
    x = watched.to(device.torch_device)
    sigma = torch.full((len(x),), level, device=device.torch_device)
    with torch.inference_mode():
        noised = _predict(average, q_sample(x, sigma, eps), sigma, recipe, device)
        clean = _predict(average, x, sigma, recipe, device)
    scores = clean.square().mean(dim=(1, 2, 3))
    mean = float(scores.mean())
    spread = float(scores.std()) / mean if mean > 0.0 else math.nan
    return float(torch.mean((eps - noised) ** 2)), mean, spread
