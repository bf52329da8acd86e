"""Weights and cards of the in-painting networks: float16 on disk, checked on loading.

The files lie in `assets/attacks`: `NAME.safetensors` with the weights and `NAME.json`
with the card. Weights are read through `btd_desktop.diffusion.checkpoint`, which alone
knows the reading library and never unpickles.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from btd_desktop.bench.attacks.inpaint_network import InpaintConfig, InpaintUnet
from btd_desktop.bench.attacks.latent_autoencoder import LatentAutoencoder
from btd_desktop.diffusion.checkpoint import install_weights, tensors_from_bytes
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ModelError
from btd_desktop.paths import assets_dir

__all__ = [
    "AUTOENCODER",
    "LATENT",
    "PIXEL",
    "attacks_dir",
    "half_weights_bytes",
    "load_autoencoder",
    "load_inpainter",
    "save_attack_weights",
]

PIXEL, AUTOENCODER, LATENT = "inpaint-pixel", "inpaint-vae", "inpaint-latent"
"""Names of the three networks in `assets/attacks`."""

_MAX_BYTES = 16 << 20


def attacks_dir() -> Path:
    """Folder of the weights that attacks of the bench use."""
    return assets_dir() / "attacks"


def half_weights_bytes(state: Mapping[str, Tensor]) -> bytes:
    """Weights as a safetensors file in float16, in a stable order.

    The layout is an 8-byte little-endian length, a JSON header of that length and the
    tensors one after the other (safetensors format, version 0.3).
    """
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    begin = 0
    for name, value in sorted(state.items()):
        half = value.detach().to("cpu", torch.float16).contiguous()
        data = half.numpy().tobytes()
        header[name] = {
            "dtype": "F16",
            "shape": list(value.shape),
            "data_offsets": [begin, begin + len(data)],
        }
        begin += len(data)
        parts.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def save_attack_weights(
    folder: Path, name: str, state: Mapping[str, Tensor], card: Mapping[str, Any]
) -> None:
    """Write weights and card, each atomically; the card gets the weights' digest.

    Raises:
        ModelError: The folder cannot be written.
    """
    data = half_weights_bytes(state)
    full = {"name": name, **card, "weights_sha256": bytes_digest(data)}
    text = json.dumps(full, indent=2, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for ending, content in ((".safetensors", data), (".json", text.encode())):
            temporary = folder / f"{name}{ending}.part"
            temporary.write_bytes(content)
            temporary.replace(folder / f"{name}{ending}")
    except OSError as error:
        raise ModelError(
            f"the weights cannot be written to {folder}: {error.strerror}",
            code="write",
        ) from error


@lru_cache(maxsize=4)
def load_inpainter(name: str, folder: Path | None = None) -> InpaintUnet:
    """An in-painting network with its trained weights, for evaluation only.

    Args:
        name: `PIXEL` or `LATENT`.
        folder: Where to look; `attacks_dir()` if not given.

    Raises:
        ModelError: Weights or card are missing, damaged or do not belong together.
    """
    state, card = _read(name, folder or attacks_dir())
    try:
        config = InpaintConfig.from_json(card["network"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the card of the attack {name} describes no network: {error!r}",
            code="card",
        ) from error
    network = InpaintUnet(config)
    install_weights(network, state, name)
    network.eval().requires_grad_(False)
    return network


@lru_cache(maxsize=2)
def load_autoencoder(folder: Path | None = None) -> LatentAutoencoder:
    """The autoencoder of the latent attack with its trained weights.

    Raises:
        ModelError: As `load_inpainter`.
    """
    state, card = _read(AUTOENCODER, folder or attacks_dir())
    try:
        first, second = (int(w) for w in card["network"]["widths"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the card of the attack {AUTOENCODER} describes no network: {error!r}",
            code="card",
        ) from error
    network = LatentAutoencoder((first, second))
    install_weights(network, state, AUTOENCODER)
    network.eval().requires_grad_(False)
    return network


def _read(name: str, folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    path = folder / f"{name}.safetensors"
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{path} is larger than 16 MiB", code="size")
        data = path.read_bytes()
        card = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"the weights of the attack {name} cannot be read: {error.strerror}",
            hint="train them with benchmarks/train_inpainting.py",
            code="weights",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{folder / name}.json is damaged: {error}") from error
    if not isinstance(card, dict) or card.get("weights_sha256") != bytes_digest(data):
        raise ModelError(
            f"{path} is not the file that its card names", code="weights_digest"
        )
    tensors = tensors_from_bytes(data, path)
    return {k: v.float() for k, v in tensors.items()}, card
