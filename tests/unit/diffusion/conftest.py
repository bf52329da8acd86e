"""Small models for the tests of this folder."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from btd_desktop.diffusion.checkpoint import save_model, weights_bytes
from btd_desktop.diffusion.device import ComputeDevice
from btd_desktop.diffusion.lean import LeanDenoiser
from btd_desktop.diffusion.networks import parameter_count
from btd_desktop.digest import bytes_digest
from btd_desktop.preprocess.presets import PRESETS
from btd_desktop.scoring.card import LeanNetwork, ModelCard, ReferenceNetwork

LEVELS = (0.0173286, 0.055)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small gain nothing from two, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def cpu(dtype: str = "float32") -> ComputeDevice:
    return ComputeDevice("cpu", "test", "asked for", dtype, 1, torch.__version__)


def shaken(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Network in which every weight counts: fresh ones start with zeros in places."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.03 * torch.randn(p.shape, generator=generator))
    return network.eval().requires_grad_(False)


def lean(widths: tuple[int, int, int] = (4, 6, 8), seed: int = 0) -> LeanDenoiser:
    torch.manual_seed(seed)
    network = LeanDenoiser(LeanNetwork(widths))
    shaken(network, seed)
    return network


def card_of(network: torch.nn.Module, weights: bytes, **changes: object) -> ModelCard:
    values: dict[str, object] = {
        "name": "tiny",
        "title": "A tiny model",
        "network": getattr(network, "config", ReferenceNetwork(8, (1, 1, 1, 1))),
        "n_parameters": parameter_count(network),
        "preset": PRESETS["ct96"],
        "levels": LEVELS,
        "weights_sha256": bytes_digest(weights),
        "created": "2026-03-14",
    }
    return ModelCard(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
def model_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tiny model and returns its folder."""

    def write(network: torch.nn.Module | None = None, **changes: object) -> Path:
        network = network or lean()
        weights = weights_bytes(network.state_dict())
        save_model(tmp_path / "model", card_of(network, weights, **changes), weights)
        return tmp_path / "model"

    return write
