"""The learned evidence map: a small network that reads noise maps pixel by pixel.

It is taught with self-made tampering of genuine training slices
(`tampering.teaching`), never with a forgery by others. Teaching and examining build
its input with the same function.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from msgspec import UNSET, Meta
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from btd_desktop.diffusion.checkpoint import (
    install_weights,
    tensors_from_bytes,
    weights_bytes,
    write_with_card,
)
from btd_desktop.diffusion.device import ComputeDevice
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ModelError
from btd_desktop.scoring.card import (
    EVIDENCE_CARD_FILE,
    EVIDENCE_DIR,
    WEIGHTS_FILE,
    ModelCard,
)
from btd_desktop.strict_json import plain_json, record_from_json, split_head

MULTIPLE = 8  # sides of what the network takes
_FORMAT = 1
_MAX_BYTES = 64 << 20

_LOUDNESS_PX = 41
_POWER_PX = 5
_LOWEST_CONTENT = 0.03  # scaled intensity; below it lies air outside the body
_TRUST = 0.02  # weight of the whole slice's loudness where little content is near
_QUIET = 1e-3  # of the loudness: below it power is called nothing
_CLIP, _CLIP_LOG = 6.0, 4.0

_Width = Annotated[int, Meta(ge=4, le=256)]


def n_channels(n_levels: int) -> int:
    """Input channels for maps of so many noise levels."""
    return 3 * n_levels + 1


def evidence_channels(
    maps: NDArray[np.float32], image: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What the network sees of a slice, or of a crop with 20 px of context.

    For each level: the map over its loudness (root of its mean square over 41 px of
    content), the logarithm of its power over 5 px against that loudness, and the map
    itself; last the image. The first two of a level do not change when the maps are
    scaled by a constant.

    Args:
        maps: Noise maps, shape (L, H, W).
        image: Scaled intensities in [0, 1], shape (H, W).

    Returns:
        float32, shape (3 L + 1, H, W), of the order of 1.
    """
    content = ndimage.uniform_filter(image, _POWER_PX) > _LOWEST_CONTENT
    weight = content.astype(np.float32)
    near = ndimage.uniform_filter(weight, _LOUDNESS_PX) + np.float32(_TRUST)
    channels = np.empty((n_channels(len(maps)), *image.shape), np.float32)
    for level, noise in enumerate(maps):
        power = np.square(noise)
        whole = float(power[content].mean()) if content.any() else float(power.mean())
        whole = max(whole, 1e-12)
        around = ndimage.uniform_filter(power * weight, _LOUDNESS_PX)
        loudness = (around + np.float32(_TRUST * whole)) / near
        # Running sums may end a little below zero.
        loudness = np.maximum(loudness, np.float32(_TRUST * whole))
        local = np.maximum(ndimage.uniform_filter(power, _POWER_PX), 0.0) / loudness
        first = 3 * level
        channels[first] = noise / np.sqrt(loudness)
        channels[first + 1] = np.log(local + np.float32(_QUIET))
        channels[first + 2] = noise
    np.clip(channels[:-1], -_CLIP, _CLIP, out=channels[:-1])
    channels[1:-1:3].clip(-_CLIP_LOG, _CLIP_LOG, out=channels[1:-1:3])
    channels[-1] = 2.0 * image - 1.0
    return channels


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions plus identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        # Starting near the identity keeps a network without normalisation stable.
        with torch.no_grad():
            self.conv2.weight.mul_(0.2)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape, (N, width, H, W)."""
        out: Tensor = x + self.conv2(functional.silu(self.conv1(functional.silu(x))))
        return out


class EvidenceNet(nn.Module):
    """Logits of "this was altered" for slices or crops.

    A U-Net of three resolutions, the first of them half the slice's: squares of 2x2 px
    become channels, so that nothing is lost and a whole slice stays cheap. Nothing in
    it is normalised over space, so what it says of a place does not depend on what
    lies 50 px away, and crops teach what whole slices need.

    `forward` takes (N, C, H, W), H and W multiples of 8, and returns (N, H, W).
    """

    def __init__(
        self, channels: int = 7, widths: tuple[int, int, int] = (24, 32, 48)
    ) -> None:
        super().__init__()
        self.channels, self.widths = channels, widths
        w0, w1, w2 = widths
        self.stem = nn.Conv2d(4 * channels, w0, 3, padding=1)
        self.down0 = ResidualBlock(w0)
        self.to1 = nn.Conv2d(w0, w1, 2, stride=2)
        self.down1 = ResidualBlock(w1)
        self.to2 = nn.Conv2d(w1, w2, 2, stride=2)
        self.deep = ResidualBlock(w2)
        self.from2 = nn.ConvTranspose2d(w2, w1, 2, stride=2)
        self.up1 = ResidualBlock(w1)
        self.from1 = nn.ConvTranspose2d(w1, w0, 2, stride=2)
        self.up0 = ResidualBlock(w0)
        self.head = nn.Conv2d(w0, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, shape (N, H, W)."""
        h0 = self.down0(self.stem(functional.pixel_unshuffle(x, 2)))
        h1 = self.down1(self.to1(h0))
        h1 = self.up1(h1 + self.from2(self.deep(self.to2(h1))))
        h0 = self.up0(h0 + self.from1(h1))
        out: Tensor = functional.pixel_shuffle(self.head(h0), 2)[:, 0]
        return out


