"""In-painting networks on disk: weights in half precision, checked on loading."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from btd_desktop.bench.attacks.attack_files import (
    attacks_dir,
    read_attack,
    write_attack,
)
from btd_desktop.bench.attacks.inpaint.latent_autoencoder import LatentAutoencoder
from btd_desktop.bench.attacks.inpaint.network import InpaintConfig, InpaintUnet
from btd_desktop.diffusion.checkpoint import install_weights, weights_bytes
from btd_desktop.errors import ModelError
from btd_desktop.strict_json import record_from_json

PIXEL, AUTOENCODER, LATENT = "inpaint-pixel", "inpaint-vae", "inpaint-latent"
"""Names of the three networks in `assets/attacks`."""

_SCRIPT = "benchmarks/train_inpainting.py"


def save_attack_weights(
    folder: Path, name: str, state: Mapping[str, Tensor], card: Mapping[str, Any]
) -> None:
    """Write weights in half precision and a card that names them.

    Raises:
        ModelError: The folder cannot be written.
    """
    weights = weights_bytes(state, torch.float16)
    write_attack(folder, name, weights, {"name": name, **card})


@lru_cache(maxsize=4)
def load_inpainter(name: str, folder: Path | None = None) -> InpaintUnet:
    """An in-painting network with its trained weights, for evaluation only.

    Args:
        name: `PIXEL` or `LATENT`.
        folder: Where to look; `attacks_dir()` if not given.

    Raises:
        ModelError: Weights or card are missing, damaged or do not belong together.
    """
    state, card = _read(name, folder)
    try:
        config = record_from_json(InpaintConfig, card["network"])
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
    state, card = _read(AUTOENCODER, folder)
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


def _read(name: str, folder: Path | None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors, card = read_attack(folder or attacks_dir(), name, script=_SCRIPT)
    return {k: v.float() for k, v in tensors.items()}, card
