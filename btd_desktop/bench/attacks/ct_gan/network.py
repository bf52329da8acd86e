"""The two networks of a CT-GAN-style attack: a pix2pix U-Net and a patch critic in 3-D.

Layout after Mirsky et al. 2019 (CT-GAN), with the width as a parameter: the published
generator is 100 wide, ours must train on a processor.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CUBE = 32
"""Side of the cube that both networks see, in voxels of 1 mm."""

_KERNEL = 4
_SLOPE = 0.2
_DROPOUT = 0.5

# Keras keeps 0.8 of the old moving average, torch names the share of the new one.
_NORM_MOMENTUM = 0.2
_NORM_EPS = 1e-3


def _norm(width: int) -> nn.BatchNorm3d:
    return nn.BatchNorm3d(width, eps=_NORM_EPS, momentum=_NORM_MOMENTUM)


class _Down(nn.Module):
    """Convolution of stride 2, leaky ReLU, then batch normalisation (not at first)."""

    def __init__(self, inward: int, outward: int, *, normalised: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inward, outward, _KERNEL, stride=2, padding=1)
        self.norm: nn.Module = _norm(outward) if normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(functional.leaky_relu(self.conv(x), _SLOPE))
        return y


class _SameConv(nn.Module):
    """Convolution of an even kernel that keeps the size, the odd voxel padded last."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inward, outward, _KERNEL)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(functional.pad(x, (1, 2, 1, 2, 1, 2)))
        return y


class _UpConv(nn.Module):
    """Nearest up-sampling by 2, then a size-keeping convolution of kernel 4.

    Computed as one convolution of kernel 3 on the coarse grid whose outputs are the 8
    positions of each fine 2^3 block: the same sum with 2.4 times fewer products, since
    neighbouring fine voxels share one coarse value.
    """

    _folds: Tensor

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inward, outward, _KERNEL)
        folds = torch.zeros(2, 3, _KERNEL)
        for phase in range(2):
            for tap in range(_KERNEL):
                folds[phase, (phase + tap - 1) // 2 + 1, tap] = 1.0
        self.register_buffer("_folds", folds, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.conv.weight, self.conv.bias
        outward, inward = weight.shape[:2]
        f = self._folds
        for _ in range(3):
            # Folds the first remaining kernel axis, and puts phase and tap last.
            weight = torch.einsum("pok,...k->...po", f, weight.movedim(2, -1))
        # Now (outward, inward, z phase, z, y phase, y, x phase, x).
        weight = weight.permute(0, 2, 4, 6, 1, 3, 5, 7)
        weight = weight.reshape(outward * 8, inward, 3, 3, 3)
        spread = None if bias is None else bias.repeat_interleave(8)
        y = functional.conv3d(x, weight, spread, padding=1)
        n, _, d, h, w = y.shape
        y = y.reshape(n, outward, 2, 2, 2, d, h, w).permute(0, 1, 5, 2, 6, 3, 7, 4)
        return y.reshape(n, outward, 2 * d, 2 * h, 2 * w)


class _Up(nn.Module):
    """Up-sampling convolution, ReLU, dropout, normalisation, and the skip."""

    def __init__(self, inward: int, outward: int) -> None:
        super().__init__()
        self.conv = _UpConv(inward, outward)
        self.dropout = nn.Dropout(_DROPOUT)
        self.norm = _norm(outward)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.norm(self.dropout(functional.relu(self.conv(x))))
        return torch.cat([x, skip], dim=1)


class Generator(nn.Module):
    """U-Net that fills the hole of a masked cube: (B, 1, 32, 32, 32) in and out.

    Args:
        width: Filters of the first level (100 in the published attack).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.width = width
        self.down = nn.ModuleList(
            [
                _Down(1, w, normalised=False),
                _Down(w, 2 * w),
                _Down(2 * w, 4 * w),
                _Down(4 * w, 8 * w),
                _Down(8 * w, 8 * w),
            ]
        )
        self.up = nn.ModuleList(
            [_Up(8 * w, 8 * w), _Up(16 * w, 4 * w), _Up(8 * w, 2 * w), _Up(4 * w, w)]
        )
        self.last = _UpConv(2 * w, 1)

    def forward(self, masked: Tensor) -> Tensor:
        """The whole cube, redrawn, in normalised values within (-1, 1)."""
        levels = [masked]
        for down in self.down:
            levels.append(down(levels[-1]))
        x = levels.pop()
        for up in self.up:
            x = up(x, levels.pop())
        return torch.tanh(self.last(x))


class Discriminator(nn.Module):
    """Critic of patches: judges a cube beside its masked cube, (B, 1, 2, 2, 2) out.

    Args:
        width: Filters of the first level.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.width = width
        self.down = nn.Sequential(
            _Down(2, w, normalised=False),
            _Down(w, 2 * w),
            _Down(2 * w, 4 * w),
            _Down(4 * w, 8 * w),
        )
        self.last = _SameConv(8 * w, 1)

    def forward(self, cube: Tensor, masked: Tensor) -> Tensor:
        """Judgement of each patch: towards 0 for real, 1 for redrawn."""
        y: Tensor = self.last(self.down(torch.cat([cube, masked], dim=1)))
        return y
