"""Each peer against an answer that is known."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch  # noqa: TID253 - of the peers
from scipy import ndimage

from btd_desktop.bench.detectors.peers import autoencoders as ae
from btd_desktop.bench.detectors.peers.registry import peers
from btd_desktop.bench.detectors.peers.reverse import reverse_residuals
from btd_desktop.bench.detectors.peers.scorers import high_pass_scorer, peer_scorers
from btd_desktop.bench.detectors.peers.splicebuster import (
    CLASSES,
    N_BINS,
    features_of,
    fit_splicebuster,
)
from btd_desktop.bench.detectors.peers.training import load_peer, train_peer
from btd_desktop.diffusion.schedule import sigmoid_schedule
from btd_desktop.diffusion.training.dataset import TrainingSlice, split_by_patient
from btd_desktop.diffusion.unet import ReferenceUnet
from btd_desktop.errors import ModelError
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.alone import clamped

TRAINED = Path(__file__).resolve().parents[3] / "benchmarks" / "peers"


def genuine(n: int, seed: int) -> Any:
    """Smooth content with noise that neighbours share a little."""
    rng = np.random.default_rng([seed, 5])
    content = ndimage.gaussian_filter(rng.standard_normal((n, 96, 96)), (0, 12, 12))
    noise = ndimage.gaussian_filter(rng.standard_normal((n, 96, 96)), (0, 0.6, 0.6))
    return np.clip(0.3 + 2.0 * content + 0.02 * noise, 0, 1).astype(np.float32)


def gross(patches: Any) -> Any:
    loud = patches.copy()
    rng = np.random.default_rng(2)
    noise = 0.3 * rng.standard_normal((len(patches), 24, 24))
    loud[:, 36:60, 36:60] = np.clip(loud[:, 36:60, 36:60] + noise, 0, 1)
    return loud


def test_unet_autoencoder_of_16_features_has_the_known_number_of_parameters() -> None:
    network = ae.UnetAutoencoder(16)
    assert sum(p.numel() for p in network.parameters()) == 1_942_289


def test_inpainting_never_sees_the_hole_it_is_judged_by() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = ae.InpaintAutoencoder().eval()
    x = torch.from_numpy(genuine(1, 0)[:, None])
    turned = x.clone()
    turned[..., 32:64, 32:64] = x[..., 32:64, 32:64].flip(-1)  # the mean stays
    with torch.inference_mode():
        torch.testing.assert_close(network(turned), network(x))
        flat = x.clone()
        flat[..., 32:64, 32:64] = 1.0
        assert ae.hole_score(network, flat) > ae.hole_score(network, x)


def test_latent_score_of_the_vae_compares_what_came_back_with_what_went_in() -> None:
    network = ae.OneClassVae(8).eval()
    x = torch.from_numpy(genuine(3, 1)[:, None])
    with torch.inference_mode():
        found = ae.vae_latent_score(network, x)
        mean = network.encoded(2 * x - 1)[0]
        again = network.encoded(network.decoded(mean))[0]
    torch.testing.assert_close(found, (mean - again).square().mean(dim=1).sqrt())
    assert found.shape == (3,)


def test_splicebuster_counts_81_combinations_in_25_classes() -> None:
    assert (len(CLASSES), N_BINS) == (81, 25)
    numbers = dict(zip(itertools.product((-1, 0, 1), repeat=4), CLASSES, strict=True))
    for code, number in numbers.items():
        assert numbers[code[::-1]] == number
        assert numbers[tuple(-v for v in code)] == number


def test_splicebuster_does_not_mind_turning_and_finds_gross_tampering() -> None:
    patches = genuine(220, 3)
    np.testing.assert_allclose(
        features_of(patches[:2]), features_of(np.rot90(patches[:2], 2, (1, 2)))
    )
    fitted = fit_splicebuster(patches[:200])
    known, altered = patches[200:], gross(patches[200:])
    assert fitted.scores(altered).min() > fitted.scores(known).max()


def test_one_step_back_is_the_papers_clamped_residual() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = ReferenceUnet(8).eval()
    holder: Any = type("Held", (), {"network": network})()
    patches = genuine(2, 4)[:, :32, :32].copy()
    found = reverse_residuals(holder, patches, 1, forth=False, seed=0)
    level = sigmoid_schedule().first_level
    with torch.inference_mode():
        x = torch.from_numpy(patches[:, None] * 2 - 1)
        maps = network.predict_at(x, torch.zeros(2))[:, 0].numpy()
    np.testing.assert_allclose(found, clamped(maps, patches, level), atol=5e-3)
    again = reverse_residuals(holder, patches, 3, forth=True, seed=7)
    same = reverse_residuals(holder, patches, 3, forth=True, seed=7)
    other = reverse_residuals(holder, patches, 3, forth=True, seed=8)
    np.testing.assert_array_equal(again, same)
    assert np.abs(again - other).max() > 0.1


def test_training_goes_on_where_it_stopped_and_altered_weights_are_refused(
    tmp_path: Path,
) -> None:
    planes = genuine(6, 6)
    slices = [
        TrainingSlice(f"p{i}", plane, np.ones((96, 96), bool), 0.0, 1.0)
        for i, plane in enumerate(planes)
    ]
    split = split_by_patient(slices, 0.2, 0)
    peer = replace(
        peers()["autoencoder"], build=lambda: ae.Autoencoder(2), steps=4, batch=2
    )

    def trained(steps: int) -> list[int]:
        states = train_peer(
            replace(peer, steps=steps), split, folder=tmp_path, context=TaskContext()
        )
        return [state.step for state in states]

    assert trained(4) == [4]
    assert trained(6) == [6]
    _, card = load_peer(peer, tmp_path)
    assert card["steps"] == 6
    assert [point[0] for point in card["watched"]] == [4, 6]
    altered = {**json.loads((tmp_path / "card.json").read_text()), "weights_sha256": ""}
    (tmp_path / "card.json").write_text(json.dumps(altered))
    with pytest.raises(ModelError, match="not those of its card"):
        load_peer(peer, tmp_path)


def test_shipped_peers_find_gross_tampering() -> None:
    known, altered = genuine(6, 9), gross(genuine(6, 9))
    scorers = peer_scorers(TRAINED)
    assert scorers
    for scorer in (*scorers, high_pass_scorer()):
        for kind, before in scorer.scores(known).items():
            after = scorer.scores(altered)[kind]
            # What a variational auto-encoder keeps of a patch is too little for more.
            assert np.mean(after > before) >= 0.8, scorer.name
