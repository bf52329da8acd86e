"""Wording that command line and window share: visible text, errors, sentences.

Texts from tags and file names were written by others. Whatever shows one passes it
through `visible` first, so that no control character moves a cursor and no bidi mark
makes one name read like another.
"""

from __future__ import annotations

from typing import Any

from btd_desktop.errors import BtdError, Cancelled
from btd_desktop.examination.wording import reason_of
from btd_desktop.report.visible import visible_text

CANCELLED_HINT = "what was done so far is kept; the same command goes on from there"


def visible(text: str) -> str:
    """One line with every character that would not be seen written as ⟨U+XXXX⟩."""
    return visible_text(text)


def error_text(error: BtdError | Cancelled) -> str:
    """What a person is told: the sentence and, where there is one, what to do."""
    if isinstance(error, Cancelled):
        return f"stopped: {CANCELLED_HINT}"
    return reason_of(error)


def error_json(error: BtdError | Cancelled) -> dict[str, Any]:
    """What a script is told: `{"error": {"code", "detail", "hint"}}`."""
    if isinstance(error, Cancelled):
        told = {"code": "cancelled", "detail": "stopped", "hint": CANCELLED_HINT}
    else:
        told = {"code": error.code, "detail": error.detail, "hint": error.hint}
    return {"error": told}
