"""Models on disk: safetensors and a card, checked before use."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_bytes
from safetensors.torch import save as save_bytes
from torch import Tensor, nn

from btd_desktop.diffusion.networks import build_network
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ModelError
from btd_desktop.scoring.card import CARD_FILE, WEIGHTS_FILE, ModelCard, read_card

_MAX_WEIGHTS_BYTES = 2 << 30
# Names, shapes and offsets of a few hundred tensors take some ten kilobytes.
_MAX_HEADER_BYTES = 4 << 20
_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def weights_bytes(
    state: Mapping[str, Tensor], dtype: torch.dtype | None = torch.float32
) -> bytes:
    """The weights as a safetensors file, in a stable order.

    Args:
        state: Tensors by name.
        dtype: Number format of all of them; each keeps its own when None.
    """
    return save_bytes(
        {k: v.detach().to("cpu", dtype).contiguous() for k, v in sorted(state.items())}
    )


def model_name(folder: Path) -> str:
    """Name of the model in a folder: that of the folder, in plain letters."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-") or "model"


def save_model(folder: Path, card: ModelCard, weights: bytes) -> None:
    """Write weights and card of a model into its folder, each atomically.

    Raises:
        ModelError: The card names other weights, or the folder cannot be written.
    """
    if bytes_digest(weights) != card.weights_sha256:
        raise ModelError(f"the card of {card.name} names other weights", code="digest")
    write_with_card(folder, weights, CARD_FILE, card.to_json())


def write_with_card(folder: Path, weights: bytes, name: str, card: object) -> None:
    """Write a weights file and the JSON card of this name beside it, each atomically.

    Raises:
        ModelError: The folder cannot be written.
    """
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, data in ((WEIGHTS_FILE, weights), (name, text.encode())):
            temporary = folder / f"{file}.part"
            temporary.write_bytes(data)
            temporary.replace(folder / file)
    except OSError as error:
        raise ModelError(
            f"the model cannot be written to {folder}: {error.strerror}", code="write"
        ) from error


def load_model(folder: Path) -> tuple[nn.Module, ModelCard]:
    """Network with its weights, and its card, both checked.

    Raises:
        ModelError: Card or weights are missing, damaged, of other shapes or not the
            ones that the card names, or hold values that are not finite.
    """
    card = read_card(folder)
    path = folder / WEIGHTS_FILE
    try:
        if not path.is_file():
            # A pipe or a device would never end.
            raise ModelError(f"{path} is missing or is not a file", code="weights")
        if path.stat().st_size > _MAX_WEIGHTS_BYTES:
            raise ModelError(f"{path} is larger than 2 GiB", code="size")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path} cannot be read: {error.strerror}", code="weights"
        ) from error
    found = bytes_digest(data)
    if found != card.weights_sha256:
        raise ModelError(
            f"{path} is not the file its card names: SHA-256 {found[:12]}…, the card "
            f"says {card.weights_sha256[:12]}…",
            hint="restore the model from where it came from",
            code="weights_digest",
        )
    network = build_network(card.network)
    install_weights(network, tensors_from_bytes(data, path), str(path))
    network.eval().requires_grad_(False)
    return network, card


def install_weights(network: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Put weights into a network after checking names, shapes and finiteness.

    Raises:
        ModelError: Something does not fit; the sentence names the first such tensor.
    """
    wanted = network.state_dict()
    missing, extra = sorted(wanted.keys() - state.keys()), state.keys() - wanted.keys()
    if missing or extra:
        odd = (missing or sorted(extra))[0]
        word = "lacks" if missing else "holds an unknown"
        raise ModelError(f"{name} {word} tensor “{odd}”", code="tensors")
    for key, value in state.items():
        if value.shape != wanted[key].shape:
            raise ModelError(
                f"{name}: tensor “{key}” has shape {tuple(value.shape)}, the network "
                f"needs {tuple(wanted[key].shape)}",
                code="shapes",
            )
        if value.dtype not in _DTYPES:
            raise ModelError(
                f"{name}: tensor “{key}” holds {value.dtype}, weights are float32, "
                "float16 or bfloat16",
                code="dtype",
            )
        if not bool(torch.isfinite(value).all()):
            raise ModelError(
                f"{name}: tensor “{key}” holds values that are not finite",
                code="not_finite",
            )
    network.load_state_dict(state)


def tensors_from_bytes(data: bytes, path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file.

    Raises:
        ModelError: The bytes are not such a file; `path` is named.
    """
    # The header's length is declared in the file: check it before it is believed.
    n_header = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else -1
    if not 0 < n_header <= min(len(data) - 8, _MAX_HEADER_BYTES):
        raise ModelError(f"{path} is not a safetensors file", code="weights")
    try:
        tensors: dict[str, Any] = load_bytes(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is damaged: {error}", code="weights") from error
    return tensors
