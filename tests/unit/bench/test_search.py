"""The search for an unknown place: what is reported of a tampered series."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.bench.search import HIT_MM, search_rows, search_series
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import printed_json
from tests.unit.bench.test_evaluate import profile, series
from tests.unit.scoring.fakes import HighPassDetector

__all__ = ["profile", "series"]

LOUD = "redrawn with Gaussian noise"


@pytest.fixture(scope="module")
def searched(series, profile):
    return search_series(
        [(series, "someone")],
        HighPassDetector(),
        profile,
        attacks=[LOUD, "redrawn without noise"],
        n_places=2,
        seed=3,
        context=TaskContext(),
    )


@pytest.mark.slow
def test_each_copy_is_searched_and_compared_with_the_series_before(searched):
    assert len(searched) >= 2
    assert {f.patient for f in searched} == {"someone"}
    # One series: what it scored before it was touched is one number.
    assert len({f.genuine_score for f in searched}) == 1
    for own in searched:
        assert np.isfinite([own.series_score, own.distance_mm]).all()
        assert own.distance_mm >= 0.0
        assert np.isnan(own.pixel_auc) or 0.0 <= own.pixel_auc <= 1.0
        assert own.slices_flagged is None or 0.0 <= own.slices_flagged <= 1.0


def test_searching_twice_finds_the_same(searched, series, profile):
    again = search_series(
        [(series, "someone")],
        HighPassDetector(),
        profile,
        attacks=[LOUD, "redrawn without noise"],
        n_places=2,
        seed=3,
        context=TaskContext(),
    )
    assert again == searched


def test_rows_count_what_lies_within_reach(searched):
    one = replace(
        searched[0], attack=LOUD, distance_mm=HIT_MM, slice_distance_mm=HIT_MM + 1.0
    )
    far = replace(one, patient="other", distance_mm=90.0, pixel_auc=float("nan"))
    higher = replace(one, series_score=one.genuine_score + 1.0)
    [row] = search_rows([higher, replace(far, series_score=far.genuine_score - 1.0)])
    assert (row.attack, row.n, row.n_patients) == (LOUD, 2, 2)
    assert row.hit_share == 0.5
    assert row.slice_hit_share == 0.0
    assert row.series_auc == 0.5
    assert row.median_distance_mm == pytest.approx((HIT_MM + 90.0) / 2)


def test_rows_as_json_hold_no_nan(searched):
    lone = replace(searched[0], pixel_auc=float("nan"))
    [value] = json.loads(printed_json(search_rows([lone])))
    assert value["pixel_auc"] is None
    assert value["n"] == 1
