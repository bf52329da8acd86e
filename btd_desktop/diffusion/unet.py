"""The reference network: the DDPM U-Net that the paper's authors used.

Layout and parameter names are those of `denoising_diffusion_pytorch` 1.8.3 (the
version the authors pin), so that their published checkpoints load by name. The
implementation is our own. Sizes (measured on the reference): dim 8 has 673,809
parameters, dim 32 has 9,190,977.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from btd_desktop.diffusion.schedule import NoiseSchedule, sigmoid_schedule

_GROUPS = 8
_HEADS = 4
_HEAD_DIM = 32
_WIDE = _HEADS * _HEAD_DIM


class ReferenceUnet(nn.Module):
    """Noise prediction eps = F(x_t, t) with attention, for patches.

    `forward` takes x of shape (N, 1, H, W), scaled to [-1, 1], H and W multiples of
    8, and noise levels of shape (N,): they are turned into timesteps of the sigmoid
    schedule (levels below the first one are t = 0). Returns (N, 1, H, W).
    """

    def __init__(
        self, dim: int = 32, multipliers: Sequence[int] = (1, 2, 4, 8)
    ) -> None:
        super().__init__()
        self._schedule: NoiseSchedule = sigmoid_schedule()
        time_dim = 4 * dim
        widths = [dim, *(dim * m for m in multipliers)]
        pairs = list(itertools.pairwise(widths))

        self.init_conv = nn.Conv2d(1, dim, 7, padding=3)
        self.time_mlp = nn.Sequential(
            _SinusoidalEmbedding(dim),
            nn.Linear(dim, time_dim),
            nn.GELU(),
            nn.Linear(time_dim, time_dim),
        )
        self.downs = nn.ModuleList()
        for level, (width_in, width_out) in enumerate(pairs):
            last = level == len(pairs) - 1
            self.downs.append(
                nn.ModuleList(
                    [
                        _ResnetBlock(width_in, width_in, time_dim),
                        _ResnetBlock(width_in, width_in, time_dim),
                        _Attention(width_in) if last else _LinearAttention(width_in),
                        nn.Conv2d(width_in, width_out, 3, padding=1)
                        if last
                        else _Downsample(width_in, width_out),
                    ]
                )
            )
        middle = widths[-1]
        self.mid_block1 = _ResnetBlock(middle, middle, time_dim)
        self.mid_attn = _Attention(middle)
        self.mid_block2 = _ResnetBlock(middle, middle, time_dim)
        self.ups = nn.ModuleList()
        for level, (width_in, width_out) in enumerate(reversed(pairs)):
            last = level == len(pairs) - 1
            first = level == 0
            self.ups.append(
                nn.ModuleList(
                    [
                        _ResnetBlock(width_out + width_in, width_out, time_dim),
                        _ResnetBlock(width_out + width_in, width_out, time_dim),
                        _Attention(width_out) if first else _LinearAttention(width_out),
                        nn.Conv2d(width_out, width_in, 3, padding=1)
                        if last
                        else nn.Sequential(
                            nn.Upsample(scale_factor=2, mode="nearest"),
                            nn.Conv2d(width_out, width_in, 3, padding=1),
                        ),
                    ]
                )
            )
        self.final_res_block = _ResnetBlock(2 * dim, dim, time_dim)
        self.final_conv = nn.Conv2d(dim, 1, 1)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        """Noise prediction at the timesteps whose noise levels are `sigma`."""
        steps = [self._schedule.timestep_of_level(float(s)) for s in sigma.tolist()]
        return self.predict_at(x, torch.tensor(steps, device=x.device))

    def predict_at(self, x: Tensor, t: Tensor) -> Tensor:
        """Noise prediction at timesteps t, shape (N,), in [0, T - 1]."""
        # Heads are cut from channels: planes one after another are twice as fast here.
        x = self.init_conv(x.clone(memory_format=torch.contiguous_format))
        first = x
        time = self.time_mlp(t.float()).to(x.dtype)
        skips: list[Tensor] = []
        for level in self.downs:
            block1, block2, attention, down = _parts(level)
            x = block1(x, time)
            skips.append(x)
            x = attention(block2(x, time))
            skips.append(x)
            x = down(x)
        x = self.mid_block2(self.mid_attn(self.mid_block1(x, time)), time)
        for level in self.ups:
            block1, block2, attention, up = _parts(level)
            x = block1(torch.cat((x, skips.pop()), dim=1), time)
            x = block2(torch.cat((x, skips.pop()), dim=1), time)
            x = up(attention(x))
        x = self.final_res_block(torch.cat((x, first), dim=1), time)
        out: Tensor = self.final_conv(x)
        return out


def _parts(level: nn.Module) -> list[nn.Module]:
    return list(level.children())


class _SinusoidalEmbedding(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, t: Tensor) -> Tensor:
        half = self.dim // 2
        exponent = -math.log(10000.0) / (half - 1)
        frequencies = torch.exp(torch.arange(half, device=t.device) * exponent)
        angles = t[:, None] * frequencies[None, :]
        return torch.cat((angles.sin(), angles.cos()), dim=-1)


class _RmsNorm(nn.Module):
    """L2 norm over channels times sqrt(C), with a learned gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1, width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return functional.normalize(x, dim=1) * self.g * math.sqrt(x.shape[1])


