"""Each key means one thing, and the table holds what the conventions ask for."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtGui import QKeySequence

from btd_desktop.gui.shortcuts_table import load_shortcuts
from btd_desktop.gui.window_presets import WINDOW_PRESETS

TABLE = load_shortcuts()
KEYS = {shortcut.id: shortcut.keys for shortcut in TABLE.shortcuts}


def test_no_key_does_two_things_in_whatever_context():
    # Qt calls a window-wide key and one of the viewer ambiguous too, and runs neither.
    uses = Counter(key for shortcut in TABLE.shortcuts for key in shortcut.keys)
    assert [key for key, n in uses.items() if n > 1] == []


def test_ids_are_unique():
    assert len(KEYS) == len(TABLE.shortcuts)


@pytest.mark.parametrize("shortcut", TABLE.shortcuts, ids=lambda s: s.id)
def test_every_key_is_one_that_qt_knows(shortcut):
    assert shortcut.keys
    assert shortcut.context in ("viewer", "window")
    for key in shortcut.keys:
        sequence = QKeySequence(key)
        assert sequence.count() == 1
        assert sequence.toString(QKeySequence.SequenceFormat.PortableText) == key


def test_keys_that_lists_and_buttons_have_act_in_the_viewer_only():
    # On a button Space must press it, in a list an arrow must move.
    theirs = {"Space", "Up", "Down", "Left", "Right", "PgUp", "PgDown", "Home", "End"}
    for shortcut in TABLE.shortcuts:
        own = theirs.isdisjoint(shortcut.keys)
        assert own or shortcut.context == "viewer", shortcut.id


def test_letters_and_digits_act_wherever_the_focus_is():
    for shortcut in TABLE.shortcuts:
        if any(len(key) == 1 for key in shortcut.keys) and not shortcut.hold:
            assert shortcut.context == "window", shortcut.id


def test_tab_is_left_to_the_focus():
    assert all("Tab" not in key for s in TABLE.shortcuts for key in s.keys)


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ("slice_next", ("Down",)),
        ("slice_on_10", ("PgDown", "Shift+Down")),
        ("series_next", ("Right",)),
        ("flagged_next", ("N",)),
        ("flagged_previous", ("Shift+N",)),
        ("tool_score", ("S",)),
        ("overlay", ("O",)),
        ("review", ("Space",)),
        ("verify", ("Ctrl+Shift+R",)),
        ("cheat_sheet", ("?",)),
        ("handbook", ("F1",)),
    ],
)
def test_keys_follow_the_conventions(wanted, keys):
    assert KEYS[wanted] == keys


def test_each_window_preset_has_its_digit():
    for preset in WINDOW_PRESETS:
        assert KEYS[f"window_{preset.key}"] == (str(preset.key),)
