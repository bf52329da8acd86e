"""Write, sign and record the report of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from btd_desktop import paths
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ReportError
from btd_desktop.report.layout import SIGNATURE_BOX, render_pdf
from btd_desktop.report.signing import SigningKey, load_pkcs12, own_key, sign_pdf
from btd_desktop.workflow.evaluate import keep_profile
from btd_desktop.workflow.outcomes import SeriesOutcome
from btd_desktop.workflow.report_content import build_content
from btd_desktop.workflow.services import Services

__all__ = ["IssuedReport", "ReportOptions", "issue_report"]


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is worded and signed.

    Attributes:
        out: File to write; None writes `report-N.pdf` into the case.
        pkcs12: Certificate to sign with; None takes the user's own self-signed key.
        passphrase: Its passphrase; never stored or logged.
        is_draft: Print DRAFT across the pages.
        remarks: The examiner's own words on the opinion.
        command: Command that repeats the examination.
        may_countersign: Let a reviewer sign as well.
    """

    out: Path | None = None
    pkcs12: Path | None = None
    passphrase: str | None = field(default=None, repr=False)
    is_draft: bool = False
    remarks: str = ""
    command: str = ""
    may_countersign: bool = False


@dataclass(frozen=True, slots=True)
class IssuedReport:
    """A report that was written.

    Attributes:
        path: The PDF.
        sha256: Its digest.
        json_sha256: Digest of the JSON twin inside.
        signer: Name in the certificate.
        self_signed: The name is the signer's own claim.
    """

    path: Path
    sha256: str
    json_sha256: str
    signer: str
    self_signed: bool

    def to_json(self) -> dict[str, Any]:
        """JSON value."""
        return {**asdict(self), "path": str(self.path)}


def issue_report(
    store: CaseStore,
    outcomes: Sequence[SeriesOutcome],
    services: Services,
    options: ReportOptions,
) -> IssuedReport:
    """Write the signed PDF and record it in the case.

    Raises:
        ReportError: The file exists, cannot be written, or cannot be signed.
    """
    now = services.now()
    number = len(store.reports()) + 1
    path = options.out or store.folder / f"report-{number}.pdf"
    if path.exists():
        raise ReportError(
            f"{path} exists", hint="reports are never overwritten: choose another name"
        )
    for outcome in outcomes:
        if outcome.evaluation is not None:
            keep_profile(store, outcome.evaluation.profile, services)
    signer = _signer(store, services, options, now)
    content = build_content(
        store,
        outcomes,
        report_id=f"{store.info.case_id[:8]}-{number}",
        now=now,
        is_draft=options.is_draft,
        remarks=options.remarks,
        command=options.command,
    )
    twin = content.twin()
    pdf = render_pdf(content, twin=twin)
    signed = sign_pdf(
        pdf,
        signer,
        when=now,
        reason="Report of an examination of image data",
        may_countersign=options.may_countersign,
        box=SIGNATURE_BOX,
    )
    _write(path, signed)
    audit_head = content.audit.head if content.audit is not None else ""
    record = store.add_report(
        path_name=path.name,
        sha256=bytes_digest(signed),
        json_sha256=bytes_digest(twin),
        audit_head=audit_head,
        now=services.now(),
    )
    return IssuedReport(
        path, record.sha256, record.json_sha256, signer.subject, signer.is_self_signed
    )


def _signer(
    store: CaseStore, services: Services, options: ReportOptions, now: datetime
) -> SigningKey:
    if options.pkcs12 is not None:
        return load_pkcs12(options.pkcs12, options.passphrase)
    name = store.info.examiner or services.settings.examiner or "BTD Desktop user"
    # The report's own time: a key made a moment later would not be valid yet.
    return own_key(paths.data_dir() / "keys", name, now)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".part")
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise ReportError(
            f"the report cannot be written to {path}: {error.strerror}",
            hint="choose a folder that you may write to",
        ) from error
