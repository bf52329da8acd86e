"""The one table of keys and gestures, read from `assets/shortcuts.toml`.

Menus, tool tips and the cheat sheet read it, so what is shown is what works.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import Literal

from PySide6.QtGui import QKeySequence

from btd_desktop.paths import assets_dir

Context = Literal["viewer", "window"]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One action and its keys.

    Attributes:
        id: Name by which the window's action table knows it.
        keys: Alternatives in Qt's portable writing; at least one.
        text: What it does, for menus and the sheet.
        group: Heading on the sheet.
        context: "viewer": while a slice has the focus; "window": everywhere.
        hold: Acts while the key is down.
    """

    id: str
    keys: tuple[str, ...]
    text: str
    group: str
    context: Context
    hold: bool = False

    @property
    def native_keys(self) -> tuple[str, ...]:
        """Keys as this system writes them, for people."""
        form = QKeySequence.SequenceFormat.NativeText
        return tuple(QKeySequence(key).toString(form) for key in self.keys)


@dataclass(frozen=True, slots=True)
class Gesture:
    """A mouse gesture, for the sheet only.

    Attributes:
        does: The hand's movement.
        text: What it means.
    """

    does: str
    text: str


@dataclass(frozen=True, slots=True)
class ShortcutTable:
    """All keys and gestures.

    Attributes:
        shortcuts: In the order of the sheet.
        gestures: In the order of the sheet.
    """

    shortcuts: tuple[Shortcut, ...]
    gestures: tuple[Gesture, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """Headings, each once, in order."""
        return tuple(dict.fromkeys(shortcut.group for shortcut in self.shortcuts))


def load_shortcuts() -> ShortcutTable:
    """The table as shipped."""
    path = assets_dir() / "shortcuts.toml"
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    shortcuts = [
        Shortcut(**{**row, "keys": tuple(row["keys"])}) for row in data["shortcut"]
    ]
    gestures = [Gesture(**row) for row in data["gesture"]]
    return ShortcutTable(tuple(shortcuts), tuple(gestures))
