"""Patients of the scans that somebody would calibrate on, counted before scoring."""

from __future__ import annotations

from btd_desktop.progress import TaskContext
from btd_desktop.workflow.calibrate import count_patients
from tests.factories import make_series_folder


def test_patients_are_counted_once_whatever_they_were_scanned_how_often(tmp_path):
    for seed, patient in enumerate(("A", "A", "B")):
        make_series_folder(tmp_path / str(seed), seed, patient_id=patient)
    (tmp_path / "notes.txt").write_text("no image")
    assert count_patients([tmp_path], "CT", TaskContext()) == 2
    assert count_patients([tmp_path], "MR", TaskContext()) == 0
