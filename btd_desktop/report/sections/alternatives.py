"""Explanations other than tampering, and whether the examiner considered them."""

from __future__ import annotations

from typing import Final

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Column, Section, plain, stated, table_of

_EXPLANATIONS: Final = (
    "Metal or other dense objects near the place",
    "Patient motion or pulsation",
    "Contrast medium",
    "Another reconstruction kernel or iterative reconstruction",
    "Lossy compression",
    "Resampling, rotation or export by another program",
    "De-identification that edited pixels",
)


def section(case: ReportCase) -> Section:
    """The list of explanations, with room for what the examiner considered."""
    table = table_of(
        _EXPLANATIONS,
        (
            (Column("Explanation", 4.4, "explanation"), plain),
            (
                Column("Considered", 2, "is_considered"),
                lambda _: stated(plain("", None)),
            ),
            (Column("Remark", 7.6, "remark"), lambda _: plain("–", "")),
        ),
        "alternatives",
    )
    return Section("alternatives", "Alternative explanations considered", (table,))
