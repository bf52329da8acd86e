"""The in-painting network: shapes, and that each input has a say."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import pytest
import torch

from btd_desktop.bench.attacks.inpaint.network import InpaintConfig, InpaintUnet
from btd_desktop.strict_json import plain_json, record_from_json

PIXELS = InpaintConfig(1, 2, (8, 8, 8), 1, 0.2, 0.01, 1.0)
LATENTS = InpaintConfig(4, 1, (8, 8, 8), 1, 0.7, 0.03, 3.0)


def _inputs(config: InpaintConfig, side: int) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(1)
    c = config.channels
    shapes = [(2, 3 * c, side, side), (2, c, side, side), (2, 1, side, side)]
    images = [torch.randn(s, generator=g) for s in [*shapes, shapes[2]]]
    return [*images, torch.tensor([0.1, 0.5]), torch.randn((2, 6), generator=g)]


def _awake(config: InpaintConfig) -> InpaintUnet:
    torch.manual_seed(0)
    network = InpaintUnet(config)
    # Fresh heads and steering are zero on purpose; a trained network's are not.
    with torch.no_grad():
        for name, value in network.named_parameters():
            if "film" in name or "head" in name:
                value.normal_(0.0, 0.1)
    return network


@pytest.mark.parametrize(("config", "side"), [(PIXELS, 32), (LATENTS, 8)])
def test_output_has_the_shape_of_one_slice(config, side):
    out = InpaintUnet(config)(*_inputs(config, side))
    assert out.shape == (2, config.channels, side, side)


@pytest.mark.parametrize("which", range(6))
def test_every_input_changes_the_output(which):
    network = _awake(PIXELS)
    inputs = _inputs(PIXELS, 16)
    first = network(*inputs)
    inputs[which] = inputs[which] * 1.5 + 0.1
    assert not torch.allclose(first, network(*inputs))


def test_config_survives_the_card():
    assert record_from_json(InpaintConfig, plain_json(LATENTS)) == LATENTS
