"""Benign scans to a model of one's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import LoadedSeries
from btd_desktop.diffusion.torch_part import require_torch
from btd_desktop.diffusion.training.dataset import (
    TrainingSlice,
    TrainingSplit,
    split_by_patient,
)
from btd_desktop.diffusion.training.recipe import (
    TrainingRecipe,
    paper_recipe,
    small_noise_recipe,
)
from btd_desktop.digest import array_digest, bytes_digest
from btd_desktop.errors import EvidenceError, SettingsError
from btd_desktop.preprocess.foreground import foreground_mask
from btd_desktop.preprocess.presets import Preset, fit_scale, preset_named
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import LeanNetwork, ModelCard, Network, ReferenceNetwork
from btd_desktop.strict_json import plain_json
from btd_desktop.volume import Volume
from btd_desktop.workflow.calibrate import patient_of
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.simulate import simulated_patient

if TYPE_CHECKING:
    from btd_desktop.diffusion.training.trainer import TrainingState


CHECKPOINT_DIR = "training"
_DEFAULT_STEPS = 12_000
# Chosen on patients apart from those that figures are given for: what is redrawn
# differs most in the finest noise; levels between and above these two added nothing.
# Networks that were not trained that low have their own.
_LEAN_LEVELS = (0.003, 0.0173286)
_HIGHER_LEVELS = (0.01, 0.0173286, 0.055)
# The reference network knows no level below that of t = 0.
_REFERENCE_LEVELS = (0.0173286, 0.03, 0.055)


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What the user chooses.

    Attributes:
        preset: Name of the preprocessing preset.
        network: "lean" or "reference".
        dim: Width: lean networks have dim, 2 dim and 4 dim channels (24 is the
            shipped size), the reference network is the paper's (8 or 32).
        recipe: "small" (ours: small crops, small noise) or "paper".
        steps: Optimiser steps; None takes the recipe's own.
        batch: Crops per step; None takes the recipe's own.
        crop: Side of a crop; None takes the recipe's own.
        learning_rate: None takes the recipe's own.
        precision: "bfloat16" or "float32"; None takes the recipe's own.
        validation_share: Share of patients that are only watched.
        simulated: Simulated patients learnt from besides, each on a scanner drawn at
            random.
        seed: Of everything drawn at random.
        start_from: Folder of a model with the same network whose weights training
            starts from; None starts from random ones.
        noise_low: Lowest noise level learnt; None takes the recipe's own.
    """

    preset: str
    network: str = "lean"
    dim: int = 24
    recipe: str = "small"
    steps: int | None = None
    batch: int | None = None
    crop: int | None = None
    learning_rate: float | None = None
    precision: str | None = None
    validation_share: float = 0.1
    simulated: int = 0
    seed: int = 0
    start_from: Path | None = None
    noise_low: float | None = None


@dataclass(frozen=True, slots=True)
class LossPoint:
    """How training stands at one report.

    Attributes:
        step: Steps done.
        steps: Steps in all.
        loss: Mean training loss since the last report.
        watched: Loss on watched patients; None when none is watched.
        residual: Mean of F(x_0)² on the watched crops and its standard deviation over
            the mean: the early look at the scores of genuine patches; None likewise.
        left_s: Estimated seconds to the end.
    """

    step: int
    steps: int
    loss: float
    watched: float | None
    residual: tuple[float, float] | None
    left_s: float


def loss_point(state: TrainingState) -> LossPoint:
    """What is shown of a training's state."""
    watched, mean = state.validation_loss, state.residual_mean
    return LossPoint(
        state.step,
        state.steps,
        state.loss,
        None if math.isnan(watched) else watched,
        None if math.isnan(mean) else (mean, state.residual_spread),
        state.eta_s,
    )


