"""`btd import`: evidence into a case, every file with its fate."""

from __future__ import annotations

from btd_desktop.cli.options import (
    AsJson,
    CaseNumber,
    CaseOut,
    Client,
    Evidence,
    Examiner,
    Modality,
    Question,
    Title,
    modality_of,
)
from btd_desktop.cli.output import columns, print_json, say
from btd_desktop.cli.watching import watched


def import_evidence(
    paths: Evidence,
    out: CaseOut,
    title: Title = "",
    case_number: CaseNumber = "",
    client: Client = "",
    examiner: Examiner = "",
    question: Question = "",
    modality: Modality = "",
    as_json: AsJson = False,
) -> int:
    """Import evidence into a case; every file ends with exactly one fate."""
    from btd_desktop.cli.tables import fates_line, series_lines, warn_of_kept_details
    from btd_desktop.errors import EvidenceError
    from btd_desktop.examination.wording import error_json
    from btd_desktop.workflow.import_series import (
        CaseDetails,
        import_statement,
        require_series,
    )
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
        rows = [(e.name, e.fate, e.reason) for e in odd]
        say(*columns(("file", "fate", "reason"), rows))
    for record in statement.series:
        say(*series_lines(record))
    if refusal is not None:
        raise refusal
    return 0
