"""Who examines."""

from __future__ import annotations

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Fact, Facts, Section, plain, quoting, stated


def section(case: ReportCase) -> Section:
    """Name, role, qualification, independence and reviewer."""
    empty = stated(plain(""))
    facts = (
        Fact("Name", stated(quoting(case.store.info.examiner)), "examiner"),
        Fact("Role", empty, "examiner_role"),
        Fact("Qualification", empty, "examiner_qualification"),
        Fact("Independence", empty, "independence"),
        Fact("Reviewer", empty, "reviewer"),
    )
    return Section("examiner", "Examiner", (Facts(facts, "mandate"),))
