"""Who did what to the case, when."""

from __future__ import annotations

from datetime import datetime

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
    stated,
    table_of,
)
from btd_desktop.report.wording import json_time, time_text


def section(case: ReportCase) -> Section:
    """Audit entries but for the per-slice ones, which would fill pages."""
    entries = [e for e in case.store.audit_log() if e.action != "slice scored"]
    table = table_of(
        entries,
        (
            (Column("Time", 2.6, "when"), _time),
            (Column("Person", 2.2, "person"), lambda e: stated(quoting(e.actor))),
            (Column("Event", 5, "event"), _event),
            (
                Column("Digest", 4.4, "digest", "mono"),
                lambda e: stated(digest(e.hash, "of names"), "–"),
            ),
        ),
        "custody",
    )
    nothing = plain("Events of the chain of custody: not stated.")
    blocks = (table,) if entries else (table, Text(nothing))
    return Section("custody", "Chain of custody", blocks)


def _time(entry: AuditEntry) -> Cell:
    when = datetime.fromisoformat(entry.utc)
    return plain(time_text(when), json_time(when))


def _event(entry: AuditEntry) -> Cell:
    """What happened, and what a check found."""
    summary = entry.details.get("summary")
    if not isinstance(summary, str):
        return quoting(entry.action)
    return join(quoting(entry.action), plain(": "), quoting(summary))
