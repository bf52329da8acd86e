"""Importing the package and its command line loads nothing heavy and opens nothing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "PySide6", "pydicom", "SimpleITK", "reportlab", "pyhanko", "sklearn")


def _loaded_after(module: str) -> set[str]:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "btd_desktop",
        "btd_desktop.settings, btd_desktop.logs, btd_desktop.volume",
        "btd_desktop.__main__",
        "btd_desktop.cli.main",
    ],
)
def test_import_leaves_heavy_libraries_out(module):
    first = module.split(",")[0]
    if importlib.util.find_spec(first) is None:
        pytest.skip(f"{first} does not exist yet")
    assert not _loaded_after(module) & set(HEAVY)


def test_import_of_a_heavy_library_would_be_noticed():
    assert "sqlite3" in _loaded_after("sqlite3")


def test_reading_a_profile_leaves_out_what_only_calibrating_needs():
    loaded = _loaded_after("btd_desktop.calibration.profile")
    assert not loaded & {"sklearn", "scipy.stats"}
