"""Teaching of the learned evidence map; resumed to the bit.

Every step draws its crops from a generator seeded by (seed, step), as
`trainer.train` does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn import functional

from btd_desktop.diffusion.evidence import EvidenceNet
from btd_desktop.diffusion.training.evidence_crops import (
    GENUINE,
    KEPT_PX,
    STRUCTURE,
    EvidenceCrops,
)
from btd_desktop.diffusion.training.recipe import EvidenceRecipe, learning_rate
from btd_desktop.diffusion.training.state import (
    Training,
    begun,
    load_state,
    save_state,
    take_step,
)
from btd_desktop.progress import TaskContext

_LOOK_EVERY = 250
_DISC_PX = 8  # radius of the discs on genuine crops
_FEWEST_PX = 20  # altered pixels that make a place


@dataclass(frozen=True, slots=True)
class Watched:
    """Figures on crops of patients that nothing is learnt from; NaN where none are.

    Attributes:
        loss: As in training.
        pixel_auc: Altered pixels against all others.
        place_auc: Mean logit over altered places against discs of genuine crops.
        structure_auc: The same against discs on solid structures of the lung.
        by_family: `place_auc` of each family.
    """

    loss: float
    pixel_auc: float
    place_auc: float
    structure_auc: float
    by_family: dict[str, float]


@dataclass(frozen=True, slots=True)
class TeachingState:
    """How teaching stands.

    Attributes:
        step: Steps done.
        loss: Mean loss of the steps since the last report.
        watched: Figures of the averaged weights.
        elapsed_s: Seconds of training, earlier sessions included.
    """

    step: int
    loss: float
    watched: Watched
    elapsed_s: float


def teach(
    crops: EvidenceCrops,
    watched: EvidenceCrops,
    recipe: EvidenceRecipe,
    *,
    folder: Path,
    context: TaskContext,
) -> Iterator[TeachingState]:
    """Teach, yielding the state every 250 steps and at the end, each with a checkpoint.

    A checkpoint in `folder` made with the same recipe is resumed; when the iterator
    ends, it holds the finished weights (`state.averaged_weights`).

    Args:
        crops: To learn from.
        watched: Of other patients.
        recipe: Everything else that alters the result.
        folder: Folder of this training's checkpoint; created when missing.
        context: Progress, pause and cancel.

    Raises:
        ModelError: The checkpoint is damaged or of another recipe, or the loss is no
            longer finite.
        Cancelled: The user asked to stop; the checkpoint is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run = _start(crops, recipe)
    load_state(folder, recipe, run)
    losses: list[float] = []
    began, first = time.monotonic() - run.elapsed_s, run.step
    try:
        while run.step < recipe.steps:
            rng = np.random.default_rng([recipe.seed, 2, run.step])
            losses.append(_one_step(run, recipe, *_batch(crops, recipe, rng)))
            run.step += 1
            run.elapsed_s = time.monotonic() - began
            context.report(run.step, recipe.steps, "Teaching", f"loss {losses[-1]:.4f}")
            if run.step % _LOOK_EVERY == 0 or run.step == recipe.steps:
                save_state(folder, recipe, run)
                figures = watch(run.average, watched, recipe.altered_weight)
                yield TeachingState(
                    run.step, float(np.mean(losses)), figures, run.elapsed_s
                )
                losses.clear()
    finally:
        # Also when the caller stops iterating or the user cancels: nothing is lost.
        if run.step > first:
            save_state(folder, recipe, run)


def _start(crops: EvidenceCrops, recipe: EvidenceRecipe) -> Training:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = EvidenceNet(crops.channels.shape[1], recipe.widths)
    average = EvidenceNet(network.channels, network.widths)
    return begun(network, average, recipe)


