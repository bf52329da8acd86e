"""Explanations other than an alteration, and what the examiner made of each."""

from __future__ import annotations

from typing import Final

from btd_desktop.examination.statement import (
    EXPLANATIONS,
    JUDGEMENTS,
    Explanation,
    Weighed,
)
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Cell,
    Column,
    Section,
    Text,
    name,
    plain,
    stated,
    table_of,
)

_INTRODUCTION: Final = (
    "Each of these can make image noise unlike that of its surroundings with no"
    " alteration. The examiner judges them; no score decides it."
)
_NOT_WEIGHED: Final = Weighed()


def section(case: ReportCase) -> Section:
    """The list of explanations, with the examiner's judgement and remark on each."""
    weighed = case.statement.alternatives

    def judgement(explanation: Explanation) -> Cell:
        word = weighed.get(explanation, _NOT_WEIGHED).judgement
        return plain(JUDGEMENTS[word], word)

    def remark(explanation: Explanation) -> Cell:
        text = weighed.get(explanation, _NOT_WEIGHED).remark
        return stated(name("text", text), "–")

    table = table_of(
        EXPLANATIONS,
        (
            (
                Column("Explanation", 4.4, "explanation"),
                lambda e: plain(EXPLANATIONS[e]),
            ),
            (Column("Examiner's judgement", 2.4, "judgement"), judgement),
            (Column("Remark", 7.2, "remark"), remark),
        ),
        "alternatives",
    )
    blocks = (Text(plain(_INTRODUCTION)), table)
    return Section("alternatives", "Alternative explanations considered", blocks)
