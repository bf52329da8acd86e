"""Measurements drawn over a slice: lines, angles, rectangles, each with its number."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from btd_desktop.gui.view_state.states import MeasureMark
from btd_desktop.gui.views.ink import draw_outline, draw_text, shown_line
from btd_desktop.gui.views.view_transform import ViewTransform

_INK = QColor(124, 232, 144)
_RIM = QColor(0, 0, 0)
_END = 3.0


def paint_mark(painter: QPainter, mark: MeasureMark, transform: ViewTransform) -> None:
    """Draw one measurement, complete or not.

    Args:
        painter: On the view, logical pixels, with the font of the texts.
        mark: What to draw.
        transform: Where the picture lies.
    """
    points = [QPointF(*transform.to_view(x + 0.5, y + 0.5)) for x, y in mark.points]
    width = 2.5 if mark.selected else 1.5
    if mark.kind == "region" and len(points) == 2:
        draw_outline(painter, _region(mark, transform), _INK, width=width)
    else:
        _draw_way(painter, points, width, dashed=mark.kind == "profile")
    if mark.label and points:
        _draw_label(painter, mark.label, points, transform)


def _region(mark: MeasureMark, transform: ViewTransform) -> QRectF:
    """The rectangle around whole pixels, both corners inside."""
    (x0, y0), (x1, y1) = mark.points
    one = QPointF(*transform.to_view(min(x0, x1), min(y0, y1)))
    other = QPointF(*transform.to_view(max(x0, x1) + 1, max(y0, y1) + 1))
    return QRectF(one, other)


def _draw_way(
    painter: QPainter, points: list[QPointF], width: float, *, dashed: bool
) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
    for pen in (QPen(_RIM, width + 2.0), QPen(_INK, width, style)):
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF(points))
    for point in points:
        # A small cross shows the pixel that was meant; a blob would hide it.
        for colour, wide in ((_RIM, 3.0), (_INK, 1.0)):
            painter.setPen(QPen(colour, wide))
            painter.drawLine(point - QPointF(_END, 0), point + QPointF(_END, 0))
            painter.drawLine(point - QPointF(0, _END), point + QPointF(0, _END))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _draw_label(
    painter: QPainter, label: str, points: list[QPointF], transform: ViewTransform
) -> None:
    """Beside the lowest point, where it does not lie on what was measured."""
    metrics = QFontMetricsF(painter.font())
    lowest = max(points, key=lambda p: p.y())
    length = metrics.horizontalAdvance(shown_line(label))
    x = min(max(lowest.x() + 8.0, 4.0), max(transform.view[0] - length - 4.0, 4.0))
    y = min(lowest.y() + metrics.height() + 4.0, transform.view[1] - 6.0)
    draw_text(painter, QPointF(x, y), label, _INK)
