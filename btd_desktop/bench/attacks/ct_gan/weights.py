"""Generators of the CT-GAN-style attack on disk: weights beside a card.

Kept as float16 to be small; the histogram stays float32, because half precision would
move its bins by several HU.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from btd_desktop.bench.attacks.attack_files import (
    attacks_dir,
    read_attack,
    write_attack,
)
from btd_desktop.bench.attacks.ct_gan.cubes import Equalisation
from btd_desktop.bench.attacks.ct_gan.network import Generator
from btd_desktop.bench.attacks.ct_gan.training import CtGanRecipe, Trained
from btd_desktop.diffusion.checkpoint import install_weights, weights_bytes
from btd_desktop.errors import ModelError

Goal = Literal["inject", "remove"]

_FORMAT = "btd-attack-generator/1"
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedGenerator:
    """A generator ready to use.

    Attributes:
        goal: What it was trained for.
        generator: In evaluation mode.
        equalisation: The one of its training cubes.
        sha256: Digest of its weights file.
    """

    goal: Goal
    generator: Generator
    equalisation: Equalisation
    sha256: str


def save_generator(
    folder: Path,
    goal: Goal,
    trained: Trained,
    equalisation: Equalisation,
    recipe: CtGanRecipe,
    *,
    data: dict[str, Any],
    hole_error_hu: float,
) -> None:
    """Write `ct-gan-GOAL.safetensors` and its card `ct-gan-GOAL.json`.

    Args:
        folder: Made if absent.
        goal: What the generator was trained for.
        trained: The generator and its history.
        equalisation: The one of its training cubes.
        recipe: Options of the training.
        data: What it was trained on, JSON values.
        hole_error_hu: Mean absolute difference on cubes kept from training.

    Raises:
        ModelError: The folder cannot be written.
    """
    tensors = {
        f"generator.{key}": value.half()
        for key, value in trained.generator.state_dict().items()
        if not key.endswith(_COUNTER)
    }
    tensors["equalisation.edges"] = torch.from_numpy(equalisation.edges)
    tensors["equalisation.shares"] = torch.from_numpy(equalisation.shares)
    last = trained.losses[-100:].mean(axis=0) if len(trained.losses) else np.zeros(3)
    card = {
        "format": _FORMAT,
        "purpose": "Attack for measuring a detector only. Not for use on evidence.",
        "method": "CT-GAN style in-painting of 32 mm cubes (after Mirsky et al. 2019)",
        "goal": goal,
        "architecture": {
            "network": "pix2pix 3-D U-Net",
            "width": trained.generator.width,
            "parameters": sum(p.numel() for p in trained.generator.parameters()),
            "stored_as": "float16",
        },
        "normalisation": {
            "mean": equalisation.mean,
            "low": equalisation.low,
            "high": equalisation.high,
        },
        "recipe": asdict(recipe),
        "steps": trained.step,
        "seconds": round(trained.seconds, 1),
        "losses": {
            "mean_of_last_100_steps": {
                name: round(float(value), 5)
                for name, value in zip(
                    ("critic", "adversarial", "absolute"), last, strict=True
                )
            },
            "hole_error_hu": round(hole_error_hu, 2),
        },
        "data": data,
    }
    write_attack(folder, f"ct-gan-{goal}", weights_bytes(tensors, None), card)


def load_generator(goal: Goal, folder: Path | None = None) -> LoadedGenerator:
    """The generator in `folder`, or the one that came with the program.

    Args:
        goal: "inject" or "remove".
        folder: Holds weights and card; the program's `assets/attacks` if left out.

    Raises:
        ModelError: Weights or card are missing, damaged or do not belong together.
    """
    return _loaded(goal, folder or attacks_dir())


@lru_cache(maxsize=4)
def _loaded(goal: Goal, folder: Path) -> LoadedGenerator:
    name = f"ct-gan-{goal}"
    tensors, card = read_attack(folder, name, script="benchmarks/train_ct_gan.py")
    card_path = folder / f"{name}.json"
    try:
        if card["format"] != _FORMAT or card["goal"] != goal:
            raise ModelError(f"{card_path} is the card of something else", code="card")
        scale = card["normalisation"]
        equalisation = Equalisation(
            edges=tensors.pop("equalisation.edges").numpy(),
            shares=tensors.pop("equalisation.shares").numpy(),
            mean=float(scale["mean"]),
            low=float(scale["low"]),
            high=float(scale["high"]),
        )
        generator = Generator(int(card["architecture"]["width"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{card_path} is damaged: {error!r} is missing or wrong", code="card"
        ) from error
    state = {k.removeprefix("generator."): v.float() for k, v in tensors.items()}
    for key, value in generator.state_dict().items():
        if key.endswith(_COUNTER):
            state[key] = value.float()
    install_weights(generator, state, name)
    generator.eval().requires_grad_(False)
    return LoadedGenerator(goal, generator, equalisation, card["weights_sha256"])
