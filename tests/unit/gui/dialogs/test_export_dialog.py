"""The dialog of the export to DICOM: what it asks, hands on and tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from btd_desktop.gui.dialogs.export_dialog import ExportDialog
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.presenters.exporting import ExportPresenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.workflow import export_dicom
from btd_desktop.workflow.export_dicom import DicomExport, ExportOptions
from btd_desktop.workflow.import_series import CaseDetails, create_case
from btd_desktop.workflow.services import Services
from tests.window_desk import wait_until


@pytest.fixture
def session(qapp, no_thread_left, monkeypatch, tmp_path):
    """A session with an empty case open."""
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    jobs, services = JobRunner(), Services()
    made = Session(services, jobs)
    made.open_store(create_case(tmp_path / "case", CaseDetails("Case"), services))
    yield made
    jobs.shut_down(30.0)
    made.close_case()


@pytest.fixture
def dialog(session, qtbot):
    made = ExportDialog(ExportPresenter(session))
    qtbot.addWidget(made)
    made.show()
    return made


def test_dialog_asks_for_a_new_or_empty_folder(dialog, tmp_path):
    assert not dialog._write.isEnabled()
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").write_text("x")
    dialog._out.set_path(tmp_path / "used")
    assert "not empty" in dialog._problem.text()
    assert not dialog._write.isEnabled()
    dialog._out.set_path(tmp_path / "new")
    assert dialog._write.isEnabled()
    assert dialog._problem.isHidden()


def test_dialog_hands_on_what_was_chosen_and_closes(dialog, monkeypatch, tmp_path):
    asked: list[ExportOptions] = []

    def export(store: Any, choices: Any, services: Any, options: Any, context: Any):
        asked.append(options)
        return DicomExport(options.out, (), ())

    monkeypatch.setattr(export_dicom, "export_chosen", export)
    told: list[str] = []
    dialog._presenter._session.noticed.connect(told.append)
    dialog._out.set_path(tmp_path / "new")
    dialog._redacted.setChecked(True)
    dialog._report.setChecked(False)
    dialog.accept()
    wait_until(lambda: not dialog.isVisible())
    assert asked == [ExportOptions(tmp_path / "new", redacted=True, with_report=False)]
    assert told == ["0 DICOM objects were written to new."]


def test_dialog_stays_open_and_says_why_nothing_was_written(dialog, tmp_path):
    out: Path = tmp_path / "new"
    dialog._out.set_path(out)
    dialog.accept()
    assert not dialog._write.isEnabled()
    wait_until(dialog._write.isEnabled)
    assert dialog.isVisible()
    assert "holds no series" in dialog._problem.text()
    assert not out.exists()
