"""The import contracts of pyproject.toml hold, and each of them can be broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def _lint(root: Path) -> tuple[int, str]:
    environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "200"}
    config = str(root / "pyproject.toml")
    done = subprocess.run(
        [sys.executable, "-c", _LINT, "--no-cache", "--no-logo", "--config", config],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def planted_root(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to plant violations in."""
    shutil.copytree(
        ROOT / "btd_desktop",
        tmp_path / "btd_desktop",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_contracts_hold():
    status, output = _lint(ROOT)
    assert status == 0, output


@pytest.mark.parametrize(
    ("path", "source", "broken"),
    [
        ("scoring/planted.py", "import btd_desktop.workflow", "Layers point downwards"),
        ("dicom/planted.py", "import btd_desktop.preprocess", "Layers point downwards"),
        ("cases/planted.py", "import btd_desktop.examination", "Layers point"),
        ("examination/planted.py", "import btd_desktop.report", "Layers point"),
        ("gui/presenters/planted.py", "import btd_desktop.scoring.grid", "no deeper"),
        ("utils.py", "", "Layers point downwards"),
        ("gui/planted.py", "", "Inside the GUI"),
        ("workflow/planted.py", "import PySide6.QtCore", "Qt is imported by the GUI"),
        ("cli/planted.py", "import pyqtgraph", "Qt is imported by the GUI"),
        ("scoring/planted.py", "import torch.nn", "torch lives in diffusion"),
        ("scoring/planted.py", "import safetensors.numpy", "Weights are read by"),
        ("cases/planted.py", "import pydicom", "DICOM and volume files"),
        ("simulator/planted.py", "def f():\n    import SimpleITK", "DICOM and volume"),
        (
            "report/planted.py",
            "import sqlite3",
            "Databases belong to cases and to the archive",
        ),
        ("archive/planted.py", "import pynetdicom", "Connections are opened by"),
        ("workflow/planted.py", "import dicomweb_client.web", "Connections are"),
        ("gui/presenters/planted.py", "import socket", "Connections are opened by"),
        (
            "gui/presenters/planted.py",
            "import btd_desktop.archive.pacs.opening",
            "The window and the examination reach no connection",
        ),
        ("cli/planted.py", "from pyhanko.sign import x", "PDF and signatures"),
        ("scoring/planted.py", "import btd_desktop.diffusion", "model-agnostic"),
    ],
)
def test_planted_import_breaks_its_contract(planted_root, path, source, broken):
    target = planted_root / "btd_desktop" / path
    target.write_text(f'"""Planted."""\n{source}\n', encoding="utf-8")
    status, output = _lint(planted_root)
    assert status == 1, output
    assert any(broken in line and " BROKEN" in line for line in output.splitlines()), (
        output
    )


def test_planted_cycle_between_siblings_is_found(planted_root):
    folder = planted_root / "btd_desktop" / "scoring"
    for one, other in (("first", "second"), ("second", "first")):
        (folder / f"planted_{one}.py").write_text(
            f'"""Planted."""\nimport btd_desktop.scoring.planted_{other}\n',
            encoding="utf-8",
        )
    status, output = _lint(planted_root)
    assert status == 1
    assert "planted_first" in output
