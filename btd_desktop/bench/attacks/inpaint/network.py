"""The conditional U-Net of the diffusion in-painting attacks, for pixels and latents.

It sees the noised content of a slice and of both neighbours, a coarse fill of the hole,
the mask, and a guide map of what shall be drawn there; so the slices of a place can be
sampled together and agree. Roles of the inputs as in latent in-painting (Rombach et
al. 2022, section 4.5: noised content, mask, masked image); sizes are our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

N_FACTS = 6
"""Facts about a slice that steer the network; see `InpaintUnet`."""

_EMBEDDING = 64
_FREQUENCIES = (0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class InpaintConfig:
    """Size and scales of an in-painting network.

    Attributes:
        channels: Channels of the content: 1 for pixels, 4 for latents.
        fold: Pixels folded into channels on each axis before the first convolution
            (2 for pixels, 1 for latents), which saves most of the cost.
        widths: Channels at full, half and quarter of the folded resolution.
        deep_blocks: Residual blocks at the lowest resolution.
        content_std: Standard deviation of what is diffused (content less fill), the
            sigma_data of Karras et al. 2022.
        lowest, highest: Noise levels between which sampling runs.
    """

    channels: int
    fold: int
    widths: tuple[int, int, int]
    deep_blocks: int
    content_std: float
    lowest: float
    highest: float


class _Block(nn.Module):
    """Two 3x3 convolutions, steered by scale and shift, plus identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.film = nn.Linear(_EMBEDDING, 2 * width)
        # Near the identity at first: stable without normalisation, which would lose
        # the very noise amplitude that has to be matched.
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)
        with torch.no_grad():
            self.conv2.weight.mul_(0.2)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        y = functional.silu(self.conv1(x) * (1.0 + scale) + shift)
        out: Tensor = x + self.conv2(y)
        return out


class InpaintUnet(nn.Module):
    """Raw network F of the preconditioned denoiser (`inpaint.diffusion.denoised`).

    `forward` takes
    - noised (N, 3 C, H, W): noised content of the slice before, the slice itself and
      the slice behind, scaled to about unit variance; zeros for a slice that is not
      there;
    - fill (N, C, H, W): the content with the hole filled smoothly;
    - mask (N, 1, H, W): 1 in the hole;
    - guide (N, 1, H, W): share of solid tissue wanted, in [0, 1];
    - sigma (N,): noise level;
    - facts (N, 6): log of the scan's noise, slice distance, pixel size, whether there
      is a slice before and behind, width of the nodule wanted in this slice (0: none);
    and returns (N, C, H, W). H and W are multiples of 4 times the fold.
    """

    def __init__(self, config: InpaintConfig) -> None:
        super().__init__()
        self.config = config
        w0, w1, w2 = config.widths
        folded = config.fold**2
        n_inputs = (4 * config.channels + 2) * folded
        self.embed = nn.Sequential(
            nn.Linear(2 * len(_FREQUENCIES) + N_FACTS, _EMBEDDING),
            nn.SiLU(),
            nn.Linear(_EMBEDDING, _EMBEDDING),
            nn.SiLU(),
        )
        self.stem = nn.Conv2d(n_inputs, w0, 3, padding=1)
        self.down0 = _Block(w0)
        self.to1 = nn.Conv2d(w0, w1, 2, stride=2)
        self.down1 = _Block(w1)
        self.to2 = nn.Conv2d(w1, w2, 2, stride=2)
        self.deep = nn.ModuleList([_Block(w2) for _ in range(config.deep_blocks)])
        self.from2 = nn.ConvTranspose2d(w2, w1, 2, stride=2)
        self.up1 = _Block(w1)
        self.from1 = nn.ConvTranspose2d(w1, w0, 2, stride=2)
        self.up0 = _Block(w0)
        self.head = nn.Conv2d(w0, config.channels * folded, 3, padding=1)
        nn.init.zeros_(self.head.weight)

    def forward(
        self,
        noised: Tensor,
        fill: Tensor,
        mask: Tensor,
        guide: Tensor,
        sigma: Tensor,
        facts: Tensor,
    ) -> Tensor:
        """F, shape (N, C, H, W); the inputs are described above."""
        level = torch.log(sigma.float().clamp_min(1e-5) / self.config.content_std)
        waves = torch.tensor(_FREQUENCIES, device=sigma.device) * (math.pi / 2)
        angles = level[:, None] * waves
        embedding = self.embed(
            torch.cat([torch.sin(angles), torch.cos(angles), facts.float()], dim=1)
        )
        x = torch.cat([noised, fill, mask, guide], dim=1)
        h0 = self.stem(functional.pixel_unshuffle(x, self.config.fold))
        h0 = self.down0(h0, embedding)
        h1 = self.down1(self.to1(h0), embedding)
        h2 = self.to2(h1)
        for block in self.deep:
            h2 = block(h2, embedding)
        h1 = self.up1(h1 + self.from2(h2), embedding)
        h0 = self.up0(h0 + self.from1(h1), embedding)
        out: Tensor = functional.pixel_shuffle(self.head(h0), self.config.fold)
        return out
