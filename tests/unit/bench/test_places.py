"""Places lie where they may, and genuine ones follow the rule of tampered ones."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy import stats

from btd_desktop.bench.attacks.registry import ATTACKS
from btd_desktop.bench.places import (
    CUBE_MM,
    candidates,
    content_at,
    draw_pairs,
    rematched,
)
from btd_desktop.preprocess.foreground import Tissue, tissue_map
from btd_desktop.volume import Volume


@pytest.fixture(scope="module")
def pairs(chest):
    return draw_pairs(chest, 60, np.random.default_rng(11), patch=96)


def test_places_are_mostly_lung_and_their_patch_lies_inside(chest, pairs):
    for place in [p for pair in pairs for p in (pair.tampered, pair.genuine)]:
        s, r, c = place.centre
        assert 48 <= r <= chest.shape[1] - 48
        assert 48 <= c <= chest.shape[2] - 48
        tissue = tissue_map(chest.voxels[s], "CT")
        square = tissue[r - 16 : r + 16, c - 16 : c + 16]
        assert np.mean(square == Tissue.AERATED) >= 0.6 - 1e-6


def test_genuine_places_keep_away_from_every_cube_that_is_tampered(chest, pairs):
    half = 0.5 * CUBE_MM
    for pair in pairs:
        for other in pairs:
            s, r, c = other.tampered.centre
            gs, gr, gc = pair.genuine.centre
            apart = (
                abs(gs - s) * chest.spacing_mm[0] > half,
                abs(gr - r) * chest.spacing_mm[1] > half,
                abs(gc - c) * chest.spacing_mm[2] > half,
            )
            assert any(apart)


def test_few_places_keep_away_and_share_slice_and_stratum(chest):
    pairs = draw_pairs(chest, 12, np.random.default_rng(4), patch=96)
    assert len(pairs) >= 8
    for pair in pairs:
        assert pair.tampered.slice_index == pair.genuine.slice_index
        assert pair.tampered.stratum == pair.genuine.stratum
        assert abs(pair.tampered.content - pair.genuine.content) < 0.15


def test_content_of_both_kinds_has_one_distribution(chest):
    pairs = [
        pair
        for seed in range(10)
        for pair in draw_pairs(chest, 12, np.random.default_rng(seed), patch=96)
    ]
    tampered = [p.tampered.content for p in pairs]
    genuine = [p.genuine.content for p in pairs]
    assert stats.ks_2samp(tampered, genuine).statistic < 0.15


def test_about_a_third_is_near_a_border_or_vessel(chest):
    rng = np.random.default_rng(0)
    strata = Counter(
        pair.tampered.stratum
        for _ in range(12)
        for pair in draw_pairs(chest, 12, rng, patch=96)
    )
    near = strata["border"] + strata["vessel"]
    assert 0.2 < near / strata.total() < 0.5
    assert strata["deep"] > 0
    assert strata["border"] > 0


def test_same_seed_same_places(chest):
    first, again = (
        draw_pairs(chest, 5, np.random.default_rng(9), patch=96) for _ in range(2)
    )
    assert first == again


def test_mr_places_are_tissue(head: Volume):
    pairs = draw_pairs(head, 6, np.random.default_rng(2), patch=128)
    assert pairs
    for place in [p for pair in pairs for p in (pair.tampered, pair.genuine)]:
        s, r, c = place.centre
        tissue = tissue_map(head.voxels[s], "MR")
        assert np.mean(tissue[r - 16 : r + 16, c - 16 : c + 16] > 0) >= 0.9 - 1e-6
        assert place.stratum == "tissue"


def test_trachea_and_air_outside_are_no_candidates():
    plane = np.full((256, 256), -1000, np.int16)
    plane[40:216, 40:216] = 40
    plane[100:156, 60:116] = -1000  # a hole of pure air inside the body
    strata, _ = candidates(plane, "CT", patch=96)
    assert not strata.any()
    plane[100:156, 140:196] = -850
    strata, _ = candidates(plane, "CT", patch=96)
    assert strata[128, 168]
    assert not strata[:, :120].any()


def test_series_without_lung_gives_no_pairs(head):
    from dataclasses import replace

    empty = replace(head, modality="CT", voxels=np.zeros_like(head.voxels))
    assert draw_pairs(empty, 5, np.random.default_rng(0), patch=96) == []


def test_partner_of_a_removal_is_like_what_is_left(chest):
    pairs = draw_pairs(chest, 20, np.random.default_rng(6), patch=96)
    vessels = [p for p in pairs if p.tampered.stratum == "vessel"]
    assert vessels
    attack = ATTACKS["copy-move removal"]
    for pair in vessels[:3]:
        centre = pair.tampered.centre
        done = attack.apply(chest, centre, np.random.default_rng(pair.seed), [])
        after = done.volume.voxels[centre[0]]
        left = content_at(after, "CT", *centre[1:])
        assert left < pair.tampered.content
        again = rematched(
            chest,
            pair,
            after,
            [pair.tampered],
            np.random.default_rng(0),
            patch=96,
        )
        assert again.tampered == pair.tampered
        assert again.seed == pair.seed
        assert abs(again.genuine.content - left) < 0.05
        assert abs(again.genuine.content - left) <= abs(pair.genuine.content - left)


def test_content_of_a_drawn_place_is_that_of_the_slice(chest, pairs, head):
    for pair in pairs[:5]:
        for place in (pair.tampered, pair.genuine):
            s, r, c = place.centre
            assert content_at(chest.voxels[s], "CT", r, c) == place.content
    (pair,) = draw_pairs(head, 1, np.random.default_rng(0), patch=128)
    s, r, c = pair.tampered.centre
    assert content_at(head.voxels[s], "MR", r, c) == pair.tampered.content
