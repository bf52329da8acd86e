"""The certificate of a DICOM signature, and the check of the signed hash with it.

Runs in the parsing process (PS3.15 annex C: RSA after PKCS #1, or ECDSA).
"""

from __future__ import annotations

import datetime
import hmac
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from btd_desktop.dicom.moments import moment_of

# Defined terms of MAC Algorithm (0400,0015) and their names in hashlib.
HASHES: Final = {
    "RIPEMD160": "ripemd160",
    "MD5": "md5",
    "SHA1": "sha1",
    "SHA256": "sha256",
    "SHA384": "sha384",
    "SHA512": "sha512",
}
# DigestInfo of RFC 8017 9.2, up to the hash value. RIPEMD-160 is not among the hashes
# of `cryptography`, so all are compared in this form.
_DIGEST_INFO: Final = {
    "RIPEMD160": "3021300906052b2403020105000414",
    "MD5": "3020300c06082a864886f70d020505000410",
    "SHA1": "3021300906052b0e03021a05000414",
    "SHA256": "3031300d060960864801650304020105000420",
    "SHA384": "3041300d060960864801650304020205000430",
    "SHA512": "3051300d060960864801650304020305000440",
}
_CURVE_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA1": hashes.SHA1(),  # noqa: S303 - checked because it was used
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}
_WEAK_HASHES: Final = ("MD5", "SHA1")
_MAX_SUBJECT: Final = 200
_MIN_RSA_BITS: Final = 2048


class UncheckableError(Exception):
    """A signature cannot be checked; the message completes "because …"."""


def read_certificate(kind: str, value: bytes) -> x509.Certificate:
    """The certificate of the signer.

    Args:
        kind: CertificateType (0400,0110).
        value: CertificateOfSigner (0400,0115), DER, perhaps padded by a zero byte.

    Raises:
        UncheckableError: It is of another kind, or not readable.
    """
    if kind != "X509_1993_SIG":
        raise UncheckableError(f"its certificate is of kind {kind or 'unknown'}")
    last: Exception | None = None
    for candidate in (value, value[:-1] if value.endswith(b"\0") else value):
        try:
            return x509.load_der_x509_certificate(candidate)
        except (ValueError, x509.InvalidVersion) as error:
            last = error
    raise UncheckableError("its certificate cannot be read") from last


def subject_of(certificate: x509.Certificate) -> str:
    """Subject of a certificate as text, with the start of its SHA-256."""
    try:
        name = certificate.subject.rfc4514_string()
    except ValueError:
        name = "not readable"
    digest = certificate.fingerprint(hashes.SHA256()).hex()[:16]
    return f"{name[:_MAX_SUBJECT]} (certificate SHA-256 {digest}…)"


def has_matching_signature(
    certificate: x509.Certificate, signature: bytes, digest: bytes, algorithm: str
) -> bool:
    """True when the signature is of this hash, by the certificate's key.

    Raises:
        UncheckableError: The signature is missing or its kind of key is not known.
    """
    if not signature:
        raise UncheckableError("it holds no signature value")
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UncheckableError("the key in its certificate cannot be read") from error
    if isinstance(key, rsa.RSAPublicKey):
        return _matches_rsa(key, signature, digest, algorithm)
    if isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _CURVE_HASHES:
        return _matches_curve(key, signature, digest, algorithm)
    raise UncheckableError(f"{algorithm} with this kind of key is not known")


def _matches_rsa(
    key: rsa.RSAPublicKey, signature: bytes, digest: bytes, algorithm: str
) -> bool:
    # The value is of even length (PS3.5 6.2, OB); a key may not be.
    n_bytes = (key.key_size + 7) // 8
    try:
        recovered = key.recover_data_from_signature(
            signature[:n_bytes], padding.PKCS1v15(), None
        )
    except (InvalidSignature, ValueError):
        return False
    expected = bytes.fromhex(_DIGEST_INFO[algorithm]) + digest
    return hmac.compare_digest(recovered, expected)


def _matches_curve(
    key: ec.EllipticCurvePublicKey, signature: bytes, digest: bytes, algorithm: str
) -> bool:
    kind = _CURVE_HASHES[algorithm]
    for candidate in (signature, signature.removesuffix(b"\0")):
        try:
            key.verify(candidate, digest, ec.ECDSA(utils.Prehashed(kind)))
        except (InvalidSignature, ValueError, UnsupportedAlgorithm):
            continue
        return True
    return False


def certificate_remarks(
    certificate: x509.Certificate, signed_at: str, algorithm: str
) -> tuple[str, ...]:
    """What weakens a signature that matches, in sentences."""
    remarks = []
    try:
        if certificate.issuer == certificate.subject:
            remarks.append("The certificate vouches for itself.")
        # A DT value (PS3.5 6.2) to the second; time zones differ by less than a day.
        moment = moment_of(signed_at[:8], signed_at[8:14])
        if moment is None:
            remarks.append("It states no date that can be read.")
        elif not _was_valid(certificate, moment):
            remarks.append("The certificate was not valid at the stated date.")
    except ValueError:
        remarks.append("Names or dates in the certificate cannot be read.")
    if algorithm in _WEAK_HASHES:
        remarks.append(f"{algorithm} no longer keeps a forger from a second content.")
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        remarks.append(f"A key of {key.key_size} bits is short.")
    return tuple(remarks)


def _was_valid(certificate: x509.Certificate, moment: datetime.datetime) -> bool:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    # The stated date may lack its time zone; compared without overflow at year 1.
    slack = datetime.timedelta(days=1)
    return begin - moment <= slack and moment - end <= slack
