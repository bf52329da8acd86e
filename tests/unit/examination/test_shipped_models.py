"""What is not shipped under its name is said to be another, and has no figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from btd_desktop import paths
from btd_desktop.calibration.profile import profile_from_json
from btd_desktop.diffusion.checkpoint import save_model
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import CalibrationError, ModelError
from btd_desktop.examination.models import (
    ModelEntry,
    find_model,
    list_models,
    open_detector,
)
from btd_desktop.examination.shipped_digests import MODELS
from btd_desktop.examination.shipped_models import (
    MEASURED_ON,
    digests_module,
    figures_of,
    model_standing,
    named_model,
    profile_standing,
)
from btd_desktop.scoring.card import WEIGHTS_FILE, read_card
from btd_desktop.workflow.doctor import models_json
from tests.factories import make_tiny_model

Tensors = dict[str, Any]
NAMES = tuple(MODELS)
ROOT = Path(__file__).parents[3] / "models"


def test_digests_in_the_program_are_those_of_the_models() -> None:
    written: dict[str, object] = {}
    exec(digests_module(ROOT), written)  # noqa: S102 - our own text
    assert written["MODELS"] == MODELS
    assert set(NAMES) == {
        "ct96-lean",
        "ct96-reference8",
        "ct96wide-lean",
        "mr128-lean",
    }


@pytest.mark.parametrize("name", NAMES)
def test_shipped_models_stand_under_their_names_and_find_noise(name: str) -> None:
    entry = find_model(name, "CT")
    assert entry.card is not None
    assert model_standing(name, entry.card.digest).is_shipped
    assert named_model(name, entry.card.digest) == name
    assert figures_of(entry.card) == entry.card.metrics
    open_detector(entry, device="cpu", dtype="float32")


def _scale(part: str, factor: float) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        for name in tensors:
            if name.startswith(part):
                tensors[name] = tensors[name] * np.float32(factor)

    return change


def _constant(tensors: Tensors) -> None:
    _scale("", 0.0)(tensors)
    tensors["head.bias"] = tensors["head.bias"] + np.float32(0.7)


def _swap_channels(tensors: Tensors) -> None:
    rng = np.random.default_rng(3)
    for name, values in sorted(tensors.items()):
        if values.ndim == 4:
            tensors[name] = rng.permutation(values)


CHANGES: dict[str, Callable[[Tensors], None]] = {
    "zeroed": _scale("", 0.0),
    "constant": _constant,
    "not a number": _scale("stem", np.nan),
    "infinite": _scale("head", np.inf),
    "scaled down": _scale("", 0.5),
    "scaled up": _scale("", 2.0),
    "sign of the answer": _scale("head", -1.0),
    "answer silenced": _scale("head", 0.01),
    "channels swapped": _swap_channels,
}


def _changed(name: str, folder: Path, how: str) -> ModelEntry:
    """A copy of a shipped model with other weights and a card that fits them."""
    source = paths.shipped_models_dir() / name
    tensors = load_file(source / WEIGHTS_FILE)
    CHANGES[how](tensors)
    data = save({k: np.ascontiguousarray(v) for k, v in tensors.items()})
    card = replace(read_card(source), weights_sha256=bytes_digest(data))
    save_model(folder, card, data)
    return ModelEntry(folder, read_card(folder), "", shipped=False)


# The changes name layers of lean networks.
@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("-lean")])
@pytest.mark.parametrize("how", list(CHANGES))
def test_other_weights_with_a_fitting_card_score_nothing(
    tmp_path: Path, name: str, how: str
) -> None:
    entry = _changed(name, tmp_path / name, how)
    why = f"the model {name} does not predict noise|values that are not finite"
    with pytest.raises(ModelError, match=why):
        open_detector(entry, device="cpu", dtype="float32")
    card = entry.card
    assert card is not None
    standing = model_standing(card.name, card.digest)
    assert not standing.is_shipped
    assert "NOT the model shipped under this name" in standing.sentence
    assert "NOT the model shipped" in named_model(card.name, card.digest)
    assert figures_of(card) == {}


def test_one_shipped_model_under_the_name_of_another_is_told() -> None:
    digest = MODELS["mr128-lean"]["digest"]
    assert not model_standing("ct96wide-lean", digest).is_shipped
    assert "NOT" in model_standing("ct96wide-lean", digest).sentence
    assert "mr128-lean under another name" in model_standing("mine", digest).sentence


def test_a_whole_folder_of_other_models_is_told_though_its_manifest_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, card and manifest agree: the digests are part of the program."""
    card = make_tiny_model(
        tmp_path / "ct96wide-lean", metrics={"detection": [{"auc": 0.99}]}
    )
    monkeypatch.setenv("BTD_MODELS_DIR", str(tmp_path))
    (entry, *_) = list_models()
    assert entry.card == card
    assert figures_of(card) == {}
    (value, *_) = models_json([entry])
    assert not value["standing"]["is_shipped"]
    assert value["figures"] == {}


def test_embellished_figures_of_the_shipped_weights_are_not_printed() -> None:
    card = read_card(paths.shipped_models_dir() / "ct96wide-lean")
    better = [{**row, "auc": 1.0} for row in card.metrics["detection"]]
    assert figures_of(replace(card, metrics={"detection": better})) == {}


def test_figures_of_an_own_model_hold_for_the_weights_they_were_measured_on(
    tmp_path: Path,
) -> None:
    card = make_tiny_model(tmp_path / "own")
    figures = {"auc": 0.8, MEASURED_ON: card.digest}
    assert figures_of(replace(card, metrics=figures)) == figures
    assert figures_of(replace(card, metrics={"auc": 0.8})) == {}
    other = replace(card, metrics=figures, weights_sha256="0" * 64)
    assert figures_of(other) == {}


def test_profiles_are_told_apart_by_digest() -> None:
    (digest,) = MODELS["ct96wide-lean"]["profiles"]
    assert profile_standing("any name", digest).is_shipped
    other = profile_standing("public-ct", "0" * 64)
    assert not other.is_shipped
    assert "did not come with this version" in other.sentence


def test_profile_whose_scores_are_all_alike_is_refused() -> None:
    source = paths.shipped_models_dir() / "ct96wide-lean" / "profiles"
    value = json.loads((source / "public-ct.json").read_text())
    del value["digest"]
    profile_from_json(value, "as shipped")
    for kind, level in (
        ("anomaly", "patch"),
        ("anomaly", "slice"),
        ("removal", "patch"),
    ):
        forged = json.loads(json.dumps(value))
        scores = forged["levels"][kind][level]["scores"]
        forged["levels"][kind][level]["scores"] = [scores[-1]] * len(scores)
        with pytest.raises(CalibrationError, match="benign scores are one value"):
            profile_from_json(forged, "forged")
