"""Training of the in-painting networks and of their autoencoder, with resume.

Batches and noise of a step come from a generator seeded by (seed, step), so a resumed
training continues as an uninterrupted one would. A time budget may end it early: the
learning rate then falls with the time spent instead of with the steps done.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from btd_desktop.bench.attacks.inpaint.diffusion import (
    Condition,
    present,
    training_loss,
)
from btd_desktop.bench.attacks.inpaint.latent_autoencoder import (
    LATENT_STRIDE,
    LatentAutoencoder,
    autoencoder_loss,
)
from btd_desktop.bench.attacks.inpaint.network import InpaintUnet
from btd_desktop.bench.attacks.inpaint.pool import Place, draw_batch
from btd_desktop.diffusion.checkpoint import tensors_from_bytes, weights_bytes
from btd_desktop.errors import ModelError

_WARM_UP = 30
_MOMENTS = ("exp_avg", "exp_avg_sq", "step")

Loss = Callable[[int, np.random.Generator, torch.Generator], Tensor]


@dataclass(frozen=True, slots=True)
class AttackRecipe:
    """What alters a training.

    Attributes:
        steps: Steps at most.
        budget_s: Seconds after which it ends all the same; None: no limit.
        batch: Patches per step.
        learning_rate: Highest learning rate.
        average: Share of the old weights that the average keeps at each step.
        seed: Seed of weights, batches and noise.
        half_precision: Convolutions in bfloat16.
    """

    steps: int
    budget_s: float | None = None
    batch: int = 12
    learning_rate: float = 1.5e-3
    average: float = 0.995
    seed: int = 0
    half_precision: bool = True


@dataclass(frozen=True, slots=True)
class Progress:
    """How a training stands: steps done, mean loss since the last, seconds so far."""

    step: int
    loss: float
    elapsed_s: float


def pixel_batch(
    places: Sequence[Place], n: int, rng: np.random.Generator
) -> tuple[Tensor, Condition]:
    """Content less fill of three slices (N, 3, H, W) and the condition, in pixels."""
    images, drawn = draw_batch(places, n, rng)
    content = (images - drawn.fill) * present(drawn.facts, 1)
    return content, replace(drawn, fill=drawn.fill[:, 1:2])


@torch.no_grad()
def latent_batch(
    autoencoder: LatentAutoencoder,
    places: Sequence[Place],
    n: int,
    rng: np.random.Generator,
) -> tuple[Tensor, Condition]:
    """The same in latents: content (N, 12, H / 4, W / 4)."""
    images, drawn = draw_batch(places, n, rng)
    side = images.shape[-1]
    stacked = torch.cat([images, drawn.fill]).reshape(-1, 1, side, side)
    latents = autoencoder.encode(stacked)
    latents = latents.reshape(2, n, -1, *latents.shape[-2:])
    content = (latents[0] - latents[1]) * present(drawn.facts, latents.shape[2] // 3)
    own = slice(latents.shape[2] // 3, 2 * latents.shape[2] // 3)
    pool = nn.functional.max_pool2d
    return content, Condition(
        fill=latents[1][:, own],
        mask=pool(drawn.mask, LATENT_STRIDE),
        guide=nn.functional.avg_pool2d(drawn.guide, LATENT_STRIDE),
        facts=drawn.facts,
    )


def train_inpainter(
    network: InpaintUnet,
    batch: Callable[[int, np.random.Generator], tuple[Tensor, Condition]],
    recipe: AttackRecipe,
    folder: Path,
) -> Iterator[Progress]:
    """Train an in-painting network; afterwards it holds the averaged weights.

    Args:
        network: Fresh network; a checkpoint in `folder` is taken up.
        batch: Draws n examples, see `pixel_batch` and `latent_batch`.
        recipe: Length and pace.
        folder: Folder of the checkpoint; created when missing.

    Raises:
        ModelError: The checkpoint is damaged or of another recipe, or the loss is no
            longer finite.
    """

    def loss(n: int, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        return training_loss(network, *batch(n, rng), generator)

    yield from _train(network, loss, recipe, folder)


def train_autoencoder(
    network: LatentAutoencoder,
    places: Sequence[Place],
    recipe: AttackRecipe,
    folder: Path,
) -> Iterator[Progress]:
    """Train the autoencoder; arguments and errors as `train_inpainter`."""

    def loss(n: int, rng: np.random.Generator, generator: torch.Generator) -> Tensor:
        images, _ = draw_batch(places, n, rng)
        return autoencoder_loss(network, images[:, 1:2], generator)

    yield from _train(network, loss, recipe, folder)


@torch.no_grad()
def latent_spread(
    network: LatentAutoencoder, places: Sequence[Place], rng: np.random.Generator
) -> float:
    """Standard deviation of raw latents over random patches."""
    images, _ = draw_batch(places, 64, rng)
    return float(network.moments(images[:, 1:2])[0].std())


def _train(
    network: nn.Module, loss_of: Loss, recipe: AttackRecipe, folder: Path
) -> Iterator[Progress]:
    folder.mkdir(parents=True, exist_ok=True)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {k: v.detach().clone() for k, v in network.state_dict().items()}
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99)
    )
    step, spent = _resumed(folder, recipe, network, average, optimiser)
    began = time.monotonic() - spent
    losses: list[float] = []
    while step < recipe.steps and not _over(recipe, time.monotonic() - began):
        rate = _rate(recipe, step, time.monotonic() - began)
        for group in optimiser.param_groups:
            group["lr"] = rate
        rng = np.random.default_rng([recipe.seed, 1, step])
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.half_precision):
            loss = loss_of(recipe.batch, rng, generator)
        if not bool(torch.isfinite(loss)):
            raise ModelError(f"the loss is not finite at step {step}", code="loss")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        step += 1
        losses.append(loss.item())
        # Early on the average must forget the random start.
        kept = min(recipe.average, (1.0 + step) / (10.0 + step))
        with torch.no_grad():
            for name, value in network.state_dict().items():
                average[name].lerp_(value, 1.0 - kept)
        if step % 100 == 0:
            elapsed = time.monotonic() - began
            _save(folder, recipe, network, average, optimiser, (step, elapsed))
        if step % 20 == 0:
            yield Progress(step, float(np.mean(losses)), time.monotonic() - began)
            losses.clear()
    elapsed = time.monotonic() - began
    if step > 0:
        _save(folder, recipe, network, average, optimiser, (step, elapsed))
    network.load_state_dict(average)
    if losses:
        yield Progress(step, float(np.mean(losses)), elapsed)


def _over(recipe: AttackRecipe, elapsed_s: float) -> bool:
    return recipe.budget_s is not None and elapsed_s >= recipe.budget_s


def _rate(recipe: AttackRecipe, step: int, elapsed_s: float) -> float:
    done = step / recipe.steps
    if recipe.budget_s is not None:
        done = max(done, elapsed_s / recipe.budget_s)
    fall = 0.02 + 0.98 * 0.5 * (1.0 + float(np.cos(np.pi * min(done, 1.0))))
    return recipe.learning_rate * min(1.0, (step + 1) / _WARM_UP) * fall


def _save(
    folder: Path,
    recipe: AttackRecipe,
    network: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    done: tuple[int, float],
) -> None:
    tensors = {f"network.{k}": v for k, v in network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in average.items()}
    for name, parameter in network.named_parameters():
        for moment in _MOMENTS:
            tensors[f"{moment}.{name}"] = optimiser.state[parameter][moment]
    step, elapsed_s = done
    state = {"step": step, "elapsed_s": elapsed_s, "recipe": asdict(recipe)}
    contents = {
        "checkpoint.safetensors": weights_bytes(tensors),
        "checkpoint.json": json.dumps(state).encode(),
    }
    for name, data in contents.items():
        temporary = folder / f"{name}.part"
        temporary.write_bytes(data)
        temporary.replace(folder / name)


def _resumed(
    folder: Path,
    recipe: AttackRecipe,
    network: nn.Module,
    average: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
) -> tuple[int, float]:
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return 0, 0.0
    try:
        state = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))
        tensors = tensors_from_bytes(path.read_bytes(), path)
        if state["recipe"] != asdict(recipe):
            raise ModelError(f"{path} was made with another recipe", code="recipe")
        own = {k: tensors[f"network.{k}"] for k in average}
        network.load_state_dict(own)
        for name, value in average.items():
            value.copy_(tensors[f"average.{name}"])
        for name, parameter in network.named_parameters():
            optimiser.state[parameter] = {
                m: tensors[f"{m}.{name}"].clone() for m in _MOMENTS
            }
        return int(state["step"]), float(state["elapsed_s"])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged: {error}", code="checkpoint") from error
