"""The main window: puts the parts together and shows what they tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QMainWindow,
    QMessageBox,
    QStackedWidget,
    QWidget,
)

from btd_desktop.examination.headline import Step
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.plain_text import visible_text
from btd_desktop.gui.presenters.custody import custody_words
from btd_desktop.gui.presenters.presenter import ProgressState
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.actions import ActionSet
from btd_desktop.gui.shell.bars import build_bars
from btd_desktop.gui.shell.dialogs import TITLE, Dialogs
from btd_desktop.gui.shell.docks import make_docks
from btd_desktop.gui.shell.drop_veil import DropVeil
from btd_desktop.gui.shell.layout_state import (
    first_size,
    restore_geometry,
    restore_panels,
    save_layout,
)
from btd_desktop.gui.shell.look import Look
from btd_desktop.gui.shell.parts import make_parts
from btd_desktop.gui.shell.recent_menu import RecentMenu
from btd_desktop.gui.shell.shell import Shell
from btd_desktop.gui.shell.workspace import Workspace
from btd_desktop.gui.shortcuts_table import load_shortcuts
from btd_desktop.gui.views.start_page import StartPage
from btd_desktop.gui.views.status_strip import StatusStrip


class MainWindow(QMainWindow):
    """The window of one process; `open_paths` is what a drop does too.

    Attributes:
        session: What all parts look at.
        look: The theme.
        parts: Presenters.
        start_page: Shown without a case.
        workspace: Shown with one.
        pages: Both, one above the other.
        strip: Notices, pointer, progress and device, along the bottom.
        panels: Panels around the workspace.
        dialogs: Opens dialogs.
        shell: What actions work on.
        action_set: Actions by id.
        recent_menu: Cases that were open lately, in the menu File.
    """

    def __init__(self, session: Session, recent: RecentCases) -> None:
        super().__init__()
        self.session = session
        self.look = Look(session.services.settings.theme, self)
        self.setWindowTitle(TITLE)
        self.resize(first_size())
        self.parts = make_parts(session, recent, self)
        self.start_page = StartPage(self.look.theme)
        self.workspace = Workspace(self.parts)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start_page)
        self.pages.addWidget(self.workspace)
        self.setCentralWidget(self.pages)
        self.strip = StatusStrip()
        self.statusBar().addPermanentWidget(self.strip, 1)
        self.statusBar().setSizeGripEnabled(False)
        keys = load_shortcuts()
        self.panels = make_docks(self, self.parts, self.look)
        self.dialogs = Dialogs(self, self.parts, self.workspace, self.look, keys)
        self.shell = Shell(
            self, self.parts, self.workspace, self.panels, self.look, self.dialogs
        )
        self.action_set = ActionSet(self.shell, keys, self.look.theme)
        self.recent_menu = RecentMenu(self)
        build_bars(self, self.action_set, self.panels, self.recent_menu)
        self._veil = DropVeil(self)
        self._is_tour_due = False
        self._connect_case()
        self._connect_work()
        self._connect_start_page()
        restore_geometry(self)
        self._show_page()
        self._show_recent()
        self._enable_actions()
        self.action_set.show_history(session.history)
        self.action_set.show_look(self.parts.display.look)

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open a case, verify a report or import evidence, by what is given."""
        self.parts.opening.on_paths_given(list(paths))

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop what runs, wait for it, keep the layout, close the case."""
        if not self._may_stop_jobs():
            event.ignore()
            return
        self.workspace.cine.stop()
        self.panels.findings.save_note()
        for dialog in self.findChildren(QDialog):
            dialog.reject()
        self.session.jobs.cancel_all()
        self.parts.opening.close()
        if self.session.jobs.jobs():
            # Seen at once, since the window stands still until the step has ended.
            self.strip.show_notice("Stopping after the step that goes on …")
            self.strip.repaint()
        while not self.session.jobs.shut_down(5.0):
            if not self._wait_longer():
                break
        save_layout(self, with_panels=self._shows_case)
        self.session.close_case(quiet=True)
        event.accept()

    def _may_stop_jobs(self) -> bool:
        """Ask before what takes hours and is of no case is stopped."""
        titles = [j.title for j in self.session.jobs.jobs() if not j.of_case]
        titles = [t for t in titles if t.startswith(("Calibrating", "Training"))]
        if not titles:
            return True
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(TITLE)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(f"{visible_text('; '.join(titles))}: under way.")
        box.setInformativeText(
            "Closing the window stops it. A training resumes from its checkpoint when "
            "it is started again; a calibration begins anew."
        )
        stay = box.addButton("Keep the window open", QMessageBox.ButtonRole.RejectRole)
        box.addButton("Stop and close", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(stay)
        box.exec()
        return box.clickedButton() is not stay

    def _wait_longer(self) -> bool:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(TITLE)
        box.setText("The slice being scored is not done yet.")
        box.setInformativeText(
            "All slices before it are in the case. When the case is opened again, "
            "scoring resumes after them."
        )
        wait = box.addButton("Wait for this slice", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Stop now", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(wait)
        box.exec()
        return box.clickedButton() is wait

    def _connect_case(self) -> None:
        session = self.session
        session.case_changed.connect(self._show_page)
        session.case_changed.connect(self._enable_actions)
        session.custody_changed.connect(self._show_custody)
        session.series_selected.connect(self._show_page)
        session.series_selected.connect(self._enable_actions)
        session.result_changed.connect(self._enable_actions)
        session.history.changed.connect(self._show_history)
        session.noticed.connect(self.strip.show_notice)
        session.failed.connect(self.dialogs.show_error)
        for panel in (self.panels.series, self.panels.findings):
            panel.picked.connect(self._focus_picture)
        for dock in self.panels.docks.values():
            self.workspace.watch_keys(dock)
        self.panels.series.statement_wanted.connect(self.dialogs.show_statement)
        self.panels.measurements.export_wanted.connect(self.dialogs.export_measurements)
        self.look.changed.connect(self.action_set.show_theme)
        self.look.changed.connect(self.start_page.show_theme)

    def _connect_work(self) -> None:
        parts = self.parts
        parts.opening.case_wanted.connect(self.dialogs.ask_for_case)
        parts.opening.modality_wanted.connect(self.dialogs.ask_for_modality)
        parts.opening.report_dropped.connect(self.dialogs.verify)
        parts.opening.demo_shown.connect(self._await_tour)
        self.session.result_changed.connect(self._start_due_tour)
        parts.opening.changed.connect(self._show_opening)
        parts.opening.imported.connect(self._on_imported)
        parts.scoring.changed.connect(self._show_scoring)
        parts.scoring.device_changed.connect(self.strip.show_device)
        parts.display.changed.connect(self.action_set.show_look)
        self.strip.progress.pause_toggled.connect(parts.scoring.on_pause_toggled)
        self.strip.progress.cancel_wanted.connect(self.action_set["stop"].trigger)
        self.workspace.pointer_changed.connect(self.strip.show_pointer)
        parts.job_list.changed.connect(self._show_jobs)
        self.strip.jobs.clicked.connect(self.action_set["jobs"].trigger)
        self.workspace.answer.step_wanted.connect(self._on_step_wanted)
        self.workspace.overlay_bar.speaker.clicked.connect(
            self.action_set["choose_calibration"].trigger
        )
        self._veil.hovered.connect(parts.opening.get_ready)
        self._veil.dropped.connect(parts.opening.on_paths_given)

    def _connect_start_page(self) -> None:
        page, actions, opening = self.start_page, self.action_set, self.parts.opening
        for action_id, button in page.buttons.items():
            button.clicked.connect(actions[action_id].trigger)
        page.recent.chosen.connect(opening.on_case_opened)
        self.recent_menu.chosen.connect(opening.on_case_opened)
        page.recent.forgotten.connect(self.parts.recent.remove)
        page.progress.cancel_wanted.connect(opening.on_cancel)
        self.parts.recent.changed.connect(self._show_recent)

    def _on_step_wanted(self, step: Step) -> None:
        """Take the next step that the answer offers."""
        steps: dict[Step, str] = {
            "score": "score",
            "resume": "score",
            "calibration": "choose_calibration",
            "review": "review",
        }
        if step in steps:
            self.action_set[steps[step]].trigger()

    @property
    def _shows_case(self) -> bool:
        return self.pages.currentWidget() is self.workspace

    def _show_page(self) -> None:
        has_picture = self.session.handle is not None or self.session.store is not None
        page: QWidget = self.workspace if has_picture else self.start_page
        changed = self.pages.currentWidget() is not page
        self.pages.setCurrentWidget(page)
        if changed and has_picture:
            if not restore_panels(self):
                self.panels.arrange(self)
            self.workspace.mpr.views[0].setFocus()
        elif not has_picture:
            if changed:
                save_layout(self, with_panels=True)
            self.panels.set_visible(False)
        store = self.session.store
        title = "" if store is None else visible_text(store.info.title)
        self.setWindowTitle(f"{title} – {TITLE}" if title else TITLE)

    def _focus_picture(self) -> None:
        self.workspace.mpr.views[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_custody(self) -> None:
        self.workspace.show_banner(custody_words(self.session.store))

    def _enable_actions(self) -> None:
        session = self.session
        busy = self.parts.scoring.is_busy or self.parts.opening.is_busy
        self.action_set.enable(
            {
                "case": session.store is not None,
                "series": session.record is not None,
                "scored": session.record is not None and session.result.is_scored,
                "work": busy,
            }
        )

    def _show_jobs(self) -> None:
        self.strip.show_jobs(self.parts.job_list.n_running)

    def _show_history(self) -> None:
        self.action_set.show_history(self.session.history)

    def _show_opening(self, state: ProgressState) -> None:
        self.start_page.show_progress(state)
        if self.session.store is not None and self.session.record is None:
            self.parts.viewing.show_message(state.title and f"{state.title} …")
        shown = state if state.is_busy else self.parts.scoring.state
        self.strip.progress.show_progress(shown)
        self._enable_actions()

    def _show_scoring(self, state: ProgressState) -> None:
        self._enable_actions()
        if not self.parts.opening.is_busy:
            self.strip.progress.show_progress(state)

    def _await_tour(self) -> None:
        self._is_tour_due = True

    def _start_due_tour(self) -> None:
        # Before there are scores half of the cards would speak of empty panels.
        if self._is_tour_due and self.session.result.evaluation is not None:
            self._is_tour_due = False
            self.action_set["tour"].trigger()

    def _show_recent(self) -> None:
        recent = self.parts.recent
        self.start_page.recent.show_cases(recent.cases(), recent.state_of)
        self.recent_menu.show_cases(recent.cases(), recent.state_of)

    def _on_imported(self, series_ids: tuple[int, ...]) -> None:
        evidence = self.parts.series.read_evidence()
        if not self.session.records:
            self.parts.viewing.show_message(
                "Nothing that was received can be examined. The import statement names "
                "the reason for every file."
            )
            self.dialogs.show_statement()
        elif evidence.n_not_taken:
            self.strip.show_notice(
                f"{evidence.n_not_taken} of {len(evidence.items)} files were not "
                "taken: see the import statement."
            )
