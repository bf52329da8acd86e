"""How a check words what it found: severity, the value quoted, the slices concerned."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.dicom.stack import Slice

_MAX_QUOTED: Final = 64
_MAX_SENTENCE: Final = 400
_MAX_LISTED: Final = 4
# Controls, format marks (bidi, zero width), surrogates, private use, unassigned, and
# separators of lines and paragraphs.
_UNSEEN: Final = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def warning(code: str, sentence: str, uids: Sequence[str] = ()) -> SeriesFinding:
    """A finding that asks to weigh the results."""
    return SeriesFinding(code, "warning", sentence, tuple(uids))


def note(code: str, sentence: str, uids: Sequence[str] = ()) -> SeriesFinding:
    """A finding that is a fact to be aware of."""
    return SeriesFinding(code, "note", sentence, tuple(uids))


def quoted(text: str, limit: int = _MAX_QUOTED) -> str:
    """Text from a file in quotation marks: short, one line, nothing unseen in it."""
    return f'"{visible(text, limit)}"'


def visible(text: str, limit: int = _MAX_SENTENCE) -> str:
    """Text of at most `limit` characters, with unseen characters as U+ numbers.

    What moves the cursor or turns the reading direction must not rewrite the sentence
    around it.
    """
    cut = text[: limit - 1] + "…" if len(text) > limit else text
    return "".join(
        f"<U+{ord(character):04X}>"
        if unicodedata.category(character) in _UNSEEN
        else character
        for character in cut
    )


def listed(values: Iterable[str]) -> str:
    """Values quoted and sorted, the first few of them."""
    ordered = sorted(set(values))
    words = ", ".join(quoted(value) for value in ordered[:_MAX_LISTED])
    n_more = len(ordered) - _MAX_LISTED
    return f"{words} and {n_more} more" if n_more > 0 else words


def counted(number: int, noun: str) -> str:
    """A number and its noun in singular or plural."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def number_text(value: float) -> str:
    """A number as short text, whatever its size."""
    return f"{value:.6g}"


def about(
    slices: Sequence[Slice],
    code: str,
    severity: str,
    sentence: str,
    applies: Callable[[Slice], bool],
) -> Iterator[SeriesFinding]:
    """One finding naming the slices that a statement applies to; none, no finding."""
    items = [item for item in slices if applies(item)]
    if items:
        yield SeriesFinding(code, severity, sentence, tuple(concerned(items, slices)))


def concerned(items: Sequence[Slice], slices: Sequence[Slice]) -> list[str]:
    """UIDs of the slices that a finding names; none when it is all of them."""
    return [] if len(items) == len(slices) else [item.uid for item in items]
