"""Folders of one's own and a tiny model for each test of a use case."""

from __future__ import annotations

from pathlib import Path

import pytest

from btd_desktop.workflow.services import Services
from tests.factories import make_tiny_model


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def tiny_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the one model that is installed, for CT."""
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BTD_MODELS_DIR", str(tmp_path / "models"))
    folder = tmp_path / "models" / "tiny-ct"
    make_tiny_model(folder)
    return folder
