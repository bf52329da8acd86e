"""The model card: what a model is, what it learnt from, how it was measured.

One JSON file beside the weights. It holds everything of a model that a score depends
on; its digest, which covers that of the weights, names the model in manifests and
profiles.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, Struct, UnsetType

from btd_desktop.digest import json_digest
from btd_desktop.errors import ModelError
from btd_desktop.preprocess.presets import Preset
from btd_desktop.scoring.method import OWN, Method
from btd_desktop.strict_json import plain_json, record_from_json, split_head

CARD_FILE = "card.json"
WEIGHTS_FILE = "weights.safetensors"
EVIDENCE_DIR, EVIDENCE_CARD_FILE = "evidence", "evidence.json"
"""Within a model's folder: card and weights of its learned evidence map."""
_FORMAT = 1
_MAX_BYTES = 16 << 20

_Width = Annotated[int, Meta(ge=1, le=512)]
_Times = Annotated[int, Meta(ge=1, le=16)]


class LeanNetwork(Struct, frozen=True, tag_field="kind", tag="lean"):
    """Size of a lean network (`diffusion.lean`).

    Attributes:
        widths: Channels at full, half and quarter resolution.
        deep_blocks: Residual blocks at quarter resolution (each widens the receptive
            field by 8 px; two keep its radius at 32).
    """

    kind: ClassVar = "lean"
    widths: tuple[_Width, _Width, _Width] = (24, 48, 96)
    deep_blocks: _Width = 2


class ReferenceNetwork(Struct, frozen=True, tag_field="kind", tag="reference"):
    """Size of a network as the paper's (`diffusion.unet`).

    Attributes:
        dim: Channels at full resolution.
        multipliers: Channels at each resolution over `dim`.
    """

    kind: ClassVar = "reference"
    dim: Annotated[int, Meta(ge=8, le=512, multiple_of=8)]
    multipliers: tuple[_Times, _Times, _Times, _Times] = (1, 2, 4, 8)


Network = LeanNetwork | ReferenceNetwork


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Description of one model.

    Attributes:
        name: Short name, normally that of its folder.
        title: One line for lists.
        network: What `diffusion.networks.build_network` builds.
        n_parameters: Number of learned values.
        preset: Preprocessing and patch geometry.
        levels: Noise levels at which the detector asks the network, ascending; the
            paper's level (t = 0) is one of them.
        weights_sha256: SHA-256 of the weights file.
        training: Recipe, data, patients per split, steps, credits; free JSON.
        metrics: Measured figures, with what they were measured on; free JSON.
        limits: Sentences: what was not measured, what the model is not for.
        created: Day of creation, ISO 8601.
        evidence_sha256: SHA-256 of the weights of the learned evidence map in the
            model's folder; not set where it has none.
    """

    name: str
    title: str
    network: Network
    n_parameters: int
    preset: Preset
    levels: tuple[float, ...]
    weights_sha256: str
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    created: str = ""
    evidence_sha256: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse levels that do not ascend within (0, 1]."""
        ascending = all(a < b for a, b in itertools.pairwise((0.0, *self.levels, 1.1)))
        if not ascending or not self.levels or self.levels[-1] > 1.0:
            raise ValueError(
                f"noise levels must ascend within (0, 1], got {self.levels}"
            )

    @property
    def digest(self) -> str:
        """Digest of what decides scores: network, preset, levels and all weights.

        A later correction of title, metrics or wording makes no new model.
        """
        if self.evidence_sha256 is UNSET:
            return self.noise_digest
        return json_digest({"noise": self.noise_digest, "map": self.evidence_sha256})

    @property
    def noise_digest(self) -> str:
        """Digest of what decides the noise maps, without the learned evidence map."""
        card = plain_json(self)
        named = {key: card[key] for key in ("network", "preset", "levels")}
        return json_digest({**named, "weights": self.weights_sha256})

    def to_json(self) -> dict[str, Any]:
        """JSON value of the card file."""
        return {"format": _FORMAT, "digest": self.digest, **plain_json(self)}


def read_card(folder: Path) -> ModelCard:
    """The card in a model's folder.

    Raises:
        ModelError: There is no card, or it is damaged, altered or of a newer format.
    """
    path = folder / CARD_FILE
    try:
        if not path.is_file():
            raise ModelError(f"{path} is missing or is not a file", code="card")
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path} is too large for a model card", code="card")
        found, stated, rest = split_head(json.loads(path.read_text("utf-8")))
        if found > _FORMAT:
            raise ModelError(
                f"{path} has format {found}; this program reads up to {_FORMAT}",
                hint="use a newer version of the program",
                code="card_format",
            )
        card = record_from_json(ModelCard, rest)
        actual = card.digest
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}", code="card"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is not a model card: {error}", code="card") from error
    if stated != actual:
        raise ModelError(
            f"{path} was altered: its digest is {actual[:12]}…, it says "
            f"{str(stated)[:12]}…",
            hint="restore the model from where it came from",
            code="card_digest",
        )
    return card


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of the model behind a run, installed or not.

    A run's manifest holds enough to name the model and to choose a calibration; the
    card, with training data and measured figures, is known only where the model is
    installed.

    Attributes:
        name: Short name.
        digest: `ModelCard.digest`.
        preset: The preset.
        levels: Noise levels, ascending.
        card: Its card; None where the model is not installed.
        method: What the run did with it.
    """

    name: str
    digest: str
    preset: Preset
    levels: tuple[float, ...]
    card: ModelCard | None = None
    method: Method = OWN
