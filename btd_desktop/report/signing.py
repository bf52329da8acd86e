"""Signing a report: PAdES B-B with a PKCS#12 file or a key made on first use.

A signature shows that nobody changed the report since, and whose key signed it. A
self-signed key shows the first only: nobody has certified whose it is, and every text
about such a key says so. Keys stay in their file; a passphrase is held in
memory for one call and never logged. No network: no timestamp service is asked.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers import (
    PdfSignatureMetadata,
    PdfSigner,
    Signer,
    SimpleSigner,
)
from pyhanko.stamp import StaticStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from btd_desktop.containment.inside import hide_memory
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ReportError
from btd_desktop.report.signed_parts import is_issued_by, vouched_chain
from btd_desktop.report.stamp import signature_mark

OWN_KEY_NAME: Final = "report-signing.p12"
_FIELD: Final = "Signature"
_VALIDITY: Final = timedelta(days=5 * 365)
_LARGEST_KEY_FILE: Final = 1 << 20
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its certificate, ready to sign.

    Attributes:
        subject: Name in the certificate.
        fingerprint_sha256: Hex SHA-256 of the certificate (DER).
        is_self_signed: True when nobody else certified the key.
        not_before: Start of validity, aware UTC datetime.
        not_after: End of validity, aware UTC datetime.
    """

    subject: str
    fingerprint_sha256: str
    is_self_signed: bool
    not_before: datetime
    not_after: datetime
    _signer: Signer

    def __repr__(self) -> str:
        return f"SigningKey({self.subject!r}, {self.fingerprint_sha256})"


def load_pkcs12(path: Path, passphrase: str | None) -> SigningKey:
    """Key and certificates of a PKCS#12 file (.p12, .pfx).

    Raises:
        ReportError: The file cannot be read, the passphrase is wrong, the file is
            damaged, or it holds no usable key or certificate.
    """
    hide_memory()
    data = _read_key_file(path)
    secret = passphrase.encode() if passphrase else None
    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(data, secret)
    except ValueError as error:
        if "password" in str(error).lower():
            raise ReportError(
                f"the passphrase does not open {path.name}",
                hint="Check the passphrase of the certificate file.",
                code="passphrase",
            ) from error
        raise _damaged(path) from error
    except Exception as error:
        # The parser of cryptography raises several kinds on damaged files, TypeError
        # among them; each of them means "not usable".
        raise _damaged(path) from error
    if key is None or certificate is None:
        raise ReportError(
            f"{path.name} holds no private key with a certificate",
            hint="Export the certificate together with its private key.",
        )
    if not isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
        raise ReportError(
            f"{path.name} holds a kind of key that cannot sign reports",
            hint="Use a certificate with an RSA or elliptic-curve key.",
        )
    return _signing_key(path, key, certificate, chain)


def own_key(folder: Path, name: str, when: datetime) -> SigningKey:
    """The user's own key, made in `folder` on first use; self-signed.

    The file has no passphrase and is readable by its owner only (mode 0600), because
    the key proves no more than that a report was not changed after signing.

    Args:
        folder: Folder of the key file, created when missing.
        name: Name for the certificate, used on first use only.
        when: Time from which the certificate is valid, aware UTC datetime.

    Raises:
        ReportError: The folder cannot be written or the key file is damaged.
    """
    path = folder / OWN_KEY_NAME
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            _write_new(path, _new_pkcs12(name, when))
    except OSError as error:
        raise ReportError(
            f"the signing key cannot be written to {folder}: {error.strerror}",
            hint="Choose a folder that you may write to, or sign with a certificate.",
        ) from error
    return load_pkcs12(path, None)


def sign_pdf(
    pdf: bytes,
    signer: SigningKey,
    *,
    when: datetime,
    reason: str = "",
    may_countersign: bool = False,
    box: tuple[int, int, int, int] | None = None,
) -> bytes:
    """The report with a PAdES B-B certification signature over the whole file.

    Args:
        pdf: Unsigned report.
        signer: Key to sign with.
        when: Time of signing as this computer states it, aware UTC datetime.
        reason: Reason printed into the signature; may be empty.
        may_countersign: True lets a reviewer fill or sign further fields (DocMDP
            FILL_FORMS); False forbids every change.
        box: Rectangle on the first page for a visible mark, such as
            `pages.SIGNATURE_BOX`, in points; None signs invisibly.

    Raises:
        ReportError: The certificate is not valid at `when`, or the PDF cannot be
            signed.
    """
    require_valid(signer, when)
    permission = MDPPerm.FILL_FORMS if may_countersign else MDPPerm.NO_CHANGES
    metadata = PdfSignatureMetadata(
        field_name=_FIELD,
        md_algorithm="sha256",
        reason=reason or None,
        name=signer.subject,
        certify=True,
        subfilter=SigSeedSubFilter.PADES,
        docmdp_permissions=permission,
        signer_key_usage=set(),
    )
    return signed_by(
        lambda: IncrementalPdfFileWriter(io.BytesIO(pdf)),
        metadata,
        signer,
        when,
        SigFieldSpec(_FIELD, on_page=0, box=box),
        signature_mark(
            signer.subject,
            when,
            signer.fingerprint_sha256,
            is_self_signed=signer.is_self_signed,
            box=box,
        )
        if box
        else None,
    )


