"""The cheat sheet: all keys and gestures, laid over the window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.shortcuts_table import ShortcutTable

_N_COLUMNS = 3
_GAP = 10


class ShortcutSheet(QFrame):
    """Keys by group and the mouse, in three columns; a key or a click closes it."""

    def __init__(self, table: ShortcutTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Keys and mouse")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 18, 24, 18)
        layout.addLayout(self._head())
        content = QWidget()
        columns = QHBoxLayout(content)
        columns.setContentsMargins(0, 8, 0, 0)
        columns.setSpacing(36)
        for groups in _columns(table):
            columns.addLayout(_column(groups), 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(content)
        scroll.viewport().setAutoFillBackground(False)
        content.setAutoFillBackground(False)
        layout.addWidget(scroll, 1)

    def show_over(self, window: QWidget) -> None:
        """Cover a window, leaving a margin, and take the keyboard."""
        self.setParent(window)
        window.installEventFilter(self)
        self._cover(window)
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the window that is covered."""
        if event.type() == QEvent.Type.Resize and isinstance(watched, QWidget):
            self._cover(watched)
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close on Esc and on the key that opened the sheet."""
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Question):
            self._close()
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Close on a click."""
        self._close()

    def _close(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            parent.removeEventFilter(self)
        self.hide()

    def _cover(self, window: QWidget) -> None:
        margin = max(min(window.width(), window.height()) // 24, 8)
        self.setGeometry(window.rect().adjusted(margin, margin, -margin, -margin))

    def _head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.addWidget(_label("Keys and mouse", "title"))
        head.addStretch(1)
        button = QPushButton("Close")
        button.clicked.connect(self._close)
        head.addWidget(button)
        return head


Rows = list[tuple[tuple[str, ...], str]]


def _columns(table: ShortcutTable) -> list[list[tuple[str, Rows]]]:
    groups: list[tuple[str, Rows]] = [
        (group, [(s.native_keys, s.text) for s in table.shortcuts if s.group == group])
        for group in table.groups
    ]
    mouse: Rows = [((gesture.does,), gesture.text) for gesture in table.gestures]
    groups.append(("Mouse", mouse))
    columns: list[list[tuple[str, Rows]]] = [[] for _ in range(_N_COLUMNS)]
    heights = [0] * _N_COLUMNS
    # The longest first, each into the shortest column, keeps the columns level.
    for group in sorted(groups, key=lambda g: -len(g[1])):
        shortest = heights.index(min(heights))
        columns[shortest].append(group)
        heights[shortest] += len(group[1]) + 2
    return columns


def _column(groups: list[tuple[str, Rows]]) -> QGridLayout:
    grid = QGridLayout()
    grid.setHorizontalSpacing(14)
    grid.setVerticalSpacing(5)
    grid.setColumnStretch(1, 1)
    top = Qt.AlignmentFlag.AlignTop
    row = 0
    for heading, rows in groups:
        if row:
            grid.setRowMinimumHeight(row, _GAP)
            row += 1
        grid.addWidget(_label(heading, "heading"), row, 0, 1, 2)
        for keys, text in rows:
            row += 1
            grid.addLayout(_caps(keys), row, 0, top)
            grid.addWidget(_label(text, ""), row, 1, top)
        row += 1
    grid.setRowStretch(row, 1)
    return grid


def _caps(keys: tuple[str, ...]) -> QHBoxLayout:
    caps = QHBoxLayout()
    caps.setSpacing(4)
    for key in keys:
        caps.addWidget(_label(key, "key"))
    caps.addStretch(1)
    return caps


def _label(text: str, role: str) -> QLabel:
    label = PlainLabel(text, wrap=not role, role=role)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
    return label
