"""Certificates made on the fly: an authority and what it certifies."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from tests.unit.report.case_sample import NOW as WHEN

Pair = tuple[ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, x509.Certificate]


def make_authority(name: str = "Test Authority") -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate(name, key, None, is_authority=True, days=3650)


def make_signer(
    authority: Pair, *, days: int = 365, name: str = "Court Expert"
) -> Pair:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key, _certificate(name, key, authority, is_authority=False, days=days)


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
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(WHEN - timedelta(days=1))
        .not_valid_after(WHEN - timedelta(days=1) + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), True)
        .add_extension(usage, True)
        .sign(issuer_key, hashes.SHA256())
    )
