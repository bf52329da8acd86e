"""What a training run is: every choice that alters the weights, in one value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from btd_desktop.errors import SettingsError
from btd_desktop.scoring.card import Network

_CHOICES = {
    "decay": ("cosine", "constant"),
    "noise": ("small", "paper"),
    "precision": ("bfloat16", "float32"),
}


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Parameters of training.

    Attributes:
        network: What `networks.build_network` builds.
        steps: Optimiser steps.
        batch: Crops per step.
        crop: Side of a crop in pixels.
        learning_rate: Peak of the schedule.
        decay: "cosine" to zero over all steps, or "constant".
        warmup: Steps of linear rise at the start.
        noise: "small": noise level log-uniform in [noise_low, 0.1], where detection
            happens; "paper": timestep uniform over the sigmoid schedule's T = 1000.
        noise_low: Lowest noise level of "small".
        weight_decay: AdamW's; 0 gives the paper's Adam.
        ema_decay: Decay of the moving average of weights per step.
        gradient_clip: Largest gradient norm.
        precision: "bfloat16" or "float32" for convolutions.
        validation_share: Share of patients that are only watched.
        simulated: Simulated patients learnt from besides the real ones, each on a
            scanner drawn at random; none of them is watched.
        seed: Of initial weights, split, crops, noise and simulated patients.
        initial: SHA-256 of the weights file that training starts from; "" starts
            from random weights.
    """

    network: Network
    steps: int
    batch: int = 16
    crop: int = 64
    learning_rate: float = 2e-3
    decay: Literal["cosine", "constant"] = "cosine"
    warmup: int = 200
    noise: Literal["small", "paper"] = "small"
    noise_low: float = 0.003
    weight_decay: float = 1e-4
    ema_decay: float = 0.999
    gradient_clip: float = 1.0
    precision: Literal["bfloat16", "float32"] = "bfloat16"
    validation_share: float = 0.1
    simulated: int = 0
    seed: int = 0
    initial: str = ""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1 or self.crop < 16:
            raise SettingsError(
                "training needs at least 1 step, 1 crop a step and crops of 16 px"
            )
        if self.simulated < 0:
            raise SettingsError(
                f"there cannot be {self.simulated} simulated patients to learn from"
            )
        if self.crop % 8 != 0:
            raise SettingsError(f"the crop side must divide by 8, got {self.crop}")
        if not 0.0 <= self.validation_share < 1.0:
            raise SettingsError("the validation share lies in [0, 1)")
        if not 0.0 < self.learning_rate < 1.0:
            raise SettingsError(
                f"the learning rate lies between 0 and 1, got {self.learning_rate:g}"
            )
        if not 0.0 < self.noise_low < 0.1:
            raise SettingsError(
                f"the lowest noise level lies between 0 and 0.1, got {self.noise_low:g}"
            )
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise SettingsError(
                    f"there is no {name} “{getattr(self, name)}”",
                    hint=f"use {' or '.join(known)}",
                )


@dataclass(frozen=True, slots=True)
class EvidenceRecipe:
    """Parameters of teaching a learned evidence map, besides its crops.

    Attributes:
        widths: Channels of `evidence.EvidenceNet`.
        steps: Optimiser steps.
        batch: Crops per step.
        learning_rate: Peak of the schedule, which falls to zero as a cosine.
        warmup: Steps of linear rise at the start.
        weight_decay: AdamW's.
        ema_decay: Decay of the moving average of weights per step.
        gradient_clip: Largest gradient norm.
        altered_weight: Weight of altered pixels in the cross-entropy.
        loudness_jitter: Standard deviation of the logarithm of a factor on the maps
            themselves, drawn for each crop: how loud a scanner is must not matter.
        blind: Share of crops that are taught without the image, so that what is drawn
            never becomes the evidence.
        seed: Of initial weights and of the order of crops.
        crops_digest: SHA-256 of the crops.
    """

    widths: tuple[int, int, int] = (24, 32, 48)
    steps: int = 3_500
    batch: int = 16
    learning_rate: float = 2e-3
    warmup: int = 100
    weight_decay: float = 1e-4
    ema_decay: float = 0.999
    gradient_clip: float = 1.0
    altered_weight: float = 2.0
    loudness_jitter: float = 0.3
    blind: float = 0.2
    seed: int = 0
    crops_digest: str = ""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch < 1:
            raise SettingsError("teaching needs at least 1 step and 1 crop a step")


def small_noise_recipe(network: Network, steps: int) -> TrainingRecipe:
    """Our recipe: small crops, small noise, high learning rate, minutes on a CPU."""
    return TrainingRecipe(network, steps)


def paper_recipe(
    network: Network, steps: int = 700_000, *, crop: int = 96
) -> TrainingRecipe:
    """The recipe of the published trainer (its code, where it differs from its text).

    Adam 8e-6 constant, effective batch 128, timestep uniform, EMA 0.995 every tenth
    step, crops of 96 (CT) or 128 (MR), float32, 700,000 steps on one RTX 4090. Where
    crops are taken differs: anywhere in the body and mirrored, not around the tumour
    positions of the authors' table.
    """
    return TrainingRecipe(
        network,
        steps,
        batch=128,
        crop=crop,
        learning_rate=8e-6,
        decay="constant",
        warmup=0,
        noise="paper",
        weight_decay=0.0,
        ema_decay=0.995**0.1,  # ours follows every step
        precision="float32",
    )


def learning_rate(recipe: TrainingRecipe | EvidenceRecipe, step: int) -> float:
    """Rate of a step, from 0: a linear rise, then a cosine down to zero or constant."""
    rise = min(1.0, (step + 1) / recipe.warmup) if recipe.warmup else 1.0
    if isinstance(recipe, TrainingRecipe) and recipe.decay == "constant":
        return recipe.learning_rate * rise
    fall = 0.5 * (1.0 + math.cos(math.pi * step / recipe.steps))
    return recipe.learning_rate * rise * fall
