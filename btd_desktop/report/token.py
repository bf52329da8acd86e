"""Signing with a key that never leaves its token: smart card, USB token, HSM (PKCS#11).

The program talks to the library that came with the token and gives it the PIN for one
session; the token signs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from btd_desktop.containment.inside import hide_memory
from btd_desktop.errors import MissingPartError, ReportError
from btd_desktop.report.signed_parts import vouched_chain
from btd_desktop.report.signing import SigningKey, signing_key_of


@dataclass(frozen=True, slots=True)
class Token:
    """A token and a key on it.

    Attributes:
        library: The PKCS#11 library of the token's maker.
        name: Label of the token; "" takes the first one found.
        key: Label of key and certificate; "" takes the only certificate with a key.
        pin: PIN of the user; None asks on the token's own pad where it has one.
    """

    library: Path
    name: str = ""
    key: str = ""
    pin: str | None = field(default=None, repr=False)


def load_token(token: Token) -> SigningKey:
    """Key and certificates on a token, ready to sign while the program runs.

    Raises:
        MissingPartError: The extra `pkcs11` is not installed.
        ReportError: Library, token, PIN, key or certificate cannot be used.
    """
    hide_memory()
    try:
        import pkcs11
        from pyhanko.config.pkcs11 import TokenCriteria
        from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session
    except ImportError as error:
        raise MissingPartError(
            "signing with a token needs a part that is not installed",
            hint='install it with: pip install "btd-desktop[pkcs11]"',
            code="pkcs11",
        ) from error
    try:
        wanted = TokenCriteria(label=token.name) if token.name else None
        try:
            session = open_pkcs11_session(
                str(token.library), token_criteria=wanted, user_pin=token.pin
            )
        except pkcs11.exceptions.UserAlreadyLoggedIn:
            # An earlier report of this run: a token knows the program, not sessions.
            session = open_pkcs11_session(str(token.library), token_criteria=wanted)
        held = _certificates(session, pkcs11)
        label = token.key or _only_label(session, pkcs11, held)
        if label not in held:
            raise ReportError(
                f"the token holds no certificate named {label}",
                hint=f"it holds: {', '.join(sorted(held)) or 'none'}",
            )
        chain = vouched_chain([c for name, c in held.items() if name != label])
        signer = PKCS11Signer(
            session,
            signing_cert=_asn1(held[label]),
            key_label=label,
            ca_chain=[_asn1(certificate) for certificate in chain],
        )
    except pkcs11.exceptions.PKCS11Error as error:
        kind = type(error).__name__
        raise ReportError(
            f"the token cannot be used: {str(error) or kind}",
            hint="Check the library, the label of the token and the PIN.",
            code="token",
        ) from error
    return signing_key_of(held[label], signer)


def _certificates(session: Any, pkcs11: Any) -> dict[str, x509.Certificate]:  # noqa: ANN401 - an extra without types
    wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE}
    return {
        str(found[pkcs11.Attribute.LABEL]): x509.load_der_x509_certificate(
            found[pkcs11.Attribute.VALUE]
        )
        for found in session.get_objects(wanted)
    }


def _only_label(session: Any, pkcs11: Any, held: dict[str, x509.Certificate]) -> str:  # noqa: ANN401 - an extra without types
    wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY}
    keys = {str(key[pkcs11.Attribute.LABEL]) for key in session.get_objects(wanted)}
    labels = sorted(keys & held.keys())
    if len(labels) != 1:
        raise ReportError(
            f"the token holds {len(labels)} certificates with a key, not one",
            hint=f"name one of: {', '.join(labels) or 'none'}",
        )
    return labels[0]


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    from cryptography.hazmat.primitives.serialization import Encoding

    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
