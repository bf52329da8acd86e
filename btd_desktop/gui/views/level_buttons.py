"""Buttons for what a score counts: place, structure, patch, slice or series."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from btd_desktop.examination.wording import UNITS
from btd_desktop.gui.views.help_button import HelpButton


class LevelButtons(QWidget):
    """One button a level, one of them checked.

    Signals:
        chosen(str): The examiner wants this level.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._group = QButtonGroup(self)
        self._buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for level in UNITS:
            button = QPushButton(level.capitalize())
            button.setCheckable(True)
            button.setProperty("role", "segment")
            button.clicked.connect(partial(self._on_clicked, level))
            self._group.addButton(button)
            self._buttons[level] = button
            row.addWidget(button)
        row.addWidget(HelpButton("level"))

    def show_level(self, level: str, levels: Collection[str]) -> None:
        """Check a level's button; only those of the levels that there are are shown."""
        for name, button in self._buttons.items():
            button.setVisible(name in levels)
        self._buttons[level].setChecked(True)

    def _on_clicked(self, level: str) -> None:
        self.chosen.emit(level)
