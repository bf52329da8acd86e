"""Dialogs fit a small screen with their buttons in sight; drop-downs show all."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.dialogs.form import (
    button_box,
    page_layout,
    pin_buttons,
    show_whole,
)
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.gui.theme import DARK, apply_theme
from btd_desktop.workflow.services import Services
from tests.window_desk import open_dialog

pytestmark = pytest.mark.gui


@pytest.fixture
def window(qtbot, tmp_path, monkeypatch):
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    jobs = JobRunner()
    made = MainWindow(Session(Services(), jobs), RecentCases(3))
    qtbot.addWidget(made)
    yield made
    assert jobs.shut_down(30.0)


def _assert_fits(dialog: QDialog) -> None:
    room = dialog.screen().availableGeometry()
    assert dialog.height() <= room.height()
    assert dialog.width() <= room.width()
    shown = [b for b in dialog.findChildren(QPushButton) if b.isVisibleTo(dialog)]
    pinned = [b for b in shown if b.isDefault()] or shown[-1:]
    for button in pinned:
        foot = button.mapTo(dialog, QPoint(0, button.height()))
        assert 0 <= foot.y() <= dialog.height()


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("settings", "SettingsDialog"),
        ("calibrate", "CalibrationDialog"),
        ("train", "TrainingDialog"),
        ("about", "AboutDialog"),
        ("jobs", "JobsDialog"),
    ],
)
def test_dialog_fits_the_screen_with_its_buttons(window, action, name):
    window.action_set[action].trigger()
    dialog = open_dialog(window, name)
    _assert_fits(dialog)
    dialog.reject()


def test_page_that_is_too_high_scrolls_above_its_buttons(qtbot):
    dialog = QDialog()
    qtbot.addWidget(dialog)
    layout = page_layout(dialog, "High", 300, 0)
    for number in range(120):
        layout.addWidget(QLabel(f"Line {number}"))
    box, accept = button_box(dialog, "Do it")
    pin_buttons(dialog, box)
    show_whole(dialog)
    _assert_fits(dialog)
    assert accept.isVisible()


@pytest.mark.qt_log_ignore("support raise", "grabbing the keyboard", "propagateSize")
def test_drop_down_shows_its_last_item(qtbot, qapp):
    apply_theme(qapp, DARK)
    try:
        host = QWidget()
        qtbot.addWidget(host)
        layout = QVBoxLayout(host)
        combo = QComboBox()
        combo.addItems(["Anomaly", "Injection (paper)", "Removal (paper)"])
        layout.addWidget(combo)
        host.show()
        host.activateWindow()
        qapp.processEvents()
        combo.showPopup()
        for _ in range(20):
            qapp.processEvents()
        view = combo.view()
        last = view.visualRect(combo.model().index(2, 0))
        assert last.bottom() <= view.viewport().height()
        assert view.verticalScrollBar().maximum() == 0
        combo.hidePopup()
    finally:
        qapp.setStyleSheet("")
