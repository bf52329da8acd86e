"""The action table: everything the window can do, as data.

Keys and their words come from the one table of shortcuts; here stand the menu, the
icon and the slot of each action. The window is built from this, so an action is in the
menu, on its key and in the cheat sheet, or nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from btd_desktop.gui.shortcuts_table import ShortcutTable
from btd_desktop.gui.theme import Theme, icon

__all__ = ["ACTIONS", "MENUS", "ActionSpec", "make_actions"]

MENUS = ("&File", "&View", "S&can", "F&indings", "&Tools", "&Help")


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action.

    Attributes:
        id: Its name; the same as in the table of shortcuts where it has a key.
        menu: Menu it stands in; "" for none.
        slot: Name of the window's method.
        text: Words for actions without a key; "" takes those of the shortcut table.
        icon: Name of an icon, or "".
        checkable: It has a checked state.
        bar: On the tool bar.
        ruled_off: A line before it in the menu.
        needs: "", "case", "series" or "finding": enabled only with one.
    """

    id: str
    menu: str
    slot: str
    text: str = ""
    icon: str = ""
    checkable: bool = False
    bar: bool = False
    ruled_off: bool = False
    needs: str = ""


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("open", "&File", "on_open_folder", icon="open", bar=True),
    ActionSpec("open_files", "&File", "on_open_files", "Open files or ZIP …", "import"),
    ActionSpec("open_case", "&File", "on_open_case", "Open case …", "case"),
    ActionSpec("demo", "&File", "on_demo", "Open demonstration", "play"),
    ActionSpec(
        "statement",
        "&File",
        "on_statement",
        "Import statement …",
        "metadata",
        ruled_off=True,
        needs="case",
    ),
    ActionSpec("report", "&File", "on_report", icon="report", bar=True, needs="case"),
    ActionSpec("verify", "&File", "on_verify", icon="verify", bar=True),
    ActionSpec(
        "verify_case",
        "&File",
        "on_verify_case",
        "Verify this case …",
        "check",
        needs="case",
    ),
    ActionSpec(
        "export", "&File", "on_export", icon="export", needs="series", ruled_off=True
    ),
    ActionSpec("close_case", "&File", "on_close_case", "Close case", needs="case"),
    ActionSpec("quit", "&File", "close", "Quit", ruled_off=True),
    ActionSpec(
        "tool_browse",
        "&View",
        "on_tool_browse",
        icon="browse",
        checkable=True,
        bar=True,
        needs="series",
    ),
    ActionSpec(
        "tool_score",
        "&View",
        "on_tool_score",
        icon="score",
        checkable=True,
        bar=True,
        needs="series",
    ),
    ActionSpec(
        "tool_crosshair",
        "&View",
        "on_tool_crosshair",
        icon="crosshair",
        checkable=True,
        bar=True,
        needs="series",
    ),
    ActionSpec(
        "tool_pan",
        "&View",
        "on_tool_pan",
        icon="pan",
        checkable=True,
        bar=True,
        needs="series",
    ),
    ActionSpec(
        "tool_zoom",
        "&View",
        "on_tool_zoom",
        icon="zoom",
        checkable=True,
        bar=True,
        needs="series",
    ),
    ActionSpec("invert", "&View", "on_invert", icon="invert", ruled_off=True),
    ActionSpec("smooth", "&View", "on_smooth", "Smooth pixels on screen"),
    ActionSpec("info", "&View", "on_info", icon="info"),
    ActionSpec("reset_view", "&View", "on_reset_view", icon="reset", bar=True),
    ActionSpec("maximise", "&View", "on_maximise", icon="single-view", bar=True),
    ActionSpec("full_screen", "&View", "on_full_screen", icon="full-screen"),
    ActionSpec("cine", "&View", "on_cine", icon="play"),
    ActionSpec(
        "theme", "&View", "on_theme", "Dark or light theme", "light", ruled_off=True
    ),
    ActionSpec("reset_layout", "&View", "on_reset_layout", "Reset panels"),
    ActionSpec(
        "score", "S&can", "on_score", "Score this series", "histogram", needs="series"
    ),
    ActionSpec("pause", "S&can", "on_pause", "Pause or go on scoring", "pause"),
    ActionSpec("stop", "S&can", "on_stop", "Stop scoring", "stop"),
    ActionSpec(
        "slice_previous", "S&can", "on_slice_previous", ruled_off=True, needs="series"
    ),
    ActionSpec("slice_next", "S&can", "on_slice_next", needs="series"),
    ActionSpec("slice_back_10", "S&can", "on_slice_back_10", needs="series"),
    ActionSpec("slice_on_10", "S&can", "on_slice_on_10", needs="series"),
    ActionSpec("slice_first", "S&can", "on_slice_first", needs="series"),
    ActionSpec("slice_last", "S&can", "on_slice_last", needs="series"),
    ActionSpec("series_previous", "S&can", "on_series_previous", needs="series"),
    ActionSpec("series_next", "S&can", "on_series_next", needs="series"),
    ActionSpec(
        "flagged_next",
        "F&indings",
        "on_flagged_next",
        icon="next",
        bar=True,
        needs="series",
    ),
    ActionSpec(
        "flagged_previous",
        "F&indings",
        "on_flagged_previous",
        icon="previous",
        bar=True,
        needs="series",
    ),
    ActionSpec("finding_next", "F&indings", "on_finding_next", icon="flag"),
    ActionSpec(
        "score_here",
        "F&indings",
        "on_score_here",
        "Score at the crosshair",
        "score",
        needs="series",
        ruled_off=True,
    ),
    ActionSpec("bookmark", "F&indings", "on_bookmark", icon="bookmark", needs="series"),
    ActionSpec("undo", "F&indings", "on_undo", icon="undo", ruled_off=True),
    ActionSpec("redo", "F&indings", "on_redo", icon="redo"),
    ActionSpec(
        "calibrate",
        "&Tools",
        "on_calibrate",
        "Calibrate on genuine scans …",
        "calibrate",
    ),
    ActionSpec("train", "&Tools", "on_train", "Train on genuine scans …", "train"),
    ActionSpec(
        "settings", "&Tools", "on_settings", "Settings …", "settings", ruled_off=True
    ),
    ActionSpec("cancel", "", "on_cancel"),
    ActionSpec("cheat_sheet", "&Help", "on_cheat_sheet", icon="keyboard", bar=True),
    ActionSpec("about", "&Help", "on_about", "About BTD Desktop …", "info"),
)


