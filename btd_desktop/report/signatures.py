"""The signatures of a report: its own, and what was added behind it.

Without a root that the verifier chose nobody is known: neither signers nor those who
stamp the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from asn1crypto import crl, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation import (
    DocumentSecurityStore,
    DocumentTimestampStatus,
    EmbeddedPdfSignature,
    PdfSignatureStatus,
    SignatureCoverageLevel,
    validate_pdf_signature,
    validate_pdf_timestamp,
)
from pyhanko.sign.validation.errors import ValidationInfoReadingError
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)

from btd_desktop.digest import bytes_digest

Status = PdfSignatureStatus | DocumentTimestampStatus


@dataclass(frozen=True, slots=True)
class LaterSignature:
    """A counter-signature or a time-stamp.

    Attributes:
        kind: Which of the two.
        name: Name in the certificate.
        fingerprint_sha256: Hex SHA-256 of the certificate.
        trusted: It leads to a root that the verifier chose, and was not revoked.
        time: The time stamped, or that of signing as the signer's computer states it.
    """

    kind: Literal["counter-signature", "time-stamp"]
    name: str
    fingerprint_sha256: str
    trusted: bool
    time: datetime | None


def is_time_stamp(signature: EmbeddedPdfSignature) -> bool:
    """True for a time-stamp on the whole document."""
    return bool(signature.sig_object_type == "/DocTimeStamp")


def time_of(signature: EmbeddedPdfSignature) -> datetime | None:
    """Time stamped, or time of signing as stated."""
    if not is_time_stamp(signature):
        stated: datetime | None = signature.self_reported_timestamp
        return stated
    info = signature.signed_data["encap_content_info"]["content"].parsed
    stamped: datetime = info["gen_time"].native
    return stamped


def subject_of(certificate: x509.Certificate) -> str:
    """Name in a certificate."""
    name = certificate.subject.native
    common = name.get("common_name")
    return str(common if common else certificate.subject.human_friendly)


def kept_crls(reader: PdfFileReader) -> list[bytes]:
    """Lists of revoked certificates that the document keeps; each is signed itself."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except ValidationInfoReadingError:
        return []
    return [reference.get_object().data for reference in store.crls]


def status_of(
    signature: EmbeddedPdfSignature,
    roots: Sequence[x509.Certificate] | None,
    crls: Sequence[bytes],
) -> Status:
    """What pyHanko finds of a signature or a time-stamp.

    The certificate is judged at the time stated, so that the verdict is the same on
    every day. A list of revoked certificates counts whenever it was made: it says since
    when each is revoked.
    """
    context = ValidationContext(
        trust_roots=roots or [],
        other_certs=signature.other_embedded_certs,
        allow_fetching=False,
        crls=crls,
        moment=time_of(signature),
        revinfo_policy=_revocation_policy(signature, crls),
    )
    if is_time_stamp(signature):
        return validate_pdf_timestamp(signature, context)
    return validate_pdf_signature(signature, context)


def _revocation_policy(
    signature: EmbeddedPdfSignature, crls: Sequence[bytes]
) -> CertRevTrustPolicy:
    """Lists at hand count; a certificate whose authority's list is not here passes."""
    lists = [crl.CertificateList.load(data) for data in crls]
    issuers = {item["tbs_cert_list"]["issuer"].hashable for item in lists}

    def rule(certificates: Sequence[x509.Certificate]) -> RevocationCheckingRule:
        is_known = certificates and all(
            item.issuer.hashable in issuers for item in certificates
        )
        return (
            RevocationCheckingRule.CRL_REQUIRED
            if is_known
            else RevocationCheckingRule.CHECK_IF_DECLARED_SOFT
        )

    between = [c for c in signature.other_embedded_certs if c.subject != c.issuer]
    policy = RevocationCheckingPolicy(rule([signature.signer_cert]), rule(between))
    return CertRevTrustPolicy(policy, retroactive_revinfo=True)


def later_signatures(
    signatures: Sequence[EmbeddedPdfSignature], statuses: Sequence[Status]
) -> tuple[LaterSignature, ...]:
    """Those behind the first, in order."""
    return tuple(
        LaterSignature(
            "time-stamp" if is_time_stamp(signature) else "counter-signature",
            subject_of(signature.signer_cert),
            bytes_digest(signature.signer_cert.dump()),
            bool(status.trusted),
            time_of(signature),
        )
        for signature, status in zip(signatures[1:], statuses[1:], strict=True)
    )


def later_changes(
    first: EmbeddedPdfSignature,
    status: Status,
    later: Sequence[LaterSignature],
    covered: bool,
) -> tuple[str, list[str]]:
    """What came after the first signature, and why that is not acceptable.

    Args:
        first: The report's own signature.
        status: Its status.
        later: What came after.
        covered: The last signature covers every byte.
    """
    if status.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return "Nothing was added after the signature.", []
    if not covered:
        return (
            "Bytes were added after the last signature.",
            ["the file holds bytes that no signature covers"],
        )
    signed = [item for item in later if item.kind == "counter-signature"]
    stamped = [item for item in later if item.kind == "time-stamp"]
    most = ModificationLevel.FORM_FILLING if signed else ModificationLevel.LTA_UPDATES
    allowed = (
        status.coverage == SignatureCoverageLevel.ENTIRE_REVISION
        and (not signed or first.docmdp_level == MDPPerm.FILL_FORMS)
        and status.docmdp_ok
        and status.modification_level is not None
        and status.modification_level <= most
    )
    if not allowed:
        return (
            f"The document was changed and signed again by {_named(later)}.",
            ["the document was changed after the first signature, which forbids that"],
        )
    parts = [
        *([f"counter-signed by {_named(signed)}"] if signed else []),
        *([f"time-stamped by {_named(stamped)}"] if stamped else []),
    ]
    words = " and ".join(parts)
    return f"{words[:1].upper()}{words[1:]}, as the first signature allows.", []


def _named(items: Sequence[LaterSignature]) -> str:
    return ", ".join(
        item.name + ("" if item.trusted else " (not validated)") for item in items
    )
