"""Whoever hears or types instead of seeing: every control has a name and is reached."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractScrollArea, QPushButton, QWidget

from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.gui.views.tour import Tour
from tests.window_desk import wait_until


@pytest.fixture
def window(make_window, desk_home, tmp_path):
    made = make_window()
    made.open_paths([desk_home.copy_of_case(tmp_path / "case")])
    wait_until(lambda: made.session.record and made.session.result.evaluation)
    return made


def controls(window: QWidget) -> list[QWidget]:
    """What the keyboard can reach; parts that Qt makes inside of others left out."""
    found = [
        w
        for w in window.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.TabFocus and w.isVisibleTo(window)
    ]
    inside = {id(w.viewport()) for w in found if isinstance(w, QAbstractScrollArea)}
    return [
        w for w in found if id(w) not in inside and not w.objectName().startswith("qt_")
    ]


def spoken(widget: QWidget) -> str:
    """What a screen reader calls a control."""
    interface = QAccessible.queryAccessibleInterface(widget)
    return interface.text(QAccessible.Text.Name) if interface else ""


def nameless(window: QWidget) -> list[str]:
    return [type(w).__name__ for w in controls(window) if not spoken(w).strip()]


def test_every_control_has_a_name_that_is_spoken(window: MainWindow):
    for dock in window.panels.docks.values():
        dock.show()
        dock.raise_()
    assert len(controls(window)) > 20
    assert nameless(window) == []
    # Planted: a button that shows nothing but an icon.
    bare = QPushButton(window.workspace)
    bare.show()
    assert nameless(window) == ["QPushButton"]
    bare.setParent(None)


def test_tab_reaches_every_control_once_and_comes_back(window: MainWindow):
    start = window.workspace.mpr.views[0]
    at: QWidget | None = start.nextInFocusChain()
    chain: list[QWidget] = [start]
    while at is not None and at is not start and len(chain) < 5000:
        chain.append(at)
        at = at.nextInFocusChain()
    assert at is start
    reached = {id(w) for w in chain}
    assert [type(w).__name__ for w in controls(window) if id(w) not in reached] == []


def test_tour_goes_by_keys_and_says_each_card(window: MainWindow, qtbot):
    window.action_set["tour"].trigger()
    (tour,) = window.findChildren(Tour)
    first = tour.accessibleName()
    assert tour.accessibleDescription()
    said = [first]
    for _ in range(6):
        qtbot.keyClick(tour, Qt.Key.Key_Return)
        said.append(tour.accessibleName())
        assert window.rect().contains(tour.geometry())
    assert len(set(said)) == 7
    qtbot.keyClick(tour, Qt.Key.Key_Left)
    assert tour.accessibleName() == said[5]
    qtbot.keyClick(tour, Qt.Key.Key_Escape)
    assert not tour.isVisible()


def test_cine_goes_faster_and_slower(window: MainWindow):
    cine = window.workspace.cine
    before = cine.interval()
    window.action_set["cine_faster"].trigger()
    assert cine.interval() < before
    for _ in range(9):
        window.action_set["cine_slower"].trigger()
    assert cine.interval() == 500
