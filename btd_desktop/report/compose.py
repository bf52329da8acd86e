"""A case to the document of its report."""

from __future__ import annotations

from btd_desktop import __version__
from btd_desktop.report.attachments import SCORES_NAME
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Document, quoting
from btd_desktop.report.scores import scores_csv
from btd_desktop.report.sections import sections_of
from btd_desktop.report.sections.cover import cover


def document_of(case: ReportCase) -> Document:
    """The report of a case; every value in it comes from the case.

    Raises:
        CaseError: Something that the case refers to is missing or was altered.
        ReportError: The time has no zone, or a value cannot be stated.
    """
    statement = case.statement
    return Document(
        report_id=case.report_id,
        created=case.now,
        software_version=__version__,
        standing=case.standing,
        case_number=quoting(statement.mandate.case_number),
        examiner=quoting(statement.examiner.name),
        cover=cover(case),
        sections=sections_of(case),
        files={SCORES_NAME: scores_csv(case.examinations)},
    )
