"""A trained network as a detector: numpy slices in, noise maps out.

Lean networks take a whole slice in one pass. The reference network is bound to its
patch size by attention and group normalisation, so a slice is covered with
overlapping patches whose centres are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from btd_desktop.diffusion.checkpoint import load_model
from btd_desktop.diffusion.device import ComputeDevice
from btd_desktop.diffusion.lean import LeanDenoiser
from btd_desktop.errors import ModelError
from btd_desktop.scoring.card import ModelCard

_MULTIPLE = 8  # both networks halve the image; 8 suits either
_MARGIN = 32  # context around what is kept: the lean network's receptive field


@dataclass(frozen=True, slots=True, eq=False)
class DiffusionDetector:
    """Noise predictions of a model on a device, in the form that scoring asks for.

    Fits `scoring.detector.Detector` in all but `info`, which the workflow composes.

    Attributes:
        network: In evaluation mode, on the device.
        card: Its card.
        device: Where it computes.
    """

    network: nn.Module
    card: ModelCard
    device: ComputeDevice

    def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """F(x_0) at every level of the card, shape (L, H, W); no noise is added.

        Args:
            scaled: Scaled intensities in [0, 1], shape (H, W).
        """
        h, w = scaled.shape
        image = _padded(scaled * np.float32(2.0) - np.float32(1.0))
        whole = isinstance(self.network, LeanDenoiser)
        maps = [
            self._whole(image, level) if whole else self._by_patches(image, level)
            for level in self.card.levels
        ]
        stack: NDArray[np.float32] = np.stack([m[:h, :w] for m in maps])
        return stack

    def predict_patches(
        self, patches: NDArray[np.float32], level: float
    ) -> NDArray[np.float32]:
        """F(x_0) of patches alone, without the context around them.

        Args:
            patches: Scaled intensities in [0, 1], shape (N, P, P), P a multiple of 8.
            level: Noise level given to the network.

        Returns:
            float32, shape (N, P, P).
        """
        x = torch.from_numpy(patches[:, None] * np.float32(2.0) - np.float32(1.0))
        maps: NDArray[np.float32] = self._forward(x, level)[:, 0]
        return maps

    def _whole(self, image: NDArray[np.float32], level: float) -> NDArray[np.float32]:
        maps = self._forward(torch.from_numpy(image[None, None]), level)
        plane: NDArray[np.float32] = maps[0, 0]
        return plane

    def _by_patches(
        self, image: NDArray[np.float32], level: float
    ) -> NDArray[np.float32]:
        side = self.card.preset.patch
        keep = side - 2 * _MARGIN
        h, w = image.shape
        out = np.empty_like(image)
        framed = np.pad(image, _MARGIN, constant_values=float(image.min()))
        framed = np.pad(
            framed, ((0, -h % keep), (0, -w % keep)), constant_values=float(image.min())
        )
        for r in range(0, h, keep):
            # One row of patches at a time: small batches are the fastest on a CPU.
            columns = range(0, w, keep)
            row = np.stack([framed[r : r + side, c : c + side] for c in columns])
            maps = self._forward(torch.from_numpy(row[:, None]), level)[:, 0]
            for c, patch in zip(columns, maps, strict=True):
                kept = patch[_MARGIN : _MARGIN + keep, _MARGIN : _MARGIN + keep]
                part = kept[: h - r, : w - c]
                out[r : r + part.shape[0], c : c + part.shape[1]] = part
        return out

    def _forward(self, x: Tensor, level: float) -> NDArray[np.float32]:
        x = x.to(self.device.torch_device).contiguous(memory_format=torch.channels_last)
        sigma = torch.full((len(x),), level, device=self.device.torch_device)
        lower = self.device.torch_dtype is torch.bfloat16
        with (
            torch.inference_mode(),
            torch.autocast(self.device.kind, torch.bfloat16, enabled=lower),
        ):
            eps = self.network(x, sigma)
        maps: NDArray[Any] = eps.float().cpu().numpy()
        return maps.astype(np.float32, copy=False)


def open_detector(folder: Path, device: ComputeDevice) -> DiffusionDetector:
    """The model in a folder, ready on a device.

    Raises:
        ModelError: The model is missing, damaged or not what its card says.
    """
    network, card = load_model(folder)
    patch = card.preset.patch
    if not isinstance(network, LeanDenoiser) and patch <= 2 * _MARGIN:
        raise ModelError(
            f"the reference network keeps what lies {_MARGIN} px inside its patches; "
            f"the card of {card.name} names patches of {patch} px",
            code="network",
        )
    network.to(device.torch_device)
    if isinstance(network, LeanDenoiser):
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return DiffusionDetector(network, card, device)


def _padded(image: NDArray[np.float32]) -> NDArray[np.float32]:
    h, w = image.shape
    if h % _MULTIPLE == 0 and w % _MULTIPLE == 0:
        return image
    pad = ((0, -h % _MULTIPLE), (0, -w % _MULTIPLE))
    return np.pad(image, pad, constant_values=float(image.min()))
