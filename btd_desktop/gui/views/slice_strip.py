"""All slices of a series as a strip: what is scored, what stands out, where one is.

Works for one slice and for thousands. Where several slices share a pixel the most
remarkable one is shown, so that no flagged slice can hide behind its neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPolygonF,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from btd_desktop.gui.plain_text import plain_tool_tip
from btd_desktop.gui.qimage import OverlayPicture, overlay_table, remarkableness
from btd_desktop.gui.view_state.states import StripState
from btd_desktop.gui.views.coalescer import Coalescer
from btd_desktop.gui.views.colour_maps import COLOUR_MAPS, colour_table
from btd_desktop.gui.views.gestures import WheelSteps
from btd_desktop.gui.views.ink import draw_outline
from btd_desktop.gui.views.legend import number_text

THICKNESS = 34
_LANE = 9.0
_MARKER = 7.0
GROUND = QColor(22, 24, 28)
NOT_SCORED = QColor(92, 97, 105)
FLAG = QColor(255, 184, 77)
_HERE = QColor(255, 255, 255)
_FOCUS = QColor(140, 200, 255)
_STEPS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_PageUp: -10,
    Qt.Key.Key_PageDown: 10,
}


def most_remarkable(places: NDArray[np.float32], n_bins: int) -> NDArray[np.float32]:
    """The largest place of the slices that share each bin.

    Args:
        places: Shape (S,), in [0, 1]; NaN where not scored.
        n_bins: At most S.

    Returns:
        Shape (n_bins,); NaN where no slice of the bin is scored.
    """
    starts = np.arange(n_bins) * places.size // n_bins
    with np.errstate(invalid="ignore"):
        # fmax takes the number where one of two is NaN.
        return np.asarray(np.fmax.reduceat(places, starts))


class SliceStrip(QWidget):
    """Shows a `StripState`.

    Signals:
        slice_requested(int): Go to this slice, from 0.
        slice_step_requested(int): Go this many slices on.
    """

    slice_requested = Signal(int)
    slice_step_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = StripState(np.zeros(0))
        self._picture: OverlayPicture | None = None
        self._flags: NDArray[np.bool_] | None = None
        self._coalescer = Coalescer(self)
        self._wheel = WheelSteps()
        self._asked: int | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("Slices")

    def show_state(self, state: StripState) -> None:
        """Show another state; emits nothing."""
        old, self._state = self._state, state
        unchanged = (
            old.values is state.values
            and old.flagged is state.flagged
            and (old.kind, old.limits) == (state.kind, state.limits)
        )
        if not unchanged:
            self._picture = None
        n_slices = state.values.size
        spoken = f"Slice {state.index + 1} of {n_slices}" if n_slices else "No slices"
        self.setAccessibleDescription(spoken)
        self.update()

    def text_of(self, index: int) -> str:
        """What the tool tip says of a slice."""
        value = float(self._state.values[index])
        text = f"Slice {index + 1} of {self._state.values.size}: "
        if self._state.searched:
            text += f"{self._state.searched}, "
        if np.isnan(value):
            return text + self._state.empty
        if self._state.kind == "raw":
            return text + "scored; judged when all slices are done"
        text += f"{'p' if self._state.kind == 'p-value' else self._state.kind} "
        text += number_text(value)
        flagged = self._state.flagged
        return text + ", flagged" if flagged is not None and flagged[index] else text

    def sizeHint(self) -> QSize:
        """Ask for a narrow strip."""
        return QSize(THICKNESS, 200)

    def minimumSizeHint(self) -> QSize:
        """Ask for at least a few slices."""
        return QSize(THICKNESS, 40)

    def resizeEvent(self, event: QEvent) -> None:
        """Give each pixel its slices again."""
        self._picture = None

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint colours, flags and the place of the slice shown."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), GROUND)
        if self._state.values.size:
            painter.save()
            # Painted lying, then put up: the picture of the colours is one row.
            painter.rotate(90.0)
            painter.translate(0.0, -float(self.width()))
            self._paint_lying(painter)
            painter.restore()
        if self.hasFocus():
            ring = QRectF(self.rect()).adjusted(1, 1, -1, -1)
            draw_outline(painter, ring, _FOCUS, width=2.0)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the slice under the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._ask(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go along with the pointer while the button is down."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._ask(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag."""
        self._coalescer.flush()
        self._asked = None

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step as over the slice itself."""
        notches = self._wheel.notches(event)
        event.accept()
        if notches and self._state.values.size:
            fast = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self._step(-notches * (10 if fast else 1))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step by arrows and pages, go to the ends."""
        key, n_slices = Qt.Key(event.key()), self._state.values.size
        if n_slices and key in _STEPS:
            self._step(_STEPS[key])
        elif n_slices and key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.slice_requested.emit(0 if key == Qt.Key.Key_Home else n_slices - 1)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Say what the slice under the pointer is."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            index = self._index_at(QPointF(event.pos()))
            text = "" if index is None else plain_tool_tip(self.text_of(index))
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _index_at(self, at: QPointF) -> int | None:
        n_slices = self._state.values.size
        if n_slices == 0 or self.height() == 0:
            return None
        return min(max(int(at.y() / self.height() * n_slices), 0), n_slices - 1)

    def _ask(self, at: QPointF) -> None:
        index = self._index_at(at)
        if index is not None and index != self._asked:
            self._asked = index
            self._coalescer.post("slice", self.slice_requested.emit, index)

    def _step(self, step: int) -> None:
        self._coalescer.add("step", self.slice_step_requested.emit, step)

    def _paint_lying(self, painter: QPainter) -> None:
        length, n_slices = float(self.height()), self._state.values.size
        band = QRectF(0.0, _MARKER, length, self.width() - _MARKER - _LANE)
        painter.fillRect(band, NOT_SCORED)
        picture = self._picture or self._make_picture()
        painter.drawImage(band, picture.image)
        self._paint_flags(painter, length, band.bottom() + 2.0)
        cell = length / n_slices
        left = self._state.index * cell
        here = QRectF(left, band.top(), max(cell, 2.0), band.height())
        draw_outline(painter, here, _HERE, width=1.5)
        middle = min(max(left + cell / 2, _MARKER), length - _MARKER)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_HERE)
        tip = QPointF(middle, band.top() - 0.5)
        corners = [tip, QPointF(middle - 6.0, 0.0), QPointF(middle + 6.0, 0.0)]
        painter.drawPolygon(QPolygonF(corners))

    def _paint_flags(self, painter: QPainter, length: float, top: float) -> None:
        flags = self._flags
        if flags is None:
            return
        cell = length / flags.size
        for number in np.flatnonzero(flags):
            left = float(number) * cell
            mark = QRectF(left, top, max(cell - 1.0, 2.0), _LANE - 3.0)
            painter.fillRect(mark, FLAG)

    def _make_picture(self) -> OverlayPicture:
        state = self._state
        n_bins = min(state.values.size, max(self.height(), 1))
        places = remarkableness(state.values, state.kind, state.limits)
        if state.kind == "raw":
            places[np.isfinite(places)] = 0.0
        bins = most_remarkable(places, n_bins)
        self._flags = None
        if state.flagged is not None:
            flags = most_remarkable(state.flagged.astype(np.float32), n_bins)
            self._flags = flags > 0
        picture = OverlayPicture(1, n_bins)
        table = overlay_table(colour_table(COLOUR_MAPS[0]), 1.0)
        picture.show(bins[None, :], "score", (0.0, 1.0), table)
        self._picture = picture
        return picture
