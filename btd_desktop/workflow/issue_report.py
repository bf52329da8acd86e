"""Write, sign and record the report of a case."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from btd_desktop import paths
from btd_desktop.cases.files import replace_part
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ReportError
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.examination.statement import Statement, missing_text
from btd_desktop.progress import TaskContext
from btd_desktop.report.attachments import TWIN_NAME, attached_files
from btd_desktop.report.case import ReportCase
from btd_desktop.report.compose import document_of
from btd_desktop.report.document import Document, Standing
from btd_desktop.report.pages import SIGNATURE_BOX
from btd_desktop.report.pdf import draw_pdf, render_pdf
from btd_desktop.report.signing import SigningKey, load_pkcs12, own_key, sign_pdf
from btd_desktop.report.token import Token, load_token
from btd_desktop.workflow.choose import keep_profile
from btd_desktop.workflow.custody import (
    BEFORE_REPORT,
    check_custody,
    refuse_altered,
    require_authenticated,
)
from btd_desktop.workflow.redact import case_names, redacted_report
from btd_desktop.workflow.report_names import (
    is_variant,
    next_number,
    next_report_path,
    variant_path,
)
from btd_desktop.workflow.reports_beside import set_aside_unrecorded
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.state import StatementFile, state, state_from_files


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is worded and signed.

    Attributes:
        out: File to write; None writes `report-N.pdf` into the case.
        pkcs12: Certificate to sign with; None takes the user's own self-signed key.
        passphrase: Its passphrase; never stored or logged.
        token: Token whose key signs, instead of a certificate file.
        may_countersign: Others may add a signature; else only time-stamps are allowed.
        is_draft: Print DRAFT across the pages, whatever the report states.
        remarks: The examiner's own words on the opinion; "" takes those stated.
        statements: Statement files, the later prevailing; what they say is kept in the
            case. A report that lacks what `Statement.missing` names is a draft.
        statement: All that the examiner states, instead of files; None leaves what the
            case holds.
        command: Command that repeats the examination; "" gives the general one.
        redacted: Write a redacted variant too, beside the report.
        adopt_reason: Why the examiner adopts a case that this computer did not seal; ""
            refuses such a case.
    """

    out: Path | None = None
    pkcs12: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    token: Token | None = None
    may_countersign: bool = False
    is_draft: bool = False
    remarks: str = ""
    statements: tuple[StatementFile, ...] = ()
    statement: Statement | None = None
    command: str = ""
    redacted: bool = False
    adopt_reason: str = ""


@dataclass(frozen=True, slots=True)
class IssuedReport:
    """A report that was written.

    Attributes:
        path: The PDF.
        sha256: Its digest.
        json_sha256: Digest of the JSON twin inside.
        signer: Name in the certificate.
        self_signed: The name is the signer's own claim.
        standing: "final", "draft" or "demonstration".
        missing: Why it is a draft, where something is not stated; else "".
        redacted: Its redacted variant, or None.
    """

    path: Path
    sha256: str
    json_sha256: str
    signer: str
    self_signed: bool
    standing: Standing = "final"
    missing: str = ""
    redacted: IssuedReport | None = None


