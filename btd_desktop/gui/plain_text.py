"""Labels that show text as it is, whatever the file it came from wanted it to be.

Tag text may hold markup (a link, an image to fetch), control characters or marks that
reorder a line. Qt guesses rich text by default; here nothing is guessed, and what the
eye could not see is written out.
"""

from __future__ import annotations

import html
import unicodedata

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_MAX_LENGTH = 4000
# Marks stacked on one letter can cover the lines above and below ("zalgo").
_MAX_MARKS = 3


def visible_text(text: str, *, keep_lines: bool = False) -> str:
    """The text with every character that would not be seen written as ⟨U+XXXX⟩.

    Args:
        text: Any text, lone surrogates included; more than 4,000 characters are cut,
            and said to be.
        keep_lines: Leave line feeds as they are.
    """
    if text.isascii() and text.isprintable() and len(text) <= _MAX_LENGTH:
        return text
    cut = text[:_MAX_LENGTH]
    shown: list[str] = []
    n_marks = 0
    for character in cut:
        category = unicodedata.category(character)
        n_marks = n_marks + 1 if category in ("Mn", "Me") else 0
        plain = character == " " or (keep_lines and character == "\n")
        hidden = (category in _INVISIBLE and not plain) or n_marks > _MAX_MARKS
        shown.append(f"⟨U+{ord(character):04X}⟩" if hidden else character)
    if len(text) > _MAX_LENGTH:
        shown.append(f" … (cut, {len(text)} characters)")
    return "".join(shown)


class PlainLabel(QLabel):
    """A label that never interprets its text, nor text that is set later.

    The text can be selected with the mouse, and is announced as it is shown.

    Args:
        text: Text of any origin.
        wrap: Break long lines.
        role: Role of the style sheet, such as "heading", "muted" or "warning".
    """

    def __init__(self, text: str = "", *, wrap: bool = False, role: str = "") -> None:
        super().__init__()
        if role:
            self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setText(text)

    def setText(self, text: str) -> None:
        """Show this text literally."""
        super().setText(visible_text(text, keep_lines=True))

    def show_role(self, role: str) -> None:
        """Take another role of the style sheet."""
        if self.property("role") != role:
            self.setProperty("role", role)
            self.style().unpolish(self)
            self.style().polish(self)

    def setToolTip(self, text: str) -> None:
        """Show this text literally when the pointer rests here."""
        super().setToolTip(plain_tool_tip(text))


def sentence(text: str) -> str:
    """A reason as a sentence: a capital letter in front, a full stop behind."""
    text = text.strip()
    if not text:
        return ""
    return text[:1].upper() + text[1:] + ("" if text[-1] in ".!?…" else ".")


def plain_tool_tip(text: str) -> str:
    """Text for `setToolTip`, which offers no plain-text mode of its own.

    Escaped inside a `<p>`, so that Qt takes our markup and none of the text's.
    """
    shown = html.escape(visible_text(text, keep_lines=True))
    return "<p>" + shown.replace("\n", "<br>") + "</p>" if shown else ""
