"""How text and lines are drawn over a picture of unknown brightness.

Everything is light on a dark veil or with a dark rim, so that it can be read over bone
and over air, in either theme and with an inverted picture. Text is always plain.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from btd_desktop.gui.plain_text import visible_text

LIGHT = QColor(236, 240, 244)
MUTED = QColor(255, 200, 110)
# Opaque: Qt blends a tall thin rectangle row by row, twenty times slower.
_RIM = QColor(0, 0, 0)
_VEIL = QColor(0, 0, 0, 190)
_MAX_LINE = 80


@lru_cache(maxsize=512)
def shown_line(text: str) -> str:
    """One line of text as it is drawn: visible, and no longer than 80 characters."""
    shown = visible_text(text)
    return shown if len(shown) <= _MAX_LINE else shown[: _MAX_LINE - 1] + "…"


def picture_font(font: QFont, pixels: int = 12, *, bold: bool = False) -> QFont:
    """The font of a widget in the size used over pictures."""
    drawn = QFont(font)
    drawn.setPixelSize(pixels)
    drawn.setBold(bold)
    return drawn


def draw_text(
    painter: QPainter, baseline: QPointF, text: str, colour: QColor = LIGHT
) -> None:
    """Draw one line of plain text on a dark veil.

    Args:
        painter: With the wanted font.
        baseline: Left end of the base line.
        text: Of any origin.
        colour: Of the letters.
    """
    shown = shown_line(text)
    if not shown:
        return
    metrics = QFontMetricsF(painter.font())
    veil = QRectF(
        baseline.x() - 3.0,
        baseline.y() - metrics.ascent() - 0.5,
        metrics.horizontalAdvance(shown) + 6.0,
        metrics.height() + 1.0,
    )
    painter.fillRect(veil, _VEIL)
    painter.setPen(colour)
    painter.drawText(baseline, shown)


def draw_outline(
    painter: QPainter,
    box: QRectF,
    colour: QColor,
    *,
    width: float,
    dashed: bool = False,
) -> None:
    """Draw a rectangle with a dark rim on both sides of its line.

    Filled edges instead of a pen, which is several times slower; a frame has sixteen
    milliseconds.

    Args:
        painter: On the view.
        box: Middle of the line.
        colour: Of the line.
        width: Of the line, in logical pixels.
        dashed: Leave gaps.
    """
    _fill_edges(painter, box, _RIM, width + 2.0)
    if not dashed:
        _fill_edges(painter, box, colour, width)
        return
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, width, Qt.PenStyle.DashLine))
    painter.drawRect(box)


def _fill_edges(painter: QPainter, box: QRectF, colour: QColor, width: float) -> None:
    half = width / 2
    outer = box.adjusted(-half, -half, half, half)
    inner_height = max(box.height() - width, 0.0)
    painter.fillRect(QRectF(outer.left(), outer.top(), outer.width(), width), colour)
    bottom = QRectF(outer.left(), outer.bottom() - width, outer.width(), width)
    painter.fillRect(bottom, colour)
    for x in (outer.left(), outer.right() - width):
        painter.fillRect(QRectF(x, outer.top() + width, width, inner_height), colour)
