"""A tiny convolutional variational autoencoder: 96x96 pixels to 24x24x4 and back.

Roles as in latent diffusion (Rombach et al. 2022, section 3.1 and appendix G): four
times smaller on each axis, four channels, a very small Kullback-Leibler weight. What it
loses is what latent attacks lose: most of the scan's noise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from btd_desktop.diffusion.evidence import ResidualBlock

LATENT_CHANNELS = 4
LATENT_STRIDE = 4
"""Pixels per latent cell on each axis."""

_KL_WEIGHT = 1e-5
_SHARP_WEIGHT = 0.5


class LatentAutoencoder(nn.Module):
    """Encoder and decoder; images are (N, 1, H, W) on [-1, 1], sides multiples of 4.

    Attributes:
        latent_std: Spread of raw latents of the training patches, a buffer kept with
            the weights; latents are handed out divided by it.
    """

    latent_std: Tensor

    def __init__(self, widths: tuple[int, int] = (40, 80)) -> None:
        super().__init__()
        w0, w1 = widths
        self.widths = widths
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4, w0, 3, padding=1),
            ResidualBlock(w0),
            nn.Conv2d(w0, w1, 2, stride=2),
            ResidualBlock(w1),
            ResidualBlock(w1),
            nn.Conv2d(w1, 2 * LATENT_CHANNELS, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(LATENT_CHANNELS, w1, 3, padding=1),
            ResidualBlock(w1),
            ResidualBlock(w1),
            nn.ConvTranspose2d(w1, w0, 2, stride=2),
            ResidualBlock(w0),
            ResidualBlock(w0),
            nn.Conv2d(w0, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.register_buffer("latent_std", torch.ones(()))

    def moments(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of raw latents, (N, 4, H / 4, W / 4) each."""
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-20.0, 5.0)

    def encode(self, images: Tensor) -> Tensor:
        """Mean latents of about unit spread, (N, 4, H / 4, W / 4)."""
        return self.moments(images)[0] / self.latent_std

    def decode(self, latents: Tensor) -> Tensor:
        """Images (N, 1, H, W) from latents as `encode` gives them."""
        out: Tensor = self.decoder(latents * self.latent_std)
        return out.float()


def autoencoder_loss(
    network: LatentAutoencoder, images: Tensor, generator: torch.Generator
) -> Tensor:
    """Absolute error of pixels and of their differences, and a little KL divergence.

    Args:
        network: The autoencoder that learns; its `latent_std` is 1 meanwhile.
        images: (N, 1, H, W) on [-1, 1].
        generator: Source of the latent noise.
    """
    mean, log_variance = network.moments(images)
    noise = torch.randn(mean.shape, generator=generator)
    latent = mean + torch.exp(0.5 * log_variance) * noise
    error = network.decoder(latent).float() - images
    # Differences of neighbours: edges and texture count beside the flat areas.
    down, right = error.diff(dim=2).abs().mean(), error.diff(dim=3).abs().mean()
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).mean()
    loss: Tensor = (
        error.abs().mean() + _SHARP_WEIGHT * (down + right) + _KL_WEIGHT * divergence
    )
    return loss
