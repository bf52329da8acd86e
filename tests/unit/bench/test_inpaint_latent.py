"""The autoencoder of the latent attack."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import pytest
import torch

from btd_desktop.bench.attacks.inpaint.latent_autoencoder import (
    LatentAutoencoder,
    autoencoder_loss,
)


def test_round_trip_keeps_the_shape():
    network = LatentAutoencoder((8, 8))
    images = torch.zeros(2, 1, 96, 96)
    latents = network.encode(images)
    assert latents.shape == (2, 4, 24, 24)
    assert network.decode(latents).shape == images.shape


def test_latents_are_handed_out_in_units_of_their_spread():
    network = LatentAutoencoder((8, 8))
    images = torch.randn((2, 1, 32, 32), generator=torch.Generator().manual_seed(0))
    raw = network.encode(images)
    decoded = network.decode(raw)
    network.latent_std.fill_(2.5)
    assert torch.allclose(network.encode(images), raw / 2.5)
    assert torch.allclose(network.decode(raw / 2.5), decoded, atol=1e-5)


@pytest.mark.slow
def test_loss_falls_while_learning():
    torch.manual_seed(0)
    network = LatentAutoencoder((8, 8))
    g = torch.Generator().manual_seed(0)
    rows = torch.linspace(-1, 1, 16)
    images = (rows[:, None] * rows[None, :]).expand(4, 1, 16, 16)
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    losses = []
    for _ in range(40):
        loss = autoencoder_loss(network, images, g)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]
