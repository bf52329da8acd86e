"""Genuine series to a profile: cross-fitted by patient, honest about its rate."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from msgspec import UNSET

from btd_desktop.calibration.apply import calibrate_series
from btd_desktop.calibration.ecdf import clopper_pearson
from btd_desktop.calibration.fit import fit_profile
from btd_desktop.calibration.level import LEVELS, PARTS, WHOLE_BODY
from btd_desktop.calibration.places import BenignSeries
from btd_desktop.calibration.profile import (
    KINDS,
    CalibrationProfile,
    Scanner,
    profile_from_json,
)
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.errors import CalibrationError
from tests.unit.calibration.samples import (
    grid_slice,
    header,
    profile_of,
    series_of,
)

COVERED = Scope(Coverage.COVERED, ())


@pytest.fixture(scope="module")
def profile() -> CalibrationProfile:
    return profile_of(6)


def empty_series(patient: str) -> BenignSeries:
    series = series_of(patient, 77, manufacturer="NOBODY", thickness_mm=9.0)
    blank = tuple(
        replace(
            g,
            injection=np.full_like(g.injection, np.nan),
            removal=np.full_like(g.removal, np.nan),
            features=np.full_like(g.features, np.nan),
        )
        for g in series.slices
    )
    return replace(series, slices=blank)


def test_profile_names_what_stands_behind_it(profile: CalibrationProfile) -> None:
    assert (profile.n_patients, profile.n_series, profile.n_slices) == (6, 6, 48)
    assert profile.n_patches == 48 * 70
    assert profile.ranges == {
        "pixel_spacing_mm": (0.7, 0.7),
        "thickness_mm": (2.0, 2.0),
    }
    assert profile.scanners == (Scanner("ACME", "One", "B30f", 2.0, 48),)
    assert profile.evidence == tuple((f"p{i}", f"{i:064x}") for i in range(6))
    assert set(profile.levels) == set(KINDS)
    for by_level in profile.levels.values():
        assert set(by_level) == set(LEVELS)
        assert [by_level[level].ecdf.n for level in LEVELS] == [6 * 400, 48, 6]
        assert all(by_level[level].n_patients == 6 for level in LEVELS)


def test_slice_and_series_scores_are_maxima_of_the_patches(
    profile: CalibrationProfile,
) -> None:
    level = profile.levels["injection"]
    series = [series_of(f"p{i}", i) for i in range(6)]
    maxima = [[float(np.nanmax(g.injection)) for g in s.slices] for s in series]
    np.testing.assert_allclose(
        level["slice"].ecdf.scores, np.sort(np.concatenate(maxima)), rtol=1e-6
    )
    np.testing.assert_allclose(
        level["series"].ecdf.scores, np.sort([max(m) for m in maxima]), rtol=1e-6
    )


def test_level_that_patients_cannot_carry_has_a_reason_instead_of_a_threshold(
    profile: CalibrationProfile,
) -> None:
    level = profile.levels["anomaly"]["series"]
    assert level.threshold is None
    assert level.interval is None
    assert level.reason == (
        "6 patients cannot carry a false-positive rate of 5 % here: the smallest that "
        "they can establish is 23 %"
    )
    assert profile.levels["anomaly"]["patch"].threshold is not None
    assert profile.levels["anomaly"]["patch"].reason == ""


def test_patients_left_out_are_flagged_at_the_wanted_rate(
    profile: CalibrationProfile,
) -> None:
    for by_level in profile.levels.values():
        for level in by_level.values():
            if level.threshold is None:
                continue
            assert float(np.mean(level.patient_fpr)) <= profile.target_fpr + 1e-9
            # Those whom the threshold was drawn from are flagged less often still.
            assert level.ecdf.share_above(level.threshold) <= profile.target_fpr
            assert level.interval == clopper_pearson(sum(level.patient_fpr), 6)
            assert not level.establishes(profile.target_fpr)
    # Not far below: no lower threshold would do.
    patch = profile.levels["anomaly"]["patch"]
    assert float(np.mean(patch.patient_fpr)) > 0.8 * profile.target_fpr


def test_series_level_ranks_series_of_several_slices_where_there_are_enough() -> None:
    short = [series_of(f"s{i}", 40 + i, n_slices=1) for i in range(4)]
    long = [series_of(f"p{i}", i, n_slices=8 + i) for i in range(3)]
    mixed = fit_profile([*short, *long], header(), 0.05).levels["anomaly"]
    assert (mixed["series"].n_patients, mixed["series"].block) == (3, 8)
    assert mixed["slice"].n_patients == mixed["patch"].n_patients == 7
    few = fit_profile([*short, *long[:2]], header(), 0.05).levels["anomaly"]["series"]
    assert (few.n_patients, few.block) == (6, 1)


def test_longer_series_is_ranked_as_many_times_as_it_holds_series(
    profile: CalibrationProfile,
) -> None:
    slices = series_of("new", 70, n_slices=20).slices
    [short, long] = (
        calibrate_series(profile, COVERED, part)["anomaly"]
        for part in (slices[:8], slices)
    )
    level = profile.levels["anomaly"]["series"]
    assert short.series is not None
    assert long.series is not None
    assert short.series.p_value == level.ecdf.p_value(short.series.score)
    own = level.ecdf.p_value(long.series.score)
    assert long.series.p_value == min(1.0, 3 * own)
    assert long.series.floor == 3 * level.ecdf.smallest_p
    assert long.series.flagged is None


@pytest.mark.parametrize("spread", [0.0, 1.2])
def test_alarms_are_those_of_patients_left_out(spread: float) -> None:
    series = [series_of(f"p{i}", i, spread=spread) for i in range(12)]
    series.append(series_of("lone", 99, n_slices=1))
    found = fit_profile(series, header(), 0.1).alarms
    if spread:
        assert not found or found.n > 0
        return
    assert found
    assert found.of == 12  # of a single slice the rule never speaks
    assert found.n <= 4
    assert found.interval == clopper_pearson(found.n, 12)


def test_scores_of_the_profile_come_from_densities_that_never_saw_the_patient() -> None:
    series = [series_of(f"p{i}", i, n_slices=4) for i in range(3)]
    # Heavy tails of one patient: a density that has seen them finds them ordinary.
    rng = np.random.default_rng(9)
    odd = tuple(grid_slice(rng, spread=4.0) for _ in range(4))
    series[0] = replace(series[0], slices=odd)
    profile = fit_profile(series, header(), 0.05)
    crossed = profile.levels["anomaly"]["series"].ecdf.scores.max()
    seen = max(
        float(np.nanmax(m))
        for s in series
        for m in calibrate_series(profile, COVERED, s.slices)["anomaly"].patch_scores
    )
    assert float(crossed) > seen + 0.5


def test_two_series_of_one_patient_are_one_patient() -> None:
    series = [series_of(f"p{i % 3}", i) for i in range(6)]
    profile = fit_profile(series, header(), 0.05)
    assert (profile.n_patients, profile.n_series) == (3, 6)
    assert len(profile.levels["anomaly"]["patch"].patient_fpr) == 3


def test_long_patient_does_not_drown_the_others() -> None:
    series = [series_of("long", 1, n_slices=40), series_of("b", 2), series_of("c", 3)]
    profile = fit_profile(series, header(), 0.05)
    assert profile.levels["anomaly"]["patch"].ecdf.n == 3 * 400


def test_two_patients_are_too_few() -> None:
    series = [series_of(f"p{i % 2}", i) for i in range(5)]
    with pytest.raises(CalibrationError) as caught:
        fit_profile(series, header(), 0.05)
    assert caught.value.code == "too_few"
    assert "2 patients" in caught.value.detail


def test_series_without_tissue_stands_behind_nothing() -> None:
    series = [series_of(f"p{i}", i) for i in range(3)]
    with_empty = [*series, empty_series("blank"), replace(series[0], slices=())]
    assert (
        fit_profile(with_empty, header(), 0.05).digest
        == fit_profile(series, header(), 0.05).digest
    )
    with pytest.raises(CalibrationError):
        fit_profile([*series[:2], empty_series("blank")], header(), 0.05)


@pytest.mark.parametrize("fpr", [0.0, 1.0, 2.0])
def test_rate_outside_zero_to_one_is_refused(fpr: float) -> None:
    with pytest.raises(CalibrationError) as caught:
        fit_profile([series_of(f"p{i}", i) for i in range(3)], header(), fpr)
    assert caught.value.code == "fpr"


def test_fitting_twice_gives_the_same_digest(profile: CalibrationProfile) -> None:
    assert profile_of(6).digest == profile.digest


def test_offset_of_a_scanner_does_not_reach_the_anomaly_score() -> None:
    # The offset is three times the spread of a feature.
    plain, moved = (
        profile_of(5, n_slices=20, offset=offset).levels["anomaly"]["patch"].ecdf
        for offset in (0.0, 0.3)
    )
    for share in (0.5, 0.9):
        assert float(np.quantile(moved.scores, share)) == pytest.approx(
            float(np.quantile(plain.scores, share)), abs=0.1
        )


def flagged_shares(
    profile: CalibrationProfile, kind: str, n: int, **options: float
) -> list[float]:
    shares = []
    for seed in range(1000, 1000 + n):
        series = series_of("new", seed, **options)  # type: ignore[arg-type]
        found = calibrate_series(profile, COVERED, series.slices)[kind]
        threshold = profile.levels[kind]["patch"].threshold
        scores = np.concatenate([m[np.isfinite(m)] for m in found.patch_scores])
        shares.append(float(np.mean(scores > threshold)))
    return shares


def test_observed_rate_on_new_patients_lies_inside_the_claimed_interval() -> None:
    profile = profile_of(16, fpr=0.05)
    interval = profile.levels["anomaly"]["patch"].interval
    assert interval is not None
    observed = float(np.mean(flagged_shares(profile, "anomaly", 60)))
    assert interval[0] < observed < interval[1]
    assert interval[0] < 0.05 < interval[1]


def test_interval_counts_patients_however_many_scores_they_give() -> None:
    few, many = (
        profile_of(16, fpr=0.05, n_slices=n).levels["anomaly"]["patch"] for n in (2, 20)
    )
    for level in (few, many):
        assert level.effective_n == 16.0
        assert level.interval == clopper_pearson(sum(level.patient_fpr), 16)
    assert few.interval == pytest.approx(many.interval, abs=0.02)
    unlike = profile_of(16, fpr=0.05, spread=0.4).levels["anomaly"]["patch"]
    assert max(unlike.patient_fpr) > 2.0 * max(many.patient_fpr)


def test_interval_covers_the_rate_of_a_clustered_population() -> None:
    profiles = [
        fit_profile(
            [series_of(f"p{i}", 100 * r + i, spread=0.3) for i in range(12)],
            header(),
            0.1,
        )
        for r in range(1, 9)
    ]
    covered = []
    for profile in profiles:
        interval = profile.levels["anomaly"]["patch"].interval
        if interval is None:
            # Patients too unlike for the rate: nothing is claimed.
            continue
        observed = float(np.mean(flagged_shares(profile, "anomaly", 40, spread=0.3)))
        covered.append(interval[0] < observed < interval[1])
    assert len(covered) >= 5
    assert all(covered)


def test_patient_rates_are_one_for_each_patient_and_ascend(
    profile: CalibrationProfile,
) -> None:
    rates = profile.levels["anomaly"]["patch"].patient_fpr
    assert len(rates) == 6
    assert list(rates) == sorted(rates)
    assert float(np.mean(rates)) == pytest.approx(0.05, abs=0.03)


def test_scanner_mix_counts_slices_of_each_kernel() -> None:
    series = [
        series_of("a", 1),
        series_of("b", 2, kernel="B70f"),
        series_of("c", 3, kernel="B70f", n_slices=5),
        series_of("d", 4, thickness_mm=1.0, pixel_spacing_mm=0.9),
    ]
    profile = fit_profile(series, header(), 0.05)
    counts = {(s.kernel, s.thickness_mm): s.n_slices for s in profile.scanners}
    assert counts == {("B30f", 2.0): 8, ("B70f", 2.0): 13, ("B30f", 1.0): 8}
    assert profile.ranges["thickness_mm"] == (1.0, 2.0)
    assert profile.ranges["pixel_spacing_mm"] == (0.7, 0.9)


def test_unknown_thickness_leaves_the_range_to_the_others() -> None:
    series = [series_of("a", 1, thickness_mm=None)]
    series += [series_of(f"p{i}", i) for i in range(2, 4)]
    assert fit_profile(series, header(), 0.05).ranges["thickness_mm"] == (2.0, 2.0)


def test_part_of_the_body_is_calibrated_on_its_own_maxima(
    profile: CalibrationProfile,
) -> None:
    assert profile.parts is not UNSET
    assert tuple(profile.parts) == PARTS
    searches = {part: profile.search(part) for part in (WHOLE_BODY, *PARTS)}
    whole = searches[WHOLE_BODY]
    assert whole is not None
    assert whole.levels["slice"] is profile.levels["anomaly"]["slice"]
    for part in PARTS:
        search = searches[part]
        assert search is not None
        # Scores stay those of the whole body; the highest of fewer is lower.
        ours = search.levels["slice"].scores
        assert np.all(ours <= whole.levels["slice"].scores)
        assert ours.size == whole.levels["slice"].scores.size
        assert search.alarms is not None
        assert whole.alarms is not None
        assert search.alarms.of == whole.alarms.of
    tops = [s.levels["series"].scores.max() for s in searches.values() if s]
    assert max(tops[1:]) == tops[0] == whole.levels["series"].scores.max()


def test_part_that_nobody_or_everybody_shows_alone_has_no_calibration() -> None:
    def without_lung(series: BenignSeries) -> BenignSeries:
        for grid in series.slices:
            grid.aerated[:] = 0.0
        return series

    fitted = fit_profile(
        [without_lung(series_of(f"p{i}", i)) for i in range(4)], header(), 0.05
    )
    assert all(fitted.search(part) is None for part in PARTS)
    assert fitted.search(WHOLE_BODY) is not None
    again = profile_from_json(json.loads(json.dumps(fitted.to_json())), "file")
    assert again.digest == fitted.digest
