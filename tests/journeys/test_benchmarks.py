"""The benchmark scripts run to their end, in their smallest form."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from btd_desktop.tampering.teaching import ALIKE
from tests.factories import make_series_folder

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize(
    ("script", "options", "printed"),
    [
        (
            "speed.py",
            "--repeat 1 --patches 2 --side 128 --dims 8 --batches 1 --threads 1",
            "Times as long as the lean network",
        ),
        (
            "examination.py",
            "--slices 3 --side 160 --threads 1",
            "3 slices, files: {'accepted': 3",
        ),
        ("sweep.py", "--series 1 --runs one", "identical results"),
        (
            "sweep_at_scale.py",
            "--simulated 2000 --tasks 20 --rows 200",
            "10,000,000 series: index",
        ),
        ("sweep_engines.py", "dask", "empty task"),
    ],
)
def test_a_benchmark_measures_and_prints(
    tmp_path: Path, script: str, options: str, printed: str
) -> None:
    done = run(BENCHMARKS / script, options, tmp_path)
    assert printed in done


def test_learned_evidence_is_taught_and_judged_without_families(tmp_path: Path) -> None:
    """On simulated slices where the scripts look for real ones: beside the checkout."""
    folder = tmp_path / "checkout" / "benchmarks"
    folder.mkdir(parents=True)
    for script in ("real_data.py", "evidence_map.py", "evidence_families.py"):
        shutil.copy(BENCHMARKS / script, folder)
    data = tmp_path / "shared" / "data"
    lines = ["file,split,modality,patient,source"]
    for n, split in enumerate(["train"] * 4 + ["calib"] * 3):
        make_series_folder(data / f"p{n}", n + 1, shape=(1, 176, 176))
        lines.append(f"p{n}/00001.dcm,{split},CT,TEST-{n},simulated")
    (data / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    model = f"--model {BENCHMARKS.parent / 'models' / 'ct96wide-lean'} --processes 1"
    taught = run(
        folder / "evidence_map.py",
        f"--out ev --crops 30 --simulated 0 --steps 2 {model}",
        tmp_path,
    )
    assert "weights " in taught
    printed = run(
        folder / "evidence_families.py",
        f"--crops ev --out families --each 12 --steps 2 {model}",
        tmp_path,
    )
    rows = [line.split("|") for line in printed.splitlines() if line.startswith("| ")]
    assert {row[1].strip() for row in rows[1:]} <= {*ALIKE}
    assert all(0.0 <= float(row[4].split()[0]) <= 1.0 for row in rows[1:])
    assert len(rows) > 2


def run(script: Path, options: str, folder: Path) -> str:
    """What a script prints; it ends well and has a home of its own."""
    done = subprocess.run(
        [sys.executable, str(script), *options.split()],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=folder,
        env={**os.environ, "BTD_HOME": str(folder / "home")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
