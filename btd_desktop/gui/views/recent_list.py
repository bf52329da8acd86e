"""The cases that were open lately, to open again or to forget."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from btd_desktop.gui.plain_text import PlainLabel, visible_text
from btd_desktop.workflow.import_series import holds_case


def _nothing(folder: Path) -> str:
    return ""


class RecentList(QWidget):
    """One row a case.

    Signals:
        chosen(Path): Open this case.
        forgotten(Path): Take it off the list.
    """

    chosen = Signal(object)
    forgotten = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(6)

    def show_cases(
        self, cases: tuple[Path, ...], state_of: Callable[[Path], str] = _nothing
    ) -> None:
        """List the cases in these folders, each with how far it has come."""
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._rows.addWidget(PlainLabel("Recent cases", role="heading"))
        if not cases:
            none = "No case has been opened on this computer yet."
            self._rows.addWidget(PlainLabel(none, role="muted"))
        for case in cases:
            self._rows.addWidget(self._row(case, state_of(case)))

    def _row(self, folder: Path, state: str) -> QWidget:
        title, is_there = folder.name or str(folder), holds_case(folder)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(PlainLabel(f"{title}: {state}" if state else title))
        where = str(folder) if is_there else "not there any more"
        place = PlainLabel(where, role="muted")
        place.setToolTip(str(folder))
        words.addWidget(place)
        layout.addLayout(words, 1)
        shown = visible_text(title)
        open_ = QPushButton("Open")
        open_.setEnabled(is_there)
        open_.setAccessibleName(f"Open {shown}")
        open_.clicked.connect(partial(self._choose, folder))
        forget = QPushButton("Forget")
        forget.setAccessibleName(f"Take {shown} off this list")
        forget.setToolTip("Takes the case off this list; its folder stays as it is.")
        forget.clicked.connect(partial(self._forget, folder))
        layout.addWidget(open_)
        layout.addWidget(forget)
        return row

    def _choose(self, folder: Path) -> None:
        self.chosen.emit(folder)

    def _forget(self, folder: Path) -> None:
        self.forgotten.emit(folder)
