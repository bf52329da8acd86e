"""Text made visible, tables aligned, JSON that nothing can be hidden in."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from btd_desktop.cli.output import columns, fields, print_json, say, warn

EVIL = "a\x1b[2Jb\u202eevil\ttab\ud800"


def test_text_from_a_file_cannot_move_the_cursor(capsys):
    say(EVIL)
    warn(EVIL)
    captured = capsys.readouterr()
    for text in (captured.out, captured.err):
        assert text == "a⟨U+001B⟩[2Jb⟨U+202E⟩evil⟨U+0009⟩tab⟨U+D800⟩\n"


def test_newline_in_a_name_starts_no_line_of_its_own(capsys):
    say("name\nReport: VERIFIED")
    assert capsys.readouterr().out.count("\n") == 1


def test_json_is_ascii_and_round_trips(capsys):
    print_json({"name": EVIL, "path": Path("a/b"), "pair": (1, 2)})
    text = capsys.readouterr().out
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text) == {"name": EVIL, "path": str(Path("a/b")), "pair": [1, 2]}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_number_that_json_lacks_becomes_null(capsys, number):
    print_json({"score": [number, 1.0]})
    assert json.loads(capsys.readouterr().out) == {"score": [None, 1.0]}


def test_columns_are_aligned_also_behind_wide_letters():
    lines = list(columns(("a", "b"), [("医", "1"), ("xyz", "2"), ("\x07", "3")]))
    assert lines[1].endswith("医   1") is False
    assert [line.rstrip() for line in lines] == [
        "  a         b",
        "  医        1",
        "  xyz       2",
        "  ⟨U+0007⟩  3",
    ]


def test_long_cells_are_shortened_but_never_the_last():
    long = "x" * 100
    _, line = columns(("name", "reason"), [(long, long)])
    first, last = line.split()
    assert len(first) <= 60
    assert "…" in first
    assert last == long


def test_values_of_fields_stand_below_one_another():
    assert list(fields(("a", "1"), ("long name", "2"))) == [
        "a:          1",
        "long name:  2",
    ]
