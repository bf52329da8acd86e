"""Files of learned attacks: weights beside a card, in `assets/attacks`.

`NAME.safetensors` holds the weights and `NAME.json` the card, which names the digest
of the weights. Weights are read through `btd_desktop.diffusion.checkpoint`, which alone
knows the reading library and never unpickles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from btd_desktop.diffusion.checkpoint import tensors_from_bytes
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ModelError
from btd_desktop.paths import assets_dir

_MAX_BYTES = 16 << 20


def attacks_dir() -> Path:
    """Folder of the attacks that come with the program."""
    return assets_dir() / "attacks"


def write_attack(
    folder: Path, name: str, weights: bytes, card: Mapping[str, Any]
) -> None:
    """Write weights and card, each atomically; the card gets the weights' digest.

    Args:
        folder: Made if absent.
        name: File name without ending.
        weights: A safetensors file.
        card: JSON values.

    Raises:
        ModelError: The folder cannot be written.
    """
    full = {**card, "weights_sha256": bytes_digest(weights)}
    text = json.dumps(full, indent=2, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, content in ((".safetensors", weights), (".json", text.encode())):
            temporary = folder / f"{name}{ending}.part"
            temporary.write_bytes(content)
            temporary.replace(folder / f"{name}{ending}")
    except OSError as error:
        raise ModelError(
            f"the attack cannot be written to {folder}: {error.strerror}", code="write"
        ) from error


def read_attack(
    folder: Path, name: str, *, script: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and card of an attack, checked to belong together.

    Args:
        folder: Holds both files.
        name: File name without ending.
        script: Script that trains the attack, named where a file is missing.

    Raises:
        ModelError: A file is missing, too large or damaged, or the card names other
            weights.
    """
    path, card_path = folder / f"{name}.safetensors", folder / f"{name}.json"
    try:
        for each in (path, card_path):
            if each.stat().st_size > _MAX_BYTES:
                raise ModelError(f"{each} is larger than 16 MiB", code="size")
        data = path.read_bytes()
        card = json.loads(card_path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"the attack {name} cannot be read: {error.strerror}",
            hint=f"train it with {script}",
            code="weights",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{card_path} is damaged: {error}", code="card") from error
    if not isinstance(card, dict) or card.get("weights_sha256") != bytes_digest(data):
        raise ModelError(
            f"{path} is not the file its card names", code="weights_digest"
        )
    return tensors_from_bytes(data, path), card
