"""A tour of the window: one card after the other, each beside what it speaks of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QRubberBand,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.plain_text import PlainLabel

_WIDTH = 360
_MARGIN = 12
_KEYS = frozenset(
    {
        Qt.Key.Key_Escape,
        Qt.Key.Key_Return,
        Qt.Key.Key_Enter,
        Qt.Key.Key_Right,
        Qt.Key.Key_Left,
    }
)


@dataclass(frozen=True, slots=True)
class TourStep:
    """One card.

    Attributes:
        title: Its heading.
        text: What it says, in plain words.
        target: What it speaks of; brought to the front when called.
    """

    title: str
    text: str
    target: Callable[[], QWidget]


class Tour(QFrame):
    """Lies over the window; Enter goes on, Esc ends it. Nothing of the case changes."""

    def __init__(self, steps: Sequence[TourStep], window: QWidget) -> None:
        super().__init__(window)
        self._steps = tuple(steps)
        self._at = 0
        self.setProperty("role", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedWidth(_WIDTH)
        self._band = QRubberBand(QRubberBand.Shape.Rectangle, window)
        self._title = PlainLabel("", wrap=True, role="heading")
        self._text = PlainLabel("", wrap=True)
        self._count = PlainLabel("", role="muted")
        end = QPushButton("End tour")
        end.clicked.connect(self.close)
        self._back = QPushButton("Back")
        self._back.clicked.connect(self._go_back)
        self._next = QPushButton("Next")
        self._next.setDefault(True)
        self._next.clicked.connect(self._go_on)
        row = QHBoxLayout()
        row.addWidget(self._count, 1)
        row.addWidget(end)
        row.addWidget(self._back)
        row.addWidget(self._next)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.addWidget(self._title)
        layout.addWidget(self._text)
        layout.addLayout(row)
        self._show_step()

    def event(self, event: QEvent) -> bool:
        """Keep the keys of the tour from the window's shortcuts."""
        is_key = event.type() == QEvent.Type.ShortcutOverride
        if is_key and isinstance(event, QKeyEvent) and event.key() in _KEYS:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter and the right arrow go on, the left one back, Esc ends."""
        key = event.key()
        if key == Qt.Key.Key_Escape:
            self.close()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Right):
            self._go_on()
        elif key == Qt.Key.Key_Left:
            self._go_back()
        else:
            super().keyPressEvent(event)

    def close(self) -> bool:
        """End the tour."""
        self._band.hide()
        self._band.deleteLater()
        return super().close()

    def _go_on(self) -> None:
        if self._at + 1 == len(self._steps):
            self.close()
            return
        self._at += 1
        self._show_step()

    def _go_back(self) -> None:
        if self._at:
            self._at -= 1
            self._show_step()

    def _show_step(self) -> None:
        step = self._steps[self._at]
        self._title.setText(step.title)
        self._text.setText(step.text)
        self.setAccessibleName(step.title)
        self.setAccessibleDescription(step.text)
        self._count.setText(f"{self._at + 1} of {len(self._steps)}")
        self._back.setEnabled(self._at > 0)
        is_last = self._at + 1 == len(self._steps)
        self._next.setText("Done" if is_last else "Next")
        layout = self.layout()
        if layout is not None:
            self.setFixedHeight(layout.totalHeightForWidth(_WIDTH))
        window, target = self.parentWidget(), step.target()
        if window is None:
            return
        spot = QRect(target.mapTo(window, QPoint(0, 0)), target.size())
        self._band.setGeometry(spot)
        self._band.show()
        self.move(_beside(spot, self.size(), window.rect()))
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)


def _beside(spot: QRect, size: QSize, room: QRect) -> QPoint:
    """Where a card leaves in sight what it speaks of: right, left, above, or inside."""
    width, height = size.width(), size.height()
    right, left = spot.right() + _MARGIN, spot.left() - width - _MARGIN
    y = min(max(spot.top(), _MARGIN), room.height() - height - _MARGIN)
    if right + width < room.width():
        return QPoint(right, y)
    if left > 0:
        return QPoint(left, y)
    x = min(max(spot.center().x() - width // 2, _MARGIN), room.width() - width)
    above = spot.top() - height - _MARGIN
    return QPoint(x, above if above > 0 else y)
