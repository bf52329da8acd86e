"""State of the audit log at the time of the report."""

from __future__ import annotations

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Fact, Facts, Section, Text, digest, plain


def section(case: ReportCase) -> Section:
    """Number of entries and head of the chain."""
    n_entries, head = case.store.head()
    introduction = (
        "The case keeps a log in which each entry is chained to the one before it with"
        " a key. An edit, deletion, insertion or cut of the log shows when it is"
        " compared with these two values."
    )
    facts = (
        Fact("Entries", plain(f"{n_entries:,}", n_entries), "n_entries"),
        Fact("Head of the chain", digest(head), "head", "mono"),
    )
    return Section(
        "audit",
        "Audit log",
        (Text(plain(introduction)), Facts(facts, "audit")),
        is_annex=True,
    )
