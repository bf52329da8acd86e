"""Three linked planes: the acquired one large, two reformats beside it."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from btd_desktop.gui.view_state.states import MprState, SliceViewState
from btd_desktop.gui.views.slice_view import SliceView

_MAIN, _UPPER, _LOWER = range(3)


class MprView(QWidget):
    """Shows an `MprState`; places are told as voxels (s, r, c) of the volume.

    Signals:
        slice_step_requested(int, int): Go on along this axis of the volume (0, 1, 2)
            by this many slices; the sign follows the axis.
        slice_requested(int, int): Along this axis, go to this slice.
        crosshair_requested(int, int, int): Put the crosshair on this voxel.
        score_requested(int, int, int): Score the patch around this voxel.
        window_changed(float, float): Set display window centre and width.
        opacity_step_requested(int): Make the overlay this many notches more opaque.
        context_menu_requested(QPoint, int, int, int): Menu for this voxel.
        maximise_requested(int): Maximise or restore this view (0 to 2).
        pointer_moved(int, int, int, float): Pointer on this voxel, with its value.
        pointer_left(): Pointer on none.
    """

    slice_step_requested = Signal(int, int)
    slice_requested = Signal(int, int)
    crosshair_requested = Signal(int, int, int)
    score_requested = Signal(int, int, int)
    window_changed = Signal(float, float)
    opacity_step_requested = Signal(int)
    context_menu_requested = Signal(QPoint, int, int, int)
    maximise_requested = Signal(int)
    pointer_moved = Signal(int, int, int, float)
    pointer_left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._side = QSplitter(Qt.Orientation.Vertical)
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self._views = (SliceView(), SliceView(), SliceView())
        self._across.addWidget(self._views[_MAIN])
        self._side.addWidget(self._views[_UPPER])
        self._side.addWidget(self._views[_LOWER])
        self._across.addWidget(self._side)
        self._across.setStretchFactor(0, 2)
        self._across.setStretchFactor(1, 1)
        self._across.setSizes([2000, 1000])
        self._side.setSizes([1000, 1000])
        for splitter in (self._across, self._side):
            splitter.setHandleWidth(3)
            splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._across)
        self._maximised: int | None = None
        self._ports = [self._port(k, view) for k, view in enumerate(self._views)]

    @property
    def views(self) -> tuple[SliceView, SliceView, SliceView]:
        """The acquired plane, the upper and the lower reformat."""
        return self._views

    @property
    def maximised(self) -> int | None:
        """Number of the view shown alone, or None."""
        return self._maximised

    def show_state(self, state: MprState) -> None:
        """Show another state; emits nothing."""
        states = (state.main, state.upper, state.lower)
        for view, port, one in zip(self._views, self._ports, states, strict=True):
            port.state = one
            view.show_state(one)
            plane = one.layout.name if one.layout else "no series"
            view.setAccessibleName(f"Slice, {plane}")

    def show_alone(self, number: int | None) -> None:
        """Show one view alone, or all three again; emits nothing."""
        self._maximised = number
        for k, view in enumerate(self._views):
            view.setVisible(number is None or k == number)
        self._side.setVisible(number in (None, _UPPER, _LOWER))

    def reset_views(self) -> None:
        """Show the whole picture in every view."""
        for view in self._views:
            view.reset_view()

    def _port(self, number: int, view: SliceView) -> _PlanePort:
        port = _PlanePort(number, view, self)
        port.stepped.connect(self.slice_step_requested)
        port.jumped.connect(self.slice_requested)
        port.placed.connect(self.crosshair_requested)
        port.scored.connect(self.score_requested)
        port.asked.connect(self.context_menu_requested)
        port.enlarged.connect(self.maximise_requested)
        port.pointed.connect(self.pointer_moved)
        view.window_changed.connect(self.window_changed)
        view.opacity_step_requested.connect(self.opacity_step_requested)
        view.pointer_left.connect(self.pointer_left)
        return port


class _PlanePort(QObject):
    """Turns places of one view into voxels of the volume.

    An object of its own because Qt holds its slots weakly; a function that remembers
    the number of its view would keep the whole view alive.
    """

    stepped = Signal(int, int)
    jumped = Signal(int, int)
    placed = Signal(int, int, int)
    scored = Signal(int, int, int)
    asked = Signal(QPoint, int, int, int)
    enlarged = Signal(int)
    pointed = Signal(int, int, int, float)

    def __init__(self, number: int, view: SliceView, parent: QObject) -> None:
        super().__init__(parent)
        self._number = number
        self.state = SliceViewState()
        view.slice_step_requested.connect(self.on_step)
        view.slice_requested.connect(self.on_slice)
        view.crosshair_moved.connect(self.on_crosshair)
        view.score_requested.connect(self.on_score)
        view.context_menu_requested.connect(self.on_menu)
        view.maximise_requested.connect(self.on_maximise)
        view.pointer_moved.connect(self.on_pointer)

    def on_step(self, step: int) -> None:
        layout = self.state.layout
        if layout is not None:
            self.stepped.emit(layout.fixed_axis, step)

    def on_slice(self, index: int) -> None:
        layout = self.state.layout
        if layout is not None:
            self.jumped.emit(layout.fixed_axis, index)

    def on_crosshair(self, x: int, y: int) -> None:
        self.placed.emit(*self._voxel(x, y))

    def on_score(self, x: int, y: int) -> None:
        self.scored.emit(*self._voxel(x, y))

    def on_menu(self, spot: QPoint, x: int, y: int) -> None:
        self.asked.emit(spot, *self._voxel(x, y))

    def on_maximise(self) -> None:
        self.enlarged.emit(self._number)

    def on_pointer(self, x: int, y: int, value: float) -> None:
        self.pointed.emit(*self._voxel(x, y), value)

    def _voxel(self, x: int, y: int) -> tuple[int, int, int]:
        volume, layout = self.state.volume, self.state.layout
        if volume is None or layout is None:
            # A view speaks of places only while it shows a volume.
            raise RuntimeError("a place was told by a view without a volume")
        return layout.voxel(volume.shape, self.state.index, x, y)
