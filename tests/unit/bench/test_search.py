"""The search for an unknown place: what is reported of a tampered series."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.bench.attacks.registry import ATTACKS
from btd_desktop.bench.search import (
    HIT_MM,
    Searched,
    rank_of,
    search_rows,
    search_series,
)
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.peaks import Peak
from btd_desktop.strict_json import printed_json
from btd_desktop.volume import Volume
from tests.unit.bench.test_evaluate import profile, series
from tests.unit.scoring.fakes import HighPassDetector

__all__ = ["profile", "series"]

LOUD = "redrawn with Gaussian noise"


def search_of(series: Volume, profile: CalibrationProfile) -> list[Searched]:
    return search_series(
        [(series, "someone")],
        HighPassDetector(),
        lambda patient: profile,
        attacks=[ATTACKS[LOUD], ATTACKS["redrawn without noise"]],
        n_places=2,
        seed=3,
        context=TaskContext(),
        kinds=("anomaly", "removal", "untaught"),
    )


@pytest.fixture(scope="module")
def searched(series, profile):
    return search_of(series, profile)


@pytest.mark.slow
def test_each_copy_is_searched_and_compared_with_the_series_before(searched):
    assert len(searched) >= 2
    assert {f.patient for f in searched} == {"someone"}
    # This profile knows no learned evidence.
    assert {f.kind for f in searched} == {"anomaly", "removal"}
    for kind in ("anomaly", "removal"):
        own = [f for f in searched if f.kind == kind]
        # One series: what it scored before it was touched is one number.
        assert len({f.genuine_score for f in own}) == 1
    for own in searched:
        assert np.isfinite([own.series_score, own.genuine_score]).all()
        for rank in (own.rank, own.rank_before, own.slice_rank):
            assert rank is None or 1 <= rank <= 12
        # What is first in the series is first in its slice.
        assert own.rank != 1 or own.slice_rank == 1


def test_searching_twice_finds_the_same(searched, series, profile):
    assert search_of(series, profile) == searched


def test_rows_count_patients_alike(searched):
    one = replace(
        searched[0], attack=LOUD, kind="anomaly", rank=1, rank_before=None, slice_rank=1
    )
    one = replace(one, series_p=0.05, slice_flagged=True)
    others = [
        replace(one, patient="other", rank=rank, series_p=p, slice_flagged=False)
        for rank, p in ((5, None), (6, 0.2), (None, 0.2))
    ]
    [row] = search_rows([one, *others])
    assert (row.attack, row.n, row.n_patients) == (LOUD, 4, 2)
    assert row.first_1.value == 0.5
    assert row.first_5.value == pytest.approx((1.0 + 1 / 3) / 2)
    assert row.first_12.value == pytest.approx((1.0 + 2 / 3) / 2)
    assert row.before_5.value == 0.0
    assert row.p_small.value == 0.5
    assert row.slices_flagged is not None
    assert row.slices_flagged.value == 0.5
    [row] = search_rows([one, replace(one, slice_flagged=None)])
    assert row.slices_flagged is None


def test_a_point_is_ranked_by_the_first_place_within_reach(series):
    spacing = series.spacing_mm[1]
    reach = HIT_MM / spacing
    far = Peak(9.0, 0, 0, 0)
    near = Peak(3.0, 0, 200, 200)
    centre = (0, 200, int(200 + reach))
    assert rank_of([far, near], centre, series) == 2
    assert rank_of([near, far], centre, series) == 1
    assert rank_of([far], centre, series) is None


def test_rows_as_json_hold_no_nan(searched):
    [value] = json.loads(printed_json(search_rows([searched[0]])))
    assert value["n"] == 1
    assert "NaN" not in json.dumps(value)
