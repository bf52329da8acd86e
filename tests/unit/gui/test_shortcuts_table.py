"""Each key means one thing, and the table holds what the conventions ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtGui import QKeySequence

from btd_desktop.errors import SettingsError
from btd_desktop.gui.shortcuts_table import clashes, load_shortcuts, with_own_keys
from btd_desktop.gui.window_presets import WINDOW_PRESETS

TABLE = load_shortcuts()


def test_shipped_keys_do_not_clash():
    assert clashes(TABLE.shortcuts) == ()


def test_ids_are_unique():
    ids = [shortcut.id for shortcut in TABLE.shortcuts]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("shortcut", TABLE.shortcuts, ids=lambda s: s.id)
def test_every_key_is_one_that_qt_knows(shortcut):
    assert shortcut.keys
    assert shortcut.context in ("viewer", "window")
    for key in shortcut.keys:
        sequence = QKeySequence(key)
        assert sequence.count() == 1
        assert sequence.toString(QKeySequence.SequenceFormat.PortableText) == key


def test_keys_that_type_or_activate_act_in_the_viewer_only():
    # In a text field a letter must be typed, on a button Space must press it.
    for shortcut in TABLE.shortcuts:
        plain = any(len(key) == 1 or key == "Space" for key in shortcut.keys)
        assert not plain or shortcut.context == "viewer" or shortcut.keys[0] == "?"


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
        ("finding_next", ("Space",)),
        ("verify", ("Ctrl+Shift+R",)),
        ("cheat_sheet", ("?", "F1")),
    ],
)
def test_keys_follow_the_conventions(wanted, keys):
    assert TABLE.shortcut(wanted).keys == keys


def test_each_window_preset_has_its_digit():
    for preset in WINDOW_PRESETS:
        assert TABLE.shortcut(f"window_{preset.key}").keys == (str(preset.key),)


def test_planted_clash_is_found_across_contexts_and_spellings():
    first = replace(TABLE.shortcut("open"), keys=("Ctrl+Shift+K",))
    second = replace(TABLE.shortcut("cine"), keys=("Shift+Ctrl+K",))
    (clash,) = clashes([first, second])
    assert clash.ids == ("open", "cine")


def test_own_keys_replace_and_remove():
    table = with_own_keys(TABLE, {"cine": ["P"], "bookmark": []})
    assert table.shortcut("cine").keys == ("P",)
    assert table.shortcut("bookmark").keys == ()
    assert table.shortcut("open") == TABLE.shortcut("open")


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ({"no_such": ["P"]}, "shortcut-unknown"),
        ({"cine": ["Strg-K"]}, "shortcut-key"),
        ({"cine": ["N"]}, "shortcut-clash"),
    ],
)
def test_unusable_own_keys_are_refused_with_their_reason(own, code):
    with pytest.raises(SettingsError) as error:
        with_own_keys(TABLE, own)
    assert error.value.code == code
    assert error.value.hint


def test_unknown_id_is_a_bug_of_ours():
    with pytest.raises(KeyError):
        TABLE.shortcut("no_such")
