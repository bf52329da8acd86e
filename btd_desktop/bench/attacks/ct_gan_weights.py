"""Generators of the CT-GAN-style attack on disk: weights beside a card.

Kept as float16 to be small; the histogram stays float32, because half precision would
move its bins by several HU.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from btd_desktop.bench.attacks.ct_gan_cubes import Equalisation
from btd_desktop.bench.attacks.ct_gan_network import Generator
from btd_desktop.bench.attacks.ct_gan_training import CtGanRecipe, Trained
from btd_desktop.diffusion.checkpoint import install_weights, tensors_from_bytes
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ModelError
from btd_desktop.paths import assets_dir

__all__ = ["Goal", "LoadedGenerator", "load_generator", "save_generator"]

Goal = Literal["inject", "remove"]

_FORMAT = "btd-attack-generator/1"
_LONGEST_BYTES = 64 << 20
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
    weights = _file_bytes(tensors)
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
        "weights_sha256": bytes_digest(weights),
    }
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, content in ((".safetensors", weights), (".json", text.encode())):
            path = folder / f"ct-gan-{goal}{suffix}"
            temporary = path.with_name(path.name + ".part")
            temporary.write_bytes(content)
            temporary.replace(path)
    except OSError as error:
        raise ModelError(
            f"the attack cannot be written to {folder}: {error.strerror}", code="write"
        ) from error


def _file_bytes(tensors: dict[str, Tensor]) -> bytes:
    """A safetensors file that keeps float16: header length, JSON header, raw values."""
    names = {torch.float16: "F16", torch.float32: "F32"}
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    end = 0
    for key, value in sorted(tensors.items()):
        raw = value.detach().contiguous().cpu().numpy().tobytes()
        header[key] = {
            "dtype": names[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [end, end + len(raw)],
        }
        parts.append(raw)
        end += len(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(parts)


def load_generator(goal: Goal, folder: Path | None = None) -> LoadedGenerator:
    """The generator in `folder`, or the one that came with the program.

    Args:
        goal: "inject" or "remove".
        folder: Holds weights and card; the program's `assets/attacks` if left out.

    Raises:
        ModelError: Weights or card are missing, damaged or do not belong together.
    """
    return _loaded(goal, folder or assets_dir() / "attacks")


@lru_cache(maxsize=4)
def _loaded(goal: Goal, folder: Path) -> LoadedGenerator:
    card_path = folder / f"ct-gan-{goal}.json"
    path = card_path.with_suffix(".safetensors")
    try:
        if max(path.stat().st_size, card_path.stat().st_size) > _LONGEST_BYTES:
            raise ModelError(f"{path} is larger than 64 MiB", code="size")
        data = path.read_bytes()
        card: dict[str, Any] = json.loads(card_path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(
            f"the attack {path.name} cannot be read: {error.strerror}",
            hint="train it with benchmarks/train_ct_gan.py",
            code="weights",
        ) from error
    except ValueError as error:
        raise ModelError(f"{card_path} is damaged: {error}", code="card") from error
    sha256 = bytes_digest(data)
    try:
        if card["format"] != _FORMAT or card["goal"] != goal:
            raise ModelError(f"{card_path} is the card of something else", code="card")
        if card["weights_sha256"] != sha256:
            raise ModelError(
                f"{path} is not the file its card names", code="weights_digest"
            )
        tensors = tensors_from_bytes(data, path)
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
    install_weights(generator, state, str(path))
    generator.eval().requires_grad_(False)
    return LoadedGenerator(goal, generator, equalisation, sha256)