def issue_report(
    store: CaseStore,
    outcomes: Sequence[SeriesExamination],
    services: Services,
    options: ReportOptions,
    context: TaskContext | None = None,
) -> IssuedReport:
    """Write the signed PDF, and its redacted variant if wanted; record them.

    The variant lies beside the report, with "-redacted" in its name. First the case and
    the evidence within reach are compared with their digests; the report states what
    that found.

    Raises:
        UnauthenticatedError: This computer did not seal the case, and nobody adopts it.
        CaseError: The case was altered, or cannot be written.
        ReportError: The file exists, cannot be written, or cannot be signed.
        Cancelled: The examiner asked to stop during the comparison.
    """
    now = services.now()
    context = context or TaskContext()
    require_authenticated(store, options.adopt_reason, services, context)
    if options.out is not None:
        _require_free(options.out)
    # The check comes before anything in the folder is renamed or kept.
    check = check_custody(store, services, context, BEFORE_REPORT)
    refuse_altered(check, store.folder)
    set_aside_unrecorded(store, services)
    if options.statement is None:
        state_from_files(store, options.statements, services)
    else:
        state(store, options.statement, services)
    number = next_number(store)
    path = options.out or next_report_path(store)
    variant = variant_path(path)
    _require_free(path, *([variant] if options.redacted else []))
    for outcome in outcomes:
        if outcome.evaluation is not None:
            keep_profile(store, outcome.evaluation.profile, services)
    names = case_names(store, now, context) if options.redacted else None
    case = ReportCase(
        store,
        outcomes,
        report_id=f"{store.info.case_id[:8]}-{number}",
        now=now,
        is_draft=options.is_draft,
        remarks=options.remarks,
        command=options.command,
        custody_notes=check.sentences(),
    )
    document = document_of(case)
    head = store.head()[1]
    issued = _issued(store, document, head, path, services, options)
    if document.standing == "draft":
        issued = replace(issued, missing=missing_text(case.statement))
    if names is None:
        return issued
    other = redacted_report(document, issued.sha256, names)
    return replace(
        issued, redacted=_issued(store, other, head, variant, services, options)
    )


def preview_report(
    store: CaseStore,
    outcomes: Sequence[SeriesExamination],
    services: Services,
    statement: Statement | None = None,
) -> bytes:
    """The pages of a report as a draft; nothing is signed and nothing recorded."""
    case = ReportCase(
        store,
        outcomes,
        report_id=f"{store.info.case_id[:8]}-preview",
        now=services.now(),
        is_draft=True,
        stated=statement,
    )
    return render_pdf(document_of(case))


def _issued(
    store: CaseStore,
    document: Document,
    audit_head: str,
    path: Path,
    services: Services,
    options: ReportOptions,
) -> IssuedReport:
    """Lay out, sign, write and record one PDF."""
    files = attached_files(document)
    data = draw_pdf(files)
    # The key is loaded only after the case has been read, checked and laid out.
    signer = _signer(store, services, options, document.created)
    signed = sign_pdf(
        data,
        signer,
        when=document.created,
        reason="Report of an examination of image data",
        may_countersign=options.may_countersign,
        box=SIGNATURE_BOX,
    )
    write_new(path, signed)
    record = store.add_report(
        path_name=path.name,
        sha256=bytes_digest(signed),
        json_sha256=bytes_digest(files[TWIN_NAME]),
        audit_head=audit_head,
        now=services.now(),
    )
    return IssuedReport(
        path,
        record.sha256,
        record.json_sha256,
        signer.subject,
        signer.is_self_signed,
        document.standing,
    )


def _require_free(path: Path, *others: Path) -> None:
    if is_variant(path.name):
        raise ReportError(
            f"{path.name} is the name of a redacted variant",
            hint="choose a name that does not end in -redacted",
        )
    for wanted in (path, *others):
        if wanted.exists():
            raise ReportError(
                f"{wanted} exists",
                hint="reports are never overwritten: choose another name",
            )


def _signer(
    store: CaseStore, services: Services, options: ReportOptions, now: datetime
) -> SigningKey:
    if options.token is not None:
        return load_token(options.token)
    if options.pkcs12 is not None:
        return load_pkcs12(options.pkcs12, options.passphrase)
    name = store.info.examiner or services.settings.examiner or "BTD Desktop user"
    # Valid from the report's own time: a key valid from now could not sign it.
    return own_key(paths.data_dir() / "keys", name, now)


def write_new(path: Path, data: bytes) -> None:
    """Write a report as a new file, whole or not at all.

    Raises:
        ReportError: The folder cannot be written.
    """
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A new file; never one that somebody put there under this name meanwhile.
        with (
            replace_part(path, folder, f"{path.name}.part") as handle,
            os.fdopen(handle, "wb", closefd=False) as stream,
        ):
            stream.write(data)
    except OSError as error:
        raise ReportError(
            f"the report cannot be written to {path}: {error.strerror}",
            hint="choose a folder that you may write to",
        ) from error
