"""The small "?" beside a number: what does this mean?"""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QFrame, QToolButton, QVBoxLayout, QWidget

from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.wording import HELP

_WIDTH = 340
_MARGIN = 8


class HelpBubble(QFrame):
    """An explanation laid over the window; a key or a click closes it."""

    def __init__(self, topic: str, window: QWidget) -> None:
        super().__init__(window)
        title, text = HELP[topic]
        self.setProperty("role", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.setFixedWidth(_WIDTH)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        for words, role in ((title, "heading"), (text, "")):
            label = PlainLabel(words, wrap=True, role=role)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
            layout.addWidget(label)
        self.setFixedHeight(layout.heightForWidth(_WIDTH))

    def show_at(self, spot: QPoint) -> None:
        """Show below a point of the window, moved inside where there is no room."""
        window = self.parentWidget()
        if window is None:
            return
        x = min(spot.x(), window.width() - self.width() - _MARGIN)
        y = spot.y()
        if y + self.height() > window.height() - _MARGIN:
            y = window.height() - self.height() - _MARGIN
        self.move(max(x, _MARGIN), max(y, _MARGIN))
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Any key closes."""
        self.close()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click closes."""
        self.close()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The examiner went on."""
        self.close()


class HelpButton(QToolButton):
    """Shows an explanation from the one table of plain words."""

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

    def _show_help(self) -> None:
        window = self.window()
        bubble = HelpBubble(self._topic, window)
        bubble.show_at(self.mapTo(window, QPoint(0, self.height() + 2)))
