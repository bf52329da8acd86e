"""Scanner shift: rates of genuine series beside the answer of the scope check."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from btd_desktop.bench.shift import ShiftRow, by_coverage, shift_rows
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.errors import Cancelled
from btd_desktop.examination.models import BoundDetector
from btd_desktop.progress import TaskContext
from btd_desktop.volume import Volume
from tests.unit.bench.test_evaluate import profile, series  # noqa: F401
from tests.unit.scoring.fakes import HighPassDetector

DETECTOR = cast(BoundDetector, HighPassDetector())


def rows_of(
    series: Volume,  # noqa: F811
    profile: CalibrationProfile,  # noqa: F811
    context: TaskContext | None = None,
) -> list[ShiftRow]:
    found = [(series, "someone")]
    return shift_rows(found, DETECTOR, profile, context or TaskContext())


def test_row_counts_what_lies_beyond_the_threshold(series, profile):  # noqa: F811
    [row] = rows_of(series, profile)
    assert row.patient == "someone"
    assert 0 <= row.flagged_patches <= row.n_patches
    assert row.n_slices == series.n_slices
    levels = dict(profile.levels["anomaly"])
    for threshold, flagged in ((-1.0, row.n_patches), (99.0, 0)):
        levels["patch"] = replace(levels["patch"], threshold=threshold)
        other = replace(profile, levels={**profile.levels, "anomaly": levels})
        [found] = rows_of(series, other)
        assert found.flagged_patches == flagged
        assert found.share == flagged / row.n_patches


def test_row_says_what_the_scope_check_says(series, profile):  # noqa: F811
    other = replace(series, source=series.source.with_facts(kernel="NEVER SEEN"))
    [row] = rows_of(other, profile)
    assert row.kernel == "NEVER SEEN"
    assert row.coverage != "covered"
    assert row.reasons
    # What would be flagged does not depend on the answer.
    assert row.flagged_patches == rows_of(series, profile)[0].flagged_patches


def test_series_without_tissue_has_no_row(series, profile):  # noqa: F811
    air = replace(series, voxels=np.full_like(series.voxels, -1000))
    assert rows_of(air, profile) == []


def test_rates_are_pooled_by_answer_of_the_scope_check():
    def row(patient: str, coverage: str, flagged: int, of: int) -> ShiftRow:
        return ShiftRow(patient, "S", "K", 1.0, coverage, (), of, flagged, 4, 1, None)

    covered, partly = by_coverage(
        [
            row("b", "partly covered", 5, 10),
            row("a", "covered", 1, 100),
            row("a", "covered", 0, 300),
        ]
    )
    assert covered["coverage"] == "covered"
    assert (covered["n_series"], covered["n_patients"]) == (2, 1)
    assert covered["share"] == 1 / 400
    assert covered["series_mean"] == 0.005
    assert covered["series_highest"] == 0.01
    assert (covered["flagged_slices"], covered["n_slices"]) == (2, 8)
    assert partly["share"] == 0.5


def test_shift_can_be_cancelled(series, profile):  # noqa: F811
    context = TaskContext()
    context.cancel()
    with pytest.raises(Cancelled):
        rows_of(series, profile, context)
