"""Words that everybody who tells of an examination uses."""

from __future__ import annotations

from btd_desktop.errors import BtdError

__all__ = ["reason_of"]


def reason_of(error: BtdError) -> str:
    """Sentence and hint of an error in one text."""
    sentence = error.detail.rstrip(".")
    if not error.hint:
        return sentence
    return f"{sentence}. {error.hint[:1].upper()}{error.hint[1:]}"
