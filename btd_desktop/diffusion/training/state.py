"""Checkpoint of a training: weights, average, optimiser and step, without pickle."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from btd_desktop.diffusion.training.recipe import EvidenceRecipe, TrainingRecipe
from btd_desktop.errors import ModelError
from btd_desktop.strict_json import plain_json

Recipe = TrainingRecipe | EvidenceRecipe

_FILE = "checkpoint.safetensors"
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclass(slots=True)
class Training:
    """What a training changes from step to step.

    Attributes:
        network: Being trained.
        average: Moving average of its weights.
        optimiser: With its moments.
        step: Steps done.
        elapsed_s: Seconds spent, earlier sessions included.
    """

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    step: int = 0
    elapsed_s: float = 0.0


def begun(
    network: nn.Module,
    average: nn.Module,
    recipe: Recipe,
    device: torch.device | str = "cpu",
) -> Training:
    """A training at its first step; the average starts as the network is."""
    average.load_state_dict(network.state_dict())
    for own in (network, average):
        own.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average.requires_grad_(False)
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=recipe.learning_rate,
        betas=(0.9, 0.99),
        weight_decay=recipe.weight_decay,
    )
    return Training(network, average, optimiser)


def take_step(run: Training, recipe: Recipe, loss: Tensor, rate: float) -> float:
    """One step down a loss, which the average follows; `run.step` stays the caller's.

    Returns:
        The loss.

    Raises:
        ModelError: It is no longer finite.
    """
    if not math.isfinite(float(loss.detach())):
        raise ModelError(
            f"training diverged at step {run.step + 1}: the loss is not finite",
            hint="train again with a lower learning rate",
            code="diverged",
        )
    run.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(run.network.parameters(), recipe.gradient_clip)
    for group in run.optimiser.param_groups:
        group["lr"] = rate
    run.optimiser.step()
    # The average follows quickly at first, or it would remember the random start.
    decay = min(recipe.ema_decay, (1.0 + run.step) / (10.0 + run.step))
    with torch.no_grad():
        for kept, new in zip(
            run.average.parameters(), run.network.parameters(), strict=True
        ):
            kept.lerp_(new, 1.0 - decay)
    return float(loss.detach())


def save_state(folder: Path, recipe: Recipe, run: Training) -> None:
    """Write the checkpoint atomically (one file, renamed into place).

    Raises:
        ModelError: It cannot be written; the one before is kept.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in run.network.state_dict().items():
        tensors[f"network.{name}"] = value
    for name, value in run.average.state_dict().items():
        tensors[f"average.{name}"] = value
    for name, parameter in run.network.named_parameters():
        for moment in _MOMENTS:
            value = run.optimiser.state[parameter].get(moment)
            if value is not None:
                tensors[f"optimiser.{name}.{moment}"] = value
    header = {
        "recipe": json.dumps(plain_json(recipe), sort_keys=True),
        "step": str(run.step),
        "elapsed_s": f"{run.elapsed_s:.3f}",
    }
    temporary = folder / f"{_FILE}.part"
    kept = {k: v.contiguous().cpu() for k, v in tensors.items()}
    try:
        save_file(kept, temporary, header)
        temporary.replace(folder / _FILE)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"the checkpoint cannot be written to {folder}: {error}", code="write"
        ) from error


def load_state(folder: Path, recipe: Recipe, run: Training) -> None:
    """Go on from the checkpoint in `folder`, if there is one.

    Raises:
        ModelError: The checkpoint is damaged or belongs to another recipe.
    """
    path = folder / _FILE
    if not path.exists():
        return
    tensors, header = _read(path)
    try:
        found = json.loads(header.get("recipe", "null"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}", code="checkpoint") from error
    if found != json.loads(json.dumps(plain_json(recipe))):
        raise ModelError(
            f"{path} was made with another recipe",
            hint="choose another output folder, or give the options of that training",
            code="recipe",
        )
    try:
        run.network.load_state_dict(_under(tensors, "network."))
        run.average.load_state_dict(_under(tensors, "average."))
        for name, parameter in run.network.named_parameters():
            run.optimiser.state[parameter] = {
                moment: _moment(tensors, name, moment, parameter) for moment in _MOMENTS
            }
        run.step, run.elapsed_s = int(header["step"]), float(header["elapsed_s"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}", code="checkpoint") from error


def averaged_weights(folder: Path) -> tuple[dict[str, Tensor], int]:
    """Averaged weights and step of the checkpoint in `folder`.

    Raises:
        ModelError: There is none, or it is damaged.
    """
    path = folder / _FILE
    if not path.exists():
        raise ModelError(f"{folder} holds no training checkpoint", code="checkpoint")
    tensors, header = _read(path)
    try:
        return _under(tensors, "average."), int(header["step"])
    except (KeyError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}", code="checkpoint") from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = dict(file.metadata() or {})
        return load_file(path), header
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged: {error}", code="checkpoint") from error


def _moment(
    tensors: dict[str, Tensor], name: str, moment: str, parameter: Tensor
) -> Tensor:
    value = tensors[f"optimiser.{name}.{moment}"]
    if moment == "step":  # a number, kept on the CPU
        return value
    return value.to(parameter).reshape(parameter.shape)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)
    }
