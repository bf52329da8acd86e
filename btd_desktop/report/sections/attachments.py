"""The files attached to the PDF."""

from __future__ import annotations

from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import Attachments, Section, Text, plain


def section(case: ReportCase) -> Section:
    """Names and digests of the files; the layout fills them in."""
    introduction = (
        "report.json holds every value of this report in machine-readable form,"
        " pages.json all that its pages are drawn from, evidence.sha256 the digests of"
        " the files received, the CSV files what would fill pages. The signature of the"
        " PDF covers them. A PDF reader lists them under “Attachments”; their digests"
        " are:"
    )
    return Section(
        "attachments",
        "Files attached to this PDF",
        (Text(plain(introduction)), Attachments()),
        is_annex=True,
    )
