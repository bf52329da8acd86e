"""Our own noise predictor: small, fully convolutional, exact on whole slices.

Nothing in it looks further than 32 pixels: no attention, no normalisation over
space. One pass over a whole slice therefore gives, in the centre 32x32 of any patch
of 96x96, exactly what a pass over that patch alone would give (up to the rounding of
floating point), and one slice costs what a handful of patches cost. It is conditioned
on the noise level itself (log sigma), not on a step number, so one network serves
several levels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from btd_desktop.scoring.card import LeanNetwork

# Scaled intensities span [-1, 1] while the noise that matters is near 0.02: the gain
# brings it to where activations work, without changing what can be represented.
_INPUT_GAIN = 8.0
_EMBEDDING = 32


class _Block(nn.Module):
    """Two 3x3 convolutions with the noise level as scale and shift, plus identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.film = nn.Linear(_EMBEDDING, 2 * width)
        # Starting near the identity keeps a network without normalisation stable.
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        with torch.no_grad():
            self.conv2.weight.mul_(0.2)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        y = functional.silu(self.conv1(x) * (1.0 + scale) + shift)
        out: Tensor = x + self.conv2(y)
        return out


class LeanDenoiser(nn.Module):
    """Noise prediction eps = F(x, sigma) for slices or patches of any size.

    `forward` takes x of shape (N, 1, H, W), scaled to [-1, 1], H and W multiples of
    4, and noise levels of shape (N,), and returns (N, 1, H, W), of unit variance
    where x holds white noise of that level on clean content.
    """

    def __init__(self, config: LeanNetwork | None = None) -> None:
        super().__init__()
        self.config = config or LeanNetwork()
        w0, w1, w2 = self.config.widths
        self.embed = nn.Sequential(
            nn.Linear(8, _EMBEDDING), nn.SiLU(), nn.Linear(_EMBEDDING, _EMBEDDING)
        )
        self.stem = nn.Conv2d(1, w0, 3, padding=1)
        self.down0 = _Block(w0)
        self.to1 = nn.Conv2d(w0, w1, 2, stride=2)
        self.down1 = _Block(w1)
        self.to2 = nn.Conv2d(w1, w2, 2, stride=2)
        self.deep = nn.ModuleList([_Block(w2) for _ in range(self.config.deep_blocks)])
        self.from2 = nn.ConvTranspose2d(w2, w1, 2, stride=2)
        self.up1 = _Block(w1)
        self.from1 = nn.ConvTranspose2d(w1, w0, 2, stride=2)
        self.up0 = _Block(w0)
        self.head = nn.Conv2d(w0, 1, 1)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Noise prediction, shape of x."""
        embedding = self.embed(_level_features(sigma)).to(x.dtype)
        h0 = self.down0(self.stem(x * _INPUT_GAIN), embedding)
        h1 = self.down1(self.to1(h0), embedding)
        h2 = self.to2(h1)
        for block in self.deep:
            h2 = block(h2, embedding)
        h1 = self.up1(h1 + self.from2(h2), embedding)
        h0 = self.up0(h0 + self.from1(h1), embedding)
        out: Tensor = self.head(h0)
        return out


def _level_features(sigma: Tensor) -> Tensor:
    """Sines and cosines of log sigma, shape (N, 8); 0.03 is the middle of our range."""
    u = torch.log(sigma.float().clamp(1e-4, 1.0) / 0.03)[:, None]
    frequencies = torch.tensor([0.25, 0.5, 1.0, 2.0], device=sigma.device) * math.pi / 2
    return torch.cat([torch.sin(u * frequencies), torch.cos(u * frequencies)], dim=1)
