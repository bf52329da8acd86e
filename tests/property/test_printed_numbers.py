"""Any number, printed as the program prints it, agrees with its value."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from btd_desktop.examination.wording import number_text, percent_text, rate_text
from btd_desktop.report.document import Cell, Document, Section, Text, plain
from btd_desktop.report.printed_numbers import contradictions
from btd_desktop.report.wording import mm_text

WHEN = datetime(2026, 11, 24, tzinfo=UTC)


def document_of(*cells: Cell) -> Document:
    section = Section("a", "A", tuple(map(Text, cells)))
    nothing = plain("")
    return Document("R", WHEN, "1", "final", nothing, nothing, (), (section,))


# The first draw of an example takes long on a busy machine.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(0.0, 1.0), st.floats(-1e6, 1e6), st.integers(0, 10**9))
def test_numbers_as_the_program_prints_them_never_contradict_their_values(
    rate: float, number: float, count: int
) -> None:
    cells = (
        plain(percent_text(rate), rate),
        plain(rate_text(rate), rate),
        plain(f"{rate_text(rate)} (smallest for n = 720)", rate),
        plain(number_text(number), number),
        plain(mm_text(number), number),
        plain(f"{count:,}", count),
        plain(f"{count:d}, {count + 1:d}", [count, count + 1]),
    )
    assert contradictions(document_of(*cells)) == []


def test_other_numbers_contradict() -> None:
    wrong = (
        plain("0.9", 0.0019),
        plain("3.4", 3.6),
        plain("4,823", 4832),
        plain("5 %", 0.5),
        plain("70, 80", [70, 90]),
    )
    right = (plain("none", 3), plain("7 of 23", 7), plain("no", False), plain("x 5"))
    assert contradictions(document_of(*wrong, *right)) == [
        "0.9", "3.4", "4,823", "5 %", "70, 80",
    ]  # fmt: skip
