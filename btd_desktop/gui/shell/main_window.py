"""The main window: holds the parts together and shows the dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
)
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QMainWindow,
    QMenu,
    QMessageBox,
    QStackedWidget,
    QToolBar,
    QWidget,
)

from btd_desktop.errors import BtdError
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.plain_text import visible_text
from btd_desktop.gui.presenters.custody import custody_words
from btd_desktop.gui.presenters.opening import CaseProposal, ProgressState
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.actions import ACTIONS, MENUS, make_actions
from btd_desktop.gui.shell.appearance import chosen_theme, use_theme
from btd_desktop.gui.shell.dialog_slots import DialogSlots
from btd_desktop.gui.shell.docks import make_docks
from btd_desktop.gui.shell.drop_veil import DropVeil, dropped_paths
from btd_desktop.gui.shell.layout_state import restore_layout, save_layout
from btd_desktop.gui.shell.parts import make_parts
from btd_desktop.gui.shell.window_slots import WindowSlots
from btd_desktop.gui.shell.workspace import Workspace
from btd_desktop.gui.shortcuts_table import load_shortcuts
from btd_desktop.gui.theme import DARK, LIGHT, Theme, icon
from btd_desktop.gui.views.shortcut_sheet import ShortcutSheet
from btd_desktop.gui.views.start_page import StartPage
from btd_desktop.gui.views.status_strip import StatusStrip

__all__ = ["MainWindow"]

_TITLE = "BTD Desktop"


class MainWindow(WindowSlots, DialogSlots, QMainWindow):
    """The window of one process; `open_paths` is what a drop does too."""

    def __init__(self, session: Session, recent: RecentCases) -> None:
        super().__init__()
        self.session = session
        self._theme = chosen_theme(session.services.settings.theme)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            use_theme(app, self._theme)
        self.setWindowTitle(_TITLE)
        self.setAcceptDrops(True)
        self.resize(self._first_size())
        self.parts = make_parts(session, recent, self)
        self.start_page = StartPage(self._theme)
        self.workspace = Workspace(self.parts.viewing)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start_page)
        self.pages.addWidget(self.workspace)
        self.setCentralWidget(self.pages)
        self.strip = StatusStrip()
        self.statusBar().addPermanentWidget(self.strip, 1)
        self.statusBar().setSizeGripEnabled(False)
        self._shortcuts = load_shortcuts()
        self.actions_by_id = make_actions(
            self, self.workspace, self._shortcuts, self._theme
        )
        self.panels = make_docks(self, self.parts)
        self._build_bars()
        self._veil = DropVeil(self)
        self._sheet: ShortcutSheet | None = None
        self._connect()
        self._arranged = restore_layout(self)
        self._show_page()
        self.start_page.show_recent(recent.cases())

    def open_paths(self, paths: Sequence[Path]) -> None:
        """Open a case, verify a report or import evidence, by what is given."""
        self.parts.opening.on_paths_given(list(paths))

    @property
    def theme(self) -> Theme:
        """The theme in use."""
        return self._theme

    def on_theme(self) -> None:
        """Change between dark and light, until the program ends."""
        self.show_theme(LIGHT if self._theme is DARK else DARK)

    def show_theme(self, theme: Theme) -> None:
        """Use another theme."""
        self._theme = theme
        app = QApplication.instance()
        if isinstance(app, QApplication):
            use_theme(app, theme)
        for spec in ACTIONS:
            if spec.icon:
                self.actions_by_id[spec.id].setIcon(icon(spec.icon, theme))
        self.start_page.show_theme(theme)
        self.panels.show_theme(theme)

    def on_reset_layout(self) -> None:
        """Put all panels back to where they were at first."""
        self.panels.arrange(self)

    def on_cheat_sheet(self) -> None:
        """Show all keys over the window, or hide them."""
        if self._sheet is None:
            self._sheet = ShortcutSheet(self._shortcuts, self)
            self._sheet.hide()
        if self._sheet.isVisible():
            self._sheet.hide()
        else:
            self._sheet.show_over(self)

    def show_error(self, error: Exception) -> None:
        """Tell the examiner what happened and what to do."""
        if not isinstance(error, BtdError):
            return
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(_TITLE)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(_sentence(visible_text(error.detail, keep_lines=True)))
        box.setInformativeText(_sentence(visible_text(error.hint, keep_lines=True)))
        box.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders anywhere in the window."""
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()
            self._veil.cover()
            self.parts.opening.get_ready()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Nothing was dropped."""
        self._veil.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self._veil.hide()
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.open_paths(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop what runs, wait for it, keep the layout, close the case."""
        self.workspace.cine.stop()
        for dialog in self.findChildren(QDialog):
            dialog.reject()
        self.session.jobs.cancel_all()
        self.parts.opening.close()
        self.strip.show_notice("Stopping …")
        while not self.session.jobs.shut_down(5.0):
            if not self._wait_longer():
                break
        if self.session.store is not None:
            save_layout(self)
        self.session.close_case(quiet=True)
        event.accept()

    def _wait_longer(self) -> bool:
        answer = QMessageBox.question(
            self,
            _TITLE,
            "A step of the work in the background has not ended yet. What is done so "
            "far is in the case. Wait for it?",
        )
        return answer == QMessageBox.StandardButton.Yes

    def _connect(self) -> None:
        parts, session = self.parts, self.session
        session.case_changed.connect(self._show_page)
        session.case_changed.connect(self._enable_actions)
        session.custody_changed.connect(self._show_custody)
        session.series_selected.connect(self._show_page)
        session.series_selected.connect(self._enable_actions)
        session.noticed.connect(self.strip.show_notice)
        session.failed.connect(self.show_error)
        parts.opening.case_wanted.connect(self.ask_for_case)
        parts.opening.modality_wanted.connect(self.ask_for_modality)
        parts.opening.report_dropped.connect(self.show_verify)
        parts.opening.changed.connect(self._show_opening)
        parts.opening.imported.connect(self._on_imported)
        parts.recent.changed.connect(self._show_recent)
        parts.scoring.changed.connect(self._show_scoring)
        parts.scoring.device_changed.connect(self.strip.show_device)
        parts.viewing.tool_changed.connect(self._show_tool)
        parts.viewing.copy_wanted.connect(self._copy)
        self.strip.pause_toggled.connect(parts.scoring.on_pause_toggled)
        self.strip.cancel_wanted.connect(self.on_stop)
        self.workspace.pointer_told.connect(self.strip.show_pointer)
        self.panels.series.statement_wanted.connect(self.on_statement)
        page = self.start_page
        page.folder_wanted.connect(self.on_open_folder)
        page.files_wanted.connect(self.on_open_files)
        page.case_wanted.connect(self.on_open_case)
        page.verify_wanted.connect(self.on_verify)
        page.demo_wanted.connect(self.on_demo)
        page.case_chosen.connect(parts.opening.on_case_opened)
        page.case_forgotten.connect(parts.recent.remove)
        page.cancel_wanted.connect(parts.opening.on_cancel)
        self._connect_window_keys()
        self._show_tool(parts.viewing.tool)
        self._enable_actions()

    def _connect_window_keys(self) -> None:
        for key in range(1, 10):
            action = self.actions_by_id[f"window_{key}"]
            action.setData(key)
            action.triggered.connect(self._on_window_key)

    def _on_window_key(self) -> None:
        self.parts.viewing.on_preset_chosen(int(self.sender().data()))  # type: ignore[attr-defined]

    def _build_bars(self) -> None:
        menus = {title: self.menuBar().addMenu(title) for title in MENUS}
        bar = QToolBar("Tools", self)
        bar.setObjectName("bar_tools")
        bar.setIconSize(QSize(20, 20))
        bar.setMovable(False)
        self.addToolBar(bar)
        previous = ""
        for spec in ACTIONS:
            action = self.actions_by_id[spec.id]
            if spec.menu:
                if spec.ruled_off:
                    menus[spec.menu].addSeparator()
                menus[spec.menu].addAction(action)
            if spec.bar:
                if previous and previous != spec.menu:
                    bar.addSeparator()
                previous = spec.menu
                bar.addAction(action)
        self._add_windows(menus["&View"])
        panels = menus["&View"].addMenu("Panels")
        for dock in self.panels.docks.values():
            panels.addAction(dock.toggleViewAction())

    def _add_windows(self, menu: QMenu) -> None:
        windows = menu.addMenu("Window")
        for key in range(1, 10):
            windows.addAction(self.actions_by_id[f"window_{key}"])

    def _show_page(self) -> None:
        has_picture = self.session.handle is not None or self.session.store is not None
        page: QWidget = self.workspace if has_picture else self.start_page
        changed = self.pages.currentWidget() is not page
        self.pages.setCurrentWidget(page)
        if changed or not has_picture:
            self.panels.set_visible(has_picture)
            if has_picture and not self._arranged:
                self.panels.arrange(self)
            if has_picture:
                self.workspace.mpr.views[0].setFocus()
        store = self.session.store
        title = "" if store is None else visible_text(store.info.title)
        self.setWindowTitle(f"{title} – {_TITLE}" if title else _TITLE)

    def _show_custody(self) -> None:
        self.workspace.show_banner(custody_words(self.session.store))

    def _enable_actions(self) -> None:
        session = self.session
        has = {
            "": True,
            "case": session.store is not None,
            "series": session.record is not None,
        }
        for spec in ACTIONS:
            self.actions_by_id[spec.id].setEnabled(has[spec.needs])

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)

    def _show_tool(self, tool: str) -> None:
        for name in ("browse", "score", "crosshair", "pan", "zoom"):
            self.actions_by_id[f"tool_{name}"].setChecked(name == tool)

    def _show_opening(self, state: ProgressState) -> None:
        self.start_page.show_progress(state)
        if self.session.store is not None and self.session.record is None:
            self.parts.viewing.show_message(state.title and f"{state.title} …")
        scoring = self.parts.scoring.state
        self.strip.show_progress(state if state.title else scoring)

    def _show_scoring(self, state: ProgressState) -> None:
        if not self.parts.opening.is_busy:
            self.strip.show_progress(state)

    def _show_recent(self) -> None:
        self.start_page.show_recent(self.parts.recent.cases())

    def _on_imported(self, series_ids: tuple[int, ...]) -> None:
        evidence = self.parts.series.read_evidence()
        if not self.session.records:
            self.parts.viewing.show_message(
                "Nothing that was received can be examined. The import statement names "
                "the reason for every file."
            )
            self.on_statement()
        elif evidence.n_not_taken:
            self.strip.show_notice(
                f"{evidence.n_not_taken} of {len(evidence.items)} files were not "
                "taken: see the import statement."
            )

    def ask_for_case(self, proposal: CaseProposal) -> None:
        """Ask where the case shall live, then import."""
        from btd_desktop.gui.dialogs.case_dialog import CaseDialog

        dialog = CaseDialog(proposal, self)
        dialog.accepted.connect(self._on_case_accepted)
        self._open(dialog)

    def _on_case_accepted(self) -> None:
        from btd_desktop.gui.dialogs.case_dialog import CaseDialog

        dialog = self.sender()
        if isinstance(dialog, CaseDialog):
            self.parts.opening.on_case_chosen(dialog.choice)

    def choose_folder(self, title: str) -> Path | None:
        """A folder that the examiner chooses, or None."""
        chosen = QFileDialog.getExistingDirectory(self, title)
        return Path(chosen) if chosen else None

    def _first_size(self) -> QSize:
        screen = QGuiApplication.primaryScreen().availableGeometry()
        return QSize(
            min(max(1200, round(0.92 * screen.width())), screen.width()),
            min(max(760, round(0.92 * screen.height())), screen.height()),
        )


def _sentence(text: str) -> str:
    text = text.strip()
    if not text:
        return ""
    return text[:1].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")