def make_actions(
    owner: QWidget,
    viewer: QWidget,
    table: ShortcutTable,
    theme: Theme,
) -> Mapping[str, QAction]:
    """Actions by id, connected to the owner's methods.

    Args:
        owner: The window.
        viewer: Widget in which the keys of context "viewer" work.
        table: Keys.
        theme: Whose icons.

    Raises:
        AttributeError: A slot does not exist (a bug of ours).
    """
    keys = {s.id: s for s in table.shortcuts}
    made: dict[str, QAction] = {}
    for spec in ACTIONS:
        known = keys.get(spec.id)
        text = spec.text or (known.text if known else spec.id)
        action = QAction(text, owner)
        action.setObjectName(spec.id)
        action.setCheckable(spec.checkable)
        if spec.icon:
            action.setIcon(icon(spec.icon, theme))
        if known is not None and known.keys and not known.hold:
            action.setShortcuts([QKeySequence(k) for k in known.keys])
            within = Qt.ShortcutContext.WidgetWithChildrenShortcut
            everywhere = Qt.ShortcutContext.WindowShortcut
            in_viewer = known.context == "viewer"
            action.setShortcutContext(within if in_viewer else everywhere)
            shown = ", ".join(known.native_keys)
            action.setToolTip(f"{text} ({shown})")
        (viewer if known and known.context == "viewer" else owner).addAction(action)
        action.triggered.connect(getattr(owner, spec.slot))
        made[spec.id] = action
    for window_key in (s for s in table.shortcuts if s.id.startswith("window_")):
        action = QAction(window_key.text, owner)
        action.setObjectName(window_key.id)
        action.setShortcuts([QKeySequence(k) for k in window_key.keys])
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        viewer.addAction(action)
        made[window_key.id] = action
    return made
