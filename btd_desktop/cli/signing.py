"""The certificate to sign with, and its passphrase."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from btd_desktop.errors import SettingsError

if TYPE_CHECKING:
    from btd_desktop.report.token import Token
    from btd_desktop.settings import Settings

_MAX_BYTES = 4096


def certificate_of(pkcs12: Path | None, settings: Settings) -> Path | None:
    """The certificate named, else that of the settings; None for the user's own key."""
    kept = settings.signing_certificate
    return Path(kept) if pkcs12 is None and kept else pkcs12


def token_of(
    library: Path | None, name: str, key: str, pin: str | None
) -> Token | None:
    """The token named, or None."""
    if library is None:
        return None
    from btd_desktop.report.token import Token

    return Token(library, name, key, pin)


def read_passphrase(path: Path | None) -> str | None:
    """First line of the file, without its line ending; None without a file.

    A passphrase never stands on the command line: every process of the machine can
    read that, and shells keep it.

    Raises:
        SettingsError: The file cannot be read or is no text.
    """
    if path is None:
        return None
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_BYTES).decode("utf-8")
    except OSError as error:
        raise SettingsError(
            f"the passphrase file {path} cannot be read: {error.strerror}",
            code="passphrase_file",
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"the passphrase file {path} is not text", code="passphrase_file"
        ) from error
    return (text.splitlines() or [""])[0]
