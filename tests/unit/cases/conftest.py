import shutil
from datetime import datetime
from pathlib import Path

import pytest

from tests.unit.cases.samples import NOW, fill_case


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """`home` and `case` made once; tests work on copies."""
    root = tmp_path_factory.mktemp("template")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        fill_case(root / "case")
    return Path(root)


@pytest.fixture(autouse=True)
def home(template, tmp_path_factory, monkeypatch) -> Path:
    """Keys and anchors of this test alone."""
    folder = tmp_path_factory.mktemp("user") / "home"
    shutil.copytree(template / "home", folder)
    monkeypatch.setenv("BTD_HOME", str(folder))
    return Path(folder)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def case_folder(template, tmp_path) -> Path:
    """A closed case with something in every table."""
    return Path(shutil.copytree(template / "case", tmp_path / "case"))
