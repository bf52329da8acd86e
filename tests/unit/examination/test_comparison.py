"""Scores of a scan beside genuine ones, and what a threshold flags."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from btd_desktop.calibration.apply import CalibratedSeries
from btd_desktop.calibration.ecdf import clopper_pearson
from btd_desktop.calibration.level import LevelCalibration
from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.examination.comparison import (
    compare,
    scores_of,
    threshold_at,
)
from btd_desktop.examination.series import Evaluation

GENUINE = np.arange(1.0, 101.0)


def value(score: float) -> CalibratedValue:
    return CalibratedValue(score, 0.5, None, 100, 9, 95.0, score > 95.0)


def level(threshold: float | None = 95.0) -> LevelCalibration:
    interval = None if threshold is None else (0.01, 0.2)
    reason = "100 scores are too few" if threshold is None else ""
    n = 0.0 if threshold is None else 40.0
    return LevelCalibration(GENUINE, 9, threshold, reason, interval, n, (), None)


def evaluation(
    threshold: float | None = 95.0, coverage: Coverage = Coverage.COVERED
) -> Evaluation:
    maps = (np.array([[1.0, np.nan], [97.0, 3.0]]), np.full((2, 2), np.nan))
    nowhere = tuple(np.full((2, 2), np.nan) for _ in maps)
    own = CalibratedSeries("anomaly", maps, nowhere, (value(97.0), None), value(97.0))
    levels = dict.fromkeys(("patch", "slice", "series"), level(threshold))
    reasons = () if coverage is Coverage.COVERED else ("another model",)
    made = SimpleNamespace(
        kinds={"anomaly": own},
        profile=SimpleNamespace(levels={"anomaly": levels}, target_fpr=0.05),
        scope=Scope(coverage, reasons),
        level=lambda kind, name: levels[name],
        searched=lambda kind, name: "",
    )
    return cast(Evaluation, cast(Any, made))


@pytest.mark.parametrize(
    ("wanted", "scores"),
    [("patch", [1.0, 97.0, 3.0]), ("slice", [97.0]), ("series", [97.0]), ("place", [])],
)
def test_every_score_of_a_level_is_taken_once(wanted, scores):
    np.testing.assert_array_equal(scores_of(evaluation(), "anomaly", wanted), scores)


def test_threshold_of_the_profile_comes_with_its_own_interval():
    told = compare(evaluation(), "anomaly", "patch").threshold
    assert told is not None
    assert (told.value, told.interval, told.own) == (95.0, (0.01, 0.2), False)
    assert (told.fpr, told.n_flagged, told.n_scan) == (0.05, 1, 3)
    # 0.2 is more than three times 0.05.
    assert told.doubt == (
        "not established at 5 %: the smallest rate that 9 patients can establish is "
        "19 %"
    )
    assert threshold_at(evaluation(), "anomaly", "patch", 95.0).doubt == ""


def test_threshold_tried_out_has_the_interval_of_what_is_independent():
    told = compare(evaluation(), "anomaly", "patch", 2.0).threshold
    assert told is not None
    assert told.own
    assert told.fpr == 0.98
    assert told.interval == clopper_pearson(0.98 * 40.0, 40.0)
    assert told.n_flagged == 2
    assert told == threshold_at(evaluation(), "anomaly", "patch", 2.0)


def test_level_without_threshold_is_not_said_to_have_one():
    both = compare(evaluation(threshold=None), "anomaly", "slice")
    assert both.note == "No threshold at this level: 100 scores are too few."
    assert both.threshold is not None
    # A place to start dragging from, and not the profile's.
    assert (both.threshold.value, both.threshold.own) == (100.0, True)


def test_scan_that_is_not_covered_has_neither_threshold_nor_rate():
    both = compare(evaluation(coverage=Coverage.NOT), "anomaly", "slice", 5.0)
    assert both.threshold is None
    assert both.note.startswith("Not covered by the calibration")
