"""A scale bar: the largest round length in millimetres that fits."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QPainter

from btd_desktop.gui.views.ink import LIGHT

_STEPS = (1, 2, 5)
_TICK = 4.0


def bar_length_mm(available: float, points_per_mm: float) -> float:
    """Largest of 1, 2, 5 times a power of ten that fits, in millimetres.

    Args:
        available: Room in logical pixels.
        points_per_mm: Logical pixels per millimetre.
    """
    room_mm = available / points_per_mm
    lengths = [step * 10.0**power for power in range(-2, 4) for step in _STEPS]
    return max((length for length in lengths if length <= room_mm), default=lengths[0])


def bar_label(length_mm: float) -> str:
    """Length with its unit, such as "50 mm"."""
    return f"{length_mm:g} mm"


def paint_scale_bar(
    painter: QPainter, centre: QPointF, length_mm: float, points_per_mm: float
) -> None:
    """Draw a bar with ends and, where there is room, nine ticks; dark below light.

    Args:
        painter: On the view, logical pixels.
        centre: Middle of the bar.
        length_mm: From `bar_length_mm`.
        points_per_mm: Logical pixels per millimetre.
    """
    length = length_mm * points_per_mm
    left, y = round(centre.x() - length / 2), round(centre.y())
    divisions = 10 if length >= 80 else 1
    strokes = [QRectF(left, y, length + 1, 1)]
    for k in range(divisions + 1):
        tick = _TICK * (2.0 if k in (0, divisions) else 1.0)
        strokes.append(QRectF(round(left + length * k / divisions), y - tick, 1, tick))
    for stroke in strokes:
        painter.fillRect(stroke.adjusted(-1, -1, 1, 1), QColor(0, 0, 0))
    for stroke in strokes:
        painter.fillRect(stroke, LIGHT)
