"""What the actions of the window do, one short method each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMainWindow

if TYPE_CHECKING:
    from btd_desktop.gui.presenters.session import Session
    from btd_desktop.gui.shell.docks import Docks
    from btd_desktop.gui.shell.parts import Parts
    from btd_desktop.gui.shell.workspace import Workspace
    from btd_desktop.gui.views.status_strip import StatusStrip

__all__ = ["WindowSlots"]

_TEN = 10


class WindowSlots:
    """Slots of the action table; mixed into the main window, which has the parts."""

    if TYPE_CHECKING:
        session: Session
        parts: Parts
        panels: Docks
        workspace: Workspace
        strip: StatusStrip

    def on_open_folder(self) -> None:
        """Choose a folder of evidence, or a case."""
        chosen = QFileDialog.getExistingDirectory(_window(self), "Open folder or case")
        if chosen:
            self.parts.opening.on_paths_given([Path(chosen)])

    def on_open_files(self) -> None:
        """Choose files of evidence."""
        chosen, _ = QFileDialog.getOpenFileNames(_window(self), "Open files or ZIP")
        if chosen:
            self.parts.opening.on_paths_given([Path(p) for p in chosen])

    def on_open_case(self) -> None:
        """Choose a case."""
        chosen = QFileDialog.getExistingDirectory(_window(self), "Open case folder")
        if chosen:
            self.parts.opening.on_case_opened(Path(chosen))

    def on_close_case(self) -> None:
        """Close the case and show the first page."""
        self.parts.opening.on_case_closed()

    def on_demo(self) -> None:
        """Make and open the demonstration."""
        self.parts.opening.on_demo_wanted()

    def on_tool_browse(self) -> None:
        """Left drag sets the window."""
        self.parts.viewing.on_tool_chosen("browse")

    def on_tool_score(self) -> None:
        """A click scores a patch."""
        self.parts.viewing.on_tool_chosen("score")

    def on_tool_crosshair(self) -> None:
        """Left drag moves the crosshair."""
        self.parts.viewing.on_tool_chosen("crosshair")

    def on_tool_pan(self) -> None:
        """Left drag moves the picture."""
        self.parts.viewing.on_tool_chosen("pan")

    def on_tool_zoom(self) -> None:
        """Left drag zooms."""
        self.parts.viewing.on_tool_chosen("zoom")

    def on_cancel(self) -> None:
        """Leave the tool, then the selection; never closes anything."""
        if self.parts.viewing.tool != "browse":
            self.parts.viewing.on_tool_chosen("browse")
        else:
            self.session.select_finding(None)
            self.session.set_mark(None)

    def on_invert(self) -> None:
        """White for low values, or back."""
        self.parts.viewing.on_inverted_toggled()

    def on_smooth(self) -> None:
        """Blend pixels on screen, or show them as measured."""
        self.parts.viewing.on_smooth_toggled()

    def on_info(self) -> None:
        """Show or hide the texts in the views."""
        self.parts.viewing.on_info_toggled()

    def on_reset_view(self) -> None:
        """Show the whole picture."""
        self.workspace.mpr.reset_views()

    def on_maximise(self) -> None:
        """One view or three."""
        self.workspace.on_maximise(0)

    def on_full_screen(self) -> None:
        """Fill the screen, or not."""
        window = _window(self)
        window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def on_cine(self) -> None:
        """Run through the slices, or stop."""
        self.workspace.cine.toggle()

    def on_score(self) -> None:
        """Score the series shown."""
        self.parts.scoring.on_score_wanted()

    def on_pause(self) -> None:
        """Pause scoring, or go on."""
        self.parts.scoring.on_pause_toggled()

    def on_stop(self) -> None:
        """Stop what goes on: the import, else the scoring."""
        if self.parts.opening.is_busy:
            self.parts.opening.on_cancel()
        else:
            self.parts.scoring.on_cancel()

    def on_slice_previous(self) -> None:
        """One slice back."""
        self.parts.viewing.on_strip_stepped(-1)

    def on_slice_next(self) -> None:
        """One slice on."""
        self.parts.viewing.on_strip_stepped(1)

    def on_slice_back_10(self) -> None:
        """Ten slices back."""
        self.parts.viewing.on_strip_stepped(-_TEN)

    def on_slice_on_10(self) -> None:
        """Ten slices on."""
        self.parts.viewing.on_strip_stepped(_TEN)

    def on_slice_first(self) -> None:
        """The first slice."""
        self.parts.viewing.on_strip_requested(0)

    def on_slice_last(self) -> None:
        """The last slice."""
        handle = self.session.handle
        if handle is not None:
            self.parts.viewing.on_strip_requested(handle.shape[0] - 1)

    def on_series_previous(self) -> None:
        """The series before."""
        self.parts.series.on_stepped(-1)

    def on_series_next(self) -> None:
        """The series after."""
        self.parts.series.on_stepped(1)

    def on_flagged_next(self) -> None:
        """The next slice above the threshold."""
        self.parts.viewing.on_flagged_wanted()

    def on_flagged_previous(self) -> None:
        """The slice above the threshold before."""
        self.parts.viewing.on_flagged_wanted(back=True)

    def on_finding_next(self) -> None:
        """The next finding that is not dismissed."""
        self.panels.docks["findings"].raise_()
        self.parts.findings.on_next_wanted()

    def on_score_here(self) -> None:
        """Score the patch around the crosshair."""
        self.parts.viewing.on_score_here()

    def on_bookmark(self) -> None:
        """Write the note of the place shown, or score the crosshair first."""
        if self.parts.placing.state.status == "scored":
            self.panels.docks["place"].raise_()
            self.panels.place.focus_note()
        else:
            self.parts.viewing.on_score_here()

    def on_undo(self) -> None:
        """Take back the last change of a note or status."""
        self.parts.findings.on_undo()

    def on_redo(self) -> None:
        """Make it again."""
        self.parts.findings.on_redo()


def _window(slots: object) -> QMainWindow:
    return cast(QMainWindow, slots)
