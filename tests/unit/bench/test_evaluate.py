"""The measurement: tampered and genuine places of one series, judged as a click is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from btd_desktop.bench.attacks.registry import ATTACKS
from btd_desktop.bench.detectors.registry import DETECTORS
from btd_desktop.bench.evaluate import flagged_genuine, judge, observe
from btd_desktop.bench.observe import clicked, observe_series
from btd_desktop.bench.tables import Judged, rows_of, to_json
from btd_desktop.calibration.apply import calibrate_place
from btd_desktop.calibration.fit import ProfileHeader, fit_profile
from btd_desktop.calibration.places import BenignSeries
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.errors import Cancelled
from btd_desktop.preprocess.presets import PRESETS, fit_scale
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import find_copies
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.engine import grid_of, score_place, score_volume, tissue_of
from btd_desktop.volume import SeriesFacts, Volume
from btd_desktop.workflow.search_copies import sampled_copies
from tests.unit.scoring.fakes import LEVELS, HighPassDetector

PRESET = PRESETS["ct96wide"]
GRID = grid_of(PRESET)
NAMES = ("redrawn without noise", "redrawn with Gaussian noise")


def slab(volume: Volume, first: int, n: int) -> Volume:
    part = slice(first, first + n)
    return replace(
        volume,
        voxels=volume.voxels[part],
        slice_positions_mm=volume.slice_positions_mm[part],
        instance_uids=volume.instance_uids[part],
        padding=None,
    )


def benign(volume: Volume, patient: str) -> BenignSeries:
    scale = fit_scale(volume, PRESET)
    found = list(score_volume(HighPassDetector(), volume, scale, GRID, TaskContext()))
    features = [s.features for s in found]
    residuals = [s.residual.astype(np.float16) for s in found]
    copies, _ = sampled_copies(volume, features, residuals)
    return BenignSeries(patient, tuple(features), SeriesFacts(), patient * 64, copies)


@pytest.fixture(scope="module")
def profile(other_chest: Volume) -> CalibrationProfile:
    # Five thin slabs of the other chest stand for five patients.
    series = [benign(slab(other_chest, 3 * k, 3), "abcde"[k]) for k in range(5)]
    header = ProfileHeader(
        "tiny",
        "2026-01-01T00:00:00+00:00",
        "test",
        {"name": "high-pass", "digest": "f" * 64},
        PRESET,
        GRID,
        LEVELS,
        Backend("cpu"),
    )
    found = fit_profile(series, header, 0.05)
    assert "place" in found.levels["anomaly"]
    return found


@pytest.fixture(scope="module")
def series(chest: Volume) -> Volume:
    return slab(chest, 4, 5)


def judge_all(
    series: Volume, profile: CalibrationProfile, seed: int = 1, **options: Any
) -> list[Judged]:
    values: dict[str, Any] = {
        "attacks": [ATTACKS[name] for name in NAMES],
        "n_places": 3,
        "seed": (seed,),
        "context": TaskContext(),
    }
    found = observe_series(
        series, "someone", HighPassDetector(), **{**values, **options}
    )
    return [judge(own, profile) for own in found]


@pytest.fixture(scope="module")
def judged(series: Volume, profile: CalibrationProfile) -> list[Judged]:
    return judge_all(series, profile)


def test_every_tampered_place_has_a_genuine_partner_with_finite_scores(judged):
    tampered = [j for j in judged if j.attack]
    genuine = [j for j in judged if not j.attack]
    assert {j.attack for j in tampered} == set(NAMES)
    assert len(tampered) == len(genuine) >= 4
    assert [g.genuine_for for g in genuine] == [(t.attack,) for t in tampered]
    for own in judged:
        assert own.patient == "someone"
        assert set(own.scores) == set(DETECTORS)
        assert np.isfinite(list(own.scores.values())).all()
        assert own.scores["ours"] >= own.scores["ours_features"] >= 0.0


def test_judging_twice_gives_the_same_scores_to_the_bit(judged, series, profile):
    assert judge_all(series, profile) == judged
    assert judge_all(series, profile, seed=2) != judged


def test_genuine_partner_scores_as_a_click_there_does(judged, series, profile):
    scale = fit_scale(series, PRESET)
    found = list(score_volume(HighPassDetector(), series, scale, GRID, TaskContext()))
    features = [s.features for s in found]
    residuals = [s.residual.astype(np.float16) for s in found]
    for own in [j for j in judged if not j.attack][:2]:
        place = own.facts["genuine"]
        at = (place["slice_index"], place["row"], place["column"])
        click = score_place(HighPassDetector(), series, at, scale, GRID)
        [copy] = find_copies(
            lambda s: residuals[s],
            lambda s: tissue_of(series, s) > 0,
            series.n_slices,
            [at],
        )
        scope = Scope(Coverage.COVERED, ())
        values = calibrate_place(profile, scope, click.features, features, copy)
        assert own.scores["ours"] == values["anomaly"].score
        assert own.scores["paper_injection"] == values["injection"].score
        assert own.scores["paper_removal"] == values["removal"].score


def test_place_redrawn_without_noise_is_told_from_its_partner(judged):
    smooth = [j for j in judged if j.attack == NAMES[0]]
    genuine = [j for j in judged if j.genuine_for == (NAMES[0],)]
    low = np.median([j.scores["paper_injection"] for j in smooth])
    assert low < np.median([j.scores["paper_injection"] for j in genuine])
    odd = np.median([j.scores["ours_features"] for j in smooth])
    assert odd > np.median([j.scores["ours_features"] for j in genuine])


def test_structures_are_looked_at_where_an_attack_injects(series, profile):
    attacks = [ATTACKS["synthetic nodule"]]
    judged = judge_all(series, profile, attacks=attacks, n_places=2)
    structures = [j for j in judged if j.site.structure]
    tampered = [j for j in judged if j.attack]
    assert len(structures) >= 4
    assert tampered
    for own in structures:
        assert own.attack == ""
        assert own.genuine_for == ()
        place = own.facts["genuine"]
        plane = series.voxels[place["slice_index"]]
        assert plane[place["row"], place["column"]] > -600
    # A nodule was drawn: the place holds more that is solid than before.
    for own in tampered:
        assert own.site.content > own.facts["tampered"]["content"]
        assert own.site.series == structures[0].site.series
    rows = rows_of(judged, {"synthetic nodule": "injection"}, n_draws=10)
    assert rows[0].against_structures
    assert rows[0].n_genuine == rows[0].n_tampered == len(tampered)


def test_flag_is_that_of_a_click(judged, profile):
    limit = profile.levels["anomaly"]["place"].threshold
    assert limit is not None
    assert {j.flagged for j in judged} <= {True, False}
    for own in judged:
        assert own.flagged == (own.scores["ours"] > limit)


def test_series_that_the_profile_does_not_cover_has_no_flag(series, profile):
    source = series.source.with_facts(not_covered=("it is a test",))
    found = judge_all(replace(series, source=source), profile, n_places=1)
    assert found
    assert {j.flagged for j in found} == {None}


def test_flagged_genuine_places_are_those_above_the_level_of_places(judged, profile):
    genuine = [j.scores["ours"] for j in judged if not j.attack]
    levels = dict(profile.levels["anomaly"])
    middle = float(np.median(genuine))
    for threshold in (-1.0, middle, 99.0):
        levels["place"] = replace(levels["place"], threshold=threshold)
        own = replace(profile, levels={**profile.levels, "anomaly": levels})
        expected = sum(score > threshold for score in genuine)
        assert flagged_genuine(judged, own) == (expected, len(genuine))
    levels["place"] = replace(levels["place"], threshold=None)
    own = replace(profile, levels={**profile.levels, "anomaly": levels})
    assert flagged_genuine(judged, own) is None
    del levels["place"]
    levels = {**profile.levels, "anomaly": levels}
    own = replace(profile, levels=levels, copies=None)
    assert flagged_genuine(judged, own) is None


def test_series_is_left_untouched(series, profile):
    before = series.voxels.copy()
    judge_all(series, profile, n_places=1)
    np.testing.assert_array_equal(series.voxels, before)


def test_rows_come_back_one_for_each_attack(series, profile):
    def table() -> list[dict[str, Any]]:
        seen = observe(
            [(series, "someone")],
            HighPassDetector(),
            attacks=NAMES,
            n_places=2,
            seed=3,
            context=TaskContext(),
        )
        rows = rows_of(
            [judge(own, profile) for own in seen], dict.fromkeys(NAMES, "redraw")
        )
        found: list[dict[str, Any]] = json.loads(to_json(rows, {}))["rows"]
        return found

    rows = table()
    assert [r["attack"] for r in rows] == list(NAMES)
    for row in rows:
        assert (row["kind"], row["modality"]) == ("redraw", "CT")
        assert row["n_tampered"] == row["n_genuine"] >= 1
        assert row["n_patients"] == 1
    assert table() == rows


def test_series_without_lung_or_without_room_has_no_places(series, profile):
    air = replace(series, voxels=np.full_like(series.voxels, -1000))
    assert judge_all(air, profile) == []
    # An attack for which the series has too few slices is left out.
    picky = replace(ATTACKS[NAMES[0]], min_slices=99)
    assert judge_all(series, profile, attacks=[picky]) == []


def test_measuring_can_be_cancelled(series, profile):
    context = TaskContext()
    context.cancel()
    with pytest.raises(Cancelled):
        judge_all(series, profile, context=context)


def test_clicks_beside_the_middle_scatter_as_told_and_stay_in_the_slice(series: Volume):
    _, h, w = series.voxels.shape
    middle = (2, h // 2, w // 2)
    clicks = np.array(
        [clicked(middle, 5.0, series, (k,)) for k in range(400)], dtype=float
    )
    assert (clicks[:, 0] == 2).all()
    off = clicks[:, 1:] - np.array(middle[1:])
    assert abs(off.mean()) < 1.0
    assert off.std() == pytest.approx(5.0, rel=0.15)
    assert clicked(middle, 5.0, series, (7,)) == clicked(middle, 5.0, series, (7,))
    assert clicked(middle, 0.0, series, (7,)) == middle
    _, r, c = clicked((0, 0, w - 1), 50.0, series, (3,))
    assert 0 <= r < h
    assert 0 <= c < w


def test_click_error_moves_every_place_and_leaves_the_attack_as_it_was(
    series: Volume, profile: CalibrationProfile, judged: list[Judged]
):
    beside = judge_all(series, profile, click_error_px=4.0)
    assert [j.attack for j in beside] == [j.attack for j in judged]
    assert [j.facts for j in beside] == [j.facts for j in judged]
    pairs = list(zip(beside, judged, strict=True))
    moved = [a.scores["ours"] != b.scores["ours"] for a, b in pairs]
    assert np.mean(moved) > 0.8
