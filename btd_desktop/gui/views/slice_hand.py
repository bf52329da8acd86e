"""What the mouse does to a slice: drags, clicks, the wheel, and what it points at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol  # Qt signals have no type that fits

import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent

from btd_desktop.examination.measurement import N_POINTS
from btd_desktop.gui.view_state.states import MEASURING, MeasureMark, SliceViewState
from btd_desktop.gui.views import gestures
from btd_desktop.gui.views.coalescer import Coalescer
from btd_desktop.gui.views.gestures import Drag, Wheel

_WHEEL_ZOOM = 1.2


class HandledView(Protocol):
    """What the hand needs of a view: its intents, and where its picture lies."""

    slice_step_requested: Any
    window_changed: Any
    crosshair_requested: Any
    score_requested: Any
    measured: Any
    opacity_step_requested: Any
    context_menu_requested: Any
    pointer_moved: Any
    pointer_left: Any

    @property
    def state(self) -> SliceViewState:
        """What is shown."""

    def pixel(self, at: QPointF) -> tuple[int, int] | None:
        """(column, row) of the picture below a point of the view, or None."""

    def zoom_at(self, factor: float, at: QPointF) -> None:
        """Zoom around a point of the view."""

    def move_by(self, by: QPointF) -> None:
        """Move the picture by logical pixels."""

    def update(self) -> None:
        """Paint again."""

    def setCursor(self, cursor: Qt.CursorShape) -> None:
        """Show another pointer."""


@dataclass
class _Press:
    """A mouse button that is down."""

    at: QPointF
    last: QPointF
    drag: Drag
    modifiers: Qt.KeyboardModifier
    window: tuple[float, float]
    moved: bool = False


class SliceHand:
    """Turns mouse events of a slice view into the view's intents.

    Attributes:
        pointer: (column, row) under the pointer, or None.
        points: Pixels set so far of a measurement that is not complete.
    """

    def __init__(self, view: HandledView, parent: QObject) -> None:
        self._view = view
        self._coalescer = Coalescer(parent)
        self._wheel = gestures.WheelSteps()
        self._press: _Press | None = None
        self.pointer: tuple[int, int] | None = None
        self.points: tuple[tuple[int, int], ...] = ()
        self._points_of: tuple[object, ...] = ()

    @property
    def is_pressed(self) -> bool:
        """A button is down, and began something."""
        return self._press is not None

    def turn(self, event: QWheelEvent) -> None:
        """Step, zoom or fade, by the keys held."""
        notches = self._wheel.notches(event)
        meaning = gestures.wheel_meaning(event.modifiers())
        event.accept()
        if notches == 0 or self._view.state.n_planes == 0:
            return
        if meaning is Wheel.ZOOM:
            self._view.zoom_at(_WHEEL_ZOOM**notches, event.position())
        elif meaning is Wheel.OPACITY:
            self._coalescer.add(
                "opacity", self._view.opacity_step_requested.emit, notches
            )
        else:
            size = gestures.FAST_STEP if meaning is Wheel.FAST_SLICE else 1
            self.step(-notches * size)

    def press(self, event: QMouseEvent) -> None:
        """Decide what a drag will mean."""
        event.accept()
        # A press whose release went elsewhere (a dialog, another program) is over as
        # soon as another button goes down alone.
        alone = event.buttons() == event.button()
        if self._press is not None and not alone:
            return
        if self._view.state.n_planes == 0:
            return
        drag = gestures.drag_meaning(
            event.button(), event.modifiers(), self._view.state.tool
        )
        if drag is not Drag.NOTHING:
            at = event.position()
            window = self._view.state.window
            self._press = _Press(at, at, drag, event.modifiers(), window)
            if drag is Drag.MEASURE:
                self._set_point(at)

    def move(self, event: QMouseEvent) -> None:
        """Report the pointer, and drag."""
        event.accept()
        if event.buttons() == Qt.MouseButton.NoButton:
            self._press = None
        press, at = self._press, event.position()
        self._point_at(at)
        if press is None:
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self.pointer:
                self._ask_crosshair(self.pointer)
            return
        if not press.moved and _distance(at, press.at) < gestures.CLICK_RADIUS:
            return
        press.moved = True
        self._drag(press, at)
        press.last = at

    def release(self, event: QMouseEvent) -> None:
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
        elif press.drag is Drag.MEASURE:
            self._set_point(event.position())

    @property
    def draft(self) -> MeasureMark | None:
        """The measurement under way, its last point under the pointer; or None."""
        tool = self._view.state.tool
        if not self._is_measuring() or tool not in MEASURING:
            return None
        last = () if self.pointer is None else (self.pointer,)
        return MeasureMark(tool, (*self.points, *last), selected=True)

    def drop_points(self) -> bool:
        """Forget a measurement that is not complete; whether there was one."""
        had = self._is_measuring()
        self.points = ()
        if had:
            self._view.update()
        return had

    def _is_measuring(self) -> bool:
        # Points of another slice, series or tool are no part of this measurement.
        return bool(self.points) and self._points_of == self._plane()

    def _plane(self) -> tuple[object, ...]:
        state = self._view.state
        return state.tool, id(state.volume), state.index

    def _set_point(self, at: QPointF) -> None:
        tool, pixel = self._view.state.tool, self._view.pixel(at)
        if pixel is None or tool not in MEASURING:
            return
        if not self._is_measuring():
            self.points, self._points_of = (), self._plane()
        self.points = (*self.points, pixel)
        if len(self.points) == N_POINTS[tool]:
            layout = self._view.state.layout
            voxels = tuple(self._view.state.voxel(*p) for p in self.points)
            self.points = ()
            if layout is not None:
                self._view.measured.emit(tool, layout.fixed_axis, voxels)
        self._view.update()

    def step(self, step: int) -> None:
        """Step by some slices; the steps of one turn of the event loop add up."""
        self._coalescer.add("step", self._tell_step, step)

    def _tell_step(self, step: int) -> None:
        layout = self._view.state.layout
        if layout is not None:
            self._view.slice_step_requested.emit(layout.fixed_axis, step)

    def forget_pointer(self) -> None:
        """The pointer is on no pixel any more."""
        if self.pointer is not None:
            self.pointer = None
            self._coalescer.drop("pointer")
            self._view.pointer_left.emit()
            self._view.update()

    def _point_at(self, at: QPointF) -> None:
        pixel = self._view.pixel(at)
        if pixel is None:
            self.forget_pointer()
            return
        if pixel == self.pointer:
            return
        self.pointer = pixel
        self._coalescer.post("pointer", self._tell_pointer)
        if self._view.state.tool == "score" or self.points:
            self._view.update()

    def _tell_pointer(self) -> None:
        picture, pixel = self._view.state.picture, self.pointer
        if picture is None or pixel is None:
            return
        x, y = pixel
        # The state may have come to another, smaller volume since the mouse moved.
        if y < picture.shape[0] and x < picture.shape[1]:
            value = float(picture[y, x])
            self._view.pointer_moved.emit(*self._view.state.voxel(x, y), value)

    def _drag(self, press: _Press, at: QPointF) -> None:
        if press.drag is Drag.WINDOW:
            volume = self._view.state.volume
            whole = volume is not None and volume.voxels.dtype == np.int16
            moved = at - press.at
            window = gestures.dragged_window(
                press.window, moved.x(), moved.y(), whole=whole
            )
            self._coalescer.post("window", self._view.window_changed.emit, *window)
        elif press.drag is Drag.CROSSHAIR:
            if self.pointer is not None:
                self._ask_crosshair(self.pointer)
        elif press.drag is Drag.PAN:
            moved = at - press.last
            self._view.setCursor(Qt.CursorShape.ClosedHandCursor)
            self._view.move_by(moved)
        elif press.drag is Drag.ZOOM:
            factor = gestures.zoom_factor(press.last.y() - at.y())
            self._view.zoom_at(factor, press.at)

    def _ask_crosshair(self, pixel: tuple[int, int]) -> None:
        voxel = self._view.state.voxel(*pixel)
        self._coalescer.post("crosshair", self._view.crosshair_requested.emit, *voxel)

    def _click(self, press: _Press, event: QMouseEvent) -> None:
        pixel, view = self._view.pixel(press.at), self._view
        if pixel is None:
            return
        voxel = view.state.voxel(*pixel)
        if event.button() == Qt.MouseButton.RightButton:
            spot = event.globalPosition().toPoint()
            view.context_menu_requested.emit(spot, *voxel)
        elif event.button() != Qt.MouseButton.LeftButton or (
            press.drag is Drag.MEASURE
        ):
            return
        elif gestures.click_scores(press.modifiers, view.state.tool):
            view.score_requested.emit(*voxel)
        else:
            view.crosshair_requested.emit(*voxel)

    def _ask_score(self, at: QPointF) -> None:
        pixel = self._view.pixel(at)
        if pixel is not None:
            self._view.score_requested.emit(*self._view.state.voxel(*pixel))


def _distance(one: QPointF, other: QPointF) -> float:
    difference = one - other
    return float(np.hypot(difference.x(), difference.y()))
