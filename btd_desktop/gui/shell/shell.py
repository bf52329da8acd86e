"""What an action works on: the parts of the one window, each for what it can do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMainWindow

from btd_desktop.gui.shell.dialogs import Dialogs
from btd_desktop.gui.shell.docks import Docks
from btd_desktop.gui.shell.look import Look
from btd_desktop.gui.shell.parts import Parts
from btd_desktop.gui.shell.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Shell:
    """The parts that actions reach, and the steps that take more than one part.

    Attributes:
        window: The window itself, to stand below its dialogs.
        parts: Presenters.
        workspace: Image views and their controls.
        panels: Panels around them.
        look: The theme.
        dialogs: Opens dialogs.
    """

    window: QMainWindow
    parts: Parts
    workspace: Workspace
    panels: Docks
    look: Look
    dialogs: Dialogs

    def open_folder(self) -> None:
        """Choose a folder of evidence, or a case."""
        title = "Open folder or case"
        chosen = QFileDialog.getExistingDirectory(self.window, title)
        if chosen:
            self.parts.opening.on_paths_given([Path(chosen)])

    def open_files(self) -> None:
        """Choose files of evidence."""
        chosen, _ = QFileDialog.getOpenFileNames(self.window, "Open files or ZIP")
        if chosen:
            self.parts.opening.on_paths_given([Path(p) for p in chosen])

    def open_case(self) -> None:
        """Choose a case."""
        chosen = QFileDialog.getExistingDirectory(self.window, "Open case folder")
        if chosen:
            self.parts.opening.on_case_opened(Path(chosen))

    def choose_results(self) -> None:
        """Choose the results of a sweep to look through."""
        chosen = QFileDialog.getExistingDirectory(self.window, "Results of a sweep")
        if chosen:
            self.dialogs.look_through(Path(chosen))

    def choose_report(self) -> None:
        """Choose a report to verify."""
        chosen, _ = QFileDialog.getOpenFileName(
            self.window, "Verify a report", "", "Reports (*.pdf)"
        )
        if chosen:
            self.dialogs.verify(Path(chosen))

    def toggle_full_screen(self) -> None:
        """Fill the screen, or not."""
        window = self.window
        window.setWindowState(window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def stop(self) -> None:
        """Stop what goes on: the import, else the scoring."""
        if self.parts.opening.is_busy:
            self.parts.opening.on_cancel()
        else:
            self.parts.scoring.on_cancel()

    def leave_tool(self) -> None:
        """Close the sheet of keys, leave the tool, then the selection."""
        if self.dialogs.hide_keys():
            return
        # A list: every view is to forget what was begun.
        if any([view.drop_points() for view in self.workspace.mpr.views]):  # noqa: C419
            return
        if self.parts.display.look.tool != "browse":
            self.parts.display.on_tool_chosen("browse")
        else:
            self.parts.session.select_finding(None)
            self.parts.placing.on_left()

    def note_place(self) -> None:
        """Write the note of the place shown, or score the crosshair first."""
        if self.parts.placing.state.status == "scored":
            self.panels.docks["place"].raise_()
            self.panels.place.focus_note()
        else:
            self.parts.viewing.on_score_here()
