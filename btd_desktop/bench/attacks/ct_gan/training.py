"""Training of one generator against its critic, resumable to the same end.

Losses after Mirsky et al. 2019: least squares with 0 for real and 1 for redrawn, plus
100 times the mean absolute difference over the whole cube. The critic learns faster
than the published one (its rate of 1e-6 presumes some hundred thousand steps).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from btd_desktop.bench.attacks.ct_gan.cubes import HOLE, Equalisation, masked_cube
from btd_desktop.bench.attacks.ct_gan.examples import MARGIN, augmented
from btd_desktop.bench.attacks.ct_gan.network import CUBE, Discriminator, Generator
from btd_desktop.diffusion.checkpoint import tensors_from_bytes, weights_bytes
from btd_desktop.digest import json_digest
from btd_desktop.errors import ModelError, SettingsError
from btd_desktop.progress import TaskContext

CHECKPOINT = "ct-gan.safetensors"

_BETAS = (0.5, 0.999)
_SAVE_EVERY = 50
_SETTLE_BATCHES = 40
_VALIDATION_EVERY = 20  # every 20th cube is never trained on


@dataclass(frozen=True, slots=True)
class CtGanRecipe:
    """Everything that decides what a training ends with, besides the cubes.

    Attributes:
        width: Filters of the generator's first level.
        critic_width: The same of the critic.
        steps: Updates of each network.
        batch: Cubes a step.
        learning_rate: Adam rate of the generator; falls to a tenth over the second
            half of the steps.
        critic_rate: The same of the critic.
        l1_weight: Weight of the mean absolute difference.
        seed: Of weights, batches and dropout.
    """

    width: int = 8
    critic_width: int = 8
    steps: int = 900
    batch: int = 8
    learning_rate: float = 5e-4
    critic_rate: float = 1e-4
    l1_weight: float = 100.0
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A generator at the end of its steps, or where its time ran out.

    Attributes:
        generator: In evaluation mode, normalisation settled.
        step: Steps done.
        seconds: Time they took.
        losses: Rows of (critic, adversarial, absolute) loss, shape (step, 3).
    """

    generator: Generator
    step: int
    seconds: float
    losses: NDArray[np.float32]


class _State:
    """Networks, optimisers and history of one training."""

    def __init__(self, recipe: CtGanRecipe) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            self.generator = Generator(recipe.width)
            self.critic = Discriminator(recipe.critic_width)
            for part in (*self.generator.modules(), *self.critic.modules()):
                if isinstance(part, nn.Conv3d):  # as Keras starts its convolutions
                    nn.init.xavier_uniform_(part.weight)
                    nn.init.zeros_(part.bias)  # type: ignore[arg-type]
        self.adam = {
            "generator": torch.optim.Adam(
                self.generator.parameters(), recipe.learning_rate, _BETAS
            ),
            "critic": torch.optim.Adam(
                self.critic.parameters(), recipe.critic_rate, _BETAS
            ),
        }
        self.losses: list[tuple[float, float, float]] = []
        self.seconds = 0.0

    def networks(self) -> Iterator[tuple[str, nn.Module]]:
        yield from (("generator", self.generator), ("critic", self.critic))

    def tensors(self) -> dict[str, Tensor]:
        kept = {
            "losses": torch.tensor(self.losses).reshape(-1, 3),
            "seconds": torch.tensor(self.seconds),
        }
        for name, network in self.networks():
            for key, value in network.state_dict().items():
                kept[f"{name}.{key}"] = value
            for key, parameter in network.named_parameters():
                for moment, value in self.adam[name].state.get(parameter, {}).items():
                    kept[f"adam.{name}.{key}.{moment}"] = value
        return kept

    def restore(self, kept: dict[str, Tensor]) -> None:
        self.losses = [(a, b, c) for a, b, c in kept["losses"].tolist()]
        self.seconds = float(kept["seconds"])
        for name, network in self.networks():
            network.load_state_dict(
                {k: kept[f"{name}.{k}"] for k in network.state_dict()}
            )
            for key, parameter in network.named_parameters():
                self.adam[name].state[parameter] = {
                    moment: kept[f"adam.{name}.{key}.{moment}"]
                    for moment in ("step", "exp_avg", "exp_avg_sq")
                }


