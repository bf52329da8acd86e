"""No patient data outside the case: not in a log, a temporary file, a crash text."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import tempfile
from pathlib import Path

import pytest

from btd_desktop.__main__ import main
from btd_desktop.errors import ReportError
from btd_desktop.logs import close_logging, configure_logging, keep_out_of_logs
from tests.privacy.marked import FORBIDDEN, HEADERS, MarkedDesk, btd

NAME, PATIENT_ID = HEADERS["PatientName"], HEADERS["PatientID"]


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, of this process and of its helpers."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def _marked_files(*folders: Path) -> list[str]:
    """Files below folders whose name or content holds a marker."""
    found = []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            data = path.read_bytes().upper() if path.is_file() else b""
            text = path.name.upper().encode() + b"\n" + data
            hits = [m for m in FORBIDDEN if m.encode() in text]
            if hits:
                found.append(f"{path.relative_to(folder)}: {hits[:3]}")
    return found


def _own_folders(desk: MarkedDesk) -> Path:
    return desk.root / "home"


def test_search_finds_a_marker(tmp_path):
    (tmp_path / "x.log").write_text("seen zqname today")
    assert _marked_files(tmp_path)


def test_whole_examination_leaves_no_marker_outside_the_case(desk, scratch, tmp_path):
    case = tmp_path / "case"
    for words in (
        ("examine", desk.evidence, "--out", case, "--profile", desk.profile),
        ("score", case, "--profile", desk.profile),
        ("report", case, "--profile", desk.profile, "--redacted"),
        ("verify", case / "report-1.pdf", "--evidence", desk.evidence),
        ("verify-case", case),
    ):
        status, told = btd(*words)
        assert status == 0, told
    log = _own_folders(desk) / "logs" / "btd.log"
    assert log.is_file()
    assert _marked_files(_own_folders(desk)) == []
    assert list(scratch.iterdir()) == []
    # The case holds the real names: the markers were there to be leaked.
    assert _marked_files(case)


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("import", "EVIDENCE", "--out", "CASE"), "workflow.import_series.add_series"),
        (("examine", "EVIDENCE", "--out", "CASE"), "workflow.examine.score_series"),
        (("report", "CASE", "--redacted"), "workflow.issue_report.draw_pdf"),
        (("report", "CASE", "--redacted"), "workflow.issue_report.redacted_report"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bug_at_any_stage_leaves_no_marker(
    desk, scratch, tmp_path, monkeypatch, words, place
):
    case = tmp_path / "case"
    if words[0] == "report":
        assert btd("import", desk.evidence, "--out", case)[0] == 0

    def fails(*_arguments: object, **_named: object) -> None:
        # As Python's own errors do, and as a careless one of ours would.
        quoted = KeyError(f"{NAME} of {desk.evidence.name}")
        raise RuntimeError(f"no place for {PATIENT_ID} {NAME}") from quoted

    monkeypatch.setattr(f"btd_desktop.{place}", fails)
    given = {"EVIDENCE": str(desk.evidence), "CASE": str(case)}
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(errors):
        status = main([given.get(word, word) for word in words])
    assert status == 70
    assert not [m for m in FORBIDDEN if m in errors.getvalue().upper()]
    log = (_own_folders(desk) / "logs" / "btd.log").read_text("utf-8")
    assert "RuntimeError: no place for patient-2 patient-1" in log
    assert "fails" in log, "the trace still says where it happened"
    assert _marked_files(_own_folders(desk)) == []
    assert list(scratch.iterdir()) == []


def test_refusal_leaves_no_marker(desk, scratch, tmp_path):
    case = tmp_path / "case"
    assert btd("import", desk.evidence, "--out", case)[0] == 0
    taken = tmp_path / "taken.pdf"
    taken.write_text("mine")
    status, _ = btd("report", case, "--out", taken)
    assert status == ReportError.exit_code
    assert btd("import", desk.evidence / "no such file", "--out", case)[0] != 0
    assert btd("import", desk.evidence, "--out", desk.evidence / "series")[0] != 0
    assert _marked_files(_own_folders(desk)) == []
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (ValueError(f"could not convert string to float: '{NAME}'"), "could not"),
        (ValueError(f"bad \"{NAME}\" and '{PATIENT_ID}'"), "bad '…' and '…'"),
        (KeyError(f"O'{NAME}"), "KeyError"),
        (ValueError(f"can't read '{NAME}'"), "can't read '…'"),
        (ValueError(f"two\n  lines '{NAME}'\n{NAME}"), "two"),
        (FileNotFoundError(2, "No such file", f"/data/{NAME}.dcm"), "path-1"),
    ],
)
def test_words_of_an_error_are_kept_without_what_they_quote(tmp_path, error, kept):
    configure_logging(tmp_path)
    try:
        logging.getLogger("btd_desktop.test").error("failed", exc_info=error)
    finally:
        close_logging()
    text = (tmp_path / "btd.log").read_text("utf-8")
    assert kept in text
    assert not [m for m in FORBIDDEN if m in text.upper()], text


def test_names_learnt_later_are_replaced_from_then_on(tmp_path):
    keep_out_of_logs([NAME])  # no log is kept: nothing happens
    configure_logging(tmp_path)
    try:
        keep_out_of_logs([NAME, "", PATIENT_ID])
        log = logging.getLogger("btd_desktop.test")
        log.info("seen zqname %s, %s", "ZQGIVEN", PATIENT_ID)
    finally:
        close_logging()
    text = (tmp_path / "btd.log").read_text("utf-8")
    assert "seen patient-1 patient-1, patient-2" in text


@pytest.mark.gui
def test_window_leaves_no_marker_outside_the_case(desk, scratch, tmp_path, qtbot):
    from btd_desktop.gui.app import make_window
    from btd_desktop.gui.dialogs.report_dialog import ReportDialog
    from btd_desktop.workflow.services import Services
    from tests.window_desk import open_dialog, wait_until

    case = tmp_path / "case"
    assert btd("import", desk.evidence, "--out", case)[0] == 0
    window = make_window(Services())
    window.session.redactor = configure_logging(_own_folders(desk) / "logs")
    try:
        window.show()
        window.parts.opening.on_case_opened(case)
        wait_until(lambda: window.session.record is not None, 300.0)
        window.action_set["report"].trigger()
        dialog = open_dialog(window, "ReportDialog")
        assert isinstance(dialog, ReportDialog)
        dialog._redacted.setChecked(True)
        dialog._preview.click()
        wait_until(lambda: dialog._presenter.state.preview is not None, 300.0)
        dialog._issue.click()
        wait_until(lambda: dialog._presenter.state.issued is not None, 300.0)
        assert "-redacted.pdf" in dialog._done_text.text()
        assert (case / "report-1-redacted.pdf").is_file()
        wait_until(lambda: not window.session.jobs.jobs(), 300.0)
        logging.getLogger("btd_desktop.test").info("shown: %s", NAME)
        dialog.reject()
    finally:
        window.close()
        close_logging()
        window.deleteLater()
    assert _marked_files(_own_folders(desk)) == []
    assert [p.name for p in scratch.iterdir()] == []


def test_sockets_are_refused_while_all_this_runs():
    with pytest.raises((RuntimeError, UserWarning), match="socket"):
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)
