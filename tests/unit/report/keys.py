"""Certificates made on the fly: an authority and what it certifies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.unit.report.case_sample import NOW as WHEN

Pair = tuple[ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, x509.Certificate]


def make_authority(name: str = "Test Authority") -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate(name, key, None, is_authority=True, days=3650)


def make_signer(
    authority: Pair,
    *,
    days: int = 365,
    name: str = "Court Expert",
    for_time: bool = False,
) -> Pair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _certificate(
        name, key, authority, is_authority=False, days=days, for_time=for_time
    )
    return key, certificate


def write_crl(
    authority: Pair, revoked: Sequence[tuple[Pair, datetime]], when: datetime
) -> bytes:
    """A list of revoked certificates, each with its time, in DER."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority[1].subject)
        .last_update(when)
        .next_update(when + timedelta(days=30))
    )
    for pair, since in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(pair[1].serial_number)
            .revocation_date(since)
            .build()
        )
    crl = builder.sign(authority[0], hashes.SHA256())
    return crl.public_bytes(serialization.Encoding.DER)


def write_pkcs12(
    path: Path, pair: Pair, passphrase: str, chain: tuple[x509.Certificate, ...] = ()
) -> Path:
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"key", pair[0], pair[1], list(chain), encryption
        )
    )
    return path


def write_pem(path: Path, certificate: x509.Certificate) -> Path:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    authority: Pair | None,
    *,
    is_authority: bool,
    days: int,
    for_time: bool = False,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer_key, issuer = (key, subject) if authority is None else (
        authority[0], authority[1].subject
    )  # fmt: skip
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(WHEN - timedelta(days=1))
        .not_valid_after(WHEN - timedelta(days=1) + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), True)
        .add_extension(usage, True)
    )
    if for_time:
        purpose = [ExtendedKeyUsageOID.TIME_STAMPING]
        builder = builder.add_extension(x509.ExtendedKeyUsage(purpose), True)
    return builder.sign(issuer_key, hashes.SHA256())
