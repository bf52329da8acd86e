"""A case that is opened is checked behind the window, and the window is told."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.custody import custody_words
from btd_desktop.gui.presenters.opening import OpeningPresenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.workflow.services import Services
from tests.hostile.custody_case import NOW, fill_case
from tests.window_desk import wait_until


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    fill_case(tmp_path / "case", tmp_path / "evidence")
    return tmp_path / "case"


@pytest.fixture
def opening(
    qapp: object, no_thread_left: object, case: Path
) -> Iterator[OpeningPresenter]:
    jobs = JobRunner()
    session = Session(Services(), jobs)
    made = OpeningPresenter(session, RecentCases(5))
    yield made
    made.close()
    session.close_case()
    assert jobs.shut_down(20.0)


def told_by(opening: OpeningPresenter) -> tuple[list[Any], list[str]]:
    failed: list[Any] = []
    noticed: list[str] = []
    opening._session.failed.connect(failed.append)
    opening._session.noticed.connect(noticed.append)
    return failed, noticed


def test_opened_case_is_shown_at_once_and_checked_behind(
    opening: OpeningPresenter, case: Path
) -> None:
    failed, noticed = told_by(opening)
    opening.on_case_opened(case)
    wait_until(lambda: opening._session.record is not None)
    wait_until(lambda: noticed)
    assert noticed == ["Checked: case intact; 6 of 6 evidence files unchanged."]
    assert failed == []
    assert not opening.is_busy
    store = opening._session.store
    assert store is not None
    assert store.audit_log()[-1].action == "case checked on opening"


def test_altered_case_is_told_with_what_was_altered(
    opening: OpeningPresenter, case: Path
) -> None:
    with CaseStore.open(case, read_only=True) as store:
        digest = store.slice_results(1)[0].arrays["grid"]
    path = case / "arrays" / f"{digest}.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    failed, noticed = told_by(opening)
    opening.on_case_opened(case)
    wait_until(lambda: failed)
    assert digest in failed[0].detail
    assert failed[0].code == "case-altered"
    assert noticed == []


def test_changed_evidence_is_told_and_missing_evidence_is_counted(
    opening: OpeningPresenter, case: Path, tmp_path: Path
) -> None:
    (tmp_path / "evidence" / "IM3").write_bytes(b"another")
    failed, noticed = told_by(opening)
    opening.on_case_opened(case)
    wait_until(lambda: failed)
    assert "IM3" in failed[0].detail
    opening.on_case_closed()
    shutil.rmtree(tmp_path / "evidence")
    opening.on_case_opened(case)
    wait_until(lambda: noticed)
    assert "6 out of reach" in noticed[-1]


def test_case_can_be_closed_while_it_is_checked(
    opening: OpeningPresenter, case: Path
) -> None:
    failed, _ = told_by(opening)
    for _ in range(3):
        opening.on_case_opened(case)
        wait_until(lambda: opening._session.store is not None)
        opening.on_case_closed()
        assert opening._session.store is None
    wait_until(lambda: not opening._session.jobs.jobs())
    assert failed == []


def test_case_of_another_computer_has_a_banner_until_it_is_adopted(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "theirs"))
    fill_case(tmp_path / "case", tmp_path / "evidence")
    with CaseStore.open(tmp_path / "case", read_only=True) as store:
        assert custody_words(store) == ""
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "ours"))
    with CaseStore.open(tmp_path / "case") as store:
        assert custody_words(store).startswith("NOT AUTHENTICATED")
        store.adopt("handed over by the clerk", "E. Xaminer", NOW)
        assert "adopted by E. Xaminer" in custody_words(store)
    assert custody_words(None) == ""
