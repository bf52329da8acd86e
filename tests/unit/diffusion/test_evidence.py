"""The learned evidence map: its input, its network, its files, its teaching."""

# ruff: noqa: TID253 - what is tested here owns torch

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec import UNSET
from numpy.typing import NDArray

from btd_desktop.diffusion.checkpoint import save_model, weights_bytes
from btd_desktop.diffusion.denoiser import open_detector as open_network
from btd_desktop.diffusion.evidence import (
    EvidenceCard,
    EvidenceNet,
    evidence_channels,
    evidence_map,
    evidence_weights,
    load_evidence,
    open_evidence,
    save_evidence,
)
from btd_desktop.diffusion.networks import parameter_count
from btd_desktop.diffusion.training.evidence_crops import (
    GENUINE,
    KEPT_PX,
    EvidenceCrops,
    join_crops,
    known_families,
    make_crops,
)
from btd_desktop.diffusion.training.evidence_training import (
    TeachingState,
    teach,
    watch,
)
from btd_desktop.diffusion.training.recipe import EvidenceRecipe
from btd_desktop.diffusion.training.state import averaged_weights
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import Cancelled, EvidenceError, ModelError
from btd_desktop.examination.models import BoundDetector
from btd_desktop.preprocess.presets import preset_named
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.scoring.card import (
    EVIDENCE_CARD_FILE,
    EVIDENCE_DIR,
    WEIGHTS_FILE,
    ModelCard,
    read_card,
)
from btd_desktop.scoring.detector import Backend, DetectorInfo
from btd_desktop.tampering.teaching import FAMILIES
from tests.factories import make_ct_volume
from tests.unit.diffusion.conftest import card_of, cpu, lean, shaken

SMALL = (4, 6, 8)


def maps_of(seed: int, h: int = 80, w: int = 96) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.normal(0.0, [[[0.6]], [[1.1]]], (2, h, w)).astype(np.float32)


def image_of(h: int = 80, w: int = 96) -> NDArray[np.float32]:
    image = np.full((h, w), 0.5, np.float32)
    image[:10] = 0.0
    return image


def small_net(seed: int = 0) -> EvidenceNet:
    torch.manual_seed(seed)
    network = EvidenceNet(7, SMALL)
    shaken(network, seed)
    return network


def crops_of(n: int, seed: int) -> EvidenceCrops:
    """Noise with half the power in an altered square, every third crop genuine."""
    rng = np.random.default_rng(seed)
    channels = rng.normal(0.0, 1.0, (n, 7, KEPT_PX, KEPT_PX))
    altered = np.zeros((n, KEPT_PX, KEPT_PX), np.bool_)
    spots = rng.integers(20, KEPT_PX - 20, (n, 2)).astype(np.int16)
    kinds = []
    for i, (row, column) in enumerate(spots):
        kinds.append(GENUINE if i % 3 == 0 else "smoothing")
        if i % 3:
            altered[i, row - 10 : row + 10, column - 10 : column + 10] = True
            channels[i, :, altered[i]] *= 0.3
    return EvidenceCrops(
        channels.astype(np.float16), altered, tuple(kinds), spots, ("",) * n
    )


def recipe_of(steps: int, seed: int = 0) -> EvidenceRecipe:
    return EvidenceRecipe(
        SMALL, steps, batch=2, warmup=3, learning_rate=1e-2, seed=seed
    )


def taught(
    folder: Path, recipe: EvidenceRecipe, context: TaskContext | None = None
) -> list[TeachingState]:
    return list(
        teach(
            crops_of(12, 0),
            crops_of(6, 1),
            recipe,
            folder=folder,
            context=context or TaskContext(),
        )
    )


