"""Wording: hints follow sentences, hidden characters are shown."""

from __future__ import annotations

from btd_desktop.errors import Cancelled, CaseError
from btd_desktop.examination.wording import error_json, error_text, reason_of
from btd_desktop.report.visible import visible_text


def test_hint_becomes_a_sentence_of_its_own():
    error = CaseError("it broke.", hint="mend it", code="broken")
    assert reason_of(error) == error_text(error) == "it broke. Mend it"
    assert reason_of(CaseError("it broke")) == "it broke"


def test_error_for_scripts_keeps_the_parts_apart():
    error = CaseError("it broke", hint="mend it", code="broken")
    told = {"code": "broken", "detail": "it broke", "hint": "mend it"}
    assert error_json(error) == {"error": told}
    assert error_json(Cancelled())["error"]["code"] == "cancelled"


def test_characters_that_reorder_a_line_are_shown():
    assert visible_text("abc\u202edef\r") == "abc⟨U+202E⟩def⟨U+000D⟩"