def make_recipe(options: TrainingOptions) -> TrainingRecipe:
    """The training recipe that follows from the options.

    Raises:
        SettingsError: An option cannot be used.
    """
    if options.network == "lean":
        width = options.dim
        network: Network = LeanNetwork((width, 2 * width, 4 * width))
    elif options.network == "reference":
        network = ReferenceNetwork(options.dim)
    else:
        raise SettingsError(
            f"there is no network “{options.network}”", hint="use lean or reference"
        )
    if options.recipe == "small":
        recipe = small_noise_recipe(network, options.steps or _DEFAULT_STEPS)
    elif options.recipe == "paper":
        patch = preset_named(options.preset).patch
        recipe = paper_recipe(network, options.steps or 700_000, crop=patch)
    else:
        raise SettingsError(
            f"there is no recipe “{options.recipe}”", hint="use small or paper"
        )
    changes: dict[str, Any] = {
        key: getattr(options, key)
        for key in ("batch", "crop", "learning_rate", "precision", "noise_low")
        if getattr(options, key) is not None
    }
    return replace(
        recipe,
        validation_share=options.validation_share,
        simulated=options.simulated,
        seed=options.seed,
        **changes,
    )


def train_on_paths(
    paths: Sequence[Path],
    options: TrainingOptions,
    *,
    out: Path,
    device: str,
    services: Services,
    context: TaskContext,
    credits_text: str = "",
    on_state: Callable[[TrainingState], None] | None = None,
) -> ModelCard:
    """Train on the genuine scans below the given paths and write the model.

    Raises:
        EvidenceError: A path does not exist, or holds no series of the modality.
        MissingPartError: torch is not installed.
        Cancelled: The user asked to stop; call again to go on from the checkpoint.
    """
    require_torch()
    found = import_evidence(paths, context)
    return train_on_series(
        found.series,
        options,
        out=out,
        device=device,
        services=services,
        context=context,
        credits_text=credits_text,
        on_state=on_state,
    )


def train_on_series(
    series: Sequence[LoadedSeries],
    options: TrainingOptions,
    *,
    out: Path,
    device: str,
    services: Services,
    context: TaskContext,
    credits_text: str = "",
    on_state: Callable[[TrainingState], None] | None = None,
    patient_key: Callable[[LoadedSeries], str] = patient_of,
) -> ModelCard:
    """Train on genuine series and write weights and card into `out`.

    The checkpoint lies in `out/training`; calling again with the same options and
    scans goes on from it.

    Raises:
        EvidenceError: There is no series of the preset's modality.
        ModelError: `out` holds a checkpoint of another recipe, or cannot be written.
        MissingPartError: torch is not installed.
        Cancelled: The user asked to stop; the checkpoint is complete.
    """
    require_torch()
    from btd_desktop.diffusion.checkpoint import load_model
    from btd_desktop.diffusion.device import choose_device
    from btd_desktop.diffusion.training.trainer import train

    preset = preset_named(options.preset)
    fitting = [s for s in series if s.volume.modality == preset.modality]
    if not fitting:
        raise EvidenceError(
            f"there is no {preset.modality} series to learn from", code="no_series"
        )
    recipe = make_recipe(options)
    initial: dict[str, Any] | None = None  # tensors by name
    inherited: tuple[str, ...] = ()
    if options.start_from is not None:
        network, begun = load_model(options.start_from)
        initial = network.state_dict()
        recipe = replace(recipe, initial=begun.weights_sha256)
        inherited = tuple(begun.training.get("voxel_digests", ()))
    split = split_by_patient(
        _slices(fitting, preset, patient_key, context),
        recipe.validation_share,
        recipe.seed,
    )
    drawn = _simulated_slices(recipe, preset, context)
    last: TrainingState | None = None
    for state in train(
        replace(split, train=(*split.train, *drawn)),
        recipe,
        folder=out / CHECKPOINT_DIR,
        device=choose_device(device),
        context=context,
        initial=initial,
    ):
        last = state
        if on_state is not None:
            on_state(state)
    return _write_model(
        out,
        fitting,
        split,
        preset,
        recipe,
        last,
        services,
        credits_text,
        patient_key,
        inherited,
    )