def evidence_map(
    network: EvidenceNet, maps: NDArray[np.float32], image: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logits of "this was altered" for every pixel of a slice of any size.

    Args:
        network: In evaluation mode.
        maps: Noise maps of the slice, shape (L, H, W).
        image: Scaled intensities in [0, 1], shape (H, W).

    Returns:
        float32, shape (H, W).
    """
    h, w = image.shape
    channels = evidence_channels(maps, image)
    pad = ((0, 0), (0, -h % MULTIPLE), (0, -w % MULTIPLE))
    x = torch.from_numpy(np.pad(channels, pad, mode="edge")[None])
    device = network.head.weight.device
    with torch.inference_mode():
        x = x.to(device).contiguous(memory_format=torch.channels_last)
        logits: NDArray[np.float32] = network(x)[0, :h, :w].float().cpu().numpy()
    return logits


@dataclass(frozen=True, slots=True)
class EvidenceCard:
    """What an evidence network is and how it was taught.

    Attributes:
        model_digest: `ModelCard.noise_digest` of the model whose maps it reads.
        channels: Input channels.
        widths: Channels at half, quarter and eighth of the slice's resolution.
        families: Families of tampering that taught it.
        weights_sha256: SHA-256 of the weights file.
        training: Recipe, crops, patients; free JSON.
        metrics: Measured figures, with what they were measured on; free JSON.
    """

    model_digest: str
    channels: Annotated[int, Meta(ge=1, le=64)]
    widths: tuple[_Width, _Width, _Width]
    families: tuple[str, ...]
    weights_sha256: str
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)


def evidence_weights(network: EvidenceNet) -> bytes:
    """The weights as a safetensors file."""
    return weights_bytes(network.state_dict())


def save_evidence(folder: Path, card: EvidenceCard, weights: bytes) -> None:
    """Write weights and card of an evidence network, each atomically.

    Raises:
        ModelError: The card names other weights, or the folder cannot be written.
    """
    if bytes_digest(weights) != card.weights_sha256:
        raise ModelError(
            "the card of the evidence map names other weights", code="digest"
        )
    value = {"format": _FORMAT, **plain_json(card)}
    write_with_card(folder, weights, EVIDENCE_CARD_FILE, value)


def open_evidence(
    folder: Path, card: ModelCard, device: ComputeDevice
) -> EvidenceNet | None:
    """The learned evidence map of a model on a device; None where it has none.

    Args:
        folder: Of the model.
        card: Its card.
        device: Where it computes.

    Raises:
        ModelError: The map that the card names is missing, damaged or another one, or
            reads maps of another model.
    """
    if card.evidence_sha256 is UNSET:
        return None
    path = folder / EVIDENCE_DIR
    network, own = load_evidence(path)
    is_named = own.weights_sha256 == card.evidence_sha256
    reads_it = own.model_digest == card.noise_digest
    if not (is_named and reads_it and own.channels == n_channels(len(card.levels))):
        raise ModelError(
            f"the evidence map in {path} is not the one that the card of {card.name} "
            "names",
            hint="restore the model from where it came from",
            code="evidence_map",
        )
    network.to(device.torch_device)
    return network


def load_evidence(folder: Path) -> tuple[EvidenceNet, EvidenceCard]:
    """Evidence network with its weights, and its card, both checked.

    Raises:
        ModelError: Card or weights are missing, damaged or do not belong together.
    """
    path, weights_path = folder / EVIDENCE_CARD_FILE, folder / WEIGHTS_FILE
    for file in (path, weights_path):
        if not file.is_file():
            raise ModelError(f"{file} is missing or is not a file", code="card")
        if file.stat().st_size > _MAX_BYTES:
            raise ModelError(f"{file} is too large for an evidence map", code="size")
    try:
        found, _, rest = split_head(json.loads(path.read_text("utf-8")))
        card = record_from_json(EvidenceCard, rest)
        data = weights_path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{folder} cannot be read: {error.strerror}", code="card"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} is not the card of an evidence map: {error}", code="card"
        ) from error
    if found > _FORMAT:
        raise ModelError(
            f"{path} has format {found}; this program reads up to {_FORMAT}",
            hint="use a newer version of the program",
            code="card_format",
        )
    if bytes_digest(data) != card.weights_sha256:
        raise ModelError(
            f"{weights_path} is not the file its card names",
            hint="restore it from where it came from",
            code="weights_digest",
        )
    network = EvidenceNet(card.channels, card.widths)
    install_weights(network, tensors_from_bytes(data, weights_path), str(weights_path))
    network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, card
