"""The examples of `docs/examples` do what they say, on small simulated scans."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import CaseDetails
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.simulate import SimulationOptions, simulate_series
from tests.factories import make_series_folder

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated patients of two slices each."""
    folder = tmp_path_factory.mktemp("scans")
    for seed in (1, 2, 3):
        options = SimulationOptions("CT", n_slices=2, rows=112, seed=seed)
        simulate_series(folder / f"patient-{seed}", options, TaskContext())
    return folder


def run(*command: str, status: int = 0, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def example(name: str, *arguments: Path | str, status: int = 0) -> str:
    return run(str(EXAMPLES / name), *map(str, arguments), status=status)


def test_scoring_a_folder_prints_where_to_look_first(scans, tmp_path):
    told = example("score_series.py", scans / "patient-1", tmp_path / "case")
    assert "2 slices" in told
    assert "  slice " in told
    assert (tmp_path / "case" / "case.sqlite").is_file()


def test_calibrations_are_compared_level_by_level(tmp_path):
    # More places than small simulated scans have, without their physics.
    for patient in range(1, 4):
        make_series_folder(tmp_path / f"p{patient}", patient, shape=(3, 192, 192))
    told = example("compare_calibrations.py", tmp_path, "0.3")
    assert ": 46 patients, rate 0.01" in told
    own = told[told.index("Example: 3 patients, rate 0.3") :]
    assert "the smallest rate that they establish is 0.3" in own
    assert "  patch: " in own
    assert "  slice: " in own


def test_report_is_verified_and_its_twin_read(scans, tmp_path):
    from btd_desktop.workflow.examine import ExamineOptions, examine

    scan = scans / "patient-1"
    examined = examine(
        [scan],
        tmp_path / "case",
        CaseDetails(title="Example"),
        ExamineOptions(),
        Services(),
        TaskContext(),
    )
    report = examined.report.path
    told = example("read_report.py", report, scan)
    assert told.startswith("INTACT, SIGNER NOT VALIDATED\n")
    assert "model ct96wide-lean" in told
    assert "series 1: " in told
    told = example("read_report.py", report, scans / "patient-2", status=7)
    assert told.startswith("NOT VERIFIED\n")


def test_notebook_runs_from_its_first_cell_to_its_last(scans, tmp_path):
    book = json.loads((EXAMPLES / "noise_and_scores.ipynb").read_text("utf-8"))
    cells = [c for c in book["cells"] if c["cell_type"] == "code"]
    assert [c for c in cells if c["outputs"] or c["execution_count"]] == []
    script = tmp_path / "cells.py"
    script.write_text("\n\n".join("".join(c["source"]) for c in cells), "utf-8")
    told = run(str(script), BTD_EXAMPLE_SCAN=str(scans / "patient-1"))
    assert "['accepted']" in told
    assert "(2, 112, 112) HU" in told
    assert "places scored:" in told
