"""Options of a report from what was typed and what is set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from btd_desktop.errors import SettingsError

if TYPE_CHECKING:
    from btd_desktop.settings import Settings
    from btd_desktop.workflow.issue_report import ReportOptions


_MAX_BYTES = 4096


def report_options(
    settings: Settings,
    *,
    out: Path | None,
    pkcs12: Path | None,
    passphrase_file: Path | None,
    is_draft: bool,
    remarks: str,
    command: str = "",
    redacted: bool = False,
    adopt_reason: str = "",
) -> ReportOptions:
    """How the report is worded and signed.

    Without `pkcs12` the certificate of the settings is taken, and without one there
    the user's own key.

    Raises:
        SettingsError: The passphrase file cannot be read.
    """
    from btd_desktop.workflow.issue_report import ReportOptions

    if pkcs12 is None and settings.signing_certificate:
        pkcs12 = Path(settings.signing_certificate)
    return ReportOptions(
        out=out,
        pkcs12=pkcs12,
        passphrase=read_passphrase(passphrase_file),
        is_draft=is_draft,
        remarks=remarks,
        command=command,
        redacted=redacted,
        adopt_reason=adopt_reason,
    )


def read_passphrase(path: Path | None) -> str | None:
    """First line of the file, without its end; None without a file.

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
