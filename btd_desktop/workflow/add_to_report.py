"""Counter-sign a report that was issued, or have its time stamped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from btd_desktop.errors import ReportError
from btd_desktop.report.additions import (
    counter_signed,
    time_stamp_request,
    time_stamped,
    time_stamped_by_answer,
)
from btd_desktop.report.signing import SigningKey, load_pkcs12
from btd_desktop.report.token import Token, load_token
from btd_desktop.report.trust import read_crls
from btd_desktop.report.verification import ReportVerdict, verify_report
from btd_desktop.workflow.issue_report import write_new
from btd_desktop.workflow.services import Services

_LARGEST_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class Addition:
    """What was added.

    Attributes:
        path: The file written; the report given stays as it is.
        verdict: Of that file.
    """

    path: Path
    verdict: ReportVerdict


def countersign_report(
    report: Path, out: Path, key: Path | Token, passphrase: str | None,
    services: Services,
) -> Addition:  # fmt: skip
    """A copy of a report with a further signature.

    Raises:
        ReportError: The report does not verify or forbids it, the key cannot be used,
            or the file exists.
    """

    def added(pdf: bytes) -> bytes:
        signer = (
            load_token(key) if isinstance(key, Token) else load_pkcs12(key, passphrase)
        )
        return counter_signed(pdf, signer, when=services.now())

    return _added(report, out, added)


def stamp_report(
    report: Path, out: Path, authority: SigningKey, crls: Sequence[Path],
    services: Services,
) -> Addition:  # fmt: skip
    """A copy of a report with a time-stamp of a local authority.

    Raises:
        ReportError: As `countersign_report`, or a list of revoked ones is unreadable.
    """
    lists = read_crls(crls)
    return _added(
        report,
        out,
        lambda pdf: time_stamped(pdf, authority, when=services.now(), crls=lists),
    )


def request_stamp(report: Path, request: Path, crls: Sequence[Path]) -> None:
    """Write a request for a time-stamp on a report, to carry to an authority.

    Raises:
        ReportError: The report does not verify, or the file exists.
    """
    _require_free(request)
    write_new(request, time_stamp_request(_intact(report), read_crls(crls)))


def stamp_report_by_answer(
    report: Path, out: Path, answer: Path, crls: Sequence[Path]
) -> Addition:
    """A copy of a report with the time-stamp that an authority gave.

    Raises:
        ReportError: As `stamp_report`, or the answer is not one to this report.
    """
    lists = read_crls(crls)
    try:
        with answer.open("rb") as stream:
            data = stream.read(_LARGEST_ANSWER)
    except OSError as error:
        raise ReportError(f"{answer.name} cannot be read: {error.strerror}") from error
    return _added(report, out, lambda pdf: time_stamped_by_answer(pdf, data, lists))


def _added(report: Path, out: Path, add: Callable[[bytes], bytes]) -> Addition:
    _require_free(out)
    write_new(out, add(_intact(report)))
    return Addition(out, verify_report(out))


def _intact(report: Path) -> bytes:
    verdict = verify_report(report)
    if not verdict.ok:
        raise ReportError(
            f"the report does not verify: {verdict.problems[0]}",
            hint="`btd verify` says everything that is wrong with it",
        )
    return report.read_bytes()


def _require_free(path: Path) -> None:
    if path.exists():
        raise ReportError(
            f"{path} exists", hint="reports are never overwritten: choose another name"
        )
