"""`btd mark`: what the examiner makes of a finding."""

from __future__ import annotations

from typing import Annotated, cast, get_args

import typer

from btd_desktop.cases.model import FindingStatus
from btd_desktop.cli.options import AsJson, CaseFolder
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched


def mark_finding(
    case: CaseFolder,
    finding: Annotated[
        int, typer.Argument(help="Number of the finding.", metavar="FINDING")
    ],
    status: Annotated[
        str,
        typer.Argument(help="confirmed, dismissed or “to check”.", metavar="STATUS"),
    ],
    reason: Annotated[
        str,
        typer.Option(
            help="Why; kept as the note of the finding and printed. A finding is not"
            " dismissed without."
        ),
    ] = "",
    as_json: AsJson = False,
) -> int:
    """Mark a finding of a case; no mark changes what the method says of the series."""
    from btd_desktop.workflow import mark
    from btd_desktop.workflow.custody import open_checked
    from btd_desktop.workflow.examine import finding_json
    from btd_desktop.workflow.services import default_services

    words = get_args(FindingStatus)
    if status not in words:
        raise typer.BadParameter(f"STATUS is one of {', '.join(words)}")
    services = default_services()
    chosen = cast(FindingStatus, status)
    with watched() as context, open_checked(case, services, context) as store:
        marked = mark.mark_finding(store, finding, chosen, services, reason)
    if as_json:
        print_json({"case": str(case), "finding": finding_json(marked)})
        return 0
    say(
        f"Finding {marked.finding_id}: {marked.status}", f"  {marked.note or 'no note'}"
    )
    return 0
