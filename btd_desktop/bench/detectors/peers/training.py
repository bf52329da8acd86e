"""Training of a peer on genuine patches, resumable, and its files.

Weights lie in a folder for each peer, beside a card: what it is, what it learnt from,
how long, and whether its loss had come to rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from btd_desktop.bench.detectors.peers.registry import Peer
from btd_desktop.diffusion.checkpoint import (
    tensors_from_bytes,
    weights_bytes,
    write_with_card,
)
from btd_desktop.diffusion.training.dataset import (
    TrainingSplit,
    patient_weights,
    random_crops,
)
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ModelError
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import CARD_FILE, WEIGHTS_FILE

_REPORT_EVERY: Final = 50
_N_WATCHED: Final = 64
_SIDE: Final = 96
_MAX_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class PeerState:
    """How training stands.

    Attributes:
        step: Steps done.
        loss: Mean loss since the last report.
        watched: Loss on patches of patients that are only watched.
    """

    step: int
    loss: float
    watched: float


def train_peer(
    peer: Peer,
    split: TrainingSplit,
    *,
    folder: Path,
    context: TaskContext,
    seed: int = 0,
    credits_text: str = "",
) -> Iterator[PeerState]:
    """Train until the peer's steps are done, yielding every 50 steps.

    A checkpoint in `folder` is resumed; stopping keeps what is done, with its card.

    Raises:
        ModelError: What lies in `folder` does not fit the peer.
        Cancelled: The user asked to stop.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = peer.build()
    step, curve = 0, list[list[float]]()
    if (folder / CARD_FILE).is_file():
        card = load_into(network, folder)
        step, curve = int(card["steps"]), list(card["watched"])
    # Adam's moments are not kept: after a stop they build up anew within some steps.
    optimiser = torch.optim.Adam(network.parameters(), peer.rate)
    chances = patient_weights(split.train)
    seen = _patches(split.validation, np.random.default_rng([seed, 3]), _N_WATCHED)
    losses: list[float] = []
    while step < peer.steps:
        rng = np.random.default_rng([seed, 2, step])
        x = _crops(split.train, chances, rng, peer.batch)
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 31)))
        network.train()
        optimiser.zero_grad()
        loss = peer.loss(network, x, generator)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
        step += 1
        context.report(step, peer.steps, "Training", peer.name)
        if step % _REPORT_EVERY == 0 or step == peer.steps:
            network.eval()
            with torch.inference_mode():
                same = torch.Generator().manual_seed(seed)
                watched = float(peer.loss(network, seen, same))
            curve.append([step, float(np.mean(losses)), watched])
            _write(peer, network, folder, curve, split, credits_text)
            yield PeerState(step, float(np.mean(losses)), watched)
            losses.clear()


def load_peer(peer: Peer, folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The trained network, ready to score, and its card.

    Raises:
        ModelError: It is missing, damaged or does not fit.
    """
    network = peer.build()
    card = load_into(network, folder)
    return network.eval(), card


def load_into(network: nn.Module, folder: Path) -> dict[str, Any]:
    """Fill a network with the weights of a folder; gives the card.

    Raises:
        ModelError: They are missing, damaged or do not fit.
    """
    try:
        card: dict[str, Any] = json.loads((folder / CARD_FILE).read_text("utf-8"))
        if (folder / WEIGHTS_FILE).stat().st_size > _MAX_BYTES:
            raise ModelError(f"{folder} holds too large weights", code="weights")
        data = (folder / WEIGHTS_FILE).read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{folder} holds no trained peer: {error}",
            hint="train it with benchmarks/train_peers.py",
            code="no_model",
        ) from error
    if bytes_digest(data) != card.get("weights_sha256"):
        raise ModelError(f"the weights in {folder} are not those of its card")
    try:
        network.load_state_dict(_whole(tensors_from_bytes(data, folder / WEIGHTS_FILE)))
    except RuntimeError as error:
        raise ModelError(f"the weights in {folder} do not fit: {error}") from error
    return card


def _whole(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k: v.float() for k, v in state.items()}


def _write(
    peer: Peer,
    network: nn.Module,
    folder: Path,
    curve: list[list[float]],
    split: TrainingSplit,
    credits_text: str,
) -> None:
    data = weights_bytes(network.state_dict(), torch.float16)
    card = {
        "name": peer.name,
        "n_parameters": sum(p.numel() for p in network.parameters()),
        "steps": int(curve[-1][0]),
        "steps_wanted": peer.steps,
        "batch": peer.batch,
        "patch": _SIDE,
        "preset": "ct96",
        "learning_rate": peer.rate,
        "patients_learnt": len(split.train_patients),
        "patients_watched": len(split.validation_patients),
        "remark": peer.remark,
        "watched": curve,
        "credits": credits_text,
        "weights_sha256": bytes_digest(data),
    }
    write_with_card(folder, data, CARD_FILE, card)


def _patches(slices: Any, rng: np.random.Generator, n: int) -> Tensor:  # noqa: ANN401
    return _crops(slices, patient_weights(slices), rng, n)


def _crops(slices: Any, chances: Any, rng: np.random.Generator, n: int) -> Tensor:  # noqa: ANN401
    crops = random_crops(slices, chances, n=n, side=_SIDE, rng=rng)
    return torch.from_numpy((crops + np.float32(1.0)) / np.float32(2.0))
