"""The action table: everything the window can do, as data.

Keys and their words come from the one table of shortcuts; here stand the menu, the
icon and the call of each action. Menus, tool bar and keys are made from this table.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QKeySequence

from btd_desktop.gui.presenters.display import Look
from btd_desktop.gui.presenters.history import History
from btd_desktop.gui.shell.action import ActionSpec, Needs
from btd_desktop.gui.shell.shell import Shell
from btd_desktop.gui.shell.tool_actions import (
    CINE_SPEED,
    COMPARING,
    EXPORTS,
    FACTS,
    MEASURING_MENU,
    TIMELINE,
    TOUR,
)
from btd_desktop.gui.shortcuts_table import Shortcut, ShortcutTable
from btd_desktop.gui.theme import Theme, icon
from btd_desktop.gui.view_state.states import MEASURING, Tool

TOOLS: tuple[Tool, ...] = ("browse", "score", "crosshair", "pan", "zoom")
_ALL_TOOLS: tuple[Tool, ...] = (*TOOLS, *MEASURING)
_TEN = 10


def _take_tool(tool: Tool, shell: Shell) -> None:
    shell.parts.display.on_tool_chosen(tool)


def _use_window(key: int, shell: Shell) -> None:
    shell.parts.display.on_preset_chosen(key)


MENUS: dict[str, tuple[ActionSpec, ...]] = {
    "&File": (
        ActionSpec("open", lambda s: s.open_folder(), icon="open", bar=True),
        ActionSpec(
            "open_files", lambda s: s.open_files(), "Open files or ZIP …", "import"
        ),
        ActionSpec("open_case", lambda s: s.open_case(), "Open case …", "case"),
        ActionSpec("triage", lambda s: s.choose_results(), "Results of a sweep …"),
        ActionSpec(
            "demo",
            lambda s: s.parts.opening.on_demo_wanted(),
            "Open demonstration",
            "play",
        ),
        ActionSpec(
            "statement",
            lambda s: s.dialogs.show_statement(),
            "Import statement …",
            "metadata",
            ruled_off=True,
            needs="case",
        ),
        ActionSpec(
            "mandate",
            lambda s: s.dialogs.ask_for_mandate(),
            "What is tested …",
            needs="case",
        ),
        ActionSpec(
            "report",
            lambda s: s.dialogs.show_report(),
            icon="report",
            bar=True,
            needs="case",
        ),
        ActionSpec("verify", lambda s: s.choose_report(), icon="verify", bar=True),
        ActionSpec(
            "verify_case",
            lambda s: s.dialogs.check_case(),
            "Verify this case …",
            "check",
            needs="case",
        ),
        TIMELINE,
        ActionSpec(
            "export",
            lambda s: s.dialogs.export_picture(),
            icon="export",
            needs="series",
            ruled_off=True,
        ),
        ActionSpec(
            "export_dicom",
            lambda s: s.dialogs.export_dicom(),
            "Export to DICOM …",
            needs="case",
        ),
        *EXPORTS,
        ActionSpec(
            "close_case",
            lambda s: s.parts.opening.on_case_closed(),
            "Close case",
            needs="case",
        ),
        ActionSpec("quit", lambda s: s.window.close(), "Quit", ruled_off=True),
    ),
    "&View": (
        *(
            ActionSpec(
                f"tool_{tool}",
                partial(_take_tool, tool),
                icon=tool,
                checkable=True,
                bar=True,
                needs="series",
            )
            for tool in TOOLS
        ),
        ActionSpec(
            "invert",
            lambda s: s.parts.display.on_inverted_toggled(),
            icon="invert",
            ruled_off=True,
        ),
        ActionSpec(
            "smooth",
            lambda s: s.parts.display.on_smooth_toggled(),
            "Smooth pixels on screen",
        ),
        ActionSpec("info", lambda s: s.parts.display.on_info_toggled(), icon="info"),
        ActionSpec(
            "reset_view",
            lambda s: s.workspace.mpr.reset_views(),
            icon="reset",
            bar=True,
        ),
        ActionSpec(
            "maximise",
            lambda s: s.workspace.mpr.toggle_alone(0),
            icon="single-view",
            bar=True,
        ),
        *COMPARING,
        FACTS,
        ActionSpec("full_screen", lambda s: s.toggle_full_screen(), icon="full-screen"),
        ActionSpec("cine", lambda s: s.workspace.toggle_cine(), icon="play"),
        *CINE_SPEED,
        ActionSpec(
            "theme",
            lambda s: s.look.toggle(),
            "Dark or light theme",
            "light",
            ruled_off=True,
        ),
        ActionSpec(
            "reset_layout", lambda s: s.panels.arrange(s.window), "Reset panels"
        ),
    ),
    "S&can": (
        ActionSpec(
            "score",
            lambda s: s.parts.scoring.on_score_wanted(),
            "Score this series",
            "histogram",
            needs="series",
        ),
        ActionSpec(
            "score_paper",
            lambda s: s.parts.scoring.on_paper_score_wanted(),
            "Score by the paper's method",
            needs="series",
        ),
        ActionSpec(
            "pause",
            lambda s: s.parts.scoring.on_pause_toggled(),
            "Pause or resume scoring",
            "pause",
            needs="work",
        ),
        ActionSpec("stop", lambda s: s.stop(), "Stop scoring", "stop", needs="work"),
        ActionSpec(
            "slice_previous",
            lambda s: s.parts.viewing.on_strip_stepped(-1),
            ruled_off=True,
            needs="series",
        ),
        ActionSpec(
            "slice_next", lambda s: s.parts.viewing.on_strip_stepped(1), needs="series"
        ),
        ActionSpec(
            "slice_back_10",
            lambda s: s.parts.viewing.on_strip_stepped(-_TEN),
            needs="series",
        ),
        ActionSpec(
            "slice_on_10",
            lambda s: s.parts.viewing.on_strip_stepped(_TEN),
            needs="series",
        ),
        ActionSpec(
            "slice_first",
            lambda s: s.parts.viewing.on_strip_requested(0),
            needs="series",
        ),
        ActionSpec(
            "slice_last",
            lambda s: s.parts.viewing.on_strip_requested(-1),
            needs="series",
        ),
        ActionSpec(
            "series_previous", lambda s: s.parts.series.on_stepped(-1), needs="series"
        ),
        ActionSpec(
            "series_next", lambda s: s.parts.series.on_stepped(1), needs="series"
        ),
    ),
    "F&indings": (
        ActionSpec(
            "flagged_next",
            lambda s: s.parts.strip.on_flagged_wanted(),
            icon="next",
            bar=True,
            needs="series",
        ),
        ActionSpec(
            "flagged_previous",
            lambda s: s.parts.strip.on_flagged_wanted(back=True),
            icon="previous",
            bar=True,
            needs="series",
        ),
        ActionSpec(
            "review",
            lambda s: s.parts.answering.on_review(),
            icon="flag",
            bar=True,
            needs="series",
        ),
        ActionSpec(
            "score_here",
            lambda s: s.parts.viewing.on_score_here(),
            "Score at the crosshair",
            "score",
            needs="series",
            ruled_off=True,
        ),
        ActionSpec(
            "bookmark", lambda s: s.note_place(), icon="bookmark", needs="series"
        ),
        ActionSpec(
            "undo",
            lambda s: s.parts.session.history.on_undo(),
            icon="undo",
            ruled_off=True,
            needs="undo",
        ),
        ActionSpec(
            "redo",
            lambda s: s.parts.session.history.on_redo(),
            icon="redo",
            needs="redo",
        ),
    ),
    "&Measure": MEASURING_MENU,
    "&Tools": (
        ActionSpec(
            "choose_calibration",
            lambda s: s.dialogs.choose_calibration(),
            "Calibration of this series …",
            "check",
            needs="scored",
        ),
        ActionSpec(
            "calibrate",
            lambda s: s.dialogs.calibrate(),
            "Calibrate on genuine scans …",
            "calibrate",
        ),
        ActionSpec(
            "train", lambda s: s.dialogs.train(), "Train on genuine scans …", "train"
        ),
        ActionSpec("jobs", lambda s: s.dialogs.show_jobs(), "Jobs …", "histogram"),
        ActionSpec(
            "settings",
            lambda s: s.dialogs.change_settings(),
            "Settings …",
            "settings",
            ruled_off=True,
        ),
    ),
    "&Help": (
        ActionSpec("handbook", lambda s: s.dialogs.open_handbook(), icon="help"),
        TOUR,
        ActionSpec(
            "cheat_sheet", lambda s: s.dialogs.toggle_keys(), icon="keyboard", bar=True
        ),
        ActionSpec(
            "about", lambda s: s.dialogs.show_about(), "About BTD Desktop …", "info"
        ),
    ),
}
"""What stands in each menu, in order."""

ACTIONS = (
    *itertools.chain(*MENUS.values()),
    ActionSpec("cancel", lambda s: s.leave_tool()),
)
"""All of them; Escape stands in no menu."""


class ActionSet(QObject):
    """The window's actions, made from the table; they live as long as the window."""

    def __init__(self, shell: Shell, table: ShortcutTable, theme: Theme) -> None:
        super().__init__(shell.window)
        self._shell = shell
        self._specs = {s.id: s for s in (*ACTIONS, *_window_keys(table.shortcuts))}
        keys = {s.id: s for s in table.shortcuts}
        self._actions = {i: self._made(s, keys.get(i)) for i, s in self._specs.items()}
        self.show_theme(theme)

    def __getitem__(self, action_id: str) -> QAction:
        """The action of that id; `KeyError` when there is none (a bug of ours)."""
        return self._actions[action_id]

    def enable(self, has: Mapping[Needs, bool]) -> None:
        """Enable what can be done now; what is not named stays as it is."""
        for spec in self._specs.values():
            if spec.needs in has:
                self._actions[spec.id].setEnabled(has[spec.needs])

    def show_history(self, history: History) -> None:
        """Say what would be taken back, and what done again."""
        words: dict[Needs, str] = {
            "undo": history.back_words,
            "redo": history.again_words,
        }
        for action_id, told in words.items():
            name = action_id.capitalize()
            self._actions[action_id].setText(f"{name}: {told}" if told else name)
        self.enable({name: bool(told) for name, told in words.items()})

    def show_look(self, look: Look) -> None:
        """Show which tool the left button holds."""
        for tool in _ALL_TOOLS:
            self._actions[f"tool_{tool}"].setChecked(tool == look.tool)

    def show_theme(self, theme: Theme) -> None:
        """Draw the icons in another theme."""
        for spec in self._specs.values():
            if spec.icon:
                self._actions[spec.id].setIcon(icon(spec.icon, theme))

    def _made(self, spec: ActionSpec, known: Shortcut | None) -> QAction:
        window, viewer = self._shell.window, self._shell.workspace
        text = spec.text or (known.text if known else spec.id)
        action = QAction(text, window)
        action.setObjectName(spec.id)
        action.setCheckable(spec.checkable)
        in_viewer = known is not None and known.context == "viewer"
        if known is not None and not known.hold:
            action.setShortcuts([QKeySequence(k) for k in known.keys])
            within = Qt.ShortcutContext.WidgetWithChildrenShortcut
            everywhere = Qt.ShortcutContext.WindowShortcut
            action.setShortcutContext(within if in_viewer else everywhere)
            action.setToolTip(f"{text} ({', '.join(known.native_keys)})")
        (viewer if in_viewer else window).addAction(action)
        action.triggered.connect(self._on_triggered)
        return action

    def _on_triggered(self) -> None:
        self._specs[self.sender().objectName()].run(self._shell)


def _window_keys(shortcuts: Iterable[Shortcut]) -> Iterator[ActionSpec]:
    """One action for each number key that sets a window preset."""
    for shortcut in shortcuts:
        if shortcut.id.startswith("window_"):
            key = int(shortcut.id.removeprefix("window_"))
            yield ActionSpec(shortcut.id, partial(_use_window, key))
