"""Who examines."""

from __future__ import annotations

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Fact, Facts, Section, quoting, stated


def section(case: ReportCase) -> Section:
    """Name, role, qualification, independence and reviewer."""
    examiner = case.statement.examiner
    facts = (
        Fact("Name", stated(quoting(examiner.name)), "examiner"),
        Fact("Role", stated(quoting(examiner.role)), "examiner_role"),
        Fact(
            "Qualification",
            stated(quoting(examiner.qualification)),
            "examiner_qualification",
        ),
        Fact("Independence", stated(quoting(examiner.independence)), "independence"),
        Fact("Reviewer", stated(quoting(examiner.reviewer)), "reviewer"),
    )
    return Section("examiner", "Examiner", (Facts(facts, "mandate"),))
