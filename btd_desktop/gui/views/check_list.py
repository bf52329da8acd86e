"""Checks one below the other, each with its mark and its sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from btd_desktop.gui.plain_text import PlainLabel

if TYPE_CHECKING:
    from btd_desktop.workflow.verdict_words import CheckLine

_MARKS = {True: ("✓", "good"), False: ("✗", "danger"), None: ("–", "muted")}
_WORDS = {True: "passed", False: "failed", None: "not judged"}


class CheckList(QScrollArea):
    """Shows `CheckLine`s and the problems below them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)

    def show_lines(
        self, lines: tuple[CheckLine, ...], problems: tuple[str, ...]
    ) -> None:
        """Show other checks."""
        content = QWidget()
        outer = QVBoxLayout(content)
        outer.setContentsMargins(0, 0, 8, 0)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(2, 1)
        top = Qt.AlignmentFlag.AlignTop
        for number, line in enumerate(lines):
            mark, role = _MARKS[line.ok]
            sign = PlainLabel(mark, role=role)
            sign.setAccessibleName(_WORDS[line.ok])
            grid.addWidget(sign, number, 0, top)
            grid.addWidget(_wrapped(line.name, "muted"), number, 1, top)
            grid.addWidget(_wrapped(line.words), number, 2, top)
        outer.addLayout(grid)
        if problems:
            outer.addSpacing(10)
            outer.addWidget(_wrapped("What speaks against it", "heading"))
            for problem in problems:
                text = problem[:1].upper() + problem[1:]
                outer.addWidget(_wrapped(f"• {text}", "danger"))
        outer.addStretch(1)
        self.setWidget(content)  # which deletes the one before


def _wrapped(text: str, role: str = "") -> PlainLabel:
    return PlainLabel(text, wrap=True, role=role)
