"""State of the audit log at the time of the report, its entries in an attached file."""

from __future__ import annotations

from dataclasses import replace

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Column,
    Fact,
    Facts,
    Section,
    Table,
    Text,
    digest,
    plain,
    quoting,
    table_of,
    unprinted,
)
from btd_desktop.report.sections.custody import event_cell, time_cell


def section(case: ReportCase) -> Section:
    """Number of entries and head of the chain."""
    n_entries, head = case.store.head()
    introduction = (
        "The case keeps a log in which each entry is chained to the one before it with"
        " a key. An edit, deletion, insertion or cut of the log shows when it is"
        " compared with these two values. Every entry is listed in the attached file."
    )
    facts = (
        Fact("Entries", plain(f"{n_entries:,}", n_entries), "n_entries"),
        Fact("Head of the chain", digest(head), "head", "mono"),
    )
    return Section(
        "audit",
        "Audit log",
        (Text(plain(introduction)), Facts(facts, "audit"), _entries(case)),
        is_annex=True,
    )


def _entries(case: ReportCase) -> Table:
    table = table_of(
        case.store.audit_log(),
        (
            (Column(None, 0, "number"), lambda e: unprinted(e.seq)),
            (Column(None, 0, "when"), time_cell),
            (Column(None, 0, "person"), lambda e: quoting(e.actor)),
            (Column(None, 0, "event"), event_cell),
            (Column(None, 0, "digest"), lambda e: digest(e.hash, "of names")),
        ),
    )
    return replace(table, attached="audit-log.csv")