def train_generator(
    cubes: NDArray[np.int16],
    equalisation: Equalisation,
    recipe: CtGanRecipe,
    folder: Path,
    *,
    seconds: float = float("inf"),
    start_from: Path | None = None,
    context: TaskContext | None = None,
) -> Trained:
    """Train a generator, going on from the checkpoint in `folder` if there is one.

    Args:
        cubes: HU, shape (N, 40, 40, 40).
        equalisation: Fitted on the training cubes.
        recipe: Options; a checkpoint of other options is refused.
        folder: Where the checkpoint is kept.
        seconds: Stop after that time in this call, with a checkpoint.
        start_from: Folder of another training whose networks and optimisers this one
            begins with; steps and losses count from 0. Ignored when `folder` holds a
            checkpoint.
        context: Progress and cancellation.

    Raises:
        SettingsError: There are fewer cubes than a batch holds.
        ModelError: The checkpoint cannot be read or written, or has another recipe, or
            the losses are no longer finite.
    """
    context = context or TaskContext()
    train = np.delete(cubes, np.s_[::_VALIDATION_EVERY], axis=0)
    if len(train) < recipe.batch:
        raise SettingsError(
            f"Only {len(cubes)} cubes were found, a batch holds {recipe.batch}.",
            hint="Give more or larger chest scans.",
        )
    state = _State(recipe)
    if not _load(folder, state, _fingerprint(recipe)) and start_from is not None:
        if not _load(start_from, state, None):
            raise ModelError(f"{start_from} holds no checkpoint", code="checkpoint")
        state.losses, state.seconds = [], 0.0
    spent_before, begun = state.seconds, time.monotonic()
    first = len(state.losses)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(_batch, train, equalisation, recipe, first)
        for step in range(first, recipe.steps):
            target, masked = pending.result()
            pending = pool.submit(_batch, train, equalisation, recipe, step + 1)
            state.losses.append(_step(state, recipe, step, target, masked))
            if not np.isfinite(state.losses[-1]).all():
                raise ModelError(
                    f"the losses are not finite after step {step + 1}",
                    hint="lower the learning rate",
                    code="not_finite",
                )
            state.seconds = spent_before + time.monotonic() - begun
            out_of_time = time.monotonic() - begun > seconds
            if (step + 1) % _SAVE_EVERY == 0 or out_of_time:
                _save(folder, recipe, state)
            critic, adversarial, absolute = state.losses[-1]
            context.report(
                step + 1,
                recipe.steps,
                "Training",
                f"critic {critic:.3f} adversarial {adversarial:.3f} L1 {absolute:.4f}",
            )
            if out_of_time:
                break
    _save(folder, recipe, state)
    _settle(state.generator, train, equalisation, recipe)
    return Trained(
        generator=state.generator.eval().requires_grad_(False),
        step=len(state.losses),
        seconds=state.seconds,
        losses=np.array(state.losses, np.float32).reshape(-1, 3),
    )


