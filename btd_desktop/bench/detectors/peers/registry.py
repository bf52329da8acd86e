"""The trained peers by name, with what each row must say of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    Loss = Callable[[nn.Module, Tensor, torch.Generator], Tensor]
    Score = Callable[[nn.Module, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Peer:
    """A network that is trained on genuine patches, and its scores.

    Attributes:
        name: Folder of its weights.
        build: The network with random weights.
        loss: What training lowers: network, patches (N, 1, P, P) in [0, 1], generator.
        scores: Heading in tables -> number of each patch (N,), higher for tampered.
        steps: Optimiser steps that are worth training.
        batch: Patches a step.
        rate: Adam's learning rate.
        remark: How it is smaller than its source; "" where it is not.
    """

    name: str
    build: Callable[[], nn.Module]
    loss: Loss
    scores: Mapping[str, Score]
    steps: int = 3_000
    batch: int = 16
    rate: float = 1e-3
    remark: str = ""


def peers() -> Mapping[str, Peer]:
    """All peers by name; loads torch."""
    from btd_desktop.bench.detectors.peers import autoencoders as ae

    found = (
        Peer(
            "autoencoder",
            lambda: ae.Autoencoder(16),
            ae.mean_square_loss,
            {"AE": ae.mean_square_score},
            remark="half the width described",
        ),
        Peer(
            "unet-autoencoder",
            ae.UnetAutoencoder,
            ae.mean_square_loss,
            {"U-Net AE": ae.mean_square_score},
            batch=8,
        ),
        Peer(
            "inpaint-autoencoder",
            ae.InpaintAutoencoder,
            ae.hole_loss,
            {"In-paint AE": ae.hole_score},
            remark="layers of our own choice",
        ),
        Peer(
            "oc-vae",
            lambda: ae.OneClassVae(128),
            ae.vae_loss,
            {"OC-VAE 1": ae.vae_score, "OC-VAE 2": ae.vae_latent_score},
            remark="latent and hidden layer of 128 instead of 1,024",
        ),
    )
    return MappingProxyType({peer.name: peer for peer in found})
