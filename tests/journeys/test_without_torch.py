"""The other side's expert: opens, looks, reports and verifies without torch."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import MissingPartError
from btd_desktop.examination.reading import read_case, required_evaluation
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.examine_case import report_on_case
from btd_desktop.workflow.issue_report import ReportOptions
from btd_desktop.workflow.services import Services
from tests.window_desk import Desk
from tests.without_torch import run

pytestmark = pytest.mark.slow


def _is_the_sentence(text: str) -> bool:
    said = " ".join(text.split())
    command = f"{sys.executable} -m pip install torch==2.13.0"
    return (
        "torch is not installed here, and without it nothing is scored" in said
        and command in said
        and "Traceback" not in said
    )


@pytest.fixture
def case(desk_home: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A case that was scored where there was torch.

    On a computer of its own: one that saw another copy go on would say so.
    """
    home = shutil.copytree(desk_home.root / "home as made", tmp_path / "home")
    monkeypatch.setenv("BTD_HOME", str(home))
    return desk_home.copy_of_case(tmp_path / "case")


def test_what_needs_torch_to_be_imported_lies_in_diffusion_and_bench():
    done = run("import")
    assert done.returncode == 0, done.stderr
    needing = json.loads(done.stdout)
    assert "btd_desktop.diffusion.denoiser" in needing
    bench = ("btd_desktop.bench.attacks.", "btd_desktop.bench.detectors.peers.")
    allowed = ("btd_desktop.diffusion.", *bench)
    assert [n for n in needing if not n.startswith(allowed)] == []


def test_report_made_with_torch_is_verified_without(desk_home, case):
    _, issued = report_on_case(case, Services(), ReportOptions(), TaskContext())
    done = run("btd", "verify", issued.path, "--evidence", desk_home.suspect)
    assert done.returncode == 0, done.stderr
    assert "Report: INTACT, SIGNER NOT VALIDATED" in done.stdout
    assert "files are there with the digests listed" in done.stdout
    assert run("btd", "verify-case", case).returncode == 0


def test_scored_case_is_reported_on_without_torch(desk_home, case):
    done = run("btd", "report", case, "--out", case.parent / "report.pdf", "--json")
    assert done.returncode == 0, done.stderr
    verified = run("btd", "verify", case.parent / "report.pdf", "--json")
    assert verified.returncode == 0
    assert json.loads(verified.stdout)["ok"]


@pytest.mark.parametrize("words", [(), ("--at", "64,64,2")], ids=["all", "place"])
def test_scored_case_is_not_scored_further(case, words):
    done = run("btd", "score", case, *words, "--json")
    assert done.returncode == MissingPartError.exit_code
    assert json.loads(done.stdout)["error"]["code"] == "no_torch"


@pytest.mark.gui
def test_window_shows_a_scored_case_and_refuses_what_scores(case, qtbot):
    with CaseStore.open(case, read_only=True) as store:
        (examination,) = read_case(store)
        anomaly = required_evaluation(examination).kinds["anomaly"]
        scores = [None if v is None else v.score for v in anomaly.slices]
    done = run("window", case, QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["picture"] > 100
    assert told["scores"] == scores
    assert _is_the_sentence(told["place"])
    assert any(_is_the_sentence(n) and "Not scored" in n for n in told["notices"])
    assert told["bugs"] == []


def test_examine_refuses_before_it_makes_a_case(desk_home, tmp_path):
    done = run("btd", "examine", desk_home.suspect, "--out", tmp_path / "new")
    assert done.returncode == MissingPartError.exit_code
    assert _is_the_sentence(done.stderr)
    assert not (tmp_path / "new").exists()


def test_doctor_says_what_is_missing_and_goes_on(desk_home):
    done = run("btd", "doctor", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert _is_the_sentence(" ".join(told["problems"]))
    assert "Reading process" in told["sections"]
