"""Curves of scores: where an exhibit or a series lies among genuine scores.

Drawn as vectors with `reportlab.graphics`. Large arrays are thinned for the drawing
only; the extremes always stay, and no number is taken from a drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from reportlab.graphics.shapes import Drawing, Line, PolyLine, Rect, String
from reportlab.lib.colors import Color
from reportlab.pdfbase.pdfmetrics import stringWidth

from btd_desktop.calibration.ecdf import Ecdf
from btd_desktop.examination.wording import number_text, percent_text
from btd_desktop.report.style import ACCENT, FLAG, GREY, INK, LINE, register_fonts

_LEFT: Final = 38.0
_RIGHT: Final = 10.0
_BOTTOM: Final = 30.0
_TOP: Final = 28.0
_FONT: Final = "BTD-Sans"
_MOST_POINTS: Final = 400
_NARROW: Final = 240.0
_LABEL_SIZE: Final = 6.8
_GENUINE: Final = Color(0.72, 0.76, 0.81)


@dataclass(frozen=True, slots=True)
class _Axis:
    """A linear or logarithmic score axis on paper."""

    low: float
    high: float
    start: float
    length: float
    is_log: bool

    def place(self, value: float) -> float:
        """Position in points, clipped to the axis."""
        if self.is_log:
            share = np.log(max(value, self.low) / self.low) / np.log(
                self.high / self.low
            )
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + self.length * float(np.clip(share, 0, 1))

    def ticks(self) -> list[float]:
        """Four to seven round values within the axis."""
        if self.is_log:
            powers = range(
                int(np.floor(np.log10(self.low))), int(np.ceil(np.log10(self.high))) + 1
            )
            values = [m * 10.0**p for p in powers for m in (1, 2, 5)]
            values = [v for v in values if self.low <= v <= self.high]
            return values if len(values) <= 8 else values[:: len(values) // 6 + 1]
        raw = (self.high - self.low) / 5
        power = 10.0 ** np.floor(np.log10(raw))
        step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(s - raw))
        first = np.ceil(self.low / step) * step
        return [float(v) for v in np.arange(first, self.high + 1e-9 * step, step)]


def cdf_plot(
    genuine: Ecdf,
    score: float | None,
    threshold: float | None,
    *,
    size: tuple[float, float],
    score_label: str,
) -> Drawing:
    """Cumulative distribution of genuine scores with one score and the threshold.

    Args:
        genuine: Scores of genuine scans, each patient counting the same.
        score: Score to mark, or None.
        threshold: Threshold to mark, or None.
        size: Width and height in points.
        score_label: What to write at the score.
    """
    drawing, axis, base, height = _frame(
        size, _marks(genuine.scores, score, threshold), "score"
    )
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = base + share * height
        drawing.add(Line(axis.start, y, axis.start + axis.length, y, strokeColor=LINE,
                         strokeWidth=0.3))  # fmt: skip
        _label(drawing, axis.start - 4, y - 2.3, f"{100 * share:.0f} %", "end")
    drawing.add(PolyLine(_steps(genuine, axis, base, height), strokeColor=ACCENT,
                         strokeWidth=1.3, fillColor=None))  # fmt: skip
    span = (base, height)
    _mark(drawing, axis, span, threshold, "threshold", dashed=True, row=0, beside=score)
    _mark(drawing, axis, span, score, score_label, dashed=False, row=1)
    whose = "" if genuine.patients is None else ", patients counting the same"
    caption = f"share of {genuine.n:,} genuine scores at or below{whose}"
    _label(drawing, 2, 2 + 9 * (size[0] < _NARROW), caption, "start")
    return drawing


def score_histogram(
    slice_scores: NDArray[np.floating],
    genuine: Ecdf,
    threshold: float | None,
    *,
    size: tuple[float, float],
) -> Drawing:
    """Slice scores of a series over those of genuine scans, both as shares.

    Args:
        slice_scores: Scores of the series, shape (S,); NaN where not scored.
        genuine: Scores of genuine slices, each patient counting the same.
        threshold: Threshold to mark, or None.
        size: Width and height in points.
    """
    own = slice_scores[np.isfinite(slice_scores)]
    both = np.concatenate([own, genuine.scores])
    drawing, axis, base, height = _frame(
        size, _marks(both, None, threshold), "score of a slice"
    )
    n_bins = 36
    edges = (
        np.geomspace(axis.low, axis.high, n_bins + 1)
        if axis.is_log
        else np.linspace(axis.low, axis.high, n_bins + 1)
    )
    weights = np.diff(genuine.shares, prepend=0.0)
    shares = [
        np.histogram(genuine.scores, edges, weights=weights)[0],
        np.histogram(own, edges)[0] / max(own.size, 1),
    ]
    top = _round_up(max(float(share.max(initial=0)) for share in shares))
    for tick in (0.0, 0.5, 1.0):
        _label(drawing, axis.start - 4, base + tick * height - 2.3,
               percent_text(tick * top), "end")  # fmt: skip
    for share, fill, stroke in (
        (shares[0], _GENUINE, None),
        (shares[1], None, FLAG),
    ):
        for i in np.flatnonzero(share):
            x = axis.place(float(edges[i]))
            width = axis.place(float(edges[i + 1])) - x
            drawing.add(Rect(x + 0.3, base, width - 0.6, float(share[i]) / top * height,
                             fillColor=fill, strokeColor=stroke,
                             strokeWidth=0.8))  # fmt: skip
    _mark(drawing, axis, (base, height), threshold, "threshold", dashed=True, row=1)
    entries = (
        (None, FLAG, f"this series ({own.size:,} slices)"),
        (_GENUINE, None, f"genuine scans ({genuine.n:,} slices)"),
    )
    _legend(drawing, axis.start, entries)
    return drawing


def _marks(
    values: NDArray[np.float64], score: float | None, threshold: float | None
) -> NDArray[np.float64]:
    extra = [v for v in (score, threshold) if v is not None and np.isfinite(v)]
    return np.concatenate([values, np.array(extra, dtype=np.float64)])


def _axis(values: NDArray[np.float64], start: float, length: float) -> _Axis:
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > 30:
        return _Axis(low / 1.1, high * 1.15, start, length, True)
    margin = 0.05 * (high - low) or max(abs(high), 1.0) * 0.05
    return _Axis(low - margin, high + margin, start, length, False)


def _frame(
    size: tuple[float, float], values: NDArray[np.float64], title: str
) -> tuple[Drawing, _Axis, float, float]:
    width, height = size
    register_fonts()
    drawing = Drawing(width, height)
    axis = _axis(values, _LEFT, width - _LEFT - _RIGHT)
    inner = height - _BOTTOM - _TOP
    drawing.add(Line(_LEFT, _BOTTOM, width - _RIGHT, _BOTTOM, strokeColor=GREY,
                     strokeWidth=0.6))  # fmt: skip
    for tick in axis.ticks():
        x = axis.place(tick)
        drawing.add(Line(x, _BOTTOM, x, _BOTTOM - 3, strokeColor=GREY, strokeWidth=0.6))
        _label(drawing, x, _BOTTOM - 11, number_text(tick, 3), "middle")
    scale = ", log scale" if axis.is_log else ""
    _label(drawing, width - _RIGHT, 2, title + scale, "end")
    return drawing, axis, _BOTTOM, inner


def _steps(genuine: Ecdf, axis: _Axis, base: float, height: float) -> list[float]:
    n, shares = genuine.n, genuine.shares
    picked = np.unique(np.linspace(0, n - 1, min(n, _MOST_POINTS)).astype(int))
    points = [axis.start, base]
    share_before = 0.0
    for index in picked:
        x, share = axis.place(float(genuine.scores[index])), float(shares[index])
        points += [x, base + share_before * height, x, base + share * height]
        share_before = share
    return [*points, axis.start + axis.length, base + height]


def _round_up(share: float) -> float:
    """Smallest 1, 2, 4 or 6 times a power of ten that is not below the share."""
    if share <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(share))
    steps = (1, 2, 4, 6, 10)
    return float(next(m * power for m in steps if m * power >= share * (1 - 1e-9)))


def _mark(
    drawing: Drawing,
    axis: _Axis,
    span: tuple[float, float],
    value: float | None,
    label: str,
    *,
    dashed: bool,
    row: int,
    beside: float | None = None,
) -> None:
    """A line with its label, which keeps clear of a line `beside` it."""
    if value is None:
        return
    base, height = span
    x, colour = axis.place(value), INK if dashed else FLAG
    top = base + height + 13 + 11 * row
    drawing.add(Line(x, base, x, top, strokeColor=colour, strokeWidth=1.1,
                     strokeDashArray=[3, 2] if dashed else None))  # fmt: skip
    text = f"{label} {number_text(value)}"
    is_right = x < axis.start + axis.length / 2
    room = stringWidth(text, _FONT, _LABEL_SIZE) + 5
    if beside is not None and abs(axis.place(beside) - x) < room:
        is_right = axis.place(beside) < x
    # Never beyond the paper.
    is_right = is_right or x < room
    is_right = is_right and axis.start + axis.length + _RIGHT - x > room
    anchor, shift = ("start", 3) if is_right else ("end", -3)
    _label(drawing, x + shift, top - 6, text, anchor, colour)


def _legend(
    drawing: Drawing,
    x: float,
    entries: Sequence[tuple[Color | None, Color | None, str]],
) -> None:
    for fill, stroke, text in entries:
        drawing.add(Rect(x, 2, 7, 6, fillColor=fill, strokeColor=stroke,
                         strokeWidth=0.8))  # fmt: skip
        _label(drawing, x + 10, 2, text, "start")
        x += 22 + 4.2 * len(text)


def _label(
    drawing: Drawing,
    x: float,
    y: float,
    text: str,
    anchor: str,
    colour: Color = GREY,
) -> None:
    drawing.add(String(x, y, text, fontName=_FONT, fontSize=_LABEL_SIZE,
                       textAnchor=anchor, fillColor=colour))  # fmt: skip
