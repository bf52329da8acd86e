"""Local patients joined to a profile: further ranks at every level, nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET

from btd_desktop.calibration.apply import calibrate_series
from btd_desktop.calibration.ecdf import LeftOut, more_than_expected, threshold_at
from btd_desktop.calibration.fit import fit_profile
from btd_desktop.calibration.join import join_profile
from btd_desktop.calibration.level import (
    PARTS,
    Alarms,
    LevelCalibration,
    stored_scores,
)
from btd_desktop.calibration.places import BenignSeries
from btd_desktop.calibration.profile import (
    KINDS,
    CalibrationProfile,
    Scanner,
    profile_from_json,
)
from btd_desktop.calibration.ranks import calibrate_scores
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.errors import CalibrationError
from btd_desktop.preprocess.presets import PRESETS
from btd_desktop.scoring.grid import PatchGrid
from tests.unit.calibration.samples import (
    header,
    older,
    profile_of,
    searched,
    series_of,
)

COVERED = Scope(Coverage.COVERED, ())


@pytest.fixture(scope="module")
def held() -> CalibrationProfile:
    return profile_of(12, fpr=0.1, copies=True)


def local(n: int = 3, **options: Any) -> list[BenignSeries]:
    return [
        searched(series_of(f"local{i}", 500 + i, **options), 500 + i) for i in range(n)
    ]


@pytest.fixture(scope="module")
def joined(held: CalibrationProfile) -> CalibrationProfile:
    return join_profile(held, local(), header(name="joined", notes=("ours",)))


def every_level(
    profile: CalibrationProfile,
) -> dict[tuple[str, str], LevelCalibration]:
    levels = {
        (k, n): c for k, found in profile.levels.items() for n, c in found.items()
    }
    if profile.parts is not UNSET:
        for part, search in profile.parts.items():
            levels |= {(part, name): c for name, c in search.levels.items()}
    return levels


def same_level(one: LevelCalibration, other: LevelCalibration) -> bool:
    return (
        np.array_equal(one.scores, other.scores)
        and np.array_equal(np.array(one.patients), np.array(other.patients))
        and numbers_of(one) == numbers_of(other)
    )


def numbers_of(level: LevelCalibration) -> tuple[Any, ...]:
    return (
        level.n_patients,
        level.threshold,
        level.reason,
        level.interval,
        level.effective_n,
        level.patient_fpr,
        level.tail,
        level.block,
    )


def test_every_level_keeps_the_scores_of_the_profile_bit_for_bit(
    held: CalibrationProfile, joined: CalibrationProfile
) -> None:
    before, after = every_level(held), every_level(joined)
    assert set(before) == set(after)
    assert {name for _, name in before} == {"patch", "slice", "series", "place"}
    assert {domain for domain, _ in before} == {*KINDS, *PARTS}
    for key, level in before.items():
        now = after[key]
        assert now.n_patients == 15
        ours = np.array(now.patients) < 12
        np.testing.assert_array_equal(now.scores[ours], level.scores)
        np.testing.assert_array_equal(
            np.array(now.patients)[ours], np.array(level.patients)
        )


def test_local_scores_are_those_that_the_profile_gives(
    held: CalibrationProfile, joined: CalibrationProfile
) -> None:
    for number, series in enumerate(local(), start=12):
        found = calibrate_series(held, COVERED, series.slices)
        for kind in KINDS:
            maps = found[kind].patch_scores
            slices = stored_scores(np.array([float(np.nanmax(m)) for m in maps]))
            levels = joined.levels[kind]
            own = {n: c.ecdf.by_patient[number] for n, c in levels.items()}
            np.testing.assert_array_equal(own["slice"], np.sort(slices))
            np.testing.assert_array_equal(own["series"], [slices.max()])
            every = stored_scores(np.concatenate([m[np.isfinite(m)] for m in maps]))
            assert own["patch"].size == 400
            assert np.isin(own["patch"], every).all()
        places = joined.levels["anomaly"]["place"].ecdf.by_patient[number]
        assert places.size == 30


def test_every_level_is_calibrated_over_all_patients(
    held: CalibrationProfile, joined: CalibrationProfile
) -> None:
    assert joined.target_fpr == held.target_fpr == 0.1
    for level in every_level(joined).values():
        again = calibrate_scores(level.ecdf.by_patient, 0.1)
        assert same_level(replace(again, block=level.block), level)
        if level.threshold is not None:
            asked = LeftOut.of(level.ecdf).rate_to_ask(0.1)
            assert asked is not None
            assert level.threshold == threshold_at(level.ecdf, asked)
    assert every_level(joined)["anomaly", "slice"].threshold is not None


def test_joined_profile_says_who_stands_behind_it(
    held: CalibrationProfile, joined: CalibrationProfile
) -> None:
    assert (joined.n_patients, joined.n_series, joined.n_slices) == (15, 15, 120)
    assert joined.n_patches == 120 * 70
    assert joined.scanners == (Scanner("ACME", "One", "B30f", 2.0, 120),)
    assert joined.regions == {"chest": 15}
    assert joined.ranges == held.ranges
    assert len(joined.evidence) == 15
    assert set(held.evidence) < set(joined.evidence)
    assert joined.density is held.density
    assert joined.name == "joined"
    assert joined.notes[:2] == ("synthetic", "ours")
    assert joined.notes[2] == (
        "3 patients of ACME One joined the profile “local” (digest "
        f"{held.digest[:12]}, 12 patients), whose density had not seen them; it "
        "covered 3 of their 3 series in full."
    )


def test_scans_unlike_those_of_the_profile_widen_it_and_the_note_says_so(
    held: CalibrationProfile,
) -> None:
    other = [
        series_of("far", 600, manufacturer="Other", model="Two", thickness_mm=1.5),
        series_of("off", 601, body_part="CHEST PELVIS", pixel_spacing_mm=0.8),
    ]
    found = join_profile(held, other, header())
    assert found.scanners == (
        Scanner("ACME", "One", "B30f", 2.0, 104),
        Scanner("Other", "Two", "B30f", 1.5, 8),
    )
    assert found.ranges == {
        "pixel_spacing_mm": (0.7, 0.8),
        "thickness_mm": (1.5, 2.0),
    }
    assert found.regions == {"chest": 14, "abdomen": 1, "pelvis": 1}
    assert "2 patients of ACME One, Other Two joined" in found.notes[-1]
    assert "covered 0 of their 2 series in full (" in found.notes[-1]
    assert "scanner (Other Two) is not among those of the profile" in found.notes[-1]


def test_joined_profile_is_another_and_is_read_back_as_it_was_written(
    held: CalibrationProfile, joined: CalibrationProfile
) -> None:
    assert joined.digest != held.digest
    text = json.dumps({"digest": joined.digest, **joined.to_json()})
    again = profile_from_json(json.loads(text), "file")
    assert again.digest == joined.digest
    for key, level in every_level(joined).items():
        assert same_level(every_level(again)[key], level)
    # Others may join what was joined before.
    more = join_profile(again, [series_of("later", 700)], header())
    assert more.n_patients == 16
    assert joined.digest[:12] in more.notes[-1]


def test_one_patient_is_enough_to_join(held: CalibrationProfile) -> None:
    found = join_profile(held, local(1), header())
    assert {level.n_patients for level in every_level(found).values()} == {13}
    assert found.notes[-1].startswith("1 patient of ACME One joined")
    # The series above the highest of 13 may be one in 14.
    assert found.levels["anomaly"]["series"].ecdf.smallest_p == 1 / 14


def test_two_series_of_one_patient_join_as_one_patient(
    held: CalibrationProfile,
) -> None:
    pair = [series_of("twice", 500), series_of("twice", 501)]
    found = join_profile(held, pair, header())
    assert (found.n_patients, found.n_series) == (13, 14)
    level = found.levels["anomaly"]["series"]
    assert level.ecdf.by_patient[12].size == 2
    assert found.levels["anomaly"]["patch"].ecdf.by_patient[12].size == 400


def test_local_alarms_are_judged_at_the_threshold_of_all_others(
    held: CalibrationProfile,
) -> None:
    odd = [series_of(f"odd{i}", 800 + i, spread=0.5) for i in range(4)]
    found = join_profile(held, odd, header())
    assert isinstance(held.alarms, Alarms)
    level = found.levels["anomaly"]["slice"]
    left_out = LeftOut.of(level.ecdf)
    asked = left_out.rate_to_ask(0.1)
    if asked is None:
        assert found.alarms is None
        return
    limits = left_out.thresholds(asked)
    fired = [
        more_than_expected(int((own > limit).sum()), own.size, 0.1)
        for own, limit in zip(level.ecdf.by_patient[12:], limits[12:], strict=True)
    ]
    assert any(fired)
    assert found.alarms == Alarms(held.alarms.n + sum(fired), held.alarms.of + 4)


def test_short_series_join_places_and_slices_but_not_series_where_those_are_long(
    held: CalibrationProfile,
) -> None:
    found = join_profile(held, local(2, n_slices=3), header()).levels["anomaly"]
    assert found["slice"].n_patients == found["patch"].n_patients == 14
    assert (found["series"].n_patients, found["series"].block) == (12, 8)
    assert same_level(found["series"], held.levels["anomaly"]["series"])


def test_block_is_the_shortest_series_of_both() -> None:
    long = profile_of(4, n_slices=12)
    [shorter, longer] = (
        join_profile(long, local(1, n_slices=n), header()).levels["anomaly"]["series"]
        for n in (9, 20)
    )
    assert (shorter.block, shorter.n_patients) == (9, 5)
    assert (longer.block, longer.n_patients) == (12, 5)
    short = profile_of(4, n_slices=3)
    both = join_profile(short, [*local(1, n_slices=2), series_of("x", 9)], header())
    assert both.levels["anomaly"]["series"].block == 2
    assert both.levels["anomaly"]["series"].n_patients == 6


def test_level_that_the_profile_lacks_comes_from_three_local_patients_alone() -> None:
    plain = profile_of(4)
    few = join_profile(plain, local(2), header()).levels["anomaly"]
    assert "place" not in few
    found = join_profile(plain, local(3), header()).levels["anomaly"]
    assert found["place"].n_patients == 3
    assert found["patch"].n_patients == 7


def test_part_that_the_profile_lacks_comes_from_three_local_patients_alone() -> None:
    def without_lung(series: BenignSeries) -> BenignSeries:
        for grid in series.slices:
            grid.aerated[:] = 0.0
        return series

    solid = fit_profile(
        [without_lung(series_of(f"p{i}", i)) for i in range(4)], header(), 0.1
    )
    assert solid.parts is UNSET
    assert join_profile(solid, local(2), header()).parts is UNSET
    parts = join_profile(solid, local(3), header()).parts
    assert parts is not UNSET
    assert {p: s.levels["slice"].n_patients for p, s in parts.items()} == {
        "lung": 3,
        "solid tissue": 3,
    }


def test_local_series_without_the_part_leave_it_as_it_was(
    held: CalibrationProfile,
) -> None:
    head = series_of("head", 900)
    for grid in head.slices:
        grid.aerated[:] = 0.0
    found = join_profile(held, [head], header())
    before, after = held.search("lung"), found.search("lung")
    assert before is not None
    assert after is not None
    assert after.alarms == before.alarms
    for name, level in before.levels.items():
        assert same_level(after.levels[name], level)
    solid = found.search("solid tissue")
    assert solid is not None
    assert solid.levels["slice"].n_patients == 13


def test_profile_that_knows_no_regions_still_knows_none(
    held: CalibrationProfile,
) -> None:
    found = join_profile(replace(held, regions=UNSET), local(1), header())
    assert found.regions is UNSET


def refusal(
    profile: CalibrationProfile, series: list[BenignSeries], **changes: Any
) -> CalibrationError:
    with pytest.raises(CalibrationError) as caught:
        join_profile(profile, series, header(**changes))
    return caught.value


def test_profile_that_does_not_know_its_patients_takes_nobody() -> None:
    error = refusal(older(profile_of(5, copies=True)), local())
    assert error.code == "join_format"
    assert "format 3" in error.detail


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model": {"name": "tiny", "digest": "b" * 64}}, "join_model"),
        ({"preset": PRESETS["mr128"]}, "join_preset"),
        ({"grid": PatchGrid(48)}, "join_grid"),
        ({"noise_levels": (0.01, 0.055)}, "join_levels"),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(
    held: CalibrationProfile, changes: dict[str, Any], code: str
) -> None:
    assert refusal(held, local(), **changes).code == code


def test_series_or_patient_that_the_profile_holds_is_refused(
    held: CalibrationProfile,
) -> None:
    renamed = replace(series_of("p0", 0), patient="renamed")
    error = refusal(held, [*local(), renamed])
    assert error.code == "join_series"
    assert "000000000000…" in error.detail
    error = refusal(held, [*local(), series_of("p3", 999), series_of("p4", 998)])
    assert error.code == "join_patient"
    assert "and 1 more already" in error.detail


def test_series_that_the_profile_does_not_cover_cannot_make_it_seem_to(
    held: CalibrationProfile,
) -> None:
    error = refusal(held, [*local(1), *local(2, thickness_mm=10.0)[1:]])
    assert error.code == "join_scope"
    assert "slice thickness is 10 mm" in error.detail
    # What is covered in part may: its like is what the profile is short of.
    other = local(1, model="Two")
    assert join_profile(held, other, header()).n_patients == 13


def test_nobody_left_to_join_is_refused(held: CalibrationProfile) -> None:
    blank = replace(series_of("blank", 77), slices=())
    for series in ([], [blank]):
        assert refusal(held, series).code == "no_series"
    # Beside others a series without tissue counts nowhere.
    found = join_profile(held, [*local(1), blank], header())
    assert found.n_patients == 13
