"""Flags only where the patients carry them; a time left only where it is known."""

from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.archive.flags import flag
from btd_desktop.archive.pace import Pace
from btd_desktop.archive.rows import SeriesRow


def _row(
    n: int, p: float, *, patients: int, sweep: int = 1, score: float | None = None
) -> SeriesRow:
    return SeriesRow(
        f"{sweep}-{n:05d}",
        state="examined",
        score=float(-np.log10(p)) if score is None else score,
        p_value=p,
        floor=1 / (patients + 1),
        patients=patients,
        patient=f"{sweep}/{n}",
        profile_digest="p",
        scanner="s",
        sweep=sweep,
    )


def _archive(
    n: int, patients: int, sweep: int = 1, n_altered: int = 0
) -> list[SeriesRow]:
    """Genuine series whose ranks are even, and some at the floor."""
    ranks = (np.arange(n) * 7919) % (patients + 1) + 1
    rows = [_row(i, r / (patients + 1), patients=patients, sweep=sweep)
            for i, r in enumerate(ranks)]  # fmt: skip
    floor = 1 / (patients + 1)
    return [replace(r, p_value=floor, score=9.0 + i) if i < n_altered else r
            for i, r in enumerate(rows)]  # fmt: skip


def test_few_patients_carry_no_flag_and_the_reason_says_how_many_would():
    found = flag(_archive(200, 26, n_altered=3), 0.1, 1)
    assert found.flagged == ()
    assert found.basis == ""
    assert "1999 patients" in found.reason
    assert "the profile has 26" in found.reason
    assert "no earlier series" in found.reason


def test_enough_patients_flag_the_altered_series_alone():
    genuine = [_row(i, 0.2 + 0.7 * i / 50, patients=1999) for i in range(50)]
    altered = [_row(90 + i, 1 / 2000, patients=1999) for i in range(2)]
    found = flag(genuine + altered, 0.1, 1)
    assert found.basis == "patients of the profile"
    assert set(found.flagged) == {row.series_digest for row in altered}


def test_false_discoveries_stay_below_the_rate_on_average():
    rng = np.random.default_rng(5)
    shares: list[float] = []
    for _ in range(60):
        calibration = np.sort(rng.normal(size=999))
        scores = np.r_[rng.normal(size=40), rng.normal(loc=6.0, size=8)]
        above = 999 - np.searchsorted(calibration, scores)
        p = ((1 + above) / 1000).reshape(-1)
        rows = [_row(i, v, patients=999) for i, v in enumerate(map(float, list(p)))]
        flagged = [int(d[-5:]) for d in flag(rows, 0.1, 1).flagged]
        assert len(flagged) >= 8
        shares.append(float(np.mean([i < 40 for i in flagged])))
    assert np.mean(shares) <= 0.1


def test_own_series_stand_in_only_where_they_are_many_and_clean():
    new = [_row(i, 0.5, patients=26, sweep=2, score=0.1) for i in range(4)]
    new.append(_row(9, 1 / 27, patients=26, sweep=2, score=9.0))
    few = flag(_archive(300, 26) + new, 0.2, 2)
    assert few.flagged == ()
    assert "cannot stand in" in few.reason
    many = flag(_archive(40_000, 26) + new, 0.2, 2)
    assert many.basis == "the archive's own series"
    assert many.flagged == ("2-00009",)
    dirty = flag(_archive(40_000, 26, n_altered=4_000) + new, 0.2, 2)
    assert dirty.flagged == ()
    assert "may be altered" in dirty.reason


def test_nothing_is_flagged_where_no_series_has_a_p_value():
    row = replace(_row(1, 0.5, patients=9), p_value=None)
    assert flag([row], 0.1, 1).reason == "No series has a p-value."


def test_time_left_is_a_range_from_five_series_on():
    pace = Pace(1000)
    for _ in range(4):
        pace.add(10, 5.0)
    assert pace.seconds_left(20.0) is None
    assert pace.words(20.0) == ""
    pace.add(10, 15.0)
    left = pace.seconds_left(35.0)
    assert left is not None
    low, high = left
    assert low < 35.0 * 950 / 50 < high
    assert high - low == pytest.approx(2 * 665 * 2 * np.std([5] * 4 + [15], ddof=1)
                                       / 7 / np.sqrt(5), rel=1e-6)  # fmt: skip
    assert pace.words(35.0) == "5 to 18 min left, by 5 series"
