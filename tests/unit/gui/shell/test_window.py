"""The window itself: actions, keys, drops, errors, layout, closing."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QKeySequence
from PySide6.QtWidgets import QFileDialog, QMessageBox

from btd_desktop.errors import EvidenceError
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.actions import ACTIONS, MENUS
from btd_desktop.gui.shell.crash import CrashGuard
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.gui.shortcuts_table import load_shortcuts
from btd_desktop.gui.theme import DARK, LIGHT, Theme
from btd_desktop.gui.views.histogram_panel import HistogramPanel
from btd_desktop.gui.views.metadata_panel import MetadataPanel
from btd_desktop.gui.views.series_panel import SeriesPanel
from btd_desktop.gui.views.shortcut_sheet import ShortcutSheet
from btd_desktop.gui.views.start_page import StartPage
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.services import Services
from tests.factories import make_series_folder
from tests.window_desk import drop, open_dialog, wait_until


@pytest.fixture
def opened(monkeypatch):
    """What would be opened outside the window; nothing is."""
    urls: list[str] = []

    def take(url: QUrl) -> bool:
        urls.append(url.toString())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", take)
    return urls


@pytest.fixture
def window(qapp, no_thread_left, monkeypatch, tmp_path, opened):
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
        action = window.action_set[spec.id]
        assert action.text().strip()
        assert any(spec in specs for specs in MENUS.values()) or spec.id in keyed
        assert callable(spec.run)


def test_actions_are_enabled_by_what_they_need(window, tmp_path):
    def enabled() -> set[str]:
        return {s.id for s in ACTIONS if window.action_set[s.id].isEnabled()}

    def needing(*needs: str) -> set[str]:
        return {s.id for s in ACTIONS if s.needs in needs}

    assert enabled() == needing("")
    store = create_case(tmp_path / "case", CaseDetails(), Services())
    window.session.open_store(store)
    assert enabled() == needing("", "case")
    scan = make_series_folder(tmp_path / "scan", 0, shape=(2, 64, 64))
    import_into_case(store, [scan], Services(), TaskContext())
    window.session.refresh_series()
    # Nothing is scored, nothing goes on, nothing was done that could be undone.
    assert enabled() == needing("", "case", "series")
    window.action_set["close_case"].trigger()
    assert enabled() == needing("")


def test_slices_run_by_themselves_until_stopped(window, tmp_path, qtbot):
    store = create_case(tmp_path / "case", CaseDetails(), Services())
    scan = make_series_folder(tmp_path / "scan", 0, shape=(3, 64, 64))
    import_into_case(store, [scan], Services(), TaskContext())
    window.session.open_store(store)
    moves: list[int] = []
    session = window.session
    session.voxel_changed.connect(lambda: moves.append(session.voxel[0]))
    window.action_set["cine"].trigger()
    wait_until(lambda: len(moves) >= 4, 10.0)
    window.action_set["cine"].trigger()
    assert moves[:4] == [2, 0, 1, 2]
    n_moves = len(moves)
    qtbot.wait(150)
    assert len(moves) == n_moves


def test_every_action_that_needs_nothing_can_be_taken_with_nothing_open(
    window, monkeypatch
):
    for name in ("getExistingDirectory", "getOpenFileNames", "getOpenFileName"):
        chosen = "" if name == "getExistingDirectory" else ("", "")
        monkeypatch.setattr(QFileDialog, name, lambda *_, chosen=chosen: chosen)
    demos: list[bool] = []
    opening = window.parts.opening
    monkeypatch.setattr(opening, "on_demo_wanted", lambda: demos.append(True))
    bugs: list[object] = []
    monkeypatch.setattr("sys.excepthook", lambda *three: bugs.append(three[1]))
    for spec in ACTIONS:
        if not spec.needs and spec.id not in ("quit", "full_screen"):
            window.action_set[spec.id].trigger()
    assert bugs == []
    assert demos == [True]
    assert open_dialog(window, "TrainingDialog")


@pytest.mark.parametrize("key", [1, 9])
def test_number_keys_set_the_window(window, monkeypatch, key):
    chosen: list[int] = []
    monkeypatch.setattr(window.parts.display, "on_preset_chosen", chosen.append)
    window.action_set[f"window_{key}"].trigger()
    assert chosen == [key]


def test_every_key_of_the_table_does_something(window):
    for shortcut in load_shortcuts().shortcuts:
        if shortcut.hold:
            continue
        action = window.action_set[shortcut.id]
        assert [s.toString() for s in action.shortcuts()] == [
            QKeySequence(k).toString() for k in shortcut.keys
        ]


def test_escape_never_closes_anything(window):
    window.parts.display.on_tool_chosen("score")
    window.action_set["cancel"].trigger()
    assert window.parts.display.look.tool == "browse"
    window.action_set["cancel"].trigger()
    assert window.isVisible()


def test_start_page_offers_everything_by_keyboard(window, qtbot):
    page = window.start_page
    assert window.pages.currentWidget() is page
    assert {"open", "open_files", "open_case", "verify", "demo"} == set(page.buttons)
    for button in page.buttons.values():
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
    window.dialogs.show_error(
        EvidenceError("<b>bold</b> name", hint="look <i>there</i>")
    )
    box = window.findChildren(QMessageBox)[-1]
    assert box.textFormat() == Qt.TextFormat.PlainText
    assert box.text() == "<b>bold</b> name."
    box.reject()


def test_theme_changes_back_and_forth(window):
    first = window.look.theme
    window.action_set["theme"].trigger()
    assert {first, window.look.theme} == {DARK, LIGHT}
    window.action_set["theme"].trigger()
    assert window.look.theme is first


def test_window_that_starts_light_draws_every_panel_light(window, monkeypatch):
    drawn: list[tuple[type, Theme]] = []
    for panel in (SeriesPanel, MetadataPanel, HistogramPanel, StartPage):
        monkeypatch.setattr(
            panel, "show_theme", lambda self, theme: drawn.append((type(self), theme))
        )
    settings = replace(Services().settings, theme="light")
    jobs = JobRunner()
    light = MainWindow(Session(Services(settings), jobs), RecentCases(5))
    jobs.setParent(light)
    assert {theme for _, theme in drawn[-3:]} == {LIGHT}
    assert len({panel for panel, _ in drawn}) == 4
    light.close()
    light.deleteLater()


def test_cheat_sheet_opens_and_closes_with_its_key(window):
    window.action_set["cheat_sheet"].trigger()
    assert window.findChild(ShortcutSheet).isVisible()
    window.action_set["cheat_sheet"].trigger()
    assert not window.findChild(ShortcutSheet).isVisible()


def test_handbook_that_is_built_opens_from_its_own_folder(
    window, opened, monkeypatch, tmp_path
):
    page = tmp_path / "handbook" / "index.html"
    page.parent.mkdir()
    page.write_text("<h1>Handbook</h1>")
    monkeypatch.setattr("btd_desktop.paths.handbook_page", lambda: page)
    window.action_set["handbook"].trigger()
    assert opened == [page.as_uri()]
    assert window.findChildren(QMessageBox) == []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _: False)
    told: list[str] = []
    window.session.noticed.connect(told.append)
    window.action_set["handbook"].trigger()
    assert told == [f"Nothing here shows pages; open {page}."]


def test_handbook_that_is_not_built_is_told_in_one_sentence(
    window, opened, monkeypatch, tmp_path
):
    page = tmp_path / "index.html"
    monkeypatch.setattr("btd_desktop.paths.handbook_page", lambda: page)
    window.action_set["handbook"].trigger()
    box = window.findChildren(QMessageBox)[-1]
    assert box.text() == f"The handbook is not built here: {page} is not there."
    assert opened == []
    box.reject()


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

    window.action_set["settings"].trigger()
    dialog = open_dialog(window, "SettingsDialog")
    dialog._examiner.setText("Dr. Test")
    dialog._combos["theme"].setCurrentIndex(dialog._combos["theme"].findData("light"))
    dialog.accept()
    assert load_settings().settings.examiner == "Dr. Test"
    assert window.session.services.settings.theme == "light"
    assert window.look.theme is LIGHT


def test_about_names_licences_and_intended_use(window):
    window.action_set["about"].trigger()
    dialog = open_dialog(window, "AboutDialog")
    from PySide6.QtWidgets import QTableView

    model = dialog.findChildren(QTableView)[0].model()
    licences = {r[0]: r[2] for r in model.rows}
    assert "LGPL" in licences["pyside6-essentials"]
    assert all(licences.values())
    dialog.reject()
