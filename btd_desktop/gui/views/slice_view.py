"""One plane of a volume, painted from a state; gestures become intents.

Zoom and position belong to the view, since no result depends on them; everything else
comes in by `show_state` and is changed by whoever listens to the intents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from btd_desktop.gui.view_state.states import SliceViewState
from btd_desktop.gui.views import gestures
from btd_desktop.gui.views.coalescer import Coalescer
from btd_desktop.gui.views.gestures import Drag, Wheel
from btd_desktop.gui.views.ink import draw_outline, picture_font
from btd_desktop.gui.views.slice_painting import (
    exhibit_image,
    paint_pointer_box,
    paint_slice,
)
from btd_desktop.gui.views.slice_pictures import SlicePictures
from btd_desktop.gui.views.view_transform import ViewTransform

_FOCUS = QColor(90, 170, 255)
_WHEEL_ZOOM = 1.2
_KEY_STEPS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageUp: -gestures.FAST_STEP,
    Qt.Key.Key_PageDown: gestures.FAST_STEP,
}


@dataclass
class _Press:
    """A mouse button that is down."""

    at: QPointF
    last: QPointF
    drag: Drag
    modifiers: Qt.KeyboardModifier
    window: tuple[float, float]
    moved: bool = False


class SliceView(QWidget):
    """Shows a `SliceViewState`.

    Signals:
        slice_step_requested(int): Go this many slices on (negative: back).
        slice_requested(int): Go to this slice, from 0.
        window_changed(float, float): Set display window centre and width.
        crosshair_moved(int, int): Put the crosshair on column x, row y.
        score_requested(int, int): Score the patch around column x, row y.
        opacity_step_requested(int): Make the overlay this many notches more opaque.
        context_menu_requested(QPoint, int, int): Menu at a global position for (x, y).
        maximise_requested(): Maximise or restore this view.
        pointer_moved(int, int, float): The pointer is on (x, y), with its modality
            value.
        pointer_left(): The pointer is on no pixel any more.
    """

    slice_step_requested = Signal(int)
    slice_requested = Signal(int)
    window_changed = Signal(float, float)
    crosshair_moved = Signal(int, int)
    score_requested = Signal(int, int)
    opacity_step_requested = Signal(int)
    context_menu_requested = Signal(QPoint, int, int)
    maximise_requested = Signal()
    pointer_moved = Signal(int, int, float)
    pointer_left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = SliceViewState()
        self._transform = ViewTransform()
        self._pictures = SlicePictures()
        self._coalescer = Coalescer(self)
        self._wheel = gestures.WheelSteps()
        self._press: _Press | None = None
        self._pointer: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(96, 96)
        self.setAccessibleName("Slice")

    @property
    def transform(self) -> ViewTransform:
        """Where the picture lies now."""
        return self._transform

    @property
    def state(self) -> SliceViewState:
        """What is shown now."""
        return self._state

    def show_state(self, state: SliceViewState) -> None:
        """Show another state; emits nothing."""
        self._state = state
        self._fit()
        n_planes = state.n_planes
        self.setAccessibleDescription(
            f"Slice {state.index + 1} of {n_planes}" if n_planes else state.message
        )
        cursor = (
            Qt.CursorShape.CrossCursor
            if state.tool == "score"
            else Qt.CursorShape.ArrowCursor
        )
        if self._press is None and self.cursor().shape() != cursor:
            self.setCursor(cursor)
        self.update()

    def reset_view(self) -> None:
        """Show the whole picture again."""
        self._transform = self._transform.reset()
        self.update()

    def zoom_by(self, factor: float) -> None:
        """Zoom around the middle of the view."""
        self._zoom(factor, QPointF(self.width() / 2, self.height() / 2))

    def exhibit(self, width: int, height: int, ratio: float = 1.0) -> QImage:
        """The slice as shown, whole, for a finding's thumbnail or a report."""
        return exhibit_image(self._state, width, height, font=self.font(), ratio=ratio)

    def sizeHint(self) -> QSize:
        """Ask for room for a 512 x 512 slice."""
        return QSize(640, 640)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the state; a ring marks the view that the keys go to."""
        painter = QPainter(self)
        painter.setFont(picture_font(self.font()))
        paint_slice(painter, self._state, self._transform, self._pictures)
        size = self._state.score_box
        if self._state.tool == "score" and size is not None and self._pointer:
            paint_pointer_box(painter, self._transform, self._pointer, size)
        if self.hasFocus():
            ring = QRectF(self.rect()).adjusted(1.0, 1.0, -1.0, -1.0)
            draw_outline(painter, ring, _FOCUS, width=2.0)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep zoom and centre."""
        self._fit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring."""
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Hide the ring."""
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step, zoom or fade, by the keys held."""
        # Qt turns the wheel sideways while Alt (and on a Mac Shift) is held.
        delta = event.angleDelta()
        notches = self._wheel.notches(delta.y() or delta.x())
        meaning = gestures.wheel_meaning(event.modifiers())
        event.accept()
        if notches == 0 or self._state.n_planes == 0:
            return
        if meaning is Wheel.ZOOM:
            self._zoom(_WHEEL_ZOOM**notches, event.position())
        elif meaning is Wheel.OPACITY:
            self._coalescer.add("opacity", self.opacity_step_requested.emit, notches)
        else:
            size = gestures.FAST_STEP if meaning is Wheel.FAST_SLICE else 1
            self._step(-notches * size)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step through the slices, where no shortcut of the window does."""
        key = Qt.Key(event.key())
        n_planes = self._state.n_planes
        if n_planes and key in _KEY_STEPS:
            self._step(_KEY_STEPS[key])
        elif n_planes and key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self.slice_requested.emit(0 if key == Qt.Key.Key_Home else n_planes - 1)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Decide what a drag will mean."""
        event.accept()
        # A press whose release went elsewhere (a dialog, another program) is over as
        # soon as another button goes down alone.
        alone = event.buttons() == event.button()
        if (self._press is not None and not alone) or self._state.n_planes == 0:
            return
        drag = gestures.drag_meaning(
            event.button(), event.modifiers(), self._state.tool
        )
        if drag is not Drag.NOTHING:
            at = event.position()
            window = self._state.window
            self._press = _Press(at, at, drag, event.modifiers(), window)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Report the pointer, and drag."""
        event.accept()
        if event.buttons() == Qt.MouseButton.NoButton:
            self._press = None
        press, at = self._press, event.position()
        self._point_at(at)
        if press is None:
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._pointer:
                self._coalescer.post(
                    "crosshair", self.crosshair_moved.emit, *self._pointer
                )
            return
        if not press.moved and _distance(at, press.at) < gestures.CLICK_RADIUS:
            return
        press.moved = True
        self._drag(press, at)
        press.last = at

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag, or take it for a click."""
        event.accept()
        press, self._press = self._press, None
        if press is None:
            return
        if event.buttons() != Qt.MouseButton.NoButton:
            # Another button is still down: neither a click nor the end of a drag.
            self._press = press
            return
        self._coalescer.flush()
        if not press.moved:
            self._click(press, event)
        elif press.drag is Drag.SCORE:
            self._ask_score(event.position())
        self.show_state(self._state)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for the whole window, or for the way back."""
        event.accept()
        if event.button() == Qt.MouseButton.LeftButton:
            self.maximise_requested.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu when the keyboard's menu key is pressed."""
        # The mouse's right button zooms when dragged, so its menu comes on release.
        event.accept()
        if event.reason() == QContextMenuEvent.Reason.Keyboard and self._state.n_planes:
            x, y = self._state.crosshair or self._middle()
            point = self._transform.to_view(x + 0.5, y + 0.5)
            spot = self.mapToGlobal(QPointF(*point).toPoint())
            self.context_menu_requested.emit(spot, x, y)

    def leaveEvent(self, event: QEvent) -> None:
        """Forget where the pointer was."""
        self._forget_pointer()

    def _middle(self) -> tuple[int, int]:
        columns, rows = self._state.picture_size
        return columns // 2, rows // 2

    def _fit(self) -> None:
        view = (float(max(self.width(), 1)), float(max(self.height(), 1)))
        self._transform = self._transform.fitted(
            view, self._state.picture_size, self._state.pixel_mm
        )

    def _step(self, step: int) -> None:
        self._coalescer.add("step", self.slice_step_requested.emit, step)

    def _pixel(self, at: QPointF) -> tuple[int, int] | None:
        x, y = self._transform.to_picture(at.x(), at.y())
        columns, rows = self._state.picture_size
        if 0 <= x < columns and 0 <= y < rows:
            return int(x), int(y)
        return None

    def _point_at(self, at: QPointF) -> None:
        pixel = self._pixel(at)
        if pixel is None:
            self._forget_pointer()
            return
        if pixel == self._pointer:
            return
        self._pointer = pixel
        self._coalescer.post("pointer", self._tell_pointer)
        if self._state.tool == "score":
            self.update()

    def _tell_pointer(self) -> None:
        picture, pixel = self._state.picture, self._pointer
        if picture is None or pixel is None:
            return
        x, y = pixel
        # The state may have come to another, smaller volume since the mouse moved.
        if y < picture.shape[0] and x < picture.shape[1]:
            self.pointer_moved.emit(x, y, float(picture[y, x]))

    def _forget_pointer(self) -> None:
        if self._pointer is not None:
            self._pointer = None
            self._coalescer.drop("pointer")
            self.pointer_left.emit()
            self.update()

    def _drag(self, press: _Press, at: QPointF) -> None:
        if press.drag is Drag.WINDOW:
            volume = self._state.volume
            whole = volume is not None and volume.voxels.dtype == np.int16
            moved = at - press.at
            window = gestures.dragged_window(
                press.window, moved.x(), moved.y(), whole=whole
            )
            self._coalescer.post("window", self.window_changed.emit, *window)
        elif press.drag is Drag.CROSSHAIR:
            if self._pointer is not None:
                self._coalescer.post(
                    "crosshair", self.crosshair_moved.emit, *self._pointer
                )
        elif press.drag is Drag.PAN:
            moved = at - press.last
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            self._transform = self._transform.moved(moved.x(), moved.y())
            self.update()
        elif press.drag is Drag.ZOOM:
            factor = gestures.zoom_factor(press.last.y() - at.y())
            self._zoom(factor, press.at)

    def _zoom(self, factor: float, at: QPointF) -> None:
        self._transform = self._transform.zoomed(factor, (at.x(), at.y()))
        self.update()

    def _click(self, press: _Press, event: QMouseEvent) -> None:
        pixel = self._pixel(press.at)
        if pixel is None:
            return
        if event.button() == Qt.MouseButton.RightButton:
            spot = event.globalPosition().toPoint()
            self.context_menu_requested.emit(spot, *pixel)
        elif event.button() != Qt.MouseButton.LeftButton:
            return
        elif gestures.click_scores(press.modifiers, self._state.tool):
            self._ask_score(press.at)
        else:
            self.crosshair_moved.emit(*pixel)

    def _ask_score(self, at: QPointF) -> None:
        pixel = self._pixel(at)
        if pixel is not None:
            self.score_requested.emit(*pixel)


def _distance(one: QPointF, other: QPointF) -> float:
    difference = one - other
    return float(np.hypot(difference.x(), difference.y()))