def test_normalised_channels_do_not_depend_on_the_scale_of_the_maps() -> None:
    maps, image = maps_of(0), image_of()
    one, other = evidence_channels(maps, image), evidence_channels(2.5 * maps, image)
    assert one.shape == (7, 80, 96)
    assert one.dtype == np.float32
    for level in range(2):
        for channel in (3 * level, 3 * level + 1):
            assert np.allclose(one[channel], other[channel], atol=1e-4)
        own = np.clip(2.5 * one[3 * level + 2], -6.0, 6.0)
        assert np.allclose(own, other[3 * level + 2], atol=1e-5)
    assert np.allclose(one[-1], 2.0 * image - 1.0)


def test_channels_are_of_the_order_of_one_and_finite_without_any_noise() -> None:
    own = evidence_channels(maps_of(1), image_of())
    assert 0.8 < own[0][20:].std() < 1.2
    assert abs(float(np.median(own[1][20:]))) < 0.3
    nothing = evidence_channels(
        np.zeros((2, 80, 96), np.float32), np.zeros_like(image_of())
    )
    assert np.isfinite(nothing).all()


def test_channels_tell_a_quiet_spot() -> None:
    maps = maps_of(2)
    maps[:, 40:50, 40:50] *= 0.2
    own = evidence_channels(maps, image_of())
    assert own[1][45, 45] < -2.0 < own[1][45, 80]
    assert own[4][45, 45] < -2.0 < own[4][45, 80]


@pytest.mark.parametrize("shape", [(64, 64), (61, 75), (40, 8)])
def test_map_has_the_size_of_the_slice(shape: tuple[int, int]) -> None:
    maps, image = maps_of(3, *shape), image_of(*shape)
    found = evidence_map(small_net(), maps, image)
    assert found.shape == shape
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_map_of_a_crop_is_that_of_its_slice() -> None:
    # Nothing is normalised over space: crops teach what whole slices need.
    channels = torch.randn((1, 7, 256, 256), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        whole = small_net()(channels)[0]
        part = small_net()(channels[:, :, 64:192, 64:192])[0]
    assert torch.allclose(part[56:72, 56:72], whole[120:136, 120:136], atol=1e-5)


def test_network_has_the_size_that_was_designed() -> None:
    assert 100_000 < parameter_count(EvidenceNet()) < 150_000


def test_saved_map_is_read_again_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    network = small_net()
    weights = evidence_weights(network)
    card = EvidenceCard("0" * 64, 7, SMALL, ("gain",), bytes_digest(weights))
    save_evidence(tmp_path, card, weights)
    again, read = load_evidence(tmp_path)
    assert read == card
    maps, image = maps_of(4), image_of()
    assert np.allclose(
        evidence_map(again, maps, image), evidence_map(network, maps, image), atol=1e-5
    )
    changed = weights[:-1] + bytes([weights[-1] ^ 1])
    with pytest.raises(ModelError, match="names other weights"):
        save_evidence(tmp_path, card, changed)
    (tmp_path / WEIGHTS_FILE).write_bytes(changed)
    with pytest.raises(ModelError, match="not the file its card names"):
        load_evidence(tmp_path)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": 2}, "card_format"),
        ({"widths": [4, 6, 8000]}, "card"),
        ({"channels": 10}, "shapes"),
        ({"more": 1}, "card"),
    ],
)
def test_card_that_does_not_fit_is_refused(
    tmp_path: Path, change: dict[str, object], code: str
) -> None:
    weights = evidence_weights(small_net())
    card = EvidenceCard("0" * 64, 7, SMALL, ("gain",), bytes_digest(weights))
    save_evidence(tmp_path, card, weights)
    path = tmp_path / EVIDENCE_CARD_FILE
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(ModelError) as caught:
        load_evidence(tmp_path)
    assert caught.value.code == code


def test_folder_without_a_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        load_evidence(tmp_path)


def test_teaching_lowers_the_loss_and_tells_altered_places_of_unseen_crops(
    tmp_path: Path,
) -> None:
    before = watch(EvidenceNet(7, SMALL), crops_of(6, 1), 2.0)
    (state,) = taught(tmp_path, recipe_of(40))
    assert state.step == 40
    assert state.watched.loss < 0.7 * before.loss
    assert state.watched.pixel_auc > 0.8
    assert state.watched.place_auc == state.watched.by_family["smoothing"] > 0.9
    assert np.isnan(state.watched.structure_auc)


