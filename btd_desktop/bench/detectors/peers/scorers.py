"""The detectors of the paper's comparison, ready to score patches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench.detectors.peers.registry import peers
from btd_desktop.bench.detectors.peers.reverse import reverse_residuals
from btd_desktop.bench.detectors.peers.splicebuster import fit_splicebuster

if TYPE_CHECKING:
    from btd_desktop.examination.models import BoundDetector

ScoresOf = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float64]]]
_CENTRE = 32
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Scorer:
    """A detector of patches; see `paper_run.PatchScorer`."""

    name: str
    remark: str
    preset: str
    scores: ScoresOf


def paper_scorers(
    detector: BoundDetector, steps: Sequence[int] = (1,), seed: int = 0
) -> list[Scorer]:
    """The paper's method by a model; with the reference network also Table 3's.

    Args:
        detector: The model.
        steps: Reverse steps, each back only and forth and back; 1 step back only is
            the method itself.
        seed: Of the noise.
    """
    card = detector.card
    learnt = card.training.get("steps", "?")
    remark = f"{card.name}, {learnt} steps in its last stage"
    found = [
        Scorer(f"BTD ({card.name})", remark, card.preset.name, _alone_of(detector))
    ]
    if card.network.kind != "reference":
        return found
    for n in steps:
        for forth in (False, True):
            way = "forth and back" if forth else "back only"
            found.append(
                Scorer(
                    f"{way}, {n} steps",
                    f"{remark}; residual clamped",
                    card.preset.name,
                    _reverse_of(detector, n, seed, forth=forth),
                )
            )
    return found


def _alone_of(detector: BoundDetector) -> ScoresOf:
    level = detector.info.levels[detector.info.paper_level]

    def scores(patches: NDArray[np.float32]) -> Mapping[str, NDArray[np.float64]]:
        parts = [
            detector.predict_patches(patches[k : k + _AT_ONCE], level)
            for k in range(0, len(patches), _AT_ONCE)
        ]
        return _pooled(np.concatenate(parts))

    return scores


def _reverse_of(
    detector: BoundDetector, steps: int, seed: int, *, forth: bool
) -> ScoresOf:
    def scores(patches: NDArray[np.float32]) -> Mapping[str, NDArray[np.float64]]:
        return _pooled(
            reverse_residuals(detector.network, patches, steps, forth=forth, seed=seed)
        )

    return scores


def _pooled(maps: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    square = maps.astype(np.float64) ** 2
    low = (square.shape[1] - _CENTRE) // 2
    centre = square[:, low : low + _CENTRE, low : low + _CENTRE]
    return {
        "injection": centre.mean(axis=(1, 2)),
        "removal": square.mean(axis=(1, 2)),
    }


def peer_scorers(folder: Path) -> list[Scorer]:
    """The trained peers below a folder; one without weights has no row.

    Raises:
        ModelError: Weights are damaged or do not fit.
    """
    from btd_desktop.bench.detectors.peers.training import load_peer

    found = []
    for name, peer in peers().items():
        if not (folder / name).is_dir():
            continue
        network, card = load_peer(peer, folder / name)
        told = [f"{card['steps']} steps of {card['batch']}", peer.remark]
        if card["steps"] < card["steps_wanted"]:
            told.append(f"of {card['steps_wanted']} wanted")
        for title, score in peer.scores.items():
            remark = "; ".join(filter(None, told))
            found.append(Scorer(title, remark, "ct96", _of_network(network, score)))
    return found


def _of_network(network: object, score: Callable[..., object]) -> ScoresOf:
    import torch

    def scores(patches: NDArray[np.float32]) -> Mapping[str, NDArray[np.float64]]:
        parts = []
        with torch.inference_mode():
            for k in range(0, len(patches), _AT_ONCE):
                x = torch.from_numpy(patches[k : k + _AT_ONCE, None])
                parts.append(np.asarray(score(network, x), np.float64))
        return {"": np.concatenate(parts)}

    return scores


def splicebuster_scorer(genuine: NDArray[np.float32]) -> Scorer:
    """Splicebuster fitted on genuine training patches, shape (N, P, P)."""
    fitted = fit_splicebuster(genuine)
    remark = f"fitted on {len(genuine)} genuine patches, not on the picture itself"
    return Scorer("Splicebuster", remark, "ct96", lambda p: {"": fitted.scores(p)})


def high_pass_scorer() -> Scorer:
    """Mean square of what a 3x3 mean leaves in the centre: the trivial baseline."""
    from scipy import ndimage

    def scores(patches: NDArray[np.float32]) -> Mapping[str, NDArray[np.float64]]:
        return _pooled(patches - ndimage.uniform_filter(patches, (0, 3, 3)))

    return Scorer("high-pass", "nothing learnt", "ct96", scores)
