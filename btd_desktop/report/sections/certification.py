"""Draft of a certification of digital evidence (FRE 902(13) and (14), 902(11)).

Rule 902(13) asks for a record of a process or system that produces an accurate result,
(14) for data that were copied and authenticated by a process of digital identification,
both as shown by the certification of a qualified person in the form of 902(11).
"""

from __future__ import annotations

from typing import Final

from btd_desktop import __version__
from btd_desktop.examination.series import result_digest
from btd_desktop.examination.statement import Statement
from btd_desktop.report.case import ReportCase
from btd_desktop.report.document import (
    Cell,
    Fact,
    Facts,
    Section,
    Text,
    digest,
    join,
    name,
    plain,
    quoting,
    reference,
    report_identity,
    stated,
)
from btd_desktop.report.evidence import list_digest

_BLANK: Final = "____________________"
_NOTE: Final = (
    "Draft in the wording of 28 U.S.C. § 1746, point by point after Federal Rules of"
    " Evidence 902(13) and (14). It needs legal review, and it holds nothing until a"
    " qualified person has checked each point and signed it."
)
_ACCURATE: Final = (
    "The system computes: from the same files, model and profile it gives the same"
    " scores again, whose digest is "
)
_ERRS: Final = (
    ". How often its answers are false alarms is measured and stated with each answer"
    " in section "
)
_IDENTIFIED: Final = (
    "Each file was identified by its SHA-256 digest when it was received, a process of"
    " digital identification whose result changes when a bit of the file changes. "
)
_REGULAR: Final = (
    "The audit log was written by the program at the time of each act, in the regular"
    " course of the examination, and each report states its head (annex "
)
_NOTICE: Final = (
    "Not part of the certification: the proponent gives the other party reasonable"
    " written notice before the hearing and makes record and certification available"
    " (902(11))."
)


def section(case: ReportCase) -> Section:
    """What a qualified person may sign after legal review, point by point."""
    statement = case.statement
    points = (
        Fact("I, the qualified person", _person(statement)),
        Fact("902(13): the system", _system(case)),
        Fact("902(13): accurate result", _accuracy(case)),
        Fact("902(13): the record", _record(case)),
        Fact("902(14): the data copied", _data(case, statement)),
        Fact("902(14): digital identification", _identification(case)),
        Fact("902(11): how it was made", _made()),
        Fact("Declaration", plain(
            "I declare under penalty of perjury that the foregoing is true and correct."
            f" Executed on {_BLANK} (date), signature {_BLANK}."
        )),
    )  # fmt: skip
    return Section(
        "certification",
        "Draft of a certification",
        (Text(plain(_NOTE), "small"), Facts(points), Text(plain(_NOTICE), "small")),
    )


def _person(statement: Statement) -> Cell:
    examiner = statement.examiner
    return join(
        stated(quoting(examiner.name), _BLANK),
        plain(", "),
        stated(quoting(examiner.role), _BLANK),
        plain("; qualified by: "),
        stated(quoting(examiner.qualification.rstrip(". \n")), _BLANK),
        plain(". I used the system myself, or supervised its use."),
    )


def _system(case: ReportCase) -> Cell:
    models = [
        join(plain(", model "), quoting(model.name), plain(", digest "),
             digest(model.digest))
        for _, model in case.methods
    ]  # fmt: skip
    return join(
        plain(f"BTD Desktop {__version__}"),
        *models,
        plain("; described in sections "),
        reference("method"),
        plain(" to "),
        reference("calibration"),
        plain(", its components in annex "),
        reference("software"),
        plain("."),
    )


def _accuracy(case: ReportCase) -> Cell:
    return join(
        plain(_ACCURATE),
        digest(result_digest(case.examinations)),
        plain(" (section "),
        reference("reproduction"),
        plain(")"),
        plain(_ERRS),
        reference("opinion"),
        plain(", its figures on known alterations in section "),
        reference("validation"),
        plain(f". I checked that the system worked properly by: {_BLANK}."),
    )


def _record(case: ReportCase) -> Cell:
    return join(
        plain("Report "),
        report_identity(case.report_id),
        plain(" and its machine-readable form, whose digest is "),
        reference("twin"),
        plain(", are the output of that system."),
    )


def _data(case: ReportCase, statement: Statement) -> Cell:
    received = statement.received
    return join(
        plain(f"{len(case.files):,} files, listed in annex "),
        reference("files"),
        plain(", received from "),
        stated(name("text", received.sender), _BLANK),
        plain(", when: "),
        stated(name("text", received.date), _BLANK),
        plain(", how: "),
        stated(name("text", received.how), _BLANK),
        plain("."),
    )


def _identification(case: ReportCase) -> Cell:
    checks = [
        part for note in case.custody_notes for part in (quoting(note), plain(" "))
    ]
    return join(
        plain(_IDENTIFIED),
        plain("The digest of their list is "),
        digest(list_digest(case.files), "of the list"),
        plain(". Compared again before this report: "),
        *(checks or [plain(f"{_BLANK}. ")]),
        plain("Digests stated by the sender are compared in section "),
        reference("items"),
        plain("."),
    )


def _made() -> Cell:
    return join(plain(_REGULAR), reference("audit"), plain(")."))
