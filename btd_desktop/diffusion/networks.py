"""Builds a network from its description in a model card, and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from btd_desktop.diffusion.lean import LeanConfig, LeanDenoiser
from btd_desktop.diffusion.unet import ReferenceUnet
from btd_desktop.errors import ModelError

# A card comes from outside: it must not be able to ask for terabytes. The largest
# network that anybody used for this (dim 64) has 36 million parameters.
_MAX_WIDTH = 512
_MAX_PARAMETERS = 150_000_000


def build_network(description: dict[str, Any]) -> nn.Module:
    """A network with fresh weights, as described in a card.

    Args:
        description: {"kind": "lean", "widths": [24, 48, 96], "deep_blocks": 2} or
            {"kind": "reference", "dim": 32, "multipliers": [1, 2, 4, 8]}.

    Raises:
        ModelError: The description is not one of these.
    """
    builders = {"lean": _build_lean, "reference": _build_reference}
    try:
        build = builders[description["kind"]]
        with torch.device("meta"):
            n_parameters = parameter_count(build(description))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(
            f"the model card describes a network that cannot be built: {error}",
            code="network",
        ) from error
    if n_parameters > _MAX_PARAMETERS:
        raise ModelError(
            f"the model card describes a network of {n_parameters:,} parameters; "
            f"at most {_MAX_PARAMETERS:,} are accepted",
            code="network",
        )
    return build(description)


def _build_lean(description: dict[str, Any]) -> nn.Module:
    config = LeanConfig.from_json(description)
    sizes = (*config.widths, config.deep_blocks)
    if max(sizes) > _MAX_WIDTH or min(sizes) < 1:
        raise ValueError(f"sizes out of range: {sizes}")
    return LeanDenoiser(config)


def _build_reference(description: dict[str, Any]) -> nn.Module:
    dim = int(description["dim"])
    multipliers = [int(m) for m in description["multipliers"]]
    if not (8 <= dim <= _MAX_WIDTH and dim % 8 == 0 and len(multipliers) == 4):
        raise ValueError(f"dim {dim} with multipliers {multipliers}")
    if not all(1 <= m <= 16 for m in multipliers):
        raise ValueError(f"multipliers out of range: {multipliers}")
    return ReferenceUnet(dim, multipliers)


def describe_network(network: nn.Module) -> dict[str, Any]:
    """The description from which `build_network` builds the same network.

    Raises:
        TypeError: The network is of neither kind.
    """
    if isinstance(network, LeanDenoiser):
        return {"kind": "lean", **network.config.to_json()}
    if isinstance(network, ReferenceUnet):
        return {
            "kind": "reference",
            "dim": network.dim,
            "multipliers": list(network.multipliers),
        }
    raise TypeError(f"not one of our networks: {type(network).__name__}")


def parameter_count(network: nn.Module) -> int:
    """Number of learned values."""
    return sum(p.numel() for p in network.parameters())
