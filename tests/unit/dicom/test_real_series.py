"""Import of real series: order, spacing, HU, speed."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import pytest

from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import Fate
from btd_desktop.progress import TaskContext

pytestmark = pytest.mark.realdata


def test_ct01_is_one_regular_series(shared_data: Path) -> None:
    result = import_evidence([shared_data / "ct" / "ct01"], TaskContext())
    (series,) = result.series
    volume = series.volume
    assert volume.shape == (70, 512, 512)
    assert volume.spacing_mm == pytest.approx((2.5, 0.703125, 0.703125))
    assert volume.voxels.dtype == "int16"
    assert (volume.source.model, volume.source.kernel) == (
        "LightSpeed Plus",
        "STANDARD",
    )
    assert not {"gap", "uneven_spacing", "repeated_position"} & {
        finding.code for finding in series.findings
    }
    with (shared_data / "manifest.csv").open(newline="") as stream:
        known = {row["file"]: row["sha256"] for row in csv.DictReader(stream)}
    for entry in result.files:
        assert entry.sha256 == known[f"ct/ct01/{entry.name}"]


def test_ct10_is_two_stacks(shared_data: Path) -> None:
    result = import_evidence([shared_data / "ct" / "ct10"], TaskContext())
    assert sorted(s.volume.n_slices for s in result.series) == [11, 12]
    assert {e.fate for e in result.files} == {Fate.ACCEPTED}


def test_ct05_keeps_its_patients_apart(shared_data: Path) -> None:
    result = import_evidence([shared_data / "ct" / "ct05"], TaskContext())
    patients = {series.volume.source.patient_id for series in result.series}
    assert len(patients) == 53
    assert sum(series.volume.n_slices for series in result.series) == 94
    for series in result.series:
        assert "mixed_patient" not in {finding.code for finding in series.findings}


def test_mr01_is_one_oblique_series(shared_data: Path) -> None:
    (series,) = import_evidence([shared_data / "mr" / "mr01"], TaskContext()).series
    assert series.volume.modality == "MR"
    assert series.volume.shape == (80, 256, 256)
    assert series.volume.unit == ""


def test_180_slices_import_in_seconds(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [shared_data / "ct" / name for name in ("ct02", "ct03")]
    start = time.perf_counter()
    result = import_evidence(folders, TaskContext())
    seconds = time.perf_counter() - start
    with capsys.disabled():
        sys.stdout.write(
            f"\n[import] ct02 + ct03, 180 slices of 512 x 512: {seconds:.2f} s\n"
        )
    assert sum(series.volume.n_slices for series in result.series) == 180
    assert seconds < 30
