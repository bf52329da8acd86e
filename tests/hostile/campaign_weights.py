"""Shipped models with other weights, whose card and digests were made to fit again.

Every file is well formed and every number finite (but for one kind). What is let
through must be another model in everything that is said of it: another digest, not
the shipped one under its name, without the shipped one's figures and profiles. How
often the question whether it finds known noise stops it stands in the figures, kind
by kind; a model that still finds noise is nothing that this question could refuse.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from btd_desktop.calibration.profile import read_profile
from btd_desktop.calibration.scope import check_scope
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ModelError
from btd_desktop.examination.models import ModelEntry, open_detector
from btd_desktop.examination.shipped_digests import MODELS
from btd_desktop.examination.shipped_models import (
    figures_of,
    model_standing,
    named_model,
    profile_standing,
)
from btd_desktop.paths import shipped_models_dir
from btd_desktop.scoring.card import WEIGHTS_FILE, read_card
from btd_desktop.volume import SeriesFacts
from tests.hostile.figures import Figures, own_peak_bytes

__all__ = ["WEIGHT_MUTATIONS", "weights_campaign"]

Tensors = dict[str, NDArray[np.float32]]
# Random numbers, weights, those of another model and the layer ("" for all) → weights.
Mutation = Callable[[random.Random, Tensors, Tensors, str], Tensors]


def _scaled(factor: float) -> Mutation:
    def change(_: random.Random, tensors: Tensors, __: Tensors, only: str) -> Tensors:
        return {
            name: values * np.float32(factor) if name.startswith(only) else values
            for name, values in tensors.items()
        }

    return change


def _layer(rng: random.Random, tensors: Tensors) -> str:
    return rng.choice(sorted({name.rsplit(".", 1)[0] for name in tensors}))


def _permuted(rng: random.Random, tensors: Tensors, _: Tensors, only: str) -> Tensors:
    """Output channels in another order."""
    order = np.random.default_rng(rng.getrandbits(32))
    return {
        name: order.permutation(values) if name.startswith(only) else values
        for name, values in tensors.items()
    }


def _with_nan(rng: random.Random, tensors: Tensors, _: Tensors, only: str) -> Tensors:
    name = rng.choice(sorted(name for name in tensors if name.startswith(only)))
    values = tensors[name].copy()
    values.reshape(-1)[rng.randrange(values.size)] = np.nan
    return {**tensors, name: values}


def _swapped(_: random.Random, tensors: Tensors, other: Tensors, only: str) -> Tensors:
    """What fits of another shipped model."""
    return {
        name: other[name]
        if name.startswith(only) and name in other and other[name].shape == values.shape
        else values
        for name, values in tensors.items()
    }


def _random(rng: random.Random, tensors: Tensors, _: Tensors, only: str) -> Tensors:
    """Drawn anew, with the spread that it had."""
    draw = np.random.default_rng(rng.getrandbits(32)).standard_normal
    return {
        name: (draw(values.shape) * (values.std() or 1.0)).astype(np.float32)
        if name.startswith(only)
        else values
        for name, values in tensors.items()
    }


WEIGHT_MUTATIONS: dict[str, Mutation] = {
    "zeroed": _scaled(0.0),
    "times 0.9": _scaled(0.9),
    "times 0.5": _scaled(0.5),
    "times 2": _scaled(2.0),
    "sign flipped": _scaled(-1.0),
    "channels permuted": _permuted,
    "not a number": _with_nan,
    "swapped between models": _swapped,
    "random": _random,
}


def weights_campaign(n: int, seed: int) -> Figures:
    """`n` shipped models with other weights, the kinds in turn."""
    figures = Figures("shipped models with other weights")
    start = time.monotonic()
    names = sorted(MODELS)
    originals = {
        name: load_file(shipped_models_dir() / name / WEIGHTS_FILE) for name in names
    }
    kinds = list(WEIGHT_MUTATIONS.items())
    for index in range(n):
        rng = random.Random(f"weights {seed} {index}")
        kind, mutation = kinds[index % len(kinds)]
        is_whole = index // len(kinds) % 2 == 0
        for _ in range(50):
            # Networks of two kinds share no layer: then two others are taken.
            name, other = rng.sample(names, 2)
            only = "" if is_whole else _layer(rng, originals[name])
            changed = mutation(rng, originals[name], originals[other], only)
            if _differ(changed, originals[name]):
                break
        else:
            raise AssertionError(f"{kind} changed nothing in 50 tries")
        kind += ", whole" if is_whole else ", one layer"
        before = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="btd-hostile-") as root:
            entry = _installed(name, changed, Path(root) / name)
            _judge(figures, f"{index} {name} {kind}", kind, entry)
        figures.time(f"{index} {name} {kind}", time.monotonic() - before)
    figures.seconds = time.monotonic() - start
    figures.peak_bytes = own_peak_bytes()
    return figures


def _differ(some: Tensors, others: Tensors) -> bool:
    return any(not np.array_equal(some[name], others[name]) for name in others)


def _installed(name: str, tensors: Tensors, folder: Path) -> ModelEntry:
    """A model folder with those weights, the shipped card fitted, and its profiles."""
    from btd_desktop.diffusion.checkpoint import save_model

    source = shipped_models_dir() / name
    data = save({k: np.ascontiguousarray(v) for k, v in tensors.items()})
    card = replace(read_card(source), weights_sha256=bytes_digest(data))
    save_model(folder, card, data)
    (folder / "profiles").mkdir()
    for path in sorted(source.glob("profiles/*.json")):
        (folder / "profiles" / path.name).write_bytes(path.read_bytes())
    if (source / "evidence").is_dir():
        shutil.copytree(source / "evidence", folder / "evidence")
    return ModelEntry(folder, read_card(folder), "", shipped=False)


def _judge(figures: Figures, name: str, kind: str, entry: ModelEntry) -> None:
    card = entry.card
    assert card is not None
    # Whether or not it is opened, nothing says that it is the shipped one.
    standing = model_standing(card.name, card.digest)
    if standing.is_shipped or "NOT the model" not in standing.sentence:
        figures.violations.append(f"{name}: stands as the shipped model")
    if "NOT the model" not in named_model(card.name, card.digest):
        figures.violations.append(f"{name}: is named as the shipped model")
    if figures_of(card):
        figures.violations.append(f"{name}: has the shipped model's figures")
    figures.violations += _taken_profiles(name, entry)
    try:
        open_detector(entry, device="cpu", dtype="float32")
    except ModelError as error:
        figures.add(f"{kind}: refused", error.detail.replace(str(entry.folder), ""))
        if len(error.detail) < 20:
            figures.violations.append(f"{name}: no clear sentence ({error.detail})")
        return
    figures.add(f"{kind}: another model, by its digest", survived=True)
    if kind == "zeroed, whole" or "not a number" in kind:
        figures.violations.append(f"{name}: opened")


def _taken_profiles(name: str, entry: ModelEntry) -> list[str]:
    """What is wrong with how shipped profiles stand to it, forged to fit or not."""
    assert entry.card is not None
    digest, preset = entry.card.digest, entry.card.preset
    problems = []
    for path in (entry.folder / "profiles").glob("*.json"):
        genuine = read_profile(path)
        facts = SeriesFacts(modality=preset.modality)
        scope = check_scope(
            genuine, model_digest=digest, preset=preset, grid=genuine.grid, facts=facts
        )
        if scope.p_values_allowed:
            problems.append(f"{name}: the profile {path.name} speaks for it")
        forged = replace(genuine, model={**genuine.model, "digest": digest})
        if profile_standing(forged.name, forged.digest).is_shipped:
            problems.append(f"{name}: a forged {path.name} stands as shipped")
    return problems
