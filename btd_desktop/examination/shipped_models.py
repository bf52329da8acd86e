"""Which models and profiles came with this version of the program, by digest.

The manifest lies among the models and can be replaced with them; these digests are part
of the program. Measured figures belong to the weights that they were measured on; no
output gives them for other weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from btd_desktop.calibration.profile import read_profile
from btd_desktop.digest import json_digest
from btd_desktop.examination.shipped_digests import MODELS
from btd_desktop.scoring.card import CARD_FILE, ModelCard, read_card

DIGESTS_FILE: Final = Path(__file__).with_name("shipped_digests.py")
MEASURED_ON: Final = "model_digest"
"""Key among a card's metrics: digest of the model that they were measured on."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a name and a digest came with this version of the program.

    Attributes:
        name: As given.
        digest: As given.
        is_shipped: True when both came with it, together.
        sentence: The same in words, or what they are instead.
    """

    name: str
    digest: str
    is_shipped: bool
    sentence: str


def model_standing(name: str, digest: str) -> Standing:
    """Whether a model is the one that this version ships under its name.

    Args:
        name: Name in its card, or in a report.
        digest: The card's digest of network, preset, levels and weights.
    """
    known = MODELS.get(name)
    others = [n for n, shipped in MODELS.items() if shipped["digest"] == digest]
    if known is not None and known["digest"] == digest:
        return Standing(name, digest, True, f"{name} is the model shipped so named.")
    if known is not None:
        words = (
            f"{name} is NOT the model shipped under this name: its weights, network "
            "or preset are others, perhaps of another version of the program, and the "
            "figures of the shipped one say nothing of it."
        )
    elif others:
        words = f"{name} is the shipped model {others[0]} under another name."
    else:
        words = f"{name} did not come with this version of the program."
    return Standing(name, digest, False, words)


def profile_standing(name: str, digest: str) -> Standing:
    """Whether a calibration profile is one that this version ships."""
    if any(digest in shipped["profiles"] for shipped in MODELS.values()):
        return Standing(name, digest, True, f"The profile “{name}” was shipped.")
    words = f"The profile “{name}” did not come with this version of the program."
    return Standing(name, digest, False, words)


def named_model(name: str, digest: str) -> str:
    """A model's name as shown, with a warning beside a name that is not its own."""
    known = MODELS.get(name)
    if known is None or known["digest"] == digest:
        return name
    return f"{name} (NOT the model shipped under this name)"


def figures_of(card: ModelCard) -> Mapping[str, Any]:
    """Measured figures of a card, where they belong to its weights.

    Empty when they were measured on another model, do not say on which, or differ from
    those shipped with this model.
    """
    shipped = next((m for m in MODELS.values() if m["digest"] == card.digest), None)
    if shipped is not None:
        return card.metrics if json_digest(card.metrics) == shipped["metrics"] else {}
    is_own = card.name not in MODELS and card.metrics.get(MEASURED_ON) == card.digest
    return card.metrics if is_own else {}


def digests_module(root: Path) -> str:
    """Text of the module `shipped_digests` for the models below a folder.

    Raises:
        ModelError: A card cannot be read.
        CalibrationError: A profile cannot be read.
    """
    lines = [
        '"""Digests of the shipped models; written by models/make_manifest.py."""',
        "",
        "from typing import Final, TypedDict",
        "",
        "",
        "class _Shipped(TypedDict):",
        "    digest: str",
        "    metrics: str",
        "    profiles: list[str]",
        "",
        "",
        "MODELS: Final[dict[str, _Shipped]] = {",
    ]
    for folder in sorted(p.parent for p in root.glob(f"*/{CARD_FILE}")):
        card = read_card(folder)
        lines += [
            f'    "{card.name}": {{',
            f'        "digest": "{card.digest}",',
            f'        "metrics": "{json_digest(card.metrics)}",',
            '        "profiles": [',
        ]
        for path in sorted(folder.glob("profiles/*.json")):
            lines.append(f'            "{read_profile(path).digest}",')
        lines += ["        ],", "    },"]
    return "\n".join([*lines, "}", ""])
