"""One plane of a volume, painted from a state; gestures become intents.

Zoom and position belong to the view, since no result depends on them; everything else
comes in by `show_state` and is changed by what listens to the intents.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from btd_desktop.gui.view_state.states import MEASURING, SliceViewState
from btd_desktop.gui.views import gestures
from btd_desktop.gui.views.ink import draw_outline, picture_font
from btd_desktop.gui.views.measure_painting import paint_mark
from btd_desktop.gui.views.slice_hand import SliceHand
from btd_desktop.gui.views.slice_painting import paint_pointer_box, paint_slice
from btd_desktop.gui.views.slice_pictures import SlicePictures
from btd_desktop.gui.views.view_transform import ViewTransform

_FOCUS = QColor(90, 170, 255)
_KEY_STEPS = {
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageUp: -gestures.FAST_STEP,
    Qt.Key.Key_PageDown: gestures.FAST_STEP,
}


class SliceView(QWidget):
    """Shows a `SliceViewState`.

    Signals:
        slice_step_requested(int, int): Step along this axis of the volume (0, 1, 2) by
            this many slices; the sign follows the axis.
        slice_requested(int, int): Along this axis, go to this slice.
        window_changed(float, float): Set display window centre and width.
        crosshair_requested(int, int, int): Put the crosshair on this voxel (s, r, c).
        score_requested(int, int, int): Score the patch around this voxel.
        measured(str, int, object): Measure this kind across this axis (0, 1, 2) of the
            volume, at these voxels (tuples of s, r, c).
        opacity_step_requested(int): Make the overlay this many notches more opaque.
        context_menu_requested(QPoint, int, int, int): Menu at a global position for
            this voxel.
        maximise_requested(): Maximise or restore this view.
        pointer_moved(int, int, int, float): The pointer is on this voxel, with its
            modality value.
        zoomed(float, float, float): The scale (points of the screen per mm) and the
            centre (x, y in mm from that of the picture) were changed by hand.
        pointer_left(): The pointer is on no pixel any more.
    """

    slice_step_requested = Signal(int, int)
    slice_requested = Signal(int, int)
    window_changed = Signal(float, float)
    crosshair_requested = Signal(int, int, int)
    score_requested = Signal(int, int, int)
    measured = Signal(str, int, object)
    opacity_step_requested = Signal(int)
    context_menu_requested = Signal(QPoint, int, int, int)
    maximise_requested = Signal()
    pointer_moved = Signal(int, int, int, float)
    zoomed = Signal(float, float, float)
    pointer_left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = SliceViewState()
        self._transform = ViewTransform()
        self._pictures = SlicePictures()
        self._hand = SliceHand(self, self)
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
        self._show_cursor()
        self.update()

    def reset_view(self) -> None:
        """Show the whole picture again."""
        self._take(self._transform.reset())

    def sizeHint(self) -> QSize:
        """Ask for room for a 512 x 512 slice."""
        return QSize(640, 640)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the state; a ring marks the view that the keys go to."""
        painter = QPainter(self)
        painter.setFont(picture_font(self.font()))
        paint_slice(painter, self._state, self._transform, self._pictures)
        size, pointer = self._state.score_box, self._hand.pointer
        if self._state.tool == "score" and size is not None and pointer:
            paint_pointer_box(painter, self._transform, pointer, size)
        draft = self._hand.draft
        if draft is not None:
            paint_mark(painter, draft, self._transform)
        if self.hasFocus():
            ring = QRectF(self.rect()).adjusted(1.0, 1.0, -1.0, -1.0)
            draw_outline(painter, ring, _FOCUS, width=2.0)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep zoom and centre."""
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Step, zoom or fade, by the keys held."""
        self._hand.turn(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step through the slices, where no shortcut of the window does."""
        key = Qt.Key(event.key())
        n_planes, layout = self._state.n_planes, self._state.layout
        if layout is None or not n_planes:
            super().keyPressEvent(event)
        elif key in _KEY_STEPS:
            self._hand.step(_KEY_STEPS[key])
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            index = 0 if key == Qt.Key.Key_Home else n_planes - 1
            self.slice_requested.emit(layout.fixed_axis, index)
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Decide what a drag will mean."""
        self._hand.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Report the pointer, and drag."""
        self._hand.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End a drag, or take it for a click."""
        self._hand.release(event)
        self._show_cursor()

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
            self.context_menu_requested.emit(spot, *self._state.voxel(x, y))

    def leaveEvent(self, event: QEvent) -> None:
        """Forget where the pointer was."""
        self._hand.forget_pointer()

    def pixel(self, at: QPointF) -> tuple[int, int] | None:
        """(column, row) of the picture below a point of the view, or None."""
        x, y = self._transform.to_picture(at.x(), at.y())
        columns, rows = self._state.picture_size
        if 0 <= x < columns and 0 <= y < rows:
            return int(x), int(y)
        return None

    def drop_points(self) -> bool:
        """Forget a measurement that is not complete; whether there was one."""
        return self._hand.drop_points()

    def zoom_at(self, factor: float, at: QPointF) -> None:
        """Zoom around a point of the view."""
        self._take(self._transform.zoomed(factor, (at.x(), at.y())))

    def move_by(self, by: QPointF) -> None:
        """Move the picture by logical pixels."""
        self._take(self._transform.moved(by.x(), by.y()))

    def follow(self, points_per_mm: float, x_mm: float, y_mm: float) -> None:
        """Take the scale and centre of another view; emits nothing."""
        fit = self._transform.reset().points_per_mm
        zoom = points_per_mm / fit
        self._transform = replace(self._transform, zoom=zoom, pan=(x_mm, y_mm))
        self.update()

    def _take(self, transform: ViewTransform) -> None:
        self._transform = transform
        self.update()
        self.zoomed.emit(transform.points_per_mm, *transform.pan)

    def _middle(self) -> tuple[int, int]:
        columns, rows = self._state.picture_size
        return columns // 2, rows // 2

    def _fit(self) -> None:
        view = (float(max(self.width(), 1)), float(max(self.height(), 1)))
        self._transform = self._transform.fitted(
            view, self._state.picture_size, self._state.pixel_mm
        )

    def _show_cursor(self) -> None:
        shapes = Qt.CursorShape
        shape = shapes.ArrowCursor
        if self._state.tool == "score" or self._state.tool in MEASURING:
            shape = shapes.CrossCursor
        if not self._hand.is_pressed and self.cursor().shape() != shape:
            self.setCursor(shape)
