import pytest
from hypothesis import given
from hypothesis import strategies as st

from btd_desktop.report.visible import markup_from_text, visible_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller^Ünal", "Müller^Ünal"),
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("zero\u200bwidth", "zero⟨U+200B⟩width"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("no\u00a0break", "no⟨U+00A0⟩break"),
        ("tab\there", "tab⟨U+0009⟩here"),
        ("\udcff", "⟨U+DCFF⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("שלום", "שלום"),
    ],
)
def test_visible_text_shows_what_would_not_be_seen(text, shown):
    assert visible_text(text) == shown


def test_visible_text_names_letters_that_the_font_lacks():
    assert visible_text("山a", {ord("a")}) == "⟨U+5C71⟩a"


def test_markup_escapes_and_keeps_lines():
    assert markup_from_text("a<b>&\r\nc") == "a&lt;b&gt;&amp;<br/>c"


@given(st.text())
def test_markup_of_any_text_holds_no_markup_but_line_breaks(text):
    assert "<" not in markup_from_text(text).replace("<br/>", "")
