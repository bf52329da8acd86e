"""Text of unknown origin made harmless and visible on paper.

A patient's name, a file name or a note may hold markup, control characters, marks
that reorder the line (bidi) or letters that our font lacks. Paper must show each of
these for what it is: the eye reads what the bytes say.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from xml.sax.saxutils import escape

# Controls, format marks (bidi, zero width), surrogates, private use, unassigned; line
# and paragraph separators. Ordinary spaces (Zs) stay, the odd ones are shown.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible_text(text: str, glyphs: Container[int] | None = None) -> str:
    """The text with every character that paper would not show written as ⟨U+XXXX⟩.

    Letters of right-to-left scripts are kept in stored order, because marks and
    scripts that reorder a line could make one name look like another.

    Args:
        text: Any text; lone surrogates (undecodable bytes of a file name) included.
        glyphs: Code points that the font can draw; None skips that test.
    """
    if glyphs is None and text.isascii() and text.isprintable():
        return text
    return "".join(
        character if _is_visible(character, glyphs) else f"⟨U+{ord(character):04X}⟩"
        for character in text
    )


def markup_from_text(text: str, glyphs: Container[int] | None = None) -> str:
    """Visible text, escaped for a ReportLab paragraph; lines stay lines."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "<br/>".join(escape(visible_text(line, glyphs)) for line in lines)


def _is_visible(character: str, glyphs: Container[int] | None) -> bool:
    if character == " ":
        return True
    category = unicodedata.category(character)
    if category in _INVISIBLE or category == "Zs":
        return False
    return glyphs is None or ord(character) in glyphs
