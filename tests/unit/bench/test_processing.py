"""Rates of processing traces by left-out patients, and copies to find them in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from btd_desktop.bench.corpus import load_split
from btd_desktop.bench.processed_copies import PROCESSINGS, Processing, processed
from btd_desktop.bench.processing import (
    Measured,
    found_rows,
    limits_from,
    measure_genuine,
    rate_rows,
)
from btd_desktop.dicom.checks.processing import TRACES
from btd_desktop.progress import TaskContext
from tests.factories import make_ct_volume


def measured(
    patient: str, code: str = "smoothed_noise", value: float = 0.1
) -> Measured:
    return Measured(patient=patient, is_declared=False, strengths={code: value})


def test_limits_let_one_patient_lie_beyond_and_never_fall_below_the_least() -> None:
    quiet = [measured(str(number)) for number in range(9)]
    least = limits_from(quiet)["smoothed_noise"]
    assert limits_from([*quiet, measured("odd", value=50.0)]) == limits_from(quiet)
    two = [*quiet, measured("odd", value=50.0), measured("other", value=40.0)]
    assert limits_from(two)["smoothed_noise"] == pytest.approx(1.25 * 40.0)
    # Two series of one patient are still one patient.
    same = [*quiet, measured("odd", value=50.0), measured("odd", value=40.0)]
    assert limits_from(same)["smoothed_noise"] == least


def test_no_patient_is_judged_by_a_limit_that_he_had_a_part_in() -> None:
    series = [measured(str(number)) for number in range(8)]
    series += [measured("odd", value=50.0), measured("other", value=49.0)]
    # Each of the two alone would have lifted the limit above the other.
    (row,) = [r for r in rate_rows(series) if r.code == "smoothed_noise"]
    assert (row.n_found, row.n_series, row.n_patients) == (2, 10, 10)
    assert row.rate == pytest.approx(0.2)
    assert row.most > row.rate


def test_patients_count_the_same_however_many_series_they_have() -> None:
    many = [measured("many", value=9.0) for _ in range(8)]
    few = [measured(str(number)) for number in range(3)]
    (row,) = [r for r in rate_rows([*many, *few]) if r.code == "smoothed_noise"]
    assert row.n_found == 8
    assert row.rate == pytest.approx(0.25)


def test_a_note_is_no_part_of_any() -> None:
    assert TRACES["white_noise"].is_note
    series = [measured(str(n), "white_noise", 0.1) for n in range(8)]
    series.append(measured("odd", "white_noise", 9.0))
    rows = {row.code: row.n_found for row in rate_rows(series)}
    assert rows == {"white_noise": 1, "any": 0}


@pytest.mark.parametrize("how", PROCESSINGS, ids=lambda how: how.name)
def test_copies_keep_whole_values_in_the_range_of_their_source(how: Processing) -> None:
    volume = make_ct_volume(1, shape=(5, 128, 128))
    copy = processed(volume, how, seed=1)
    assert copy.voxels.dtype == np.int16
    assert copy.voxels.min() >= volume.voxels.min()
    assert copy.voxels.max() <= volume.voxels.max()
    same = copy.shape == volume.shape and np.array_equal(copy.voxels, volume.voxels)
    assert not same
    again = processed(volume, how, seed=1)
    assert np.array_equal(copy.voxels, again.voxels)


def test_found_rows_begin_with_what_is_untouched() -> None:
    volume = make_ct_volume(1, shape=(5, 128, 128))
    rows = found_rows([volume], TaskContext(), n=1, seed=0)
    assert (rows[0].name, rows[0].n_found, rows[0].n) == ("untouched", 0, 1)
    by_name = {row.name: row for row in rows}
    assert by_name["steps of 4 HU"].by_trace["odd_levels"] == 1


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_printed_rates_are_those_of_the_genuine_scans(shared_data: Path) -> None:
    genuine = []
    for split in ("train", "calib"):
        series, _ = load_split(shared_data, split, "CT", TaskContext())
        genuine += measure_genuine(series, TaskContext())
    plain = [item for item in genuine if not item.is_declared]
    for row in rate_rows(plain):
        assert row.rate <= 0.02
        if row.code != "any":
            trace = TRACES[row.code]
            stated = (row.n_found, row.n_series, row.n_patients)
            assert trace.genuine[:3] == stated
            assert row.most == pytest.approx(trace.genuine.most, abs=1e-3)
    for code, limit in limits_from(plain).items():
        assert TRACES[code].limit == pytest.approx(limit, rel=0.01)