def signed_by(
    open_writer: Callable[[], IncrementalPdfFileWriter],
    metadata: PdfSignatureMetadata,
    signer: SigningKey,
    when: datetime,
    field: SigFieldSpec,
    stamp: StaticStampStyle | None = None,
) -> bytes:
    """What a writer holds, with a signature in a new field.

    Raises:
        ReportError: The PDF cannot be signed.
    """
    output = io.BytesIO()
    try:
        pdf_signer = _SignerAt(
            metadata,
            signer._signer,
            stamp_style=stamp,
            new_field_spec=field,
            when=when,
        )
        pdf_signer.sign_pdf(open_writer(), output=output)
    except (PdfError, SigningError, ValueError) as error:
        raise ReportError(
            f"the report cannot be signed: {error}",
            hint="Make the report anew and sign it with another certificate.",
        ) from error
    return output.getvalue()


class _SignerAt(PdfSigner):
    """A signer that states a given time instead of the clock's."""

    def __init__(self, *arguments: Any, when: datetime, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **settings)
        self._when = when

    def init_signing_session(self, *arguments: Any, **settings: Any) -> Any:  # noqa: ANN401
        """Session of pyHanko with its time replaced."""
        session = super().init_signing_session(*arguments, **settings)
        session.system_time = self._when
        return session


def require_valid(signer: SigningKey, when: datetime) -> None:
    """Refuse a certificate that is not valid at a time.

    Raises:
        ReportError: It has expired, or is not valid yet.
    """
    if when > signer.not_after:
        raise ReportError(
            f"the certificate of {signer.subject} expired on"
            f" {signer.not_after:%Y-%m-%d}",
            hint="Sign with a certificate that is valid today.",
            code="expired",
        )
    if when < signer.not_before:
        raise ReportError(
            f"the certificate of {signer.subject} is not valid before"
            f" {signer.not_before:%Y-%m-%d %H:%M} UTC",
            hint="Check the clock of this computer.",
            code="not-yet-valid",
        )


def _signing_key(
    path: Path, key: _Key, certificate: x509.Certificate, chain: list[x509.Certificate]
) -> SigningKey:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple([_asn1(item) for item in vouched_chain(chain)])
    key_info = asn1_keys.PrivateKeyInfo.load(
        key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    try:
        signer = SimpleSigner(_asn1(certificate), key_info, store)
        return signing_key_of(certificate, signer)
    except ValueError as error:
        raise _damaged(path) from error


def signing_key_of(certificate: x509.Certificate, signer: Signer) -> SigningKey:
    """What is said of a key, with what signs with it."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    return SigningKey(
        subject=common_name(certificate),
        fingerprint_sha256=bytes_digest(der),
        is_self_signed=is_issued_by(certificate, certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        _signer=signer,
    )


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(
        certificate.public_bytes(serialization.Encoding.DER)
    )


def common_name(certificate: x509.Certificate) -> str:
    """What a signer is called: the common name, or all of the subject."""
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if names:
        return str(names[0].value)
    return certificate.subject.rfc4514_string() or "unnamed certificate"


def _new_pkcs12(name: str, when: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    shown = " ".join(name.split())[:60] or "BTD Desktop examiner"
    subject = x509.Name(
        [
            x509.NameAttribute(x509.NameOID.COMMON_NAME, shown),
            x509.NameAttribute(
                x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "Self-signed by BTD Desktop"
            ),
        ]
    )
    public = key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(when.astimezone(UTC).replace(microsecond=0))
        .not_valid_after(when.astimezone(UTC).replace(microsecond=0) + _VALIDITY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(_signing_usage(), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .sign(key, hashes.SHA256())
    )
    return pkcs12.serialize_key_and_certificates(
        shown.encode(), key, certificate, None, serialization.NoEncryption()
    )


def _signing_usage() -> x509.KeyUsage:
    """Usages that PDF readers ask for, nonRepudiation among them (pyHanko #10)."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write_new(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def _read_key_file(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_KEY_FILE + 1)
    except OSError as error:
        raise ReportError(
            f"the certificate file {path.name} cannot be read: {error.strerror}",
            hint="Choose a .p12 or .pfx file that exists and may be read.",
        ) from error
    if len(data) > _LARGEST_KEY_FILE:
        raise _damaged(path)
    return data


def _damaged(path: Path) -> ReportError:
    return ReportError(
        f"{path.name} is not a usable PKCS#12 file",
        hint="Export the certificate again as PKCS#12 (.p12 or .pfx).",
        code="damaged-key",
    )
