"""Menus and tool bar, built from the action table."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QMainWindow, QMenu, QToolBar

from btd_desktop.gui.shell.actions import MENUS, ActionSet
from btd_desktop.gui.shell.docks import Docks


def build_bars(
    window: QMainWindow, actions: ActionSet, panels: Docks, recent: QMenu
) -> None:
    """Fill the window's menus and its tool bar."""
    menus = {title: window.menuBar().addMenu(title) for title in MENUS}
    for title, specs in MENUS.items():
        for spec in specs:
            if spec.ruled_off:
                menus[title].addSeparator()
            menus[title].addAction(actions[spec.id])
            if spec.id == "open_case":
                menus[title].addMenu(recent)
    _add_view_menus(menus["&View"], actions, panels)
    bar = QToolBar("Tools", window)
    bar.setObjectName("bar_tools")
    bar.setIconSize(QSize(20, 20))
    bar.setMovable(False)
    window.addToolBar(bar)
    for specs in MENUS.values():
        on_bar = [actions[s.id] for s in specs if s.bar]
        if bar.actions() and on_bar:
            bar.addSeparator()
        bar.addActions(on_bar)


def _add_view_menus(view: QMenu, actions: ActionSet, panels: Docks) -> None:
    windows = view.addMenu("Window")
    for key in range(1, 10):
        windows.addAction(actions[f"window_{key}"])
    shown = view.addMenu("Panels")
    for dock in panels.docks.values():
        shown.addAction(dock.toggleViewAction())
