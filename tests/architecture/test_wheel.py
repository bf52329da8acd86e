"""The wheel holds what the program needs to run, and runs outside the checkout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = "btd_desktop/_shipped"
NEEDED = (
    "pyproject.toml", "setup.py", "README.md", "LICENSE",
    "btd_desktop", "models", "assets", "requirements",
)  # fmt: skip
_NOT_SOURCE = shutil.ignore_patterns("__pycache__", "*.egg-info")

pytestmark = pytest.mark.slow


def _run(*command: str, cwd: Path, **env: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a build reads, so that the checkout gets no build folder."""
    root = tmp_path_factory.mktemp("source")
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=_NOT_SOURCE)
        else:
            shutil.copy(ROOT / name, root / name)
    page = root / "handbook" / "handbook" / "first-hour.html"
    page.parent.mkdir(parents=True)
    page.write_text("<h1>The first hour</h1>")
    return root


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")
    _run(*pip, "--no-build-isolation", "--wheel-dir", str(out), ".", cwd=source)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_wheel_holds_every_shipped_model_file_as_the_manifest_names_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        manifest = json.loads(archive.read(f"{SHIPPED}/models/manifest.json"))
        assert len(manifest["files"]) >= 9
        for name, told in manifest["files"].items():
            content = archive.read(f"{SHIPPED}/models/{name}")
            assert hashlib.sha256(content).hexdigest() == told["sha256"], name


def test_wheel_holds_fonts_icons_licences_and_bill_of_materials(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        sbom = archive.read(f"{SHIPPED}/requirements/sbom.json")
    assert sbom == (ROOT / "requirements" / "sbom.json").read_bytes()
    for folder in ("fonts", "icons", "theme"):
        for path in (ROOT / "assets" / folder).iterdir():
            assert f"{SHIPPED}/assets/{folder}/{path.name}" in names
    assert f"{SHIPPED}/assets/shortcuts.toml" in names
    assert f"{SHIPPED}/handbook/handbook/first-hour.html" in names
    for licence in ("LICENSE", "assets/fonts/LICENSE.txt"):
        assert any(n.endswith(f".dist-info/licenses/{licence}") for n in names)


def test_wheel_holds_no_attack_no_test_and_stays_small(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert not [n for n in names if "attacks" in n and n.startswith(SHIPPED)]
    assert not [n for n in names if "/tests/" in n or n.startswith("tests/")]
    assert not [n for n in names if n.endswith(".py") and n.startswith(SHIPPED)]
    assert wheel.stat().st_size < 12e6


def test_wheel_finds_its_own_models_and_assets_outside_the_checkout(unpacked, tmp_path):
    code = (
        "import json\n"
        "from btd_desktop import paths\n"
        "from btd_desktop.examination.models import list_models\n"
        "from btd_desktop.workflow.components import component_rows\n"
        "print(json.dumps({'folders': [str(paths.assets_dir()),"
        " str(paths.shipped_models_dir()), str(paths.sbom_path())],"
        " 'models': [[e.folder.name, e.problem] for e in list_models()],"
        " 'parts': len(component_rows())}))"
    )
    env = {"PYTHONPATH": str(unpacked), "BTD_HOME": str(tmp_path)}
    told = json.loads(_run(sys.executable, "-c", code, cwd=tmp_path, **env))
    assert all(f.startswith(str(unpacked / SHIPPED)) for f in told["folders"])
    assert [m for m in told["models"] if m[1]] == []
    assert {m[0] for m in told["models"]} == {
        p.parent.name for p in (ROOT / "models").glob("*/card.json")
    }
    assert told["parts"] > 40


def test_editable_build_copies_nothing_and_uses_the_checkout(source, tmp_path):
    code = "import setuptools.build_meta as b, sys; b.build_editable(sys.argv[1])"
    _run(sys.executable, "-c", code, str(tmp_path), cwd=source)
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        assert not [n for n in archive.namelist() if "_shipped" in n]
    assert not (source / SHIPPED).exists()


def test_a_pattern_that_finds_nothing_stops_the_build(source, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(source, broken, ignore=shutil.ignore_patterns("build", "icons"))
    code = "import setuptools.build_meta as b; b.build_wheel('out')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=broken, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "assets/icons/*.svg" in done.stderr
