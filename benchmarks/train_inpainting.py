"""Train the networks of the diffusion in-painting attacks on the train split.

For measuring detectors only. Writes weights (float16) and cards to assets/attacks;
checkpoints and cached places go to a folder of your choice outside the project, since
they hold pixels of real scans.

Run: python benchmarks/train_inpainting.py --work FOLDER [--minutes 14 9 12]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from real_data import CREDITS, load_split, sources_of

from btd_desktop.bench.attacks.attack_files import attacks_dir
from btd_desktop.bench.attacks.inpaint.diffusion import Condition
from btd_desktop.bench.attacks.inpaint.latent_autoencoder import LatentAutoencoder
from btd_desktop.bench.attacks.inpaint.network import InpaintConfig, InpaintUnet
from btd_desktop.bench.attacks.inpaint.pool import Place, places_of
from btd_desktop.bench.attacks.inpaint.training import (
    AttackRecipe,
    Progress,
    latent_batch,
    latent_spread,
    pixel_batch,
    train_autoencoder,
    train_inpainter,
)
from btd_desktop.bench.attacks.inpaint.weights import (
    AUTOENCODER,
    LATENT,
    PIXEL,
    load_autoencoder,
    load_inpainter,
    save_attack_weights,
)
from btd_desktop.strict_json import plain_json

_PURPOSE = "Attack for measuring detectors only; not for any other use."
_N_CHUNKS = 64
_N_SINGLE, _N_STACK = (14, 12), (200, 160)  # places without and with, per series


def pool(rng: np.random.Generator) -> list[Place]:
    """Places of all series of the train split, stacks and single slices."""
    began, places = time.monotonic(), []
    for series in load_split("train", "CT"):
        volume = series.volume
        few = volume.n_slices < 20
        none, nodule = _N_SINGLE if few else _N_STACK
        if few and volume.n_slices > 1:
            none, nodule = none * volume.n_slices // 2, nodule * volume.n_slices // 2
        found = list(places_of(volume, none, nodule, rng))
        places += found
        solid = sum(p.widths_mm[1] > 0 for p in found)
        print(f"{volume.source.model}: {len(found)} places, {solid} solid")
    print(f"{len(places)} places in {time.monotonic() - began:.0f} s", flush=True)
    return places


def followed(states: Iterator[Progress], what: str) -> dict[str, Any]:
    """Print the course of a training; steps, seconds and losses for the card."""
    losses: list[tuple[int, float]] = []
    last = Progress(0, float("nan"), 0.0)
    for last in states:
        losses.append((last.step, round(last.loss, 4)))
        print(f"{what} {last.step} {last.loss:.4f} {last.elapsed_s:.0f} s", flush=True)
    kept = losses[:: max(1, len(losses) // 20)]
    tail = [loss for _, loss in losses[-10:]]
    return {
        "steps": last.step,
        "seconds": round(last.elapsed_s),
        "final_loss": round(float(np.mean(tail)), 4) if tail else None,
        "losses": kept,
    }


def origin(start: Path | None, name: str) -> dict[str, Any] | None:
    """Digest and length of the training that this one went on from."""
    if start is None:
        return None
    card = json.loads((start / f"{name}.json").read_text(encoding="utf-8"))
    course = card["training"]
    return {
        "weights_sha256": card["weights_sha256"],
        "steps": course["steps"],
        "seconds": course["seconds"],
        "final_loss": course["final_loss"],
    }


def spread_inside(content: torch.Tensor, mask: torch.Tensor, channels: int) -> float:
    """Standard deviation of the middle slice's content in the hole."""
    own = content[:, channels : 2 * channels]
    return float(own.permute(1, 0, 2, 3)[:, mask[:, 0] > 0].std())


def train_pixel(
    places: Sequence[Place], minutes: float, work: Path, start: Path | None
) -> None:
    content, condition = pixel_batch(places, 64, np.random.default_rng(1))
    std = spread_inside(content, condition.mask, 1)
    config = InpaintConfig(1, 2, (32, 64, 112), 2, std, 0.006, 6.0 * std)
    torch.manual_seed(0)
    network = InpaintUnet(config)
    if start is not None:
        network.load_state_dict(load_inpainter(PIXEL, start).state_dict())
    recipe = AttackRecipe(20_000, 60.0 * minutes, batch=8, learning_rate=2e-3)

    def batch(n: int, rng: np.random.Generator) -> tuple[torch.Tensor, Any]:
        return pixel_batch(places, n, rng)

    course = followed(train_inpainter(network, batch, recipe, work / PIXEL), PIXEL)
    course["started_from"] = origin(start, PIXEL)
    save(PIXEL, network, plain_json(config), recipe, course, places)


