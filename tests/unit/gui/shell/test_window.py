"""The window itself: actions, keys, drops, errors, layout, closing."""

from __future__ import annotations

import threading

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QMessageBox

from btd_desktop.errors import EvidenceError
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.actions import ACTIONS, MENUS
from btd_desktop.gui.shell.crash import CrashGuard
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.gui.shortcuts_table import load_shortcuts
from btd_desktop.gui.theme import DARK, LIGHT
from btd_desktop.workflow.services import Services
from tests.window_desk import drop, open_dialog, wait_until


@pytest.fixture
def window(qapp, no_thread_left, monkeypatch, tmp_path):
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    jobs = JobRunner()
    session = Session(Services(), jobs)
    recent = RecentCases(5)
    made = MainWindow(session, recent)
    for owned in (jobs, session, recent):
        owned.setParent(made)
    made.resize(1200, 800)
    made.show()
    yield made
    made.close()
    made.deleteLater()


def test_every_action_has_words_and_a_menu_or_a_key(window):
    keyed = {s.id for s in load_shortcuts().shortcuts}
    for spec in ACTIONS:
        action = window.actions_by_id[spec.id]
        assert action.text().strip()
        assert spec.menu in MENUS or spec.id in keyed
        assert callable(getattr(window, spec.slot))


def test_every_key_of_the_table_does_something(window):
    for shortcut in load_shortcuts().shortcuts:
        if shortcut.hold:
            continue
        action = window.actions_by_id[shortcut.id]
        assert [s.toString() for s in action.shortcuts()] == [
            QKeySequence(k).toString() for k in shortcut.keys
        ]


def test_escape_never_closes_anything(window):
    window.on_tool_score()
    window.on_cancel()
    assert window.parts.viewing.tool == "browse"
    window.on_cancel()
    assert window.isVisible()


def test_start_page_offers_everything_by_keyboard(window, qtbot):
    page = window.start_page
    assert window.pages.currentWidget() is page
    for name in ("folder", "files", "case", "verify", "demo"):
        button = page._buttons[name]
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
        assert "&" in button.text()


def test_drop_of_evidence_asks_where_the_case_shall_live(window, tmp_path):
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    drop(window, [evidence])
    dialog = open_dialog(window, "CaseDialog")
    assert dialog.choice.paths == (evidence,)
    dialog._folder.set_path(evidence / "inside")
    assert not dialog._accept.isEnabled()
    assert "inside the evidence" in dialog._problem.text()
    dialog._folder.set_path(tmp_path / "beside")
    assert dialog._accept.isEnabled()
    dialog.reject()
    assert not (tmp_path / "beside").exists()


def test_error_is_told_as_plain_text(window):
    window.show_error(EvidenceError("<b>bold</b> name", hint="look <i>there</i>"))
    box = window.findChildren(QMessageBox)[-1]
    assert box.textFormat() == Qt.TextFormat.PlainText
    assert box.text() == "<b>bold</b> name."
    box.reject()


def test_theme_changes_back_and_forth(window):
    first = window.theme
    window.on_theme()
    assert {first, window.theme} == {DARK, LIGHT}
    window.on_theme()
    assert window.theme is first


def test_cheat_sheet_opens_and_closes_with_its_key(window):
    window.on_cheat_sheet()
    assert window._sheet.isVisible()
    window.on_cheat_sheet()
    assert not window._sheet.isVisible()


def test_crash_is_told_once_and_names_no_value(window, caplog):
    guard = CrashGuard(window)
    guard.install()
    try:
        with pytest.raises(KeyError) as caught:
            dict[str, int]()["PATIENT^SECRET"]
        error = caught.value
        guard._hook(type(error), error, error.__traceback__)
        guard.show(error)
        assert guard.box is not None
        shown = guard.box.text() + guard.box.informativeText()
        assert "Nothing is lost" in shown
        assert "SECRET" not in shown + guard.box.detailedText()
        assert "KeyError" in guard.box.detailedText()
        guard.box.reject()
    finally:
        guard.remove()


def test_window_that_closes_stops_what_runs(window):
    stopped = threading.Event()

    def work(context, tell):
        try:
            while True:
                context.report(0, 0, "Working")
        finally:
            stopped.set()

    window.session.jobs.submit("compute", "Endless", work)
    wait_until(lambda: window.session.jobs.jobs())
    window.close()
    assert stopped.wait(5.0) or not window.session.jobs.jobs()


def test_settings_are_saved_and_refused_when_unusable(window, monkeypatch):
    from btd_desktop.settings import load_settings

    window.on_settings()
    dialog = open_dialog(window, "SettingsDialog")
    dialog._examiner.setText("Dr. Test")
    dialog._combos["theme"].setCurrentIndex(dialog._combos["theme"].findData("light"))
    dialog.accept()
    assert load_settings().settings.examiner == "Dr. Test"
    assert window.session.services.settings.theme == "light"
    assert window.theme is LIGHT


def test_about_names_licences_and_intended_use(window):
    window.on_about()
    dialog = open_dialog(window, "AboutDialog")
    from PySide6.QtWidgets import QTableView

    model = dialog.findChildren(QTableView)[0].model()
    licences = {r[0]: r[2] for r in model.rows}
    assert "LGPL" in licences["pyside6-essentials"]
    assert all(licences.values())
    dialog.reject()
