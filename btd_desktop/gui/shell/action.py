"""One thing that the window can do, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from btd_desktop.gui.shell.shell import Shell

Needs = Literal["", "case", "series", "scored", "work", "undo", "redo"]


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action.

    Attributes:
        id: Its name; the same as in the table of shortcuts where it has a key.
        run: What it does with the window.
        text: Words for actions without a key; "" takes those of the shortcut table.
        icon: Name of an icon, or "".
        checkable: It has a checked state.
        bar: On the tool bar.
        ruled_off: A line before it in the menu.
        needs: Enabled only while a "case" is open, a "series" is shown or "scored",
            "work" goes on, there is something to "undo" or "redo"; "" always.
    """

    id: str
    run: Callable[[Shell], object]
    text: str = ""
    icon: str = ""
    checkable: bool = False
    bar: bool = False
    ruled_off: bool = False
    needs: Needs = ""