def _batch(
    crops: EvidenceCrops, recipe: EvidenceRecipe, rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Crops drawn at random, each turned, mirrored and made louder at random."""
    n = recipe.batch
    channels = np.empty((n, *crops.channels.shape[1:]), np.float32)
    altered = np.empty((n, *crops.altered.shape[1:]), np.float32)
    for i, chosen in enumerate(rng.integers(len(crops.kinds), size=n)):
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        for out, source in ((channels, crops.channels), (altered, crops.altered)):
            own = np.rot90(source[chosen], turns, axes=(-2, -1))
            out[i] = own[..., ::-1] if mirrored else own
        maps, image = channels[i, 2:-1:3], channels[i, -1]
        maps *= np.exp(recipe.loudness_jitter * rng.standard_normal())
        image *= rng.random() >= recipe.blind
    return torch.from_numpy(channels), torch.from_numpy(altered)


def _loss(logits: Tensor, altered: Tensor, altered_weight: float) -> Tensor:
    """Cross-entropy plus one minus the Dice overlap of the batch."""
    entropy = functional.binary_cross_entropy_with_logits(
        logits, altered, pos_weight=torch.tensor(altered_weight)
    )
    share = torch.sigmoid(logits)
    both = (share * altered).sum()
    dice = (2.0 * both + 1.0) / (share.sum() + altered.sum() + 1.0)
    return entropy + 1.0 - dice


def _one_step(
    run: Training, recipe: EvidenceRecipe, channels: Tensor, altered: Tensor
) -> float:
    x = channels.contiguous(memory_format=torch.channels_last)
    loss = _loss(run.network(x), altered, recipe.altered_weight)
    return take_step(run, recipe, loss, learning_rate(recipe, run.step))


def watch(network: nn.Module, crops: EvidenceCrops, altered_weight: float) -> Watched:
    """Figures of a network on crops."""
    if not crops.kinds:
        return Watched(math.nan, math.nan, math.nan, math.nan, {})
    maps = map_logits(network, crops)
    losses = [
        float(
            _loss(
                torch.from_numpy(maps[i : i + 16]),
                torch.from_numpy(crops.altered[i : i + 16].astype(np.float32)),
                altered_weight,
            )
        )
        for i in range(0, len(maps), 16)
    ]
    places: dict[str, list[float]] = {}
    for kind, value in zip(crops.kinds, place_logits(maps, crops), strict=True):
        if not math.isnan(value):
            places.setdefault(kind, []).append(float(value))
    structures, discs = places.pop(STRUCTURE, []), places.pop(GENUINE, [])
    genuine = structures + discs
    found = [value for own in places.values() for value in own]
    some = (slice(None), slice(None, None, 3), slice(None, None, 3))
    seen, truth = maps[some].ravel(), crops.altered[some].ravel()
    return Watched(
        float(np.mean(losses)),
        _auc(seen[truth], seen[~truth]),
        _auc(found, genuine),
        _auc(found, structures),
        {name: _auc(own, genuine) for name, own in sorted(places.items())},
    )


def map_logits(network: nn.Module, crops: EvidenceCrops) -> NDArray[np.float32]:
    """The network's map of each crop, shape (N, 96, 96)."""
    logits = []
    with torch.inference_mode():
        for i in range(0, len(crops.kinds), 16):
            x = torch.from_numpy(crops.channels[i : i + 16].astype(np.float32))
            out = network(x.contiguous(memory_format=torch.channels_last))
            logits.append(out.numpy())
    return np.concatenate(logits)


def place_logits(
    maps: NDArray[np.float32], crops: EvidenceCrops
) -> NDArray[np.float64]:
    """Mean logit over each crop's altered pixels, or over a disc where none are.

    NaN where too few pixels are left to make a place; shape (N,).
    """
    row, column = np.ogrid[:KEPT_PX, :KEPT_PX]
    values = np.full(len(maps), math.nan)
    for i, (own, altered, kind, spot) in enumerate(
        zip(maps, crops.altered, crops.kinds, crops.spots, strict=True)
    ):
        place = altered
        if kind in (GENUINE, STRUCTURE):
            place = np.hypot(row - spot[0], column - spot[1]) <= _DISC_PX
        if np.count_nonzero(place) >= _FEWEST_PX:
            values[i] = own[place].mean()
    return values


def _auc(
    high: NDArray[np.float32] | list[float], low: NDArray[np.float32] | list[float]
) -> float:
    """Probability that one of `high` exceeds one of `low`, ties counted by half."""
    n, m = len(high), len(low)
    if not n or not m:
        return math.nan
    ranks = rankdata(np.concatenate([high, low]))
    return float((ranks[:n].sum() - 0.5 * n * (n + 1)) / (n * m))
