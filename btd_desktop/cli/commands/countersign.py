"""`btd countersign` and `btd timestamp`: additions that leave the report as signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.options import (
    AsJson,
    Certificate,
    Crls,
    PassphraseFile,
    TokenKey,
    TokenLibrary,
    TokenName,
)
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.signing import read_passphrase, token_of
from btd_desktop.errors import SettingsError

if TYPE_CHECKING:
    from btd_desktop.workflow.add_to_report import Addition

Report = Annotated[Path, typer.Argument(help="The PDF.", metavar="REPORT")]
Out = Annotated[Path | None, typer.Option("--out", help="File to write.")]


def countersign_report(
    report: Report,
    out: Out = None,
    pkcs12: Certificate = None,
    passphrase_file: PassphraseFile = None,
    pkcs11: TokenLibrary = None,
    token: TokenName = "",
    key: TokenKey = "",
    as_json: AsJson = False,
) -> int:
    """Add a reviewer's signature to a report that was issued with --may-countersign."""
    from btd_desktop.workflow import add_to_report
    from btd_desktop.workflow.services import default_services

    passphrase = read_passphrase(passphrase_file)
    signs = token_of(pkcs11, token, key, passphrase) or pkcs12
    if signs is None or out is None:
        raise SettingsError(
            "a counter-signature needs a key and a file to write",
            hint="name them with --pkcs12 or --pkcs11, and --out",
        )
    added = add_to_report.countersign_report(
        report, out, signs, passphrase, default_services()
    )
    return _told(added, as_json=as_json)


def stamp_report(
    report: Report,
    out: Out = None,
    authority: Annotated[
        Path | None,
        typer.Option(help="PKCS#12 file of a local time-stamping authority."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    request: Annotated[
        Path | None,
        typer.Option(help="Write a request (.tsq) to carry to an authority."),
    ] = None,
    answer: Annotated[
        Path | None, typer.Option(help="The authority's answer (.tsr) to it.")
    ] = None,
    crl: Crls = None,
    as_json: AsJson = False,
) -> int:
    """Add a time-stamp to a report, by a local authority or by one asked by file."""
    from btd_desktop.report.signing import load_pkcs12
    from btd_desktop.workflow import add_to_report
    from btd_desktop.workflow.services import default_services

    lists = crl or ()
    given = [way for way in (authority, request, answer) if way is not None]
    if len(given) != 1 or (request is None) == (out is None):
        raise SettingsError(
            "a time-stamp comes in one of three ways",
            hint="give --authority and --out, or --request, or --answer and --out",
        )
    if request is not None:
        add_to_report.request_stamp(report, request, lists)
        if as_json:
            print_json({"request": str(request)})
        else:
            say(f"Request written to {request}. Bring its answer with --answer.")
        return 0
    path = out or report
    if answer is not None:
        added = add_to_report.stamp_report_by_answer(report, path, answer, lists)
    else:
        key = load_pkcs12(given[0], read_passphrase(passphrase_file))
        added = add_to_report.stamp_report(report, path, key, lists, default_services())
    return _told(added, as_json=as_json)


def _told(added: Addition, *, as_json: bool) -> int:
    from btd_desktop.cli.tables import verdict_lines
    from btd_desktop.workflow.verify import report_verdict_json

    if as_json:
        print_json({"report": str(added.path), **report_verdict_json(added.verdict)})
    else:
        say(f"Written: {added.path}", *verdict_lines(added.verdict))
    return 0
