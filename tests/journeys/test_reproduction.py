"""A report's evidence, scored again, gives the report's numbers."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from btd_desktop.__main__ import main
from btd_desktop.report.scores import read_scores
from btd_desktop.workflow import reproduce
from tests.factories import make_series_folder, make_tiny_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with model, profile, evidence and report.pdf."""
    desk = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(desk / "home"))
        patch.setenv("BTD_MODELS_DIR", str(desk / "models"))
        make_tiny_model(desk / "models" / "tiny-ct")
        for patient in range(1, 4):
            make_series_folder(desk / "benign" / f"p{patient}", patient)
        make_series_folder(desk / "suspect", 0)
        words: tuple[str, ...] = ("--name", "local", "--fpr", "0.05")
        btd("calibrate", desk / "benign", *words, "--out", desk / "local.json")
        words = ("--out", str(desk / "case"), "--profile", str(desk / "local.json"))
        status, told = btd("examine", desk / "suspect", *words)
        assert status == 0
        shutil.copy(told["report"]["path"], desk / "report.pdf")
        yield desk


@pytest.fixture
def threads() -> Iterator[Any]:
    import torch

    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def btd(*words: str | Path) -> tuple[int, dict[str, Any]]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main([*(str(word) for word in words), "--json"])
    return status, json.loads(printed.getvalue())


def again(desk: Path, *evidence: Path, profile: bool = True) -> tuple[int, Any]:
    words = [w for path in evidence or [desk / "suspect"] for w in ("--evidence", path)]
    local = ("--profile", desk / "local.json") if profile else ()
    return btd("reproduce", desk / "report.pdf", *words, *local)


def test_same_machine_gives_exactly_the_same_numbers(desk):
    status, told = again(desk)
    assert (status, told["agreement"]) == (0, "exact")
    (series,) = told["series"]
    assert series["n_compared"] > 500
    assert series["n_unequal"] == 0
    assert series["same_manifest"] is True
    assert told["n_files"] == 6


def test_another_number_of_threads_agrees_to_1e_5(desk, threads):
    import torch

    threads(1 if torch.get_num_threads() > 1 else 2)
    status, told = again(desk)
    assert status == 0
    assert told["agreement"] in ("exact", "close")
    assert told["series"][0]["largest"] <= 1e-5


def test_other_numbers_are_told(desk, monkeypatch):
    def altered(data: bytes) -> Any:
        scores = read_scores(data)
        place = next(iter(scores))
        scores[place]["removal"] *= 1.001
        return scores

    monkeypatch.setattr("btd_desktop.report.scores.read_scores", altered)
    status, told = again(desk)
    assert (status, told["agreement"]) == (1, "differs")
    assert told["series"][0]["n_differing"] == 1


def test_numbers_close_to_one_another_are_told_apart_from_exact_ones():
    place = (1, 1, 0, 0)
    printed = {place: {"anomaly": 2.0, "removal": 0.5}}
    for found, agreement in (
        ({"anomaly": 2.0, "removal": 0.5}, "exact"),
        ({"anomaly": 2.0, "removal": 0.500009}, "close"),
        ({"anomaly": 2.00003, "removal": 0.5}, "differs"),
        ({"anomaly": 2.0}, "differs"),
    ):
        told = reproduce._compared(1, printed, {place: found}, True)
        assert told.agreement == agreement
    assert reproduce._compared(1, {}, {}, True).agreement == "differs"


def test_other_evidence_is_refused(desk, tmp_path):
    shutil.copytree(desk / "suspect", tmp_path / "suspect")
    gone, changed = sorted((tmp_path / "suspect").iterdir())[:2]
    gone.unlink()
    status, told = again(desk, tmp_path / "suspect")
    assert status == 3
    assert f"{gone.name} is missing" in told["error"]["detail"]
    shutil.copy(desk / "suspect" / gone.name, gone)
    changed.write_bytes(changed.read_bytes() + b"0")
    status, told = again(desk, tmp_path / "suspect")
    assert status == 3
    assert "has another digest than in the report" in told["error"]["detail"]


def test_profile_and_model_that_are_not_installed_are_named(desk, monkeypatch):
    status, told = again(desk, profile=False)
    assert status == 5
    monkeypatch.setenv("BTD_MODELS_DIR", str(desk / "benign"))
    status, told = again(desk)
    assert status == 4
    assert "scored with model tiny" in told["error"]["detail"]
    assert "not installed here" in told["error"]["detail"]


def test_report_that_does_not_verify_is_not_reproduced(desk, tmp_path):
    data = bytearray((desk / "report.pdf").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "report.pdf").write_bytes(data)
    evidence = ("--evidence", desk / "suspect")
    status, told = btd("reproduce", tmp_path / "report.pdf", *evidence)
    assert status == 7
    assert "the report does not verify" in told["error"]["detail"]
