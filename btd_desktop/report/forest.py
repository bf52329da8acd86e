"""A forest plot as a column of a table: a value and its interval in each row.

The rows stay those of a table, so that what they say wraps, is redacted and stands in
the twin like every other table; only this column is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from reportlab.platypus import Flowable

from btd_desktop.report.style import ACCENT, GREY, INK, LINE

Interval = tuple[float, float | None, float | None]
"""A value and the ends of its interval; None where they are not known."""

_CHANCE: Final = 0.5
_COMPLETE: Final = 1.0
_HEIGHT: Final = 11.0
_AROUND: Final = 3.2
_SIDE: Final = 9.0
_SQUARE: Final = 4.2
_AXIS_HEIGHT: Final = 19.0


@dataclass(frozen=True, slots=True)
class ForestAxis:
    """The axis that all rows share; it always holds chance (0.5) and 1."""

    low: float = _CHANCE

    @classmethod
    def of(cls, rows: Iterable[Interval]) -> ForestAxis:
        """An axis that holds every interval."""
        ends = [end for row in rows for end in row if end is not None]
        lowest = min([_CHANCE, *ends])
        return cls(int(max(lowest, 0.0) * 10) / 10)

    @property
    def ticks(self) -> list[float]:
        """Tenths from the lowest to 1."""
        return [n / 10 for n in range(round(self.low * 10), 11)]

    def place(self, value: float, width: float) -> float:
        """Position of a value in points within a column of a width."""
        share = (value - self.low) / (_COMPLETE - self.low)
        return _SIDE + min(max(share, 0.0), 1.0) * (width - 2 * _SIDE)


class _Row(Flowable):  # type: ignore[misc]  # ReportLab has no types
    """A drawing that fills its cell, with the lines of chance and 1 through it."""

    def __init__(self, axis: ForestAxis) -> None:
        super().__init__()
        self._axis = axis
        self._width, self._height = 0.0, _HEIGHT

    def stretch(self, height: float) -> None:
        """Fill a row of this height in points."""
        self._height = max(height, _HEIGHT)

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """The width that there is, and the height of the row."""
        self._width = width
        return width, self._height

    def _x(self, value: float) -> float:
        return self._axis.place(value, self._width)

    def _draw_lines(self, foot: float) -> None:
        canvas = self.canv
        canvas.setLineWidth(0.5)
        for value in self._axis.ticks:
            canvas.setStrokeColor(GREY if value in (_CHANCE, _COMPLETE) else LINE)
            canvas.setDash([2, 2] if value == _CHANCE else [])
            canvas.line(self._x(value), foot, self._x(value), self._height + _AROUND)
        canvas.setDash([])


class IntervalBar(_Row):
    """The interval of one row as a line, its value as a square."""

    def __init__(self, axis: ForestAxis, interval: Interval) -> None:
        super().__init__(axis)
        self._interval = interval

    def draw(self) -> None:
        """Draw the row."""
        canvas = self.canv
        canvas.saveState()
        self._draw_lines(-_AROUND)
        value, low, high = self._interval
        # The value stands beside the first line of the row's text.
        middle = self._height - _HEIGHT / 2
        if low is not None and high is not None:
            canvas.setStrokeColor(ACCENT)
            canvas.setLineWidth(1.3)
            canvas.line(self._x(low), middle, self._x(high), middle)
            for end in (low, high):
                canvas.line(self._x(end), middle - 2, self._x(end), middle + 2)
        canvas.setFillColor(ACCENT)
        x = self._x(value) - _SQUARE / 2
        canvas.rect(x, middle - _SQUARE / 2, _SQUARE, _SQUARE, stroke=0, fill=1)
        canvas.restoreState()


class AxisBar(_Row):
    """The numbers below the rows."""

    def __init__(self, axis: ForestAxis) -> None:
        super().__init__(axis)
        self.stretch(_AXIS_HEIGHT)

    def stretch(self, height: float) -> None:
        """The other cells of its row are empty, so its own height counts."""
        self._height = max(height, _AXIS_HEIGHT)

    def draw(self) -> None:
        """Draw the axis."""
        canvas = self.canv
        canvas.saveState()
        self._draw_lines(self._height - 2)
        canvas.setFont("BTD-Sans", 6.6)
        canvas.setFillColor(INK)
        y = self._height - 7
        for value in self._axis.ticks:
            canvas.drawCentredString(self._x(value), y, f"{value:g}")
        canvas.setFillColor(GREY)
        canvas.drawCentredString(self._x(_CHANCE), y - 8, "chance")
        canvas.drawRightString(self._x(_COMPLETE) + _SIDE, y - 8, "complete")
        canvas.restoreState()
