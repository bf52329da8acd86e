"""Where a score falls among genuine ones, as a line with a marker."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QWidget

_FLAGGED = QColor("#ff8f3d")
_DECADES = 3.0


class CdfBar(QWidget):
    """The benign CDF from 0 to 1, its upper end stretched.

    What matters lies above 0.9, so the position is logarithmic in 1 - CDF over three
    decades: the ticks stand at 0.9, 0.99 and 0.999.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share: float | None = None
        self._flagged = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_share(self, share: float | None, *, flagged: bool) -> None:
        """Show the share of genuine scores that are at most as high."""
        self._share, self._flagged = share, flagged
        words = "unknown" if share is None else f"{share:.4f}"
        self.setAccessibleName(f"Share of genuine scores at most as high: {words}")
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for one line."""
        return QSize(160, 30)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw line, ticks and marker."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        muted = palette.color(QPalette.ColorRole.PlaceholderText)
        left, width, y = 6.0, self.width() - 12.0, 9.0
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(QPalette.ColorRole.Mid))
        painter.drawRoundedRect(QRectF(left, y - 2, width, 4), 2, 2)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(muted)
        for share, text in ((0.0, "0"), (0.9, "0.9"), (0.99, "0.99"), (0.999, "0.999")):
            x = left + width * _position(share)
            painter.drawLine(round(x), round(y + 4), round(x), round(y + 7))
            align = Qt.AlignmentFlag.AlignHCenter
            box = QRectF(x - 30, y + 7, 60, 14)
            if share in (0.0, 0.999):
                # At the ends the text must not be cut off.
                align = Qt.AlignmentFlag.AlignLeft
                box = QRectF(x, y + 7, 60, 14)
                if share:
                    align = Qt.AlignmentFlag.AlignRight
                    box = QRectF(x - 60, y + 7, 60, 14)
            painter.drawText(box, align, text)
        if self._share is not None:
            x = left + width * _position(self._share)
            colour = palette.color(QPalette.ColorRole.Accent)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_FLAGGED if self._flagged else colour)
            painter.drawEllipse(QRectF(x - 6, y - 6, 12, 12))
        painter.end()


def _position(share: float) -> float:
    beyond = max(1.0 - share, 10.0**-_DECADES)
    return -math.log10(beyond) / _DECADES
