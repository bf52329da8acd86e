"""Three linked planes: the acquired one large, two reformats beside it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from btd_desktop.gui.view_state.states import MprState
from btd_desktop.gui.views.slice_view import SliceView

_MAIN, _UPPER, _LOWER = range(3)


class MprView(QWidget):
    """Shows an `MprState`; each view tells its own intents.

    Attributes:
        views: The acquired plane, the upper and the lower reformat.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._side = QSplitter(Qt.Orientation.Vertical)
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self.views = (SliceView(), SliceView(), SliceView())
        self._across.addWidget(self.views[_MAIN])
        self._side.addWidget(self.views[_UPPER])
        self._side.addWidget(self.views[_LOWER])
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
        self._is_one_alone = self._was_alone = False
        # The slice itself is what is examined; the reformats are a key away.
        self.toggle_alone(_MAIN)
        for view in self.views:
            view.maximise_requested.connect(self._on_maximise)

    def show_state(self, state: MprState) -> None:
        """Show another state; emits nothing."""
        states = (state.main, state.upper, state.lower)
        for view, one in zip(self.views, states, strict=True):
            view.show_state(one)
            plane = one.layout.name if one.layout else "no series"
            view.setAccessibleName(f"Slice, {plane}")

    def toggle_alone(self, number: int) -> None:
        """Show one view (0 to 2) alone, or all three again."""
        self._is_one_alone = not self._is_one_alone
        for k, view in enumerate(self.views):
            view.setVisible(k == number or not self._is_one_alone)
        self._side.setVisible(number != _MAIN or not self._is_one_alone)

    def show_reformats(self, shown: bool) -> None:
        """Leave the room of the reformats to what stands beside, or be as before."""
        if not shown:
            self._was_alone = self._is_one_alone
        self._is_one_alone = shown and not self._was_alone
        self.toggle_alone(_MAIN)

    def reset_views(self) -> None:
        """Show the whole picture in every view."""
        for view in self.views:
            view.reset_view()

    def _on_maximise(self) -> None:
        # Qt holds the slot weakly; a function that remembered the number of its view
        # would keep the whole view alive.
        self.toggle_alone(self.views.index(self.sender()))
