"""Who did what to the case, when."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from btd_desktop.cases.model import AuditEntry
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Cell,
    Column,
    Section,
    Text,
    digest,
    join,
    plain,
    quoting,
    reference,
    stated,
    table_of,
)
from btd_desktop.report.wording import json_time, time_text

_STEPS: Final = frozenset(
    (
        "series added",
        "run started",
        "run resumed",
        "run done",
        "calibration profile added",
        "finding added",
        "finding changed",
        "key of pseudonyms made",
    )
)
"""Steps of the program; they stand in the attached log and the twin alone."""


def section(case: ReportCase) -> Section:
    """Audit entries but for the per-slice ones, those of custody on paper."""
    entries = [e for e in case.store.audit_log() if e.action != "slice scored"]
    printed = table_of(
        [e for e in entries if e.action not in _STEPS],
        (
            (Column("Time", 3.4), time_cell),
            (Column("Person", 2.6), lambda e: stated(quoting(e.actor))),
            (Column("Event", 8), event_cell),
        ),
    )
    table = table_of(
        entries,
        (
            (Column(None, 0, "when"), time_cell),
            (Column(None, 0, "person"), lambda e: stated(quoting(e.actor))),
            (Column(None, 0, "event"), event_cell),
            (Column(None, 0, "digest"), lambda e: stated(digest(e.hash, "of names"))),
        ),
        "custody",
    )
    told = join(
        plain("Steps of the program are left out; annex "),
        reference("audit"),
        plain(" has every entry of the log with its digest."),
    )
    nothing = plain("Events of the chain of custody: not stated.")
    last = Text(told, "small") if entries else Text(nothing)
    return Section("custody", "Chain of custody", (printed, table, last))


def time_cell(entry: AuditEntry) -> Cell:
    """When it was entered."""
    when = datetime.fromisoformat(entry.utc)
    return plain(time_text(when), json_time(when))


def event_cell(entry: AuditEntry) -> Cell:
    """What happened, and what a check found."""
    summary = entry.details.get("summary")
    if not isinstance(summary, str):
        return quoting(entry.action)
    return join(quoting(entry.action), plain(": "), quoting(summary))
