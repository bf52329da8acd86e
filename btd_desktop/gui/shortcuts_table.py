"""The one table of keys and gestures: `assets/shortcuts.toml` and the user's changes.

Menus, tool tips and the cheat sheet read it, so what is shown is what works.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from PySide6.QtGui import QKeySequence

from btd_desktop.errors import SettingsError
from btd_desktop.paths import assets_dir

Context = Literal["viewer", "window"]


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One action and its keys.

    Attributes:
        id: Name by which the window's action table knows it.
        keys: Alternatives in Qt's portable writing; empty when the user took them away.
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

    def shortcut(self, wanted: str) -> Shortcut:
        """The shortcut of that id.

        Raises:
            KeyError: There is none (a bug of ours).
        """
        for shortcut in self.shortcuts:
            if shortcut.id == wanted:
                return shortcut
        raise KeyError(wanted)


@dataclass(frozen=True, slots=True)
class Clash:
    """One key that would do two things.

    Attributes:
        key: In Qt's portable writing.
        ids: Both actions.
    """

    key: str
    ids: tuple[str, str]


def load_shortcuts() -> ShortcutTable:
    """The table as shipped."""
    path = assets_dir() / "shortcuts.toml"
    return _parsed(tomllib.loads(path.read_text(encoding="utf-8")))


def _parsed(data: Mapping[str, Any]) -> ShortcutTable:
    shortcuts = [
        Shortcut(**{**row, "keys": tuple(row["keys"])}) for row in data["shortcut"]
    ]
    gestures = [Gesture(**row) for row in data["gesture"]]
    return ShortcutTable(tuple(shortcuts), tuple(gestures))


def with_own_keys(
    table: ShortcutTable, own: Mapping[str, Sequence[str]]
) -> ShortcutTable:
    """The table with the keys that the examiner chose.

    Args:
        table: As shipped.
        own: Keys by id; an empty list takes an action's keys away.

    Raises:
        SettingsError: An id or a key is not known, or a key would do two things.
    """
    known = {shortcut.id for shortcut in table.shortcuts}
    for wanted, keys in own.items():
        if wanted not in known:
            raise SettingsError(
                f"the shortcut {wanted!r} does not exist",
                hint="Remove it from the settings.",
                code="shortcut-unknown",
            )
        for key in keys:
            if not _portable(key):
                raise SettingsError(
                    f"{key!r} for the shortcut {wanted!r} is not a key",
                    hint="Write keys like Ctrl+O or Shift+N.",
                    code="shortcut-key",
                )
    changed = replace(
        table,
        shortcuts=tuple(
            replace(s, keys=tuple(own[s.id])) if s.id in own else s
            for s in table.shortcuts
        ),
    )
    found = clashes(changed.shortcuts)
    if found:
        raise SettingsError(
            f"the key {found[0].key} would do two things: {' and '.join(found[0].ids)}",
            hint="Give one of them another key.",
            code="shortcut-clash",
        )
    return changed


def clashes(shortcuts: Sequence[Shortcut]) -> tuple[Clash, ...]:
    """Keys with two meanings.

    A window-wide key clashes with one of the viewer too: Qt calls both ambiguous and
    runs neither.
    """
    found: list[Clash] = []
    owner: dict[str, str] = {}
    for shortcut in shortcuts:
        for key in shortcut.keys:
            portable = _portable(key)
            if portable in owner:
                found.append(Clash(portable, (owner[portable], shortcut.id)))
            else:
                owner[portable] = shortcut.id
    return tuple(found)


def _portable(key: str) -> str:
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.PortableText)
