"""Whether a report is unchanged, who signed it, and whether the evidence is its own.

Everything here may come from somebody who wants a changed report to pass. The
signature must cover the whole file; the few bytes that no signature can cover (its
own) must have the one form that signing gives them; the twin is read from the signed
revision only; and a file that cannot be parsed gets a verdict that says so. No
network: the certificates given decide on trust, none is fetched.

A self-signed key shows that the report was not changed since it was signed with that
key, not whose key it is: compare its fingerprint with one received another way.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from asn1crypto import x509
from cryptography.x509 import load_der_x509_certificate
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import (
    EmbeddedPdfSignature,
    SignatureCoverageLevel,
)
from pyhanko.stamp import StaticStampStyle

from btd_desktop.digest import bytes_digest
from btd_desktop.report.attachments import TWIN_NAME
from btd_desktop.report.evidence_match import EvidenceProblem, compare_evidence
from btd_desktop.report.page_match import PagesVerdict, compare_pages
from btd_desktop.report.pages import SIGNATURE_BOX
from btd_desktop.report.signatures import (
    LaterSignature,
    Status,
    is_time_stamp,
    kept_crls,
    later_changes,
    later_signatures,
    status_of,
    subject_of,
)
from btd_desktop.report.signed_parts import (
    active_content,
    attachment_problems,
    contents_problems,
    files_of_signed_revision,
    is_issued_by,
    metadata_problems,
)
from btd_desktop.report.signing import common_name
from btd_desktop.report.stamp import signature_mark
from btd_desktop.report.trust import read_certificates, read_crls
from btd_desktop.report.twin import TWIN_FORMAT

_LARGEST_REPORT: Final = 1 << 29

_NO_PAGES: Final = PagesVerdict(
    "not compared", "Pages not compared: the report is not unchanged as signed."
)

_REFUSED: Final = "the signer's certificate leads to none of the trusted ones"

_REVOKED: Final = "the signer's certificate was revoked by who gave it"

# The verdict says what is wrong with a signature; pyHanko would also log it, with a
# trace and the signer's name, for every self-signed key.
for _name in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class ReportVerdict:
    """Result of verifying a report.

    Attributes:
        is_signed: The PDF holds a signature.
        intact: The bytes that the first signature covers are unchanged.
        valid: The key of the certificate that it names made the first signature.
        signer: Name in that certificate, or "".
        fingerprint_sha256: Hex SHA-256 of that certificate, or "".
        self_signed: Nobody else certified the key: the name is the signer's claim.
        trusted: The certificate leads to one of the trust roots given.
        signer_refused: Trust roots were given, and it leads to none of them.
        signer_revoked: Who gave the certificate had revoked it by then.
        covers_whole_file: The signature covers every byte of the file but its own.
        signed_at: Time of signing as the signer's computer stated it, or None.
        later: Counter-signatures and time-stamps.
        later_changes: What was added after the signature, in a sentence.
        is_revised: Something was added or altered that the signature does not allow.
        active_content: What the document holds that acts or lies over its pages, as
            sentences; a report holds nothing of the kind.
        twin_present: The JSON twin is attached in the signed revision.
        twin_matches_print: Its digest is the one that the signed document states.
        pages: Whether the pages are those that the data inside give.
        evidence_checked: The evidence was compared.
        evidence_matches: Every file of the report's list is there with its digest and
            no other file is; False when it could not be compared, None when no
            evidence was given.
        evidence_problems: Every difference, one per file.
        n_evidence_compared: Files that were digested and compared.
        problems: Every reason not to rely on the report, as sentences.
        twin: The JSON twin as read from the report, or None.
        files: The files attached in the signed revision, by name.
    """

    is_signed: bool = False
    intact: bool = False
    valid: bool = False
    signer: str = ""
    fingerprint_sha256: str = ""
    self_signed: bool = False
    trusted: bool = False
    signer_refused: bool = False
    signer_revoked: bool = False
    covers_whole_file: bool = False
    signed_at: datetime | None = None
    later: tuple[LaterSignature, ...] = ()
    later_changes: str = ""
    is_revised: bool = False
    active_content: tuple[str, ...] = ()
    twin_present: bool = False
    twin_matches_print: bool = False
    pages: PagesVerdict = _NO_PAGES
    evidence_checked: bool = False
    evidence_matches: bool | None = None
    evidence_problems: tuple[EvidenceProblem, ...] = ()
    n_evidence_compared: int = 0
    problems: tuple[str, ...] = ()
    twin: dict[str, Any] | None = field(default=None, repr=False)
    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """The report is signed and unchanged, and the evidence, if given, matches.

        Trust does not enter unless trust roots were given: then an untrusted signer
        is a problem.
        """
        return (
            self.is_signed
            and self.intact
            and self.valid
            and self.twin_present
            and self.twin_matches_print
            and self.evidence_matches is not False
            and not self.problems
        )

    @property
    def is_unchanged(self) -> bool:
        """Nothing changed since the first signature but what it allows."""
        return self.intact and self.valid and not self.is_revised

    @property
    def is_covered(self) -> bool:
        """Every byte of the file is covered: by the signature, or those it allows."""
        return self.is_signed and not self.is_revised

    @property
    def headline(self) -> str:
        """The verdict in words that a reader may quote.

        Anybody can make a key, or an authority, of any name: only a root that the
        verifier chose makes a signer known.
        """
        if not self.ok:
            return "NOT VERIFIED"
        return "VERIFIED" if self.trusted else "INTACT, SIGNER NOT VALIDATED"


def verify_report(
    pdf_path: Path,
    *,
    evidence: Sequence[Path] | None = None,
    trust_roots: Sequence[Path] | None = None,
    crls: Sequence[Path] = (),
    with_pages: bool = True,
) -> ReportVerdict:
    """Verify a report's signature, its twin and, when given, the evidence.

    Args:
        pdf_path: The report; any file may be given.
        evidence: Folders and files to compare with the report's list, or None.
        trust_roots: Certificate files (PEM or DER) of authorities that are trusted;
            None leaves trust undecided.
        crls: Lists of revoked certificates (PEM or DER), besides those in the report.
        with_pages: Draw the pages again and compare them, which takes seconds; without,
            only what is signed inside the report counts.

    Returns:
        The verdict; a damaged, foreign or unsigned file gives one too.

    Raises:
        ReportError: A trust root or a list of revoked certificates cannot be read.
    """
    roots = None if trust_roots is None else read_certificates(trust_roots)
    lists = read_crls(crls)
    data, problem = _read(pdf_path)
    if data is None:
        return ReportVerdict(problems=(problem,))
    try:
        verdict = _verified(data, roots, lists, with_pages=with_pages)
    except Exception as error:  # noqa: BLE001 - the file may be made to break the
        # parser anywhere; whatever it raises, the file cannot be verified.
        kind = type(error).__name__
        verdict = ReportVerdict(
            problems=(
                f"the file is damaged or is no report: it cannot be read ({kind})",
            )
        )
    if evidence is None:
        return verdict
    return _with_evidence(verdict, evidence, pdf_path)


def _read(path: Path) -> tuple[bytes | None, str]:
    try:
        if not path.is_file():
            return None, f"{path.name} is not a file"
        if path.stat().st_size > _LARGEST_REPORT:
            return None, f"{path.name} is larger than a report can be (512 MiB)"
        data = path.read_bytes()
    except OSError as error:
        return None, f"{path.name} cannot be read: {error.strerror}"
    if not data.startswith(b"%PDF-"):
        return None, f"{path.name} is not a PDF"
    return data, ""


def _verified(
    data: bytes,
    roots: list[x509.Certificate] | None,
    crls: Sequence[bytes],
    *,
    with_pages: bool,
) -> ReportVerdict:
    reader = PdfFileReader(io.BytesIO(data))
    if reader.encrypted:
        return ReportVerdict(problems=("the PDF is encrypted, reports never are",))
    signatures = list(reader.embedded_signatures)
    if not signatures or is_time_stamp(signatures[0]):
        return ReportVerdict(problems=("the PDF is not signed",))
    crls = [*crls, *kept_crls(reader)]
    statuses = [status_of(signature, roots, crls) for signature in signatures]
    verdict = _first_signature(signatures[0], statuses[0], roots)
    problems = list(verdict.problems)
    for signature, status in zip(signatures, statuses, strict=True):
        is_own = signature is signatures[0]
        problems += contents_problems(data, signature, is_own=is_own)
        problems += _cryptographic_problems(signature, status)
    covered = statuses[-1].coverage == SignatureCoverageLevel.ENTIRE_FILE
    later = later_signatures(signatures, statuses)
    changes, change_problems = later_changes(signatures[0], statuses[0], later, covered)
    if statuses[0].coverage != SignatureCoverageLevel.ENTIRE_FILE:
        change_problems += metadata_problems(reader, signatures[0])
    problems += change_problems
    active = active_content(reader)
    problems += active
    attached = files_of_signed_revision(reader, signatures[0])
    twin = attached.files.get(TWIN_NAME)
    parsed, parse_problem = _parsed_twin(twin)
    problems += [*attached.problems, *([parse_problem] if parse_problem else [])]
    matches = twin is not None and attached.stated_digest == bytes_digest(twin)
    if twin is not None and not matches:
        problems.append("the attached report.json is not the one that is printed")
    if parsed is not None:
        problems += attachment_problems(parsed, attached.files)
    pages = _NO_PAGES
    sound = not set(problems) - {_REFUSED, _REVOKED}
    if with_pages and parsed is not None and sound:
        mark = _mark_of(signatures[0])
        pages = compare_pages(reader, parsed, attached.files, mark)
    if pages.outcome == "differ":
        problems.append(f"pages differ from the data: {pages.words}")
    return replace(
        verdict,
        covers_whole_file=statuses[0].coverage == SignatureCoverageLevel.ENTIRE_FILE,
        later=later,
        later_changes=changes,
        is_revised=bool(change_problems),
        active_content=tuple(active),
        twin_present=twin is not None,
        twin_matches_print=matches,
        pages=pages,
        twin=parsed,
        files=attached.files,
        problems=tuple(dict.fromkeys(problems)),
    )


def _first_signature(
    signature: EmbeddedPdfSignature,
    status: Status,
    roots: list[x509.Certificate] | None,
) -> ReportVerdict:
    certificate = signature.signer_cert
    problems = []
    refused = roots is not None and not status.trusted
    if refused:
        problems.append(_REFUSED)
    if status.revoked:
        problems.append(_REVOKED)
    if signature.docmdp_level is None:
        problems.append("the signature does not certify the document (no DocMDP)")
    return ReportVerdict(
        is_signed=True,
        intact=bool(status.intact),
        valid=bool(status.valid),
        signer=subject_of(certificate),
        fingerprint_sha256=bytes_digest(certificate.dump()),
        self_signed=certificate.self_issued,
        trusted=roots is not None and bool(status.trusted),
        signer_refused=refused,
        signer_revoked=bool(status.revoked),
        signed_at=signature.self_reported_timestamp,
        problems=tuple(problems),
    )


def _mark_of(signature: EmbeddedPdfSignature) -> StaticStampStyle:
    """The mark that this program draws for a signature."""
    der = signature.signer_cert.dump()
    certificate = load_der_x509_certificate(der)
    return signature_mark(
        common_name(certificate),
        signature.self_reported_timestamp or datetime.fromtimestamp(0, UTC),
        bytes_digest(der),
        is_self_signed=is_issued_by(certificate, certificate),
        box=SIGNATURE_BOX,
    )


def _cryptographic_problems(
    signature: EmbeddedPdfSignature, status: Status
) -> list[str]:
    name = subject_of(signature.signer_cert)
    problems = []
    if not status.intact:
        problems.append(f"the file was changed after {name} signed it")
    if not status.valid:
        problems.append(f"the signature of {name} does not fit the certificate")
    return problems


def _parsed_twin(twin: bytes | None) -> tuple[dict[str, Any] | None, str]:
    if twin is None:
        return None, ""
    try:
        value = json.loads(twin)
    except (ValueError, RecursionError):
        return None, "the attached report.json is not valid JSON"
    if not isinstance(value, dict) or value.get("format") != TWIN_FORMAT:
        return None, "the attached report.json is not that of a report"
    return value, ""


def _with_evidence(
    verdict: ReportVerdict, evidence: Sequence[Path], pdf_path: Path
) -> ReportVerdict:
    if verdict.twin is None:
        problem = "the evidence cannot be compared: the report carries no list of files"
        return replace(
            verdict,
            evidence_matches=False,
            problems=(*verdict.problems, problem),
        )
    try:
        n_compared, problems = compare_evidence(
            verdict.twin, evidence, ignore=[pdf_path]
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        problem = (
            "the evidence cannot be compared: the report's list of files is damaged"
        )
        return replace(
            verdict,
            evidence_matches=False,
            problems=(*verdict.problems, problem),
        )
    return replace(
        verdict,
        evidence_checked=True,
        evidence_matches=not problems,
        evidence_problems=problems,
        n_evidence_compared=n_compared,
        problems=(*verdict.problems, *(item.sentence for item in problems)),
    )
