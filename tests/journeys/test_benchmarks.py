"""The benchmark scripts run to their end, in their smallest form."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
    ],
)
def test_a_benchmark_measures_and_prints(
    tmp_path: Path, script: str, options: str, printed: str
) -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / script), *options.split()],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env={**os.environ, "BTD_HOME": str(tmp_path / "home")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert printed in done.stdout
