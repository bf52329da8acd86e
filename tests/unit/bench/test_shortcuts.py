"""No attack leaves a shortcut, and the checks find each one that is planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.bench.attacks.donors import Donor, donor_of
from btd_desktop.bench.attacks.registry import ATTACKS, Attack
from btd_desktop.bench.places import draw_pairs
from btd_desktop.errors import ModelError
from btd_desktop.tampering.result import TamperResult
from btd_desktop.volume import Volume
from tests.unit.bench.shortcuts import digit_gap, find_shortcuts

CASES = [
    pytest.param(attack, scan, id=f"{attack.name} {scan}")
    for attack in ATTACKS.values()
    for scan, modality in (("chest", "CT"), ("head", "MR"))
    if modality in attack.modalities
]


@pytest.fixture(scope="module")
def donors(other_chest: Volume) -> list[Donor]:
    return [donor_of(other_chest, "SOMEBODY-ELSE")]


@pytest.mark.parametrize(("attack", "scan"), CASES)
def test_attack_leaves_no_shortcut(attack: Attack, scan: str, donors, request):
    volume: Volume = request.getfixturevalue(scan)
    patch = 96 if volume.modality == "CT" else 128
    pairs = draw_pairs(volume, 2, np.random.default_rng(21), patch=patch)
    try:
        results = [
            attack.apply(
                volume, pair.tampered.centre, np.random.default_rng(pair.seed), donors
            )
            for pair in pairs
        ]
    except ModelError as error:
        pytest.skip(f"this attack's weights are not here: {error.detail}")
    for k, done in enumerate(results):
        others = results[:k] + results[k + 1 :]
        assert find_shortcuts(volume, done, others) == []


CLASSICAL = [
    pytest.param(attack, id=attack.name)
    for attack in ATTACKS.values()
    if not attack.learned and "CT" in attack.modalities
]


@pytest.mark.parametrize("attack", CLASSICAL)
@pytest.mark.parametrize("knows_rescale", [True, False])
def test_attack_keeps_to_the_steps_of_a_series_with_fractions(
    attack: Attack, knows_rescale: bool, chest: Volume, donors
):
    slope = 1.000244
    voxels = ((chest.voxels + 1024) * slope - 1024).astype(np.float32)
    rescale = (slope, -1024.0) if knows_rescale else None
    source = chest.source.with_facts(rescale=rescale)
    volume = replace(chest, voxels=voxels, source=source)
    (pair,) = draw_pairs(chest, 1, np.random.default_rng(5), patch=96, slices=[7])
    done = attack.apply(volume, pair.tampered.centre, np.random.default_rng(1), donors)
    assert np.any(done.volume.voxels != voxels)
    assert find_shortcuts(volume, done) == []


def test_series_with_steps_of_two_stays_even(chest: Volume):
    voxels = (chest.voxels // 2 * 2).astype(np.int16)
    source = chest.source.with_facts(rescale=(2.0, -1024.0))
    volume = replace(chest, voxels=voxels, source=source)
    (pair,) = draw_pairs(chest, 1, np.random.default_rng(5), patch=96, slices=[7])
    done = ATTACKS["in-painting with copied noise"].apply(
        volume, pair.tampered.centre, np.random.default_rng(1), []
    )
    assert np.any(done.volume.voxels != voxels)
    assert not np.any(done.volume.voxels % 2)


def test_planted_fraction_between_the_steps_is_found(chest: Volume, honest):
    voxels = chest.voxels.astype(np.float32) * 0.75
    source = replace(chest, voxels=voxels)
    changed = voxels.copy()
    changed[honest.mask] += 0.3
    done = replace(honest, volume=replace(source, voxels=changed))
    assert "steps" in codes(source, done)
    known = replace(source, source=chest.source.with_facts(rescale=(0.75, 0.0)))
    done = replace(honest, volume=replace(known, voxels=changed))
    assert "steps" in codes(known, done)
    changed[honest.mask] = voxels[honest.mask] + np.float32(0.75)
    assert "steps" not in codes(known, done)


def test_level_of_a_copied_block_is_not_rounded_to_even_values(chest: Volume):
    results = [
        ATTACKS["copy-move removal"].apply(
            chest, pair.tampered.centre, np.random.default_rng(pair.seed), []
        )
        for pair in draw_pairs(chest, 6, np.random.default_rng(8), patch=96)
    ]
    for done in results:
        assert not {"parity", "last_digit"} & codes(chest, done)


@pytest.fixture(scope="module")
def honest(chest: Volume) -> TamperResult:
    """A change that leaves no shortcut: noise of the same digits."""
    attack = ATTACKS["in-painting with copied noise"]
    (pair,) = draw_pairs(chest, 1, np.random.default_rng(3), patch=96)
    return attack.apply(chest, pair.tampered.centre, np.random.default_rng(1), [])


def codes(source: Volume, done: TamperResult) -> set[str]:
    return {shortcut.code for shortcut in find_shortcuts(source, done)}


def with_voxels(done: TamperResult, voxels) -> TamperResult:
    return replace(done, volume=replace(done.volume, voxels=voxels))


def test_planted_float_values_are_found(chest, honest):
    voxels = honest.volume.voxels.astype(np.float32)
    assert codes(chest, with_voxels(honest, voxels)) == {"format"}
    voxels[honest.mask] += 0.25
    assert codes(chest, with_voxels(honest, voxels)) == {"format", "fraction"}


def test_planted_range_and_clipping_are_found(chest, honest):
    voxels = honest.volume.voxels.copy()
    at = tuple(np.argwhere(honest.mask)[0])
    voxels[at] = chest.voxels.max() + 1
    assert codes(chest, with_voxels(honest, voxels)) == {"range"}
    voxels = honest.volume.voxels.copy()
    inside = np.flatnonzero(honest.mask.ravel())
    voxels.ravel()[inside[::10]] = chest.voxels.min()
    assert "clipped" in codes(chest, with_voxels(honest, voxels))


def test_planted_header_change_is_found(chest, honest):
    other = chest.source.with_facts(kernel="X")
    done = replace(honest, volume=replace(honest.volume, source=other))
    (found,) = find_shortcuts(chest, done)
    assert found.code == "header"
    assert "source" in found.sentence
    padded = replace(
        honest, volume=replace(honest.volume, padding=np.zeros(chest.shape, np.bool_))
    )
    assert codes(chest, padded) == {"header"}


def test_planted_change_outside_the_mask_is_found(chest, honest):
    voxels = honest.volume.voxels.copy()
    voxels[0, 0, 0] += 1
    assert codes(chest, with_voxels(honest, voxels)) == {"outside"}


def test_planted_even_values_are_found(chest, honest):
    voxels = honest.volume.voxels.copy()
    voxels[honest.mask] &= ~1
    found = codes(chest, with_voxels(honest, voxels))
    assert "parity" in found
    assert "last_digit" in found


def test_another_shape_is_found(chest, honest):
    cut = replace(
        honest.volume,
        voxels=honest.volume.voxels[:-1],
        slice_positions_mm=chest.slice_positions_mm[:-1],
        instance_uids=chest.instance_uids[:-1],
    )
    assert "shape" in codes(chest, replace(honest, volume=cut))


def test_digit_gap_of_like_and_unlike_digits():
    rng = np.random.default_rng(0)
    first, second = rng.integers(-900, 300, (2, 5000))
    effect, p_value = digit_gap(first, second, 10)
    assert effect < 0.05
    assert p_value > 1e-4
    effect, p_value = digit_gap(first // 2 * 2, second, 2)
    assert effect > 0.5
    assert p_value < 1e-12
    assert digit_gap(np.full(9, 4), np.full(9, 14), 10) == (0.0, 1.0)
