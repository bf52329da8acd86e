"""Builds a network from its description in a model card."""

from __future__ import annotations

import torch
from msgspec import convert
from torch import nn

from btd_desktop.diffusion.lean import LeanDenoiser
from btd_desktop.diffusion.unet import ReferenceUnet
from btd_desktop.errors import ModelError
from btd_desktop.scoring.card import LeanNetwork, Network
from btd_desktop.strict_json import plain_json

# A card comes from outside: it must not be able to ask for terabytes. The largest
# network that anybody used for this (dim 64) has 36 million parameters.
_MAX_PARAMETERS = 150_000_000


def build_network(description: Network) -> nn.Module:
    """A network with fresh weights, as described in a card.

    Raises:
        ModelError: A size is out of range, or the network larger than any in use.
    """
    try:
        convert(plain_json(description), Network)
    except ValueError as error:
        raise ModelError(
            f"the model card describes a network that cannot be built: {error}",
            code="network",
        ) from error
    with torch.device("meta"):
        n_parameters = parameter_count(_built(description))
    if n_parameters > _MAX_PARAMETERS:
        raise ModelError(
            f"the model card describes a network of {n_parameters:,} parameters; "
            f"at most {_MAX_PARAMETERS:,} are accepted",
            code="network",
        )
    return _built(description)


def _built(description: Network) -> nn.Module:
    if isinstance(description, LeanNetwork):
        return LeanDenoiser(description)
    return ReferenceUnet(description.dim, description.multipliers)


def parameter_count(network: nn.Module) -> int:
    """Number of learned values."""
    return sum(p.numel() for p in network.parameters())