def train_vae(
    places: Sequence[Place], minutes: float, work: Path, start: Path | None
) -> None:
    torch.manual_seed(1)
    network = LatentAutoencoder()
    if start is not None:
        network.load_state_dict(load_autoencoder(start).state_dict())
        network.latent_std.fill_(1.0)
    recipe = AttackRecipe(20_000, 60.0 * minutes, batch=8, seed=1, learning_rate=2e-3)
    course = followed(
        train_autoencoder(network, places, recipe, work / AUTOENCODER), AUTOENCODER
    )
    spread = latent_spread(network, places, np.random.default_rng(2))
    network.latent_std.fill_(spread)
    course["started_from"] = origin(start, AUTOENCODER)
    save(AUTOENCODER, network, {"widths": list(network.widths)}, recipe, course, places)


def train_latent(
    places: Sequence[Place], minutes: float, work: Path, start: Path | None
) -> None:
    autoencoder = load_autoencoder()
    rng = np.random.default_rng(3)
    content, condition = latent_batch(autoencoder, places, 64, rng)
    std = spread_inside(content, condition.mask, 4)
    config = InpaintConfig(4, 1, (64, 96, 128), 2, std, 0.03, 4.0 * std)
    torch.manual_seed(2)
    network = InpaintUnet(config)
    if start is not None:
        network.load_state_dict(load_inpainter(LATENT, start).state_dict())
    recipe = AttackRecipe(20_000, 60.0 * minutes, batch=12, seed=2, learning_rate=2e-3)

    # Encoding costs more than a step: many examples are encoded once, then drawn from.
    chunks = [latent_batch(autoencoder, places, 32, rng) for _ in range(_N_CHUNKS)]
    contents = torch.cat([content for content, _ in chunks])
    parts = [
        torch.cat([getattr(condition, name) for _, condition in chunks])
        for name in ("fill", "mask", "guide", "facts")
    ]
    print(f"{len(contents)} examples encoded", flush=True)

    def batch(n: int, rng: np.random.Generator) -> tuple[torch.Tensor, Condition]:
        chosen = torch.from_numpy(rng.integers(len(contents), size=n))
        return contents[chosen], Condition(*(part[chosen] for part in parts))

    course = followed(train_inpainter(network, batch, recipe, work / LATENT), LATENT)
    course["started_from"] = origin(start, LATENT)
    save(LATENT, network, plain_json(config), recipe, course, places)


def save(
    name: str,
    network: torch.nn.Module,
    description: dict[str, Any],
    recipe: AttackRecipe,
    course: dict[str, Any],
    places: Sequence[Place],
) -> None:
    card = {
        "purpose": _PURPOSE,
        "network": description,
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "recipe": asdict(recipe),
        "training": course,
        "data": {
            "split": "train",
            "modality": "CT",
            "places": len(places),
            "solid_places": sum(p.widths_mm[1] > 0 for p in places),
            "credits": CREDITS.format(sources=sources_of("train", "CT")),
        },
    }
    save_attack_weights(attacks_dir(), name, network.state_dict(), card)
    print(f"{name}: {course['steps']} steps, loss {course['final_loss']}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, nargs=3, default=(14.0, 9.0, 12.0))
    parser.add_argument("--only", choices=(PIXEL, AUTOENCODER, LATENT))
    parser.add_argument(
        "--start", type=Path, help="folder of weights to go on from, where it has them"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.work.mkdir(parents=True, exist_ok=True)
    places = pool(np.random.default_rng(0))
    steps = {PIXEL: train_pixel, AUTOENCODER: train_vae, LATENT: train_latent}
    for (name, step), minutes in zip(steps.items(), options.minutes, strict=True):
        if options.only in (None, name):
            begun = options.start
            if begun is not None and not (begun / f"{name}.safetensors").exists():
                begun = None
            step(places, minutes, options.work, begun)


if __name__ == "__main__":
    main()
