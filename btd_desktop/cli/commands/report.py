"""`btd report`: the signed report of a case, from what the case holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import (
    AsJson,
    CaseFolder,
    Certificate,
    Draft,
    MethodName,
    PassphraseFile,
    Profile,
    Remarks,
    Statements,
    TokenKey,
    TokenLibrary,
    TokenName,
    method_of,
    statements_of,
)
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.signing import certificate_of, read_passphrase, token_of
from btd_desktop.cli.watching import watched


def report_case(
    ctx: typer.Context,
    case: CaseFolder,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. [default: report-N.pdf in the case]"),
    ] = None,
    method: MethodName = "",
    profile: Profile = "",
    pkcs12: Certificate = None,
    passphrase_file: PassphraseFile = None,
    pkcs11: TokenLibrary = None,
    token: TokenName = "",
    key: TokenKey = "",
    may_countersign: Annotated[
        bool,
        typer.Option(
            "--may-countersign", help="Let others add a signature; see `countersign`."
        ),
    ] = False,
    draft: Draft = False,
    redacted: Annotated[
        bool,
        typer.Option(
            "--redacted",
            help="Write a redacted variant too: pseudonyms instead of names.",
        ),
    ] = False,
    statement: Statements = None,
    remarks: Remarks = "",
    adopt_unauthenticated: Annotated[
        str,
        typer.Option(
            metavar="REASON",
            help="Adopt a case that this computer did not seal; the reason is logged"
            " and printed.",
        ),
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Write and sign the report of a case; nothing is scored again."""
    from btd_desktop.cli.tables import conclusion_line, issued_lines, outcome_lines
    from btd_desktop.workflow.examine import outcomes_json
    from btd_desktop.workflow.examine_case import report_on_case
    from btd_desktop.workflow.import_series import fates_of
    from btd_desktop.workflow.issue_report import ReportOptions
    from btd_desktop.workflow.services import default_services

    services = default_services()
    passphrase = read_passphrase(passphrase_file)
    options = ReportOptions(
        out=out,
        pkcs12=certificate_of(pkcs12, services.settings),
        passphrase=passphrase,
        token=token_of(pkcs11, token, key, passphrase),
        may_countersign=may_countersign,
        is_draft=draft,
        remarks=remarks,
        statements=statements_of(statement),
        redacted=redacted,
        adopt_reason=adopt_unauthenticated,
    )
    with watched() as context:
        outcomes, issued = report_on_case(
            case,
            services,
            options,
            context,
            profile=profile,
            method=method_of(method) if method else None,
        )
    if as_json:
        print_json(
            {
                "case": str(case),
                **outcomes_json(outcomes, fates_of(case)),
                "report": issued,
            }
        )
        return 0
    for outcome in outcomes:
        say(*outcome_lines(outcome))
    say(conclusion_line(outcomes, fates_of(case)))
    say(*issued_lines(issued))
    if issued.redacted is not None:
        say(f"Redacted variant: {issued.redacted.path}")
    return 0