class _ConvBlock(nn.Module):
    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(width_in, width_out, 3, padding=1)
        self.norm = nn.GroupNorm(_GROUPS, width_out)

    def forward(self, x: Tensor, scale_shift: tuple[Tensor, Tensor] | None) -> Tensor:
        x = self.norm(self.proj(x))
        if scale_shift is not None:
            scale, shift = scale_shift
            x = x * (scale + 1.0) + shift
        return functional.silu(x)


class _ResnetBlock(nn.Module):
    def __init__(self, width_in: int, width_out: int, time_dim: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, 2 * width_out))
        self.block1 = _ConvBlock(width_in, width_out)
        self.block2 = _ConvBlock(width_out, width_out)
        self.res_conv: nn.Module = (
            nn.Conv2d(width_in, width_out, 1)
            if width_in != width_out
            else nn.Identity()
        )

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.mlp(time)[:, :, None, None].chunk(2, dim=1)
        y = self.block2(self.block1(x, (scale, shift)), None)
        out: Tensor = y + self.res_conv(x)
        return out


class _Downsample(nn.Sequential):
    """Space to depth 2x2, then a 1x1 convolution (index 1, as in the reference)."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__(nn.PixelUnshuffle(2), nn.Conv2d(4 * width_in, width_out, 1))


class _LinearAttention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = _HEADS * _HEAD_DIM
        self.norm = _RmsNorm(width)
        self.to_qkv = nn.Conv2d(width, 3 * hidden, 1, bias=False)
        self.to_out = nn.Sequential(nn.Conv2d(hidden, width, 1), _RmsNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        # What is linear is multiplied out first, so that only q and k are as wide as
        # the heads at every pixel: half of the memory traffic, which is the cost.
        n, width = x.shape[:2]
        y = self.norm(x)
        by_heads = (n, _HEADS, _HEAD_DIM, -1)
        weight = self.to_qkv.weight
        w_qk, w_v = weight[: 2 * _WIDE], weight[2 * _WIDE :]
        q, k = functional.conv2d(y, w_qk).chunk(2, dim=1)
        q = q.reshape(by_heads).softmax(dim=-2) * _HEAD_DIM**-0.5
        k = k.reshape(by_heads).softmax(dim=-1)
        seen = torch.einsum("bhdn,bcn->bhdc", k, y.flatten(2))
        value = w_v.reshape(_HEADS, _HEAD_DIM, width)
        project, last_norm = cast("tuple[nn.Conv2d, _RmsNorm]", tuple(self.to_out))
        out_of = project.weight.reshape(width, _HEADS, _HEAD_DIM)
        mixed = torch.einsum("bhdc,hec,ohe->bohd", seen, value, out_of)
        y = torch.bmm(mixed.flatten(2), q.reshape(n, _WIDE, -1)).reshape(x.shape)
        biased = y + cast("Tensor", project.bias)[:, None, None]
        out: Tensor = x + last_norm(biased)
        return out


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = _HEADS * _HEAD_DIM
        self.norm = _RmsNorm(width)
        self.to_qkv = nn.Conv2d(width, 3 * hidden, 1, bias=False)
        self.to_out = nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (p.transpose(-1, -2) for p in _split_heads(self.to_qkv(self.norm(x))))
        y = functional.scaled_dot_product_attention(q, k, v)
        y = y.transpose(-1, -2).reshape(x.shape[0], -1, *x.shape[2:])
        out: Tensor = x + self.to_out(y)
        return out


def _split_heads(qkv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(N, 3 * heads * d, H, W) to three of (N, heads, d, H * W)."""
    q, k, v = (
        part.reshape(part.shape[0], _HEADS, _HEAD_DIM, -1)
        for part in qkv.chunk(3, dim=1)
    )
    return q, k, v
