"""`btd import`: evidence into a case, every file with its fate."""

from __future__ import annotations

from typing import Annotated

import typer

from btd_desktop.cli.case_details import warn_of_kept_details
from btd_desktop.cli.options import AsJson, CaseOut, Evidence, Modality, modality_of
from btd_desktop.cli.output import columns, print_json, say
from btd_desktop.cli.watching import watched


def import_evidence(
    paths: Evidence,
    out: CaseOut,
    title: Annotated[str, typer.Option(help="Short name of the case.")] = "",
    case_number: Annotated[str, typer.Option(help="Number of the case.")] = "",
    client: Annotated[str, typer.Option(help="Who asked.")] = "",
    examiner: Annotated[str, typer.Option(help="Who examines.")] = "",
    question: Annotated[str, typer.Option(help="What was asked.")] = "",
    modality: Modality = "",
    as_json: AsJson = False,
) -> int:
    """Import evidence into a case; every file ends with exactly one fate."""
    from btd_desktop.cli.tables import fates_line, modality_words
    from btd_desktop.errors import EvidenceError
    from btd_desktop.workflow.import_series import (
        CaseDetails,
        import_statement,
        require_series,
    )
    from btd_desktop.workflow.messages import error_json
    from btd_desktop.workflow.services import default_services

    details = CaseDetails(title, case_number, client, examiner, question)
    stated = modality_of(modality)
    warn_of_kept_details(out, details)
    with watched() as context:
        statement = import_statement(
            paths, out, details, default_services(), context, stated
        )
    refusal: EvidenceError | None = None
    try:
        require_series(statement.evidence, statement.series)
    except EvidenceError as error:
        refusal = error
    if as_json:
        told = {} if refusal is None else error_json(refusal)
        print_json({**statement.to_json(), **told})
        return 0 if refusal is None else refusal.exit_code
    say(f"Case: {statement.case}", fates_line(statement.fates))
    if statement.containment is not None:
        say(f"Files were parsed in a process {statement.containment.sentence}.")
    odd = [e for e in statement.files if e.fate != "accepted"]
    if odd:
        say("Not accepted:")
        say(
            *columns(
                ("file", "fate", "reason"), [(e.name, e.fate, e.reason) for e in odd]
            )
        )
    for record in statement.series:
        say(
            f"Series {record.series_id}: {record.description or 'no description'} "
            f"({modality_words(record)}, {record.n_slices} slices of "
            f"{record.cols}x{record.rows})"
        )
        say(*(f"  {f['severity']}: {f['sentence']}" for f in record.findings))
    if refusal is not None:
        raise refusal
    return 0