def _slices(
    series: Sequence[LoadedSeries],
    preset: Preset,
    patient_key: Callable[[LoadedSeries], str],
    context: TaskContext,
) -> list[TrainingSlice]:
    out: list[TrainingSlice] = []
    for n, loaded in enumerate(series):
        context.report(n, len(series), "Preparing slices")
        out += _slices_of(loaded.volume, patient_key(loaded), preset)
    return out


def _slices_of(volume: Volume, patient: str, preset: Preset) -> list[TrainingSlice]:
    scale = fit_scale(volume, preset)
    return [
        TrainingSlice(
            patient,
            plane,
            foreground_mask(plane, volume.modality),
            scale.zero_at,
            scale.one_at,
        )
        for plane in volume.voxels
    ]


def _simulated_slices(
    recipe: TrainingRecipe, preset: Preset, context: TaskContext
) -> list[TrainingSlice]:
    """Slices of the recipe's simulated patients; the seed decides every one of them."""
    out: list[TrainingSlice] = []
    for index in range(recipe.simulated):
        context.report(index, recipe.simulated, "Simulating patients")
        rng = np.random.default_rng([recipe.seed, 4, index])
        volume = simulated_patient(preset.modality, rng)
        out += _slices_of(volume, f"simulated {index}", preset)
    return out


def _write_model(
    out: Path,
    series: Sequence[LoadedSeries],
    split: TrainingSplit,
    preset: Preset,
    recipe: TrainingRecipe,
    last: TrainingState | None,
    services: Services,
    credits_text: str,
    patient_key: Callable[[LoadedSeries], str],
    inherited: Sequence[str],
) -> ModelCard:
    from btd_desktop.diffusion.checkpoint import model_name, save_model, weights_bytes
    from btd_desktop.diffusion.networks import build_network, parameter_count
    from btd_desktop.diffusion.training.state import averaged_weights

    averaged, step = averaged_weights(out / CHECKPOINT_DIR)
    weights = weights_bytes(averaged)
    learnt = set(split.train_patients)
    card = ModelCard(
        name=model_name(out),
        title=f"{preset.modality}, {recipe.network.kind}, {preset.name}",
        network=recipe.network,
        n_parameters=parameter_count(build_network(recipe.network)),
        preset=preset,
        levels=_levels_of(recipe),
        weights_sha256=bytes_digest(weights),
        training={
            "recipe": plain_json(recipe),
            "steps": step,
            "patients_learnt": len(split.train_patients),
            "patients_simulated": recipe.simulated,
            "patients_watched": len(split.validation_patients),
            "slices_learnt": len(split.train),
            "slices_watched": len(split.validation),
            "scanners": _scanners(series),
            "credits": credits_text,
            # Lets calibration refuse scans that the model knows by heart, also those
            # that its starting weights had learnt.
            "voxel_digests": sorted(
                {
                    *inherited,
                    *(
                        array_digest(s.volume.voxels)
                        for s in series
                        if patient_key(s) in learnt
                    ),
                }
            ),
        },
        metrics={} if last is None else {"training": last.to_json()},
        limits=(
            "Measured on nothing but its own training loss until it is calibrated on "
            "genuine scans of other patients.",
        ),
        created=services.now().date().isoformat(),
    )
    save_model(out, card, weights)
    return card


def _levels_of(recipe: TrainingRecipe) -> tuple[float, ...]:
    if recipe.network.kind != "lean":
        return _REFERENCE_LEVELS
    low_enough = recipe.noise == "small" and recipe.noise_low <= _LEAN_LEVELS[0]
    return _LEAN_LEVELS if low_enough else _HIGHER_LEVELS


def _scanners(series: Sequence[LoadedSeries]) -> list[str]:
    return sorted({s.volume.source.scanner for s in series})
