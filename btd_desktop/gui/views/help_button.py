"""The small "?" beside a number: what does this mean?"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QFrame, QToolButton, QVBoxLayout, QWidget

from btd_desktop.gui.plain_text import plain_label
from btd_desktop.gui.presenters.wording import HELP

__all__ = ["HelpButton"]

_WIDTH = 340


class HelpButton(QToolButton):
    """Shows an explanation from the one table of plain words; Esc closes it."""

    def __init__(self, topic: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._topic = topic
        title, _ = HELP[topic]
        self.setText("?")
        self.setAutoRaise(True)
        self.setFixedSize(24, 24)
        self.setProperty("role", "help")
        self.setAccessibleName(f"What does this mean? {title}")
        self.setToolTip("What does this mean?")
        self.clicked.connect(self._show_help)
        self._bubble: QFrame | None = None

    @property
    def bubble(self) -> QFrame | None:
        """The explanation while it is shown."""
        return self._bubble

    def _show_help(self) -> None:
        title, text = HELP[self._topic]
        bubble = QFrame(self, Qt.WindowType.Popup)
        bubble.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        bubble.setProperty("role", "card")
        bubble.setFixedWidth(_WIDTH)
        layout = QVBoxLayout(bubble)
        layout.setContentsMargins(14, 12, 14, 12)
        heading = plain_label(title)
        heading.setProperty("role", "heading")
        layout.addWidget(heading)
        layout.addWidget(plain_label(text, wrap=True))
        bubble.adjustSize()
        spot = self.mapToGlobal(QPoint(0, self.height() + 2))
        screen = self.screen().availableGeometry()
        x = min(spot.x(), screen.right() - bubble.width())
        y = min(spot.y(), screen.bottom() - bubble.height())
        bubble.move(max(x, screen.left()), max(y, screen.top()))
        bubble.destroyed.connect(self._forget)
        self._bubble = bubble
        bubble.show()

    def _forget(self) -> None:
        self._bubble = None
