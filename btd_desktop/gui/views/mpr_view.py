"""Three linked planes: the acquired one large, two reformats beside it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from btd_desktop.gui.view_state.states import MprState
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
        for view in self._views:
            self._connect(view)

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
        for view, one in zip(self._views, states, strict=True):
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

    def _connect(self, view: SliceView) -> None:
        for told, heard in (
            (view.slice_step_requested, self.slice_step_requested),
            (view.slice_requested, self.slice_requested),
            (view.crosshair_requested, self.crosshair_requested),
            (view.score_requested, self.score_requested),
            (view.window_changed, self.window_changed),
            (view.opacity_step_requested, self.opacity_step_requested),
            (view.context_menu_requested, self.context_menu_requested),
            (view.pointer_moved, self.pointer_moved),
            (view.pointer_left, self.pointer_left),
        ):
            told.connect(heard)
        view.maximise_requested.connect(self._on_maximise)

    def _on_maximise(self) -> None:
        # Qt holds the slot weakly; a function that remembered the number of its view
        # would keep the whole view alive.
        self.maximise_requested.emit(self._views.index(self.sender()))