def test_resumed_teaching_equals_straight_teaching_to_the_bit(tmp_path: Path) -> None:
    context = TaskContext()

    def cancel(progress: Progress) -> None:
        if progress.done == 4:
            context.cancel()

    context.listener = cancel
    taught(tmp_path / "straight", recipe_of(8))
    with pytest.raises(Cancelled):
        taught(tmp_path / "halves", recipe_of(8), context)
    assert averaged_weights(tmp_path / "halves")[1] == 5
    taught(tmp_path / "halves", recipe_of(8))
    one, other = (averaged_weights(tmp_path / n)[0] for n in ("straight", "halves"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    taught(tmp_path, recipe_of(2))
    with pytest.raises(ModelError, match="another recipe"):
        taught(tmp_path, recipe_of(2, seed=1))


class Blurless:
    """A detector that takes a blur away: enough to make maps of."""

    info = DetectorInfo(
        "blurless", "0" * 64, preset_named("ct96wide"), (0.003, 0.02), 1, Backend()
    )

    def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        fine = 4.0 * scaled - sum(
            np.roll(scaled, s, a) for s in (-1, 1) for a in (0, 1)
        )
        return np.stack([20.0 * fine, 10.0 * fine]).astype(np.float32)


class Taught(Blurless):
    """The same with learned evidence of its own."""

    info = replace(Blurless.info, learned=True)

    def predict_noise(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([super().predict_noise(scaled), scaled[None]])


def made(
    numbers: range,
    seed: int = 0,
    families: tuple[str, ...] = tuple(FAMILIES),
    detector: Blurless | None = None,
) -> EvidenceCrops:
    volumes = [
        (make_ct_volume(2, shape=(2, 192, 192)), "a"),
        (make_ct_volume(1, shape=(1, 176, 180)), "b"),
    ]
    return make_crops(
        volumes,
        detector or Blurless(),
        numbers,
        families=families,
        seed=seed,
        context=TaskContext(),
    )


def test_crops_are_the_same_whoever_makes_them() -> None:
    whole = made(range(6))
    parts = join_crops([made(range(2)), made(range(2, 6))])
    assert whole.digest == parts.digest
    assert whole.digest != made(range(6), seed=1).digest
    assert whole.channels.shape == (6, 7, KEPT_PX, KEPT_PX)
    assert np.isfinite(whole.channels).all()


def test_map_of_a_model_that_has_one_is_taught_from_its_noise_alone() -> None:
    assert made(range(3), detector=Taught()).digest == made(range(3)).digest


def test_most_crops_are_altered_and_genuine_ones_nowhere() -> None:
    crops = made(range(60))
    genuine = np.array([kind not in FAMILIES for kind in crops.kinds])
    assert 10 <= genuine.sum() <= 28
    assert not crops.altered[genuine].any()
    assert crops.altered[~genuine].any(axis=(1, 2)).mean() > 0.9


def test_family_left_out_teaches_nothing() -> None:
    families = known_families(("gain", "filling"))
    assert len(families) == len(FAMILIES) - 2
    crops = made(range(30), families=families)
    assert not {"gain", "filling"} & set(crops.kinds)
    with pytest.raises(EvidenceError, match="no family"):
        known_families(("gian",))
    with pytest.raises(EvidenceError, match="no family"):
        known_families(tuple(FAMILIES))


def test_crops_without_a_family_have_it_in_no_spot() -> None:
    crops = made(range(40), families=("gain", "filling"))
    assert "gain" in {
        own
        for own, first in zip(crops.second, crops.kinds, strict=True)
        if first == "filling"
    }
    kept = crops.without(["gain"])
    assert "gain" not in {*kept.kinds, *kept.second}
    assert "filling" in kept.kinds
    n_left = sum("gain" in own for own in zip(crops.kinds, crops.second, strict=True))
    assert len(kept.channels) == len(kept.kinds) == 40 - n_left


def test_slices_smaller_than_a_crop_are_refused() -> None:
    with pytest.raises(EvidenceError, match="160 px"):
        make_crops(
            [(make_ct_volume(1, shape=(1, 96, 96)), "a")],
            Blurless(),
            range(1),
            families=("gain",),
            seed=0,
            context=TaskContext(),
        )


def model_with_map(folder: Path) -> tuple[ModelCard, bytes]:
    """A tiny model in a folder whose card names the map beside it."""
    network, learned = lean(), evidence_weights(small_net())
    weights = weights_bytes(network.state_dict())
    card = card_of(network, weights, evidence_sha256=bytes_digest(learned))
    save_model(folder, card, weights)
    own = EvidenceCard(card.noise_digest, 7, SMALL, ("gain",), bytes_digest(learned))
    save_evidence(folder / EVIDENCE_DIR, own, learned)
    return card, learned


def test_a_map_makes_another_model_of_the_same_noise(tmp_path: Path) -> None:
    card, _ = model_with_map(tmp_path)
    bare = replace(card, evidence_sha256=UNSET)
    assert read_card(tmp_path).digest == card.digest != bare.digest
    assert card.noise_digest == bare.noise_digest == bare.digest
    assert "evidence_sha256" not in bare.to_json()


def test_the_map_of_a_model_follows_its_noise_maps(tmp_path: Path) -> None:
    card, _ = model_with_map(tmp_path)
    network = open_network(tmp_path, cpu())
    learned = open_evidence(tmp_path, card, cpu())
    assert learned is not None
    info = DetectorInfo(
        "tiny", card.digest, card.preset, card.levels, 0, Backend("cpu"), learned=True
    )
    image = image_of(128, 128)
    maps = BoundDetector(info, card, network, learned).predict_noise(image)
    assert maps.shape == (3, 128, 128)
    np.testing.assert_array_equal(maps[:2], network.predict_noise(image))
    np.testing.assert_array_equal(maps[2], evidence_map(learned, maps[:2], image))
    assert open_evidence(tmp_path, replace(card, evidence_sha256=UNSET), cpu()) is None


def test_another_map_than_the_one_that_the_card_names_is_refused(
    tmp_path: Path,
) -> None:
    card, learned = model_with_map(tmp_path)
    folder = tmp_path / EVIDENCE_DIR
    other = evidence_weights(small_net(1))
    for own, weights in (
        (EvidenceCard(card.noise_digest, 7, SMALL, (), bytes_digest(other)), other),
        (EvidenceCard("0" * 64, 7, SMALL, (), bytes_digest(learned)), learned),
    ):
        save_evidence(folder, own, weights)
        with pytest.raises(ModelError) as caught:
            open_evidence(tmp_path, card, cpu())
        assert caught.value.code == "evidence_map"
    (folder / EVIDENCE_CARD_FILE).unlink()
    with pytest.raises(ModelError, match="missing"):
        open_evidence(tmp_path, card, cpu())


def test_evidence_depends_on_nothing_farther_than_what_is_predicted_again() -> None:
    # `bench.observe` predicts maps again within 96 px of what an attack changed.
    network = EvidenceNet(7)
    maps, image = maps_of(9, 320, 320), np.full((320, 320), 0.5, np.float32)
    before = evidence_map(network.eval(), maps, image)
    maps[:, 160, 160] += 3.0
    changed = np.abs(evidence_map(network, maps, image) - before)
    y, x = np.ogrid[:320, :320]
    far = np.maximum(np.abs(y - 160), np.abs(x - 160)) > 96 - 32
    assert changed.max() > 1e-3
    # The mean loudness of the whole slice moves a little.
    assert changed[far].max() < 1e-4
