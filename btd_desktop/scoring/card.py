"""The model card: what a model is, learnt from what, measured how.

One JSON file beside the weights. Everything a result depends on is in it, and its
digest together with the weights' digest names the model in manifests and profiles.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from btd_desktop.digest import json_digest
from btd_desktop.errors import ModelError

CARD_FILE = "card.json"
WEIGHTS_FILE = "weights.safetensors"
_FORMAT = 1
_MAX_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Description of one model.

    Attributes:
        name: Short name, also that of its folder.
        title: One line for lists.
        network: Description for `networks.build_network`.
        n_parameters: Number of learned values.
        preset: The preset's JSON value (preprocessing and patch geometry).
        levels: Noise levels at which the detector asks the network, ascending; the
            paper's level (t = 0) is one of them.
        weights_sha256: SHA-256 of the weights file.
        training: Recipe, data, patients per split, steps, credits.
        metrics: Measured figures, with what they were measured on.
        limits: Sentences: what was not measured, what the model is not for.
        created: Day of creation, ISO 8601.
    """

    name: str
    title: str
    network: dict[str, Any]
    n_parameters: int
    preset: dict[str, Any]
    levels: tuple[float, ...]
    weights_sha256: str
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    created: str = ""

    @property
    def digest(self) -> str:
        """Digest of what decides scores: network, preset, levels and weights.

        Titles, metrics and wording may be corrected later without making a new
        model of it.
        """
        return json_digest(
            {
                "network": self.network,
                "preset": self.preset,
                "levels": list(self.levels),
                "weights": self.weights_sha256,
            }
        )

    def to_json(self) -> dict[str, Any]:
        """JSON value of the card file."""
        value = asdict(self)
        value["levels"] = list(self.levels)
        value["limits"] = list(self.limits)
        return {"format": _FORMAT, "digest": self.digest, **value}


def read_card(folder: Path) -> ModelCard:
    """The card in a model's folder.

    Raises:
        ModelError: There is none, or it is damaged, of a newer format, or altered.
    """
    path = folder / CARD_FILE
    try:
        if not path.is_file():
            raise ModelError(f"{path} is missing or is not a file", code="card")
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path} is too large for a model card", code="card")
        value = json.loads(path.read_text(encoding="utf-8"))
        found_format = int(value.pop("format"))
        digest = str(value.pop("digest"))
        value["levels"] = tuple(float(level) for level in value["levels"])
        value["limits"] = tuple(str(limit) for limit in value["limits"])
        card = ModelCard(**value)
        _check_values(card)
        actual = card.digest
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}", code="card"
        ) from error
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise ModelError(f"{path} is not a model card: {error}", code="card") from error
    if found_format > _FORMAT:
        raise ModelError(
            f"{path} has format {found_format}; this program reads up to {_FORMAT}",
            hint="use a newer version of the program",
            code="card_format",
        )
    if digest != actual:
        raise ModelError(
            f"{path} was altered: its digest is {actual[:12]}…, it says {digest[:12]}…",
            hint="restore the model from where it came from",
            code="card_digest",
        )
    return card


def _check_values(card: ModelCard) -> None:
    """Refuse what would fail later: kinds of values, levels, patch geometry."""
    texts = (card.name, card.title, card.weights_sha256, card.created)
    tables = (card.network, card.preset, card.training, card.metrics)
    if not all(isinstance(t, str) for t in texts):
        raise TypeError("name, title, weights_sha256 and created are texts")
    if not all(isinstance(t, dict) for t in tables):
        raise TypeError("network, preset, training and metrics are objects")
    levels = card.levels
    ascending = all(a < b for a, b in itertools.pairwise(levels))
    if not levels or not ascending or not 0.0 < levels[0] <= levels[-1] <= 1.0:
        raise ValueError(f"noise levels must ascend within (0, 1], got {levels}")
    patch, centre = card.preset["patch"], card.preset["centre"]
    whole = type(patch) is int and type(centre) is int
    if not whole or patch % 8 or centre % 8 or not 0 < centre < patch <= 1024:
        raise ValueError(f"patch {patch!r} with centre {centre!r}")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of the model behind a run, wherever its files are.

    A run's manifest holds enough to name it and to choose a calibration; the card,
    with its training data and its measured figures, is there only where the model is
    installed.

    Attributes:
        name: Short name.
        digest: `ModelCard.digest`.
        preset: The preset's JSON value.
        levels: Noise levels, ascending.
        card: Its card; None where the model is not installed.
    """

    name: str
    digest: str
    preset: dict[str, Any]
    levels: tuple[float, ...]
    card: ModelCard | None = None

    @classmethod
    def of_card(cls, card: ModelCard) -> ModelFacts:
        """Facts of a model that is installed."""
        return cls(card.name, card.digest, card.preset, card.levels, card)
