"""Window and command line tell one examination: the JSON twins are equal byte for byte.

Left out are only what cannot be equal: the times, the report's number and the digests
of log entries, which cover their times. What was done, and how often, has to agree.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from btd_desktop.__main__ import main
from btd_desktop.calibration.profile import read_profile, write_profile
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import canonical_json
from btd_desktop.examination.conclusion import conclude
from btd_desktop.examination.reading import read_case
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.reporting import ReportPresenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.parts import make_parts
from btd_desktop.workflow.import_series import count_fates
from btd_desktop.workflow.services import Services
from tests.factories import make_tiny_model
from tests.window_desk import Desk, wait_until

pytestmark = [pytest.mark.gui, pytest.mark.slow]


@dataclass(frozen=True)
class Office:
    """One examiner's computer: folders of its own, and a copy of the case."""

    root: Path

    @property
    def case(self) -> Path:
        return self.root / "case"

    @property
    def profiles(self) -> Path:
        return self.root / "home" / "data" / "profiles"

    @property
    def model(self) -> Path:
        return self.root / "models" / "tiny-ct"


def _office(desk: Desk, root: Path) -> Office:
    for name in ("home", "models"):
        shutil.copytree(desk.root / name, root / name)
    shutil.copytree(desk.case, root / "case")
    return Office(root)


def _btd(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main(list(words))
    return status, out.getvalue()


# What happened to the case before its report is asked for.


def finished(office: Office) -> None:
    """Scored, calibrated and searched: as the desk left it."""


def model_gone(office: Office) -> None:
    """The model left the computer; the case holds the profile."""
    with CaseStore.open(office.case) as store:
        if not store.profiles():
            profile = read_profile(next(office.profiles.glob("*.json")))
            from btd_desktop.workflow.choose import keep_profile

            keep_profile(store, profile, Services())
    shutil.rmtree(office.model)
    make_tiny_model(office.model, seed=9)


def model_and_profile_gone(office: Office) -> None:
    """Neither the computer nor the case knows what the scores mean."""
    uncalibrated(office)
    shutil.rmtree(office.model)


def uncalibrated(office: Office) -> None:
    """Scored once more into an empty case, where nothing is calibrated."""
    shutil.rmtree(office.profiles)
    shutil.rmtree(office.case)
    suspect = next(p for p in office.root.parent.iterdir() if p.name == "suspect")
    assert _btd("import", str(suspect), "--out", str(office.case))[0] == 0
    assert _btd("score", str(office.case))[0] == 0


def foreign_findings(office: Office) -> None:
    """Findings of one profile, then one of another: what spoke first goes on to."""
    first = next(office.profiles.glob("*.json"))
    other = replace(read_profile(first), name="second", target_fpr=0.1)
    write_profile(other, office.profiles / "second.json")
    for profile in ("Desk", "second"):
        status, _ = _btd(
            *("score", str(office.case), "--at", "64,64,3", "--keep"),
            *("--profile", profile),
        )
        assert status == 0


def not_scored(office: Office) -> None:
    """A case into which evidence was imported, and nothing more."""
    shutil.rmtree(office.model)
    shutil.rmtree(office.case)
    suspect = next(p for p in office.root.parent.iterdir() if p.name == "suspect")
    assert _btd("import", str(suspect), "--out", str(office.case))[0] == 0


def _twin(pdf: Path) -> dict[str, Any]:
    (attached,) = PdfReader(pdf).attachments["report.json"]
    twin: dict[str, Any] = json.loads(attached)
    for name in ("report_id", "created", "created_local"):
        twin["identity"].pop(name)
    twin["audit"].pop("head")
    for event in twin["custody"]:
        event.pop("when")
        event.pop("digest")
    for attachment in twin["attachments"]:
        # Both hold the report's identity, or when each event was.
        if attachment["name"] in ("audit-log.csv", "pages.json"):
            del attachment["sha256"], attachment["size_bytes"]
    return twin


def _by_command_line(office: Office) -> dict[str, Any]:
    status, out = _btd("report", str(office.case), "--json")
    assert status == 0, out
    return _twin(Path(json.loads(out)["report"]["path"]))


def _by_window(office: Office) -> dict[str, Any]:
    jobs = JobRunner()
    bugs: list[Exception] = []
    jobs.bug.connect(bugs.append)
    session = Session(Services(), jobs)
    parts = make_parts(session, RecentCases(5), jobs)
    store = CaseStore.open(office.case)
    session.open_store(store)

    def is_told() -> bool:
        result = session.result
        return bool(result.evaluation or result.reason or not store.runs())

    wait_until(is_told)
    wait_until(lambda: not parts.scoring.is_queued(1))
    reporting = ReportPresenter(session)
    said = conclude(read_case(store), count_fates(store.evidence()))
    assert reporting.state.lines == (said.headline, *said.sentences)
    reporting.on_issue_wanted(reporting.state.form)
    wait_until(lambda: reporting.state.issued or reporting.state.problem)
    issued = reporting.state.issued
    assert issued is not None, reporting.state.problem
    assert jobs.shut_down(30.0)
    session.close_case()
    assert not bugs
    return _twin(issued.path)


@pytest.fixture
def office(
    desk_home: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Office]:
    """Sets up an office of that name and makes it this computer."""
    shutil.copytree(desk_home.suspect, tmp_path / "suspect")

    def enter(name: str) -> Office:
        folder = tmp_path / name
        made = _office(desk_home, folder) if not folder.exists() else Office(folder)
        monkeypatch.setenv("BTD_HOME", str(folder / "home"))
        monkeypatch.setenv("BTD_MODELS_DIR", str(folder / "models"))
        return made

    return enter


@pytest.mark.parametrize(
    "before",
    [
        finished,
        model_gone,
        model_and_profile_gone,
        uncalibrated,
        foreign_findings,
        not_scored,
    ],
)
def test_twins_of_window_and_command_line_are_equal(
    before, office, qapp, no_thread_left
):
    # The cases are made once and copied, so that both sides start from the same.
    made = office("made")
    before(made)
    for side in ("command line", "window"):
        shutil.copytree(made.root, made.root.parent / side)
    by_command = _by_command_line(office("command line"))
    by_window = _by_window(office("window"))
    assert by_window == by_command
    assert canonical_json(by_window) == canonical_json(by_command)
    assert len(by_window["series"]) == 1
