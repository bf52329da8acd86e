"""Each part of the self-test says ok where it is, and what is wrong where it is not."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.digest import array_digest
from btd_desktop.examination.shipped_digests import MODELS
from btd_desktop.scoring.card import read_card
from btd_desktop.workflow.selftest import examination, steps
from btd_desktop.workflow.selftest.steps import Check, run_selftest, step
from btd_desktop.workflow.verify import verify_report_file

MODELS_DIR = Path(__file__).resolve().parents[3] / "models"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped models, which may be damaged."""
    folder = shutil.copytree(MODELS_DIR, tmp_path / "shipped")
    monkeypatch.setenv("BTD_MODELS_DIR", str(folder))
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "step"
    folder.mkdir()
    return folder


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)


def _rows(name: str, folder: Path) -> dict[str, tuple[str, str]]:
    return {what: (state, words) for what, state, words in step(name, folder)}


def _damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_packages_load_here(work):
    rows = _rows("packages", work)
    assert {state for state, _ in rows.values()} == {"ok"}
    assert rows["torch"][1].startswith("2.")


def test_package_that_does_not_load_is_named(work, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    state, words = _rows("packages", work)["packages"]
    assert state == "not"
    assert "imagecodecs" in words


@pytest.mark.usefixtures("no_torch")
def test_absent_torch_is_not_tried_and_its_command_named(work):
    state, words = _rows("packages", work)["torch"]
    assert state == "not tried"
    assert "pip install torch==" in words


@pytest.mark.usefixtures("shipped")
def test_models_as_shipped_are_ok(work):
    assert _rows("models", work)["models and profiles"][0] == "ok"


@pytest.mark.parametrize(
    "name",
    [
        "ct96wide-lean/weights.safetensors",
        "ct96wide-lean/card.json",
        "mr128-lean/profiles/public-mr.json",
    ],
)
def test_damaged_model_file_is_named(shipped, work, name):
    _damage(shipped / name)
    state, words = _rows("models", work)["models and profiles"]
    assert state == "not"
    assert name.rpartition("/")[2] in words


def test_missing_weights_and_manifest_are_named(shipped, work, monkeypatch):
    (shipped / "ct96-lean" / "weights.safetensors").unlink()
    assert _rows("models", work)["models and profiles"][0] == "not"
    (shipped / "manifest.json").write_text("{", encoding="utf-8")
    state, words = _rows("models", work)["models and profiles"]
    assert (state, "manifest.json" in words) == ("not", True)
    (shipped / "manifest.json").unlink()
    assert _rows("models", work)["models and profiles"][0] == "not tried"
    monkeypatch.delenv("BTD_MODELS_DIR")
    monkeypatch.setattr("btd_desktop.paths._shipped_root", lambda: shipped.parent)
    assert _rows("models", work)["models and profiles"][0] == "not"


@pytest.mark.slow
@pytest.mark.usefixtures("shipped")
def test_examination_of_the_phantom_gives_the_expected_score(work):
    rows = _rows("examination", work)
    assert rows["evidence"][0] == "ok"
    assert rows["score"][0] == "ok", rows["score"][1]
    assert rows["report"][0] == "ok", rows["report"][1]
    assert rows["graphics card"][1]


@pytest.mark.slow
@pytest.mark.usefixtures("shipped")
def test_other_score_than_expected_is_not_ok(work, monkeypatch):
    wrong = examination.EXPECTED_SCORE * 1.02
    monkeypatch.setattr(examination, "EXPECTED_SCORE", wrong)
    state, words = _rows("examination", work)["score"]
    assert state == "not"
    assert "± 0.5 %" in words


@pytest.mark.slow
def test_damaged_weights_are_not_scored_with(shipped, work):
    _damage(shipped / "ct96wide-lean" / "weights.safetensors")
    rows = _rows("examination", work)
    assert rows["score"][0] == "not"
    assert rows["graphics card"][0] == "not tried"
    assert rows["report"][0] == "ok"


@pytest.mark.slow
@pytest.mark.usefixtures("shipped", "no_torch")
def test_without_torch_the_report_is_still_signed_and_verified(work):
    rows = _rows("examination", work)
    assert rows["score"][0] == "not tried"
    assert "pip install torch==" in rows["score"][1]
    assert rows["report"][0] == "ok"


@pytest.mark.slow
@pytest.mark.usefixtures("shipped", "no_torch")
def test_altered_report_that_passes_is_not_ok(work, monkeypatch):
    real = verify_report_file
    monkeypatch.setattr(
        examination,
        "verify_report_file",
        lambda path, evidence=None: real(path.with_name("report-1.pdf")),
    )
    state, words = _rows("examination", work)["report"]
    assert state == "not"
    assert words


def test_expected_score_is_that_of_the_shipped_model():
    # After the model is trained anew: run the test of the phantom, which prints its
    # score, and enter score and digest.
    shipped = read_card(MODELS_DIR / "ct96wide-lean")
    assert shipped.digest == MODELS["ct96wide-lean"]["digest"]
    assert shipped.noise_digest == examination.EXPECTED_MODEL


def test_phantom_is_the_same_to_the_bit():
    volume = examination.phantom()
    assert volume.voxels.dtype == np.int16
    assert array_digest(volume.voxels)[:16] == "a802525cd8d67779"


def _pretend(monkeypatch: pytest.MonkeyPatch, code: str) -> list[Check]:
    """Checks of a program that does what the code says."""
    monkeypatch.setattr(steps, "_program", lambda: [sys.executable, "-c", code])
    heard: list[Check] = []
    assert list(run_selftest(heard.append)) == heard
    return heard


def test_process_that_dies_keeps_what_it_found_before(monkeypatch):
    code = (
        "import json, os; print(json.dumps({'check': ['a', 'ok', 'b']}), flush=True);"
        " os.abort()"
    )
    monkeypatch.setenv("DISPLAY", ":77")
    heard = _pretend(monkeypatch, code)
    assert [c.state for c in heard] == ["ok", "not"] * 3 + ["not", "not"]
    assert heard[1].name == "packages"
    if sys.platform != "win32":
        assert "SIGABRT" in heard[1].words
    assert heard[0].line == "ok         a: b"


def test_silent_process_is_not_ok(monkeypatch):
    heard = _pretend(monkeypatch, "pass")
    assert {c.state for c in heard if "display" not in c.name} == {"not"}


def test_missing_library_is_named_with_its_package(monkeypatch):
    said = "libEGL.so.1: cannot open shared object file: No such file or directory"
    code = (
        f"import json, sys; said = {said!r}\n"
        "if '--window-probe' in sys.argv: print(json.dumps({'problem': said}))\n"
        "else: print(json.dumps({'check': ['packages', 'not', said]}))"
    )
    heard = _pretend(monkeypatch, code)
    for check in heard[:4]:
        assert check.state == "not"
        assert "libegl1" in check.words


@pytest.mark.skipif(sys.platform != "linux", reason="displays of Linux")
def test_without_a_display_the_window_on_it_is_not_tried(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(steps, "missing_for", lambda words, window: [])
    check = _pretend(monkeypatch, "print('{}')")[-1]
    assert (check.name, check.state) == ("window, on the display", "not tried")
    missing = ["libxcb-cursor.so.0"]
    monkeypatch.setattr(steps, "missing_for", lambda words, window: missing)
    check = _pretend(monkeypatch, "print('{}')")[-1]
    assert check.state == "not"
    assert "libxcb-cursor0" in check.words


@pytest.mark.skipif(sys.platform != "linux", reason="displays of Linux")
def test_window_opens_offscreen_and_says_why_not_on_a_display_that_is_none(
    monkeypatch, tmp_path
):
    check = steps._window("window", "offscreen", tmp_path)
    assert check.state == "ok", check.words
    assert "offscreen" in check.words
    monkeypatch.setenv("DISPLAY", ":77")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    check = steps._window("window", "", tmp_path)
    assert check.state == "not"
    assert "DISPLAY=:77" in check.words
