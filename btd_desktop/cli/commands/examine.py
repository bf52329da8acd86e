"""`btd examine`: evidence in, case and signed report out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.invocation import Invocation
from btd_desktop.cli.options import (
    AsJson,
    CaseNumber,
    CaseOut,
    Certificate,
    Client,
    Device,
    Draft,
    Dtype,
    Evidence,
    Examiner,
    MethodName,
    Modality,
    Model,
    NamedPlaces,
    PassphraseFile,
    Profile,
    Question,
    Remarks,
    SearchIn,
    Statements,
    Title,
    mandate_of,
    method_of,
    modality_of,
    statements_of,
)
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.signing import certificate_of, read_passphrase
from btd_desktop.cli.watching import watched


def examine_evidence(
    ctx: typer.Context,
    paths: Evidence,
    out: CaseOut,
    modality: Modality = "",
    method: MethodName = "",
    model: Model = "",
    profile: Profile = "",
    search_in: SearchIn = "",
    named_place: NamedPlaces = None,
    device: Device = None,
    dtype: Dtype = None,
    title: Title = "",
    case_number: CaseNumber = "",
    client: Client = "",
    examiner: Examiner = "",
    question: Question = "",
    report: Annotated[
        Path | None,
        typer.Option(help="Report to write. [default: report-N.pdf in the case]"),
    ] = None,
    pkcs12: Certificate = None,
    passphrase_file: PassphraseFile = None,
    draft: Draft = False,
    statement: Statements = None,
    remarks: Remarks = "",
    as_json: AsJson = False,
) -> int:
    """Import evidence, score it, search it, and write the signed report."""
    from btd_desktop.cli.tables import (
        conclusion_line,
        fates_line,
        issued_lines,
        outcome_lines,
        warn_of_kept_details,
    )
    from btd_desktop.workflow.examine import ExamineOptions, examine
    from btd_desktop.workflow.import_series import CaseDetails
    from btd_desktop.workflow.issue_report import ReportOptions
    from btd_desktop.workflow.services import default_services

    invocation: Invocation = ctx.obj
    services = default_services()
    options = ExamineOptions(
        model=model,
        profile=profile,
        device=device or services.settings.device,
        dtype=dtype or services.settings.dtype,
        modality=modality_of(modality),
        method=method_of(method),
        mandate=mandate_of(search_in, named_place),
        report=ReportOptions(
            out=report,
            pkcs12=certificate_of(pkcs12, services.settings),
            passphrase=read_passphrase(passphrase_file),
            is_draft=draft,
            remarks=remarks,
            statements=statements_of(statement),
            command=invocation.command,
        ),
    )
    details = CaseDetails(title, case_number, client, examiner, question)
    warn_of_kept_details(out, details)
    with watched() as context:
        result = examine(paths, out, details, options, services, context)
    if as_json:
        print_json(result.to_json())
        return 0
    say(f"Case: {result.case}", fates_line(result.fates))
    n_odd = sum(n for fate, n in result.fates.items() if fate != "accepted")
    if n_odd:
        say(f"  not accepted: {n_odd}; the report names each with its reason")
    for outcome in result.outcomes:
        say(*outcome_lines(outcome))
    say(conclusion_line(result.outcomes, result.fates))
    say(*issued_lines(result.report))
    return 0