def hole_error_hu(
    generator: Generator, cubes: NDArray[np.int16], equalisation: Equalisation
) -> float:
    """Mean absolute difference in the hole, HU, over the cubes kept from training.

    Args:
        generator: In evaluation mode.
        cubes: The stack that was given to `train_generator`.
        equalisation: The one of the training.
    """
    inner = slice(MARGIN, MARGIN + CUBE)
    hole = (slice(None), HOLE, HOLE, HOLE)
    kept = cubes[::_VALIDATION_EVERY, inner, inner, inner].astype(np.float32)
    errors = []
    for group in np.array_split(kept, max(1, len(kept) // 16)):
        masked = masked_cube(equalisation.normalised(group))
        with torch.inference_mode():
            drawn = generator(torch.from_numpy(masked)[:, None])[:, 0].numpy()
        difference = np.abs(equalisation.hounsfield(drawn)[hole] - group[hole])
        errors.append(difference.mean(axis=(1, 2, 3)))
    return float(np.concatenate(errors).mean())


def _batch(
    cubes: NDArray[np.int16],
    equalisation: Equalisation,
    recipe: CtGanRecipe,
    step: int,
) -> tuple[Tensor, Tensor]:
    """Whole and masked cubes of a step; the step alone decides which."""
    rng = np.random.default_rng([recipe.seed, step])
    chosen = rng.choice(len(cubes), recipe.batch, replace=False)
    drawn = np.stack([augmented(cubes[k].astype(np.float32), rng) for k in chosen])
    whole = equalisation.normalised(drawn)
    return (
        torch.from_numpy(whole)[:, None],
        torch.from_numpy(masked_cube(whole))[:, None],
    )


def _step(
    state: _State, recipe: CtGanRecipe, step: int, target: Tensor, masked: Tensor
) -> tuple[float, float, float]:
    """Update both networks once: (critic, adversarial, absolute) loss."""
    done = step / recipe.steps
    fall = min(1.0, 1.0 - 0.9 * (2.0 * done - 1.0))
    for name, rate in (
        ("generator", recipe.learning_rate),
        ("critic", recipe.critic_rate),
    ):
        state.adam[name].param_groups[0]["lr"] = rate * fall

    state.generator.train()
    state.critic.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed * 1_000_003 + step)
        # Not autocast to bfloat16: gradients of the smallest levels came out as NaN.
        drawn = state.generator(masked)
        real = state.critic(target, masked)
        fake = state.critic(drawn.detach(), masked)
        critic_loss = 0.5 * (real.square().mean() + (fake - 1.0).square().mean())
        state.adam["critic"].zero_grad()
        critic_loss.backward()
        state.adam["critic"].step()
        state.critic.requires_grad_(False)
        adversarial = state.critic(drawn, masked).square().mean()
        absolute = (drawn - target).abs().mean()
        loss = adversarial + recipe.l1_weight * absolute
        state.adam["generator"].zero_grad()
        loss.backward()
        state.adam["generator"].step()
        state.critic.requires_grad_(True)
    return (
        float(critic_loss.detach()),
        float(adversarial.detach()),
        float(absolute.detach()),
    )


def _settle(
    generator: Generator,
    cubes: NDArray[np.int16],
    equalisation: Equalisation,
    recipe: CtGanRecipe,
) -> None:
    """Average the normalisation over many batches, with dropout off as in use.

    The moving average of a short training with small batches is of its last five.
    """
    for part in generator.modules():
        if isinstance(part, nn.BatchNorm3d):
            part.reset_running_stats()
            part.momentum = None
    generator.train()
    for part in generator.modules():
        if isinstance(part, nn.Dropout):
            part.eval()
    with torch.no_grad():
        for k in range(min(_SETTLE_BATCHES, recipe.steps)):
            generator(_batch(cubes, equalisation, recipe, recipe.steps + 1 + k)[1])


def _fingerprint(recipe: CtGanRecipe) -> Tensor:
    options: dict[str, Any] = asdict(recipe)
    return torch.tensor(list(bytes.fromhex(json_digest(options))), dtype=torch.float32)


def _save(folder: Path, recipe: CtGanRecipe, state: _State) -> None:
    tensors = state.tensors() | {"recipe": _fingerprint(recipe)}
    temporary = folder / f"{CHECKPOINT}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(weights_bytes(tensors))
        temporary.replace(folder / CHECKPOINT)
    except OSError as error:
        raise ModelError(
            f"the checkpoint cannot be written to {folder}: {error.strerror}",
            code="write",
        ) from error


def _load(folder: Path, state: _State, fingerprint: Tensor | None) -> bool:
    """Restore the folder's checkpoint, if there is one; refuse one of other options."""
    path = folder / CHECKPOINT
    if not path.exists():
        return False
    try:
        kept = tensors_from_bytes(path.read_bytes(), path)
        if fingerprint is not None and not torch.equal(kept["recipe"], fingerprint):
            raise ModelError(
                f"{path} was made with another recipe",
                hint="choose another folder, or give the options of that training",
                code="recipe",
            )
        state.restore(kept)
        return True
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}", code="checkpoint"
        ) from error
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path} is damaged: {error}", code="checkpoint") from error
