"""The first page: which case, the answer, for whom, by whom, and what it is not."""

from __future__ import annotations

from typing import Final

from btd_desktop import __version__
from btd_desktop.examination.statement import Examiner, missing_text
from btd_desktop.examination.wording import counted
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Block,
    Box,
    Cell,
    Fact,
    Facts,
    Standing,
    Text,
    join,
    name,
    plain,
    quoting,
    reference,
    report_identity,
    stated,
    unprinted,
)
from btd_desktop.report.sections.opinion import opinion_for
from btd_desktop.report.sections.summary import shortened
from btd_desktop.report.wording import DEMONSTRATION, json_time, time_text

_KIND: Final = "Forensic examination of image data"
_LONGEST_TITLE: Final = 140
_NOT_FOR_DIAGNOSIS: Final = (
    "This report is about whether image data were altered. It says nothing about the"
    " health of any person and must not be used for diagnosis or treatment."
)


_STATES: Final[dict[Standing, str]] = {
    "final": "Final",
    "draft": "Draft – not for use in proceedings",
    "demonstration": f"{DEMONSTRATION}; the scans are simulated",
}


def cover(case: ReportCase) -> tuple[Block, ...]:
    """What is printed above the space for the signature."""
    standing, statement = case.standing, case.statement
    asked = statement.mandate
    missing = missing_text(statement) if standing == "draft" else ""
    n_files = len(case.files)
    received = f"{counted(n_files, 'file')}, {len(case.examinations):d} series examined"
    local = case.now.astimezone()
    return (
        Text(plain("Report on possible alterations of CT and MR series"), "lead"),
        Text(_title(case.store.info.title), "title"),
        Box(
            (
                Text(plain("The answer"), "small"),
                Text(plain(opinion_for(case).headline), "answer"),
                Text(_where(), "small"),
            )
        ),
        Facts(
            (
                Fact("Report", report_identity(case.report_id), "report_id"),
                Fact("State", plain(_STATES[standing])),
                *([Fact("Missing", plain(missing))] if missing else []),
                Fact("Case number", stated(quoting(asked.case_number))),
                Fact("Client", stated(name("text", asked.client))),
                Fact("Examiner", _examiner(statement.examiner)),
                Fact("Received from", stated(name("text", statement.received.sender))),
                Fact("Date", plain(time_text(case.now), json_time(case.now)),
                     "created"),
                Fact("Local time",
                     plain(local.isoformat(" ", "seconds"),
                           local.isoformat(timespec="seconds")), "created_local"),
                Fact("Items received", plain(received)),
                Fact("Software", plain("BTD Desktop " + __version__, __version__),
                     "software_version"),
                Fact("", unprinted(""), "software_commit"),
                Fact("", unprinted(standing != "final"), "is_draft"),
                Fact("", plain(standing), "standing"),
            ),
            "identity",
        ),
        Box(
            (
                Text(plain("Intended use: forensic, not for diagnosis"), "answer"),
                Text(plain(_NOT_FOR_DIAGNOSIS)),
            ),
            "flag",
        ),
    )  # fmt: skip


def _title(title: str) -> Cell:
    """The case's own title; a redacted report says what it is instead."""
    if not title.strip():
        return plain(_KIND)
    return shortened(name("instead", title, of=_KIND), _LONGEST_TITLE)


def _where() -> Cell:
    return join(
        plain("What it rests on: section "), reference("summary"),
        plain(". What it cannot show: section "), reference("limitations"),
        plain(". Other explanations: section "), reference("alternatives"), plain("."),
    )  # fmt: skip


def _examiner(examiner: Examiner) -> Cell:
    who = stated(quoting(examiner.name))
    return join(who, plain(", "), quoting(examiner.role)) if examiner.role else who
