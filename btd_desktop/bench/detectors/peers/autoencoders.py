"""The paper's auto-encoders, written anew from their descriptions.

All take patches of scaled intensities in [0, 1], shape (N, 1, 96, 96), and are trained
on genuine ones only; a high score means that the patch could not be given back. Widths
that are below those described are said so in `registry`.
"""

from __future__ import annotations

import itertools
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE: Final = 96
HOLE: Final = 32


class Autoencoder(nn.Module):
    """“AE”: four strided convolutions down, four transposed ones up, sigmoid."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = [1, *(width << k for k in range(4))]
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [nn.Conv2d(a, b, 4, 2, 1), nn.BatchNorm2d(b), nn.ReLU()]
        for a, b in itertools.pairwise(widths[::-1]):
            layers.append(nn.ConvTranspose2d(a, b, 4, 2, 1))
            layers += [nn.BatchNorm2d(b), nn.ReLU()] if b > 1 else [nn.Sigmoid()]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The patch given back, (N, 1, H, W)."""
        out: Tensor = self.layers(x)
        return out


class UnetAutoencoder(nn.Module):
    """“U-Net AE” of `features` at full resolution; 16 gives 1,942,289 parameters.

    Layout of the U-Net whose argument the paper names (`init_features`): four levels
    with two 3x3 convolutions, batch normalisation and ReLU, max-pooling, transposed
    2x2 convolutions, concatenated skips, 1x1 convolution and sigmoid.
    """

    def __init__(self, features: int = 16) -> None:
        super().__init__()
        widths = [features << k for k in range(5)]
        self.downs = nn.ModuleList(
            [_pair(a, b) for a, b in itertools.pairwise([1, *widths])]
        )
        self.ups = nn.ModuleList(
            [
                nn.ModuleList([nn.ConvTranspose2d(2 * w, w, 2, 2), _pair(2 * w, w)])
                for w in widths[3::-1]
            ]
        )
        self.last = nn.Conv2d(features, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """The patch given back, (N, 1, H, W); H and W divide by 16."""
        skips: list[Tensor] = []
        for k, down in enumerate(self.downs):
            x = down(functional.max_pool2d(x, 2) if k else x)
            skips.append(x)
        skips.pop()
        for level in self.ups:
            up, both = level.children()
            x = both(torch.cat((up(x), skips.pop()), dim=1))
        return torch.sigmoid(self.last(x))


def _pair(width_in: int, width_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for w in (width_in, width_out):
        layers += [
            nn.Conv2d(w, width_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(width_out),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


class InpaintAutoencoder(nn.Module):
    """“In-paint AE” (Haselmann et al. 2018): the centre is cut out and filled in.

    Patch with its centre 32x32 set to the patch's mean, and a mask; two halvings,
    dilated convolutions of 2, 4, 8 and 16, ELU. Sizes are ours: those of the source
    could not be had.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        w2, w4 = 2 * width, 4 * width
        self.layers = nn.Sequential(
            nn.Conv2d(2, width, 5, padding=2), nn.ELU(),
            nn.Conv2d(width, w2, 3, 2, 1), nn.ELU(),
            nn.Conv2d(w2, w4, 3, 2, 1), nn.ELU(),
            *itertools.chain.from_iterable(
                (nn.Conv2d(w4, w4, 3, padding=d, dilation=d), nn.ELU())
                for d in (2, 4, 8, 16)
            ),
            nn.ConvTranspose2d(w4, w2, 4, 2, 1), nn.ELU(),
            nn.ConvTranspose2d(w2, width, 4, 2, 1), nn.ELU(),
            nn.Conv2d(width, 1, 3, padding=1), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """The whole patch, its centre guessed, (N, 1, H, W)."""
        mask = hole_like(x)
        mean = x.mean(dim=(2, 3), keepdim=True)
        seen = torch.where(mask > 0, mean, x)
        out: Tensor = self.layers(torch.cat((seen, mask), dim=1))
        return out


def hole_like(x: Tensor) -> Tensor:
    """1 in the central 32x32, else 0; of the shape of patches."""
    mask = torch.zeros_like(x)
    low = (x.shape[-1] - HOLE) // 2
    mask[..., low : low + HOLE, low : low + HOLE] = 1.0
    return mask


class OneClassVae(nn.Module):
    """“OC-VAE” (Khalid and Woo 2020): a variational auto-encoder of genuine patches.

    Convolutions 16, 32 (halving), 64, 16 (halving), a layer of `hidden`, latent means
    and variances of the same size, and the mirror. Intensities in [-1, 1] inside.
    """

    def __init__(self, hidden: int = 1024) -> None:
        super().__init__()
        flat = 16 * (SIDE // 4) ** 2
        encoder: list[nn.Module] = []
        for a, b, stride in ((1, 16, 1), (16, 32, 2), (32, 64, 1), (64, 16, 2)):
            encoder += [nn.Conv2d(a, b, 3, stride, 1), nn.BatchNorm2d(b), nn.ReLU()]
        self.encoder = nn.Sequential(
            *encoder, nn.Flatten(), nn.Linear(flat, hidden), nn.BatchNorm1d(hidden),
            nn.ReLU(),
        )  # fmt: skip
        self.mean = nn.Linear(hidden, hidden)
        self.log_variance = nn.Linear(hidden, hidden)
        self.decoder = nn.Sequential(
            nn.Linear(hidden, flat), nn.BatchNorm1d(flat), nn.ReLU(),
            nn.Unflatten(1, (16, SIDE // 4, SIDE // 4)),
            nn.ConvTranspose2d(16, 64, 3, 1, 1), nn.BatchNorm2d(64), nn.ReLU(),
            nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, 2, 1),
        )  # fmt: skip

    def encoded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Latent means and log variances of patches in [-1, 1], each (N, hidden)."""
        inner = self.encoder(x)
        return self.mean(inner), self.log_variance(inner)

    def decoded(self, latent: Tensor) -> Tensor:
        """Patches in about [-1, 1] of latent values."""
        out: Tensor = self.decoder(latent)
        return out


def mean_square_loss(network: nn.Module, x: Tensor, _: torch.Generator) -> Tensor:
    """Mean squared error of the patch given back."""
    return functional.mse_loss(network(x), x)


def mean_square_score(network: nn.Module, x: Tensor) -> Tensor:
    """The same for each patch, (N,)."""
    out: Tensor = (network(x) - x).square().mean(dim=(1, 2, 3))
    return out


def hole_loss(network: nn.Module, x: Tensor, _: torch.Generator) -> Tensor:
    """Mean absolute error, outside the hole a tenth as heavy."""
    weight = hole_like(x) * 0.9 + 0.1
    out: Tensor = (weight * (network(x) - x).abs()).sum() / weight.sum()
    return out


def hole_score(network: nn.Module, x: Tensor) -> Tensor:
    """Mean absolute error inside the hole, (N,)."""
    mask = hole_like(x)
    error = (mask * (network(x) - x).abs()).sum(dim=(1, 2, 3))
    out: Tensor = error / mask.sum(dim=(1, 2, 3))
    return out


def vae_loss(network: nn.Module, x: Tensor, generator: torch.Generator) -> Tensor:
    """Summed squared error plus divergence from a standard normal, by patch."""
    assert isinstance(network, OneClassVae)  # noqa: S101 - a type, not a check
    scaled = x * 2.0 - 1.0
    mean, log_variance = network.encoded(scaled)
    drawn = torch.randn(mean.shape, generator=generator)
    back = network.decoded(mean + drawn * (0.5 * log_variance).exp())
    error = (back - scaled).square().sum()
    apart = -0.5 * (1.0 + log_variance - mean.square() - log_variance.exp()).sum()
    out: Tensor = (error + apart) / len(x)
    return out


def vae_score(network: nn.Module, x: Tensor) -> Tensor:
    """OC-FakeDect1: root of the mean squared error of the patch given back, (N,)."""
    assert isinstance(network, OneClassVae)  # noqa: S101 - a type, not a check
    scaled = x * 2.0 - 1.0
    back = network.decoded(network.encoded(scaled)[0])
    out: Tensor = (back - scaled).square().mean(dim=(1, 2, 3)).sqrt()
    return out


def vae_latent_score(network: nn.Module, x: Tensor) -> Tensor:
    """OC-FakeDect2: the same of latent means, of the patch and of what came back."""
    assert isinstance(network, OneClassVae)  # noqa: S101 - a type, not a check
    mean = network.encoded(x * 2.0 - 1.0)[0]
    again = network.encoded(network.decoded(mean))[0]
    out: Tensor = (again - mean).square().mean(dim=1).sqrt()
    return out
