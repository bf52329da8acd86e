"""What the examiner marked: how many places there were, how many are set aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from btd_desktop.cases.model import Finding, FindingOrigin, FindingStatus
from btd_desktop.examination.withdrawn import withdrawn_in
from btd_desktop.examination.wording import counted
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Heading,
    Section,
    Text,
    name,
    plain,
    quoting,
    stated,
    table_of,
    word,
)
from btd_desktop.report.results import flagged_cell, p_value_cell, score_cell

_INTRODUCTION: Final = (
    "The method suggests places; the examiner points at others and marks each. No mark"
    " changes a score, a flag or an answer of the method: the opinion counts dismissed"
    " places like all others."
)
_NO_REASON: Final = "no reason stated"
_OTHERS: Final = "Judged under another calibration"
_OTHERS_TOLD: Final = (
    "These places were judged by a run, a calibration or a search that does not speak"
    " for the series any more. Their numbers are those of then and cannot be compared"
    " with the results of this report, which do not rest on them."
)
_STATUSES: Final = ("to check", "confirmed", "dismissed")
_BY: Final[dict[FindingOrigin, str]] = {"search": "the method", "examiner": "examiner"}

Marked = tuple[int, Finding]
"""Number of the series in the report, and a place of it."""


def section(case: ReportCase) -> Section:
    """Counts per series, and each dismissed place with its reason."""
    places = places_of(case)
    dismissed = [marked for marked in places if marked[1].status == "dismissed"]
    counts = table_of(
        sorted({number for number, _ in places}),
        (
            (
                Column("Series", 1.4, "series_number", "number"),
                lambda n: plain(f"{n:d}", n),
            ),
            _count("Suggested by the method", "suggested", places, origin="search"),
            _count("Pointed at by examiner", "pointed_at", places, origin="examiner"),
            _count("Confirmed", "confirmed", places, status="confirmed"),
            _count("To check", "to_check", places, status="to check"),
            _count("Dismissed", "dismissed", places, status="dismissed"),
        ),
        "marks.series",
    )
    listed = table_of(
        dismissed,
        (
            (Column("Series", 1.4, "series_number", "number"),
             lambda m: plain(f"{m[0]:d}", m[0])),
            (Column("Slice", 1.2, "slice_number", "number"),
             lambda m: plain(f"{m[1].slice_index + 1:d}", m[1].slice_index + 1)),
            (Column("Column, row", 1.6, "place"), lambda m: _place(m[1])),
            (Column("Found by", 1.5, "found_by"),
             lambda m: plain(_BY[m[1].origin], m[1].origin)),
            (Column("Anomaly score", 1.6, "score", "number"),
             lambda m: score_cell(m[1].numbers.anomaly)),
            (Column("p-value", 2.4, "p_value"),
             lambda m: p_value_cell(m[1].numbers.anomaly)),
            (Column("Result", 1.5, "is_flagged"),
             lambda m: flagged_cell(m[1].numbers.anomaly)),
            (Column("Examiner's reason", 4.4, "reason"),
             lambda m: stated(name("text", m[1].note), _NO_REASON)),
        ),
        "marks.dismissed",
    )  # fmt: skip
    others = [
        (number, finding)
        for number, outcome in case.numbered
        for finding in outcome.others
    ]
    apart = table_of(
        others,
        (
            (
                Column("Series", 1.2, "series_number", "number"),
                lambda m: plain(f"{m[0]:d}", m[0]),
            ),
            (
                Column("Slice", 1.1, "slice_number", "number"),
                lambda m: plain(f"{m[1].slice_index + 1:d}", m[1].slice_index + 1),
            ),
            (Column("Column, row", 1.5, "place"), lambda m: _place(m[1])),
            (
                Column("Found by", 1.4, "found_by"),
                lambda m: plain(_BY[m[1].origin], m[1].origin),
            ),
            (Column("Judged by", 2.8, "calibration"), lambda m: _judged_by(case, m[1])),
            (
                Column("Score, as judged then", 1.6, "score", "number"),
                lambda m: score_cell(m[1].numbers.anomaly),
            ),
            (
                Column("p-value then", 2.2, "p_value"),
                lambda m: p_value_cell(m[1].numbers.anomaly),
            ),
            (Column("Mark", 1.4, "status"), lambda m: word(m[1].status, _STATUSES)),
            (
                Column("Examiner's note", 3.6, "note"),
                lambda m: stated(name("text", m[1].note), "–"),
            ),
        ),
        "marks.others",
    )
    told = (Heading(plain(_OTHERS)), Text(plain(_OTHERS_TOLD))) if others else ()
    totals = Facts((Fact("", plain(marks_text(places)), "sentence"),), "marks")
    nothing = () if places else (Text(plain("No place was suggested or pointed at.")),)
    heading = (Heading(plain("Dismissed by the examiner")),) if dismissed else ()
    blocks = (
        Text(plain(_INTRODUCTION)), *nothing, counts, *heading, listed, *told, apart,
        *_withdrawn(case), totals,
    )  # fmt: skip
    return Section("marks", "The examiner's marks", blocks)


def _withdrawn(case: ReportCase) -> tuple[Block, ...]:
    """Places that the examiner pointed at and took back, each with its reason."""
    number_of = {e.record.series_id: number for number, e in case.numbered}
    taken_back = [
        (number_of[finding.series_id], finding, why)
        for why in withdrawn_in(case.store).values()
        if (finding := case.store.finding(why.finding_id)).series_id in number_of
    ]
    table = table_of(
        taken_back,
        (
            (Column("Series", 1.4, "series_number", "number"),
             lambda w: plain(f"{w[0]:d}", w[0])),
            (Column("Slice", 1.2, "slice_number", "number"),
             lambda w: plain(f"{w[1].slice_index + 1:d}", w[1].slice_index + 1)),
            (Column("Column, row", 1.6, "place"), lambda w: _place(w[1])),
            (Column("Anomaly score", 1.6, "score", "number"),
             lambda w: score_cell(w[1].numbers.anomaly)),
            (Column("p-value", 2.4, "p_value"),
             lambda w: p_value_cell(w[1].numbers.anomaly)),
            (Column("Withdrawn by", 2.2, "person"),
             lambda w: stated(quoting(w[2].actor))),
            (Column("Reason", 4.4, "reason"),
             lambda w: stated(name("text", w[2].reason), _NO_REASON)),
        ),
        "marks.withdrawn",
    )  # fmt: skip
    if not taken_back:
        return (table,)
    return Heading(plain("Pointed at and withdrawn by the examiner")), table


def places_of(case: ReportCase) -> list[Marked]:
    """Every place that the report can show, with the number of its series."""
    return [
        (number, finding)
        for number, outcome in case.numbered
        for finding in outcome.findings
    ]


def marks_text(places: Sequence[Marked]) -> str:
    """Places suggested and dismissed, as a sentence."""
    suggested = [f for _, f in places if f.origin == "search"]
    pointed = len(places) - len(suggested)
    dismissed = [f for _, f in places if f.status == "dismissed"]
    told = (
        f"The method suggested {counted(len(suggested), 'place')}, the examiner pointed"
        f" at {pointed:,}. The examiner dismissed"
    )
    if not dismissed:
        return f"{told} none of them."
    theirs = sum(f.origin == "search" for f in dismissed)
    unsaid = sum(not f.note.strip() for f in dismissed)
    without = f", {unsaid:,} without a reason" if unsaid else ""
    return f"{told} {len(dismissed):,} of them ({theirs:,} of the method's){without}."


def _count(
    head: str,
    key: str,
    places: Sequence[Marked],
    *,
    origin: FindingOrigin | None = None,
    status: FindingStatus | None = None,
) -> tuple[Column, Callable[[int], Cell]]:
    def cell(series: int) -> Cell:
        n = sum(
            number == series
            and origin in (None, finding.origin)
            and status in (None, finding.status)
            for number, finding in places
        )
        return plain(f"{n:,}", n)

    return Column(head, 2, key, "number"), cell


def _judged_by(case: ReportCase, finding: Finding) -> Cell:
    if finding.profile_digest is None:
        return plain("no calibration", None)
    return quoting(str(case.store.profile(finding.profile_digest).get("name", "")))


def _place(finding: Finding) -> Cell:
    column, row = round(finding.x), round(finding.y)
    return plain(f"{column:d}, {row:d}", [column, row])
