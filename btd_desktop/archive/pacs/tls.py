"""Encryption of the message exchange: TLS 1.2 or newer (PS3.15 B.12)."""

from __future__ import annotations

import ssl

from btd_desktop.archive.pacs.connection import Connection
from btd_desktop.errors import SettingsError


def calling_context(connection: Connection) -> ssl.SSLContext:
    """For a connection that is opened: the archive proves its name.

    Raises:
        SettingsError: A certificate or key of the connection file cannot be used.
    """
    return _context(ssl.Purpose.SERVER_AUTH, connection)


def called_context(connection: Connection) -> ssl.SSLContext:
    """For one that the archive opens to us (C-MOVE): it proves that it is known.

    Raises:
        SettingsError: A certificate or key cannot be used, or is missing.
    """
    if not (connection.certificate and connection.ca):
        raise SettingsError(
            "an encrypted C-MOVE needs ca, certificate and key in the connection file",
            hint='or use retrieve = "get"',
            code="connection_file",
        )
    context = _context(ssl.Purpose.CLIENT_AUTH, connection)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _context(purpose: ssl.Purpose, connection: Connection) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(purpose, cafile=connection.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if connection.certificate:
            # An empty passphrase: OpenSSL would ask for one at the terminal.
            context.load_cert_chain(connection.certificate, connection.key, lambda: "")
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"a certificate or key of the connection file cannot be used "
            f"({type(error).__name__})",
            hint="they are files in PEM, the key without a passphrase",
            code="connection_file",
        ) from error
    return context
