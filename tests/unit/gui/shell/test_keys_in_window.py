"""Keys act wherever the focus is, and text fields keep what is typed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.services import Services
from tests.factories import make_series_folder

pytestmark = pytest.mark.gui


@pytest.fixture
def window(qtbot, tmp_path, monkeypatch):
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    jobs = JobRunner()
    made = MainWindow(Session(Services(), jobs), RecentCases(3))
    qtbot.addWidget(made)
    store = create_case(tmp_path / "case", CaseDetails(), Services())
    scan = make_series_folder(tmp_path / "scan", 0, shape=(3, 64, 64))
    import_into_case(store, [scan], Services(), TaskContext())
    made.show()
    made.session.open_store(store)
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    yield made
    assert jobs.shut_down(30.0)
    made.session.close_case(quiet=True)


def test_letters_act_while_a_list_has_the_focus(window):
    table = window.panels.series._table
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_S)
    assert window.parts.display.look.tool == "score"
    QTest.keyClick(table, Qt.Key.Key_Escape)
    assert window.parts.display.look.tool == "browse"
    shown = window.parts.overlays.choice.visible
    QTest.keyClick(table, Qt.Key.Key_O)
    assert window.parts.overlays.choice.visible is not shown


def test_click_on_a_series_gives_the_keys_back_to_the_picture(window):
    table = window.panels.series._table
    at = table.visualRect(table.model().index(0, 0)).center()
    table.setFocus()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    view = window.workspace.mpr.views[0]
    assert view.hasFocus()
    before = window.session.voxel[0]
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert window.session.voxel[0] == before + 1


def test_letters_are_typed_in_a_text_field(window):
    window.panels.docks["metadata"].raise_()
    field = window.panels.metadata._search
    field.setFocus()
    QTest.keyClicks(field, "sz1")
    assert field.text() == "sz1"
    assert window.parts.display.look.tool == "browse"


def test_escape_closes_the_sheet_of_keys_first(window):
    window.parts.display.on_tool_chosen("score")
    window.action_set["cheat_sheet"].trigger()
    QTest.keyClick(window, Qt.Key.Key_Escape)
    assert not window.dialogs.hide_keys()
    assert window.parts.display.look.tool == "score"
