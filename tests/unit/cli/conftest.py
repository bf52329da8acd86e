"""A command line in this process, with folders of its own and a tiny model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from btd_desktop.__main__ import main
from tests.factories import make_series_folder, make_tiny_model


@dataclass(frozen=True)
class Result:
    """Exit status and both streams of one call."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


class CommandLine:
    """Calls `btd` in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str | Path) -> Result:
        self._capsys.readouterr()
        status = main([str(word) for word in words])
        captured = self._capsys.readouterr()
        return Result(status, captured.out, captured.err)


@pytest.fixture
def btd(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """`btd` with empty user folders and a models folder without models."""
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BTD_MODELS_DIR", str(tmp_path / "models"))
    return CommandLine(capsys)


@pytest.fixture
def tiny_model(btd: CommandLine, tmp_path: Path) -> Path:
    """Folder of the one model that is installed."""
    folder = tmp_path / "models" / "tiny-ct"
    make_tiny_model(folder)
    return folder


@pytest.fixture
def suspect(tmp_path: Path) -> Path:
    """Folder of a CT series of six slices."""
    return make_series_folder(tmp_path / "suspect", 0)


@pytest.fixture
def benign(tmp_path: Path) -> Path:
    """Folder of four genuine patients."""
    folder = tmp_path / "benign"
    for patient in range(1, 5):
        make_series_folder(folder / f"p{patient}", patient)
    return folder
