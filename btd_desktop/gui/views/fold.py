"""A part of a panel that is folded until somebody wants to see it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton, QVBoxLayout, QWidget


class Fold(QWidget):
    """A heading to click, and below it what it hides.

    Attributes:
        content: Holds what is folded.
        body: Its layout.
    """

    def __init__(self, title: str, *, opened: bool = False) -> None:
        super().__init__()
        self._head = QToolButton()
        self._head.setText(title)
        self._head.setProperty("role", "fold")
        self._head.setCheckable(True)
        self._head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._head.toggled.connect(self._on_toggled)
        self.content = QWidget()
        self.body = QVBoxLayout(self.content)
        self.body.setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._head)
        layout.addWidget(self.content)
        self._head.setChecked(opened)
        self._on_toggled(opened)

    @property
    def is_open(self) -> bool:
        """What it hides is shown."""
        return self._head.isChecked()

    def set_open(self, opened: bool) -> None:
        """Show or hide what it holds."""
        self._head.setChecked(opened)

    def _on_toggled(self, opened: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow
        self._head.setArrowType(arrow)
        self.content.setVisible(opened)
