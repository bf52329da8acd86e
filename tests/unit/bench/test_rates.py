"""Claimed and observed rates of genuine patients, each judged by the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.bench.rates import (
    FLAGGED,
    Share,
    beside_shares,
    joined_shares,
    left_out_shares,
    profile_without,
    rate_rows,
)
from btd_desktop.calibration.ecdf import clopper_pearson
from btd_desktop.calibration.fit import fit_profile
from btd_desktop.calibration.places import BenignSeries
from btd_desktop.errors import CalibrationError, Cancelled
from btd_desktop.progress import Progress, TaskContext
from tests.unit.calibration.samples import (
    grid_slice,
    header,
    searched,
    series_of,
)

FPR = 0.05


def genuine(n: int, n_slices: int = 9) -> list[BenignSeries]:
    series = [series_of(f"p{i}", i, n_slices=n_slices) for i in range(n)]
    return [searched(s, i) for i, s in enumerate(series)]


def test_patients_left_out_are_flagged_as_the_profile_of_all_says() -> None:
    series = genuine(6)
    shares = left_out_shares(series, header(), FPR, by="patient")
    levels = fit_profile(series, header(), FPR).levels["anomaly"]
    for level in ("patch", "place"):
        own = [s for s in shares if (s.level, s.event) == (level, FLAGGED)]
        assert {s.patient for s in own} == {f"p{i}" for i in range(6)}
        # Fewer patients give a threshold of their own, so that they agree nearly.
        told = float(np.mean(levels[level].patient_fpr))
        assert float(np.mean([s.share for s in own])) == pytest.approx(told, abs=0.03)
    sizes = {(s.level, s.n) for s in shares if s.patient == "p0"}
    assert sizes == {
        ("place", 30), ("patch", 630), ("slice", 9), ("series", 1),
        ("slice, lung", 9), ("series, lung", 1),
        ("slice, solid tissue", 9), ("series, solid tissue", 1),
    }  # fmt: skip


def test_scanner_that_is_unlike_the_others_is_judged_without_its_own_patients() -> None:
    rng = np.random.default_rng(5)
    loud = []
    for i in range(3):
        own = series_of(f"q{i}", 50 + i, n_slices=4, model="Loud")
        slices = tuple(grid_slice(rng, spread=3.0) for _ in own.slices)
        loud.append(searched(replace(own, slices=slices), i))
    every = [*genuine(5, 4), *loud]
    small: dict[str, dict[str, float]] = {}
    for by, behind in (("scanner model", loud), ("patient", [])):
        shares = left_out_shares(every, header(), FPR, by=by, background=behind)
        assert {s.group for s in shares if s.patient == "q1"} == {
            "ACME Loud" if by == "scanner model" else "q1"
        }
        small[by] = {
            s.patient: s.share
            for s in shares
            if (s.level, s.event) == ("patch", "p <= 0.2")
        }
    # With its siblings among the calibration the same scanner is less remarkable.
    for patient in ("q0", "q1", "q2"):
        assert small["scanner model"][patient] > small["patient"][patient]


def test_local_patients_that_join_bring_their_scanner_into_the_ranks() -> None:
    rng = np.random.default_rng(5)
    loud = []
    for i in range(5):
        own = series_of(f"q{i}", 50 + i, n_slices=4, model="Loud")
        slices = tuple(grid_slice(rng, spread=3.0) for _ in own.slices)
        loud.append(searched(replace(own, slices=slices), i))
    found = joined_shares([*genuine(5, 4), *loud], header(), FPR, n_local=2)
    rows = {
        name: {(r.level, r.event): r for r in rate_rows(shares, FPR)}
        for name, every in found.items()
        for shares in [[s for s in every if s.group == "ACME Loud"]]
    }
    for level, event in (("patch", FLAGGED), ("place", "p <= 0.2")):
        alone, joined = (rows[name][level, event] for name in ("alone", "joined"))
        assert joined.observed.value < alone.observed.value
        assert alone.observed.n_patients == joined.observed.n_patients == 5
    # Who stands in the ranks is not judged: of five patients three at a time.
    of_patch = [s for s in found["joined"] if (s.level, s.event) == ("patch", FLAGGED)]
    assert len(of_patch) == 10 * 3 * 2
    assert rows["alone"]["patch", FLAGGED].observed.n == sum(
        int(grid.scored.sum()) for s in loud for grid in s.slices
    )
    with pytest.raises(CalibrationError, match="no scanner model has 6 patients"):
        joined_shares(genuine(5, 4), header(), FPR, n_local=4)


def test_rows_count_patients_with_their_exact_interval() -> None:
    shares = [
        Share("a", "one", "slice", FLAGGED, 10, 0.2),
        Share("b", "two", "slice", FLAGGED, 1, 0.0),
        Share("c", "one", "slice", FLAGGED, 4, 0.0),
        Share("c", "two", "slice", FLAGGED, 4, 0.1),
        Share("a", "one", "slice", "p <= 0.1", 10, 0.1),
    ]
    flagged, small = rate_rows(shares, 0.01)
    told = flagged.observed
    assert (flagged.claimed, told.n_patients, told.n) == (0.01, 3, 19)
    assert told.value == pytest.approx(0.25 / 3)
    assert (told.low, told.high) == clopper_pearson(0.25, 3)
    assert (flagged.highest, flagged.highest_group) == (0.2, "one")
    assert not flagged.is_established
    assert (small.event, small.claimed) == ("p <= 0.1", 0.1)
    assert replace(flagged, observed=replace(told, high=0.03)).is_established


def test_leaving_out_can_be_stopped() -> None:
    def listen(progress: Progress) -> None:
        context.cancel()

    context = TaskContext(listen)
    with pytest.raises(Cancelled):
        left_out_shares(genuine(5), header(), FPR, by="patient", context=context)


def test_further_patients_are_judged_by_the_profile_of_all() -> None:
    series = genuine(8)
    loud = tuple(grid_slice(np.random.default_rng(i), spread=3.0) for i in range(9))
    further = [genuine(9)[8], replace(series_of("loud", 99), slices=loud)]
    shares = beside_shares(further, series, header(), FPR)
    found = {(s.patient, s.level): s.share for s in shares if s.event == FLAGGED}
    assert {s.patient for s in shares} == {"p8", "loud"}
    assert found["p8", "patch"] < 0.2 < found["loud", "patch"]
    threshold = fit_profile(series, header(), FPR).levels["anomaly"]["slice"].threshold
    assert threshold is not None
    assert found["loud", "slice"] == 1.0


def test_profile_without_a_patient_is_that_of_the_others_fitted_once() -> None:
    series = genuine(4)
    without = profile_without(series, header(), FPR)
    profile = without("p2")
    assert {patient for patient, _ in profile.evidence} == {"p0", "p1", "p3"}
    assert without("p2") is profile
    assert without("p0").digest != profile.digest
    # Of somebody whom nobody knows it is the profile of all.
    assert without("x").digest == fit_profile(series, header(), FPR).digest
