"""Certificates and lists of revoked ones that somebody who verifies or signs brings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from asn1crypto import crl, pem, x509

from btd_desktop.errors import ReportError


def read_certificates(paths: Sequence[Path]) -> list[x509.Certificate]:
    """The certificates in PEM or DER files.

    Raises:
        ReportError: A file cannot be read or holds none.
    """
    roots = []
    for path in paths:
        try:
            data = path.read_bytes()
            if pem.detect(data):
                roots += [
                    x509.Certificate.load(der)
                    for kind, _, der in pem.unarmor(data, multiple=True)
                    if kind == "CERTIFICATE"
                ]
            else:
                roots.append(x509.Certificate.load(data))
            _ = [root.subject.native for root in roots]
        except (OSError, ValueError, TypeError) as error:
            raise ReportError(
                f"{path.name} is not a readable certificate",
                hint="Give trusted certificates as PEM or DER files.",
            ) from error
    return roots


def read_crls(paths: Sequence[Path]) -> list[bytes]:
    """Lists of revoked certificates (CRL) in PEM or DER files, as DER.

    Raises:
        ReportError: A file cannot be read or holds none.
    """
    lists = []
    for path in paths:
        try:
            data = path.read_bytes()
            if pem.detect(data):
                _, _, data = pem.unarmor(data)
            found = crl.CertificateList.load(data, strict=True)
            _ = found["tbs_cert_list"]["revoked_certificates"].native
        except (OSError, ValueError, TypeError) as error:
            raise ReportError(
                f"{path.name} is not a readable list of revoked certificates",
                hint="Give it as the authority publishes it: a CRL in PEM or DER.",
            ) from error
        lists.append(data)
    return lists
