"""Draft of a certification of digital evidence (28 U.S.C. 1746, FRE 902(13), (14))."""

from __future__ import annotations

from typing import Final

from btd_desktop import __version__
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Section,
    Text,
    digest,
    join,
    plain,
    quoting,
    reference,
    report_identity,
    stated,
)
from btd_desktop.report.evidence import list_digest

_NOTE: Final = (
    "Draft in the wording of 28 U.S.C. § 1746 for Federal Rules of Evidence 902(13)"
    " and (14). It needs legal review before use and holds nothing until it is signed"
    " by a qualified person."
)


def section(case: ReportCase) -> Section:
    """What a qualified person may sign after legal review."""
    files = case.files
    declaration = join(
        plain("I, "),
        stated(quoting(case.store.info.examiner), "____________________"),
        plain(f", declare: The {len(files):,} files listed in Annex "),
        reference("files"),
        plain(
            " were identified by their SHA-256 digests, a process of digital"
            " identification whose result changes when a file changes. The digest of"
            " their list is "
        ),
        digest(list_digest(files), "of the list"),
        plain(". The results of report "),
        report_identity(case.report_id),
        plain(" were produced by BTD Desktop " + __version__),
        plain(" as described in sections "),
        reference("method"),
        plain(" to "),
        reference("results"),
        plain("; their machine-readable form has the digest "),
        reference("twin"),
        plain(
            ". I declare under penalty of perjury that the foregoing is true and"
            " correct. Executed on ____________________ (date), signature"
            " ____________________."
        ),
    )
    return Section(
        "certification",
        "Draft of a certification",
        (Text(plain(_NOTE), "small"), Text(declaration)),
    )
