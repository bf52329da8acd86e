"""Which calibration speaks for a series is chosen, shown, undone and printed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from btd_desktop.calibration.profile import read_profile, write_profile
from btd_desktop.cases import audit
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.reading import read_case
from btd_desktop.paths import user_profiles_dir
from btd_desktop.workflow.examine_case import report_on_case
from btd_desktop.workflow.issue_report import ReportOptions, preview_report
from btd_desktop.workflow.services import Services
from tests.window_desk import open_dialog, wait_until

pytestmark = [pytest.mark.gui, pytest.mark.slow]


@pytest.fixture
def other(desk_home) -> Any:
    """Installs a calibration of more patients beside the desk's, at a laxer rate."""
    desk = read_profile(user_profiles_dir() / "desk.json")
    made = replace(desk, name="Elsewhere", n_patients=99, target_fpr=0.3)
    path = user_profiles_dir() / "elsewhere.json"

    def install() -> Path:
        write_profile(made, path)
        return path

    yield install
    path.unlink(missing_ok=True)


def _open(window: Any, case: Path) -> Any:
    window.open_paths([case])
    wait_until(lambda: window.session.result.evaluation)
    wait_until(lambda: not window.session.jobs.jobs())
    return window.session


def test_calibration_is_chosen_with_before_and_after_and_undone(
    make_window, desk_home, other, tmp_path
):
    case = desk_home.copy_of_case(tmp_path / "case")
    other()
    window = make_window()
    session = _open(window, case)
    # A better one was installed: the case is judged as it was.
    assert session.result.evaluation.profile.name == "Desk"
    window.parts.placing.on_score_requested(2, 64, 40)
    wait_until(lambda: window.parts.placing.state.status == "scored")
    window.parts.placing.on_keep("my own place", "confirmed")
    mine = session.findings()[-1]

    window.action_set["choose_calibration"].trigger()
    dialog = open_dialog(window, "ChoiceDialog")
    presenter = dialog._presenter
    wait_until(lambda: presenter.state.rows)
    assert not dialog._use.isEnabled()
    names = [c.speaker.profile_name for c in presenter.state.candidates]
    assert names == ["Desk", "Elsewhere"]
    dialog._list.setCurrentRow(1)
    wait_until(lambda: presenter.state.rows)
    told = {name: (now, then) for name, now, then in presenter.state.rows}
    assert told["Genuine patients"] == ("4", "99")
    assert told["Places judged by it"] == ("1", "0")
    assert told["Places listed apart"] == ("0", "1")
    assert any("30 % of genuine slices" in w for w in presenter.state.warnings)
    assert session.result.evaluation.profile.name == "Desk"
    dialog._use.click()
    wait_until(lambda: session.result.evaluation.profile.name == "Elsewhere")
    wait_until(lambda: session.history.back_words)

    # His place is neither dropped nor renumbered: it is printed as what it is.
    store = session.store
    [seen] = read_case(store)
    assert seen.evaluation is not None
    assert seen.evaluation.profile.name == "Elsewhere"
    assert mine.finding_id in [f.finding_id for f in seen.others]
    row = next(
        r for r in window.parts.findings.state.rows if r.finding == seen.others[0]
    )
    assert row.is_foreign
    pages = tmp_path / "pages.pdf"
    pages.write_bytes(preview_report(store, [seen], Services()))
    text = " ".join(p.extract_text() for p in PdfReader(pages).pages)
    assert "Judged under another calibration" in text
    assert "my own place" in text
    assert [e.details["by_rule"] for e in store.audit_log(audit.CHOSEN)] == [
        True,
        False,
    ]

    assert "calibration of series 1" in window.action_set["undo"].text()
    window.action_set["undo"].trigger()
    wait_until(lambda: session.result.evaluation.profile.name == "Desk")
    assert mine in session.result.findings
    assert len(store.audit_log(audit.CHOSEN)) == 3
    window.action_set["redo"].trigger()
    wait_until(lambda: session.result.evaluation.profile.name == "Elsewhere")


def test_case_reviewed_twice_gives_the_same_report(
    make_window, desk_home, other, tmp_path
):
    plain = desk_home.copy_of_case(tmp_path / "plain" / "case")
    busy = desk_home.copy_of_case(tmp_path / "busy" / "case")
    first = _report(plain)
    desk_home.forget_copies()
    # In between: another calibration is made, the case is opened, the one that speaks
    # leaves the computer.
    other()
    window = make_window()
    session = _open(window, busy)
    assert session.result.evaluation.profile.name == "Desk"
    window.close()
    desk = user_profiles_dir() / "desk.json"
    kept = desk.read_bytes()
    desk.unlink()
    try:
        second = _report(busy)
    finally:
        desk.write_bytes(kept)
    assert second == first
    assert first["choices"][0]["calibration"] == "Desk"


def _report(case: Path) -> dict[str, Any]:
    """All that a report says, but when and how often the case was opened."""
    _, issued = report_on_case(case, Services(), ReportOptions())
    [attached] = PdfReader(issued.path).attachments["report.json"]
    twin: dict[str, Any] = json.loads(attached)
    for part in ("identity", "audit", "custody", "attachments"):
        del twin[part]
    with CaseStore.open(case, read_only=True) as store:
        assert store.audit_log(audit.CHOSEN)
    return twin
