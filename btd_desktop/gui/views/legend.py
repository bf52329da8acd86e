"""The legend of the overlay: colours, ticks in their unit, the threshold."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QFontMetricsF, QPainter

from btd_desktop.gui.qimage import OverlayPicture, overlay_table, remarkableness
from btd_desktop.gui.view_state.states import OverlayKind, OverlayState
from btd_desktop.gui.views.colour_maps import colour_table
from btd_desktop.gui.views.ink import LIGHT, MUTED, draw_outline, draw_text
from btd_desktop.gui.views.slice_pictures import threshold_place

LEGEND_WIDTH = 72.0
"""Room to the right of the picture that the legend takes, in logical pixels."""

_BAR_WIDTH = 12.0


def number_text(value: float) -> str:
    """A number as short as its ticks need it."""
    if value != 0.0 and not 1e-4 <= abs(value) < 1e5:
        mantissa, exponent = f"{value:.0e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{value:.4g}"


def legend_ticks(kind: OverlayKind, limits: tuple[float, float]) -> tuple[float, ...]:
    """Round values to print between the limits, both limits included.

    Args:
        kind: "p-value" is divided by decades, everything else evenly.
        limits: Values at the dull and at the bright end.
    """
    dull, bright = limits
    if kind == "p-value" and min(limits) > 0:
        low, high = sorted(limits)
        decades = range(
            math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high)) + 1
        )
        inside = [10.0**k for k in decades if low * 1.5 < 10.0**k < high / 1.5]
        return tuple(sorted({low, *inside, high}))
    if dull == bright:
        return (dull,)
    step = _round_step(abs(bright - dull) / 4)
    low, high = sorted(limits)
    first = math.ceil(low / step - 1e-9)
    inside = [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]
    kept = [v for v in inside if min(v - low, high - v) > 0.35 * step]
    return tuple(sorted({low, *kept, high}))


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return min((m * power for m in (1, 2, 2.5, 5, 10)), key=lambda s: abs(s - raw))


def paint_legend(painter: QPainter, area: QRectF, overlay: OverlayState) -> None:
    """Draw the legend into an area of about 72 by 200 logical pixels.

    Args:
        painter: On the view.
        area: Room for title, bar and ticks.
        overlay: Whose colours are explained.
    """
    metrics = QFontMetricsF(painter.font())
    line = metrics.height()
    bar = QRectF(
        area.right() - _BAR_WIDTH, area.top() + line + 6, _BAR_WIDTH, area.height()
    )
    bar.setBottom(area.bottom() - line * 1.6)
    title = overlay.label or overlay.kind
    draw_text(
        painter,
        QPointF(
            area.right() - metrics.horizontalAdvance(title), area.top() + line * 0.8
        ),
        title,
    )
    _paint_bar(painter, bar, overlay)
    for text, place in _placed_ticks(overlay.kind, overlay.limits):
        y = bar.bottom() - place * bar.height()
        x = bar.left() - 6 - metrics.horizontalAdvance(text)
        draw_text(painter, QPointF(x, y + metrics.ascent() / 2 - 1), text)
    if overlay.threshold is not None:
        _paint_threshold(painter, bar, threshold_place(overlay))
        shown = threshold_text(overlay.kind, overlay.threshold)
        x = area.right() - metrics.horizontalAdvance(shown)
        draw_text(painter, QPointF(x, area.bottom()), shown, MUTED)


def threshold_text(kind: OverlayKind, threshold: float) -> str:
    """What the overlay shows, such as "p ≤ 0.05" or "≥ 1.2"."""
    number = _tick_text(kind, threshold)
    return f"p ≤ {number}" if kind == "p-value" else f"≥ {number}"


def _tick_text(kind: OverlayKind, value: float) -> str:
    # p-values have two digits everywhere.
    return number_text(float(f"{value:.2g}") if kind == "p-value" else value)


@lru_cache(maxsize=32)
def _placed_ticks(
    kind: OverlayKind, limits: tuple[float, float]
) -> tuple[tuple[str, float], ...]:
    ticks = legend_ticks(kind, limits)
    places = remarkableness(ticks, kind, limits)
    pairs = zip(ticks, places, strict=True)
    return tuple((_tick_text(kind, value), float(place)) for value, place in pairs)


@lru_cache(maxsize=8)
def _ramp(colour_map: str) -> OverlayPicture:
    picture = OverlayPicture(256, 1)
    ramp = np.linspace(1.0, 0.0, 256, dtype=np.float32)[:, None]
    # Opaque, since a legend that fades with the overlay could not be read.
    table = overlay_table(colour_table(colour_map), 1.0)
    picture.show(ramp, "score", (0.0, 1.0), table)
    return picture


def _paint_bar(painter: QPainter, bar: QRectF, overlay: OverlayState) -> None:
    painter.drawImage(bar, _ramp(overlay.colour_map).image)
    if overlay.threshold is not None:
        hidden = QRectF(bar)
        hidden.setTop(bar.bottom() - threshold_place(overlay) * bar.height())
        painter.fillRect(hidden, QColor(30, 32, 36))
    draw_outline(painter, bar, LIGHT, width=1.0)


def _paint_threshold(painter: QPainter, bar: QRectF, place: float) -> None:
    y = bar.bottom() - place * bar.height()
    for colour, half in ((QColor(0, 0, 0), 2.0), (QColor(255, 255, 255), 1.0)):
        mark = QRectF(bar.left() - 4, y - half, bar.width() + 8, 2 * half)
        painter.fillRect(mark, colour)
