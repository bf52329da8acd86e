"""What a label shows is what the bytes say."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument

from btd_desktop.gui.plain_text import (
    PlainLabel,
    plain_tool_tip,
    sentence,
    visible_text,
)

HOSTILE = (
    "<img src='file:///etc/passwd'>",
    "<b>DOE</b>^JOHN",
    "<a href='http://x'>click</a>",
    "&lt;b&gt; &amp; &#x41;",
    "<p>one<br>two</p>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_label_shows_markup_literally(qtbot, text):
    label = PlainLabel(text)
    qtbot.addWidget(label)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == text


@pytest.mark.parametrize("text", HOSTILE)
def test_text_set_later_is_shown_literally_too(qtbot, text):
    label = PlainLabel("harmless")
    qtbot.addWidget(label)
    label.setText(text)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.text() == text


@pytest.mark.parametrize("text", HOSTILE)
def test_tool_tip_shows_markup_literally(qtbot, text):
    document = QTextDocument()
    document.setHtml(plain_tool_tip(text))
    assert document.toPlainText() == text


def test_tool_tip_of_a_label_is_escaped(qtbot):
    label = PlainLabel("x")
    qtbot.addWidget(label)
    label.setToolTip("<b>bold</b>")
    assert "&lt;b&gt;" in label.toolTip()


def test_empty_tool_tip_stays_empty():
    assert plain_tool_tip("") == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("a\x00b\x1b", "a⟨U+0000⟩b⟨U+001B⟩"),
        ("a\u00a0b", "a⟨U+00A0⟩b"),
        ("\udcff", "⟨U+DCFF⟩"),
        ("a\nb", "a⟨U+000A⟩b"),
        ("Müller^Jörg", "Müller^Jörg"),
        ("山田^太郎", "山田^太郎"),
    ],
)
def test_invisible_characters_are_written_out(text, shown):
    assert visible_text(text) == shown


def test_lines_are_kept_only_where_asked():
    assert visible_text("a\nb", keep_lines=True) == "a\nb"


def test_very_long_text_is_cut_and_says_so():
    shown = visible_text("x" * 1_000_000)
    assert len(shown) < 4100
    assert "1000000 characters" in shown


def test_marks_piled_on_a_letter_are_written_out():
    shown = visible_text("e" + "\u0301" * 50)
    assert shown.count("⟨U+0301⟩") == 47


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("the disk is full", "The disk is full."),
        ("Scoring this place …", "Scoring this place …"),
        ("is it?", "Is it?"),
        (" 12 files ", "12 files."),
        ("", ""),
    ],
)
def test_reason_becomes_a_sentence(text, shown):
    assert sentence(text) == shown
