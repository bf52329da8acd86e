"""`btd verify-case`: is this case still what its audit log says?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson, CaseFolder
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched
from btd_desktop.errors import CaseError

__all__ = ["verify_case"]

_MOST = 20  # names out of reach; all of them are in --json


def verify_case(
    case: CaseFolder,
    head: Annotated[
        list[str] | None,
        typer.Option(help="Audit head printed in a report at hand; repeatable."),
    ] = None,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            help="Signed report of this case; the log must reach it; repeatable."
        ),
    ] = None,
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence/--no-evidence",
            help="Digest the evidence files again where they were imported from.",
        ),
    ] = True,
    as_json: AsJson = False,
) -> int:
    """Verify a case: log, records, arrays; exit status 0 if it is intact, 6 if not."""
    from btd_desktop.workflow.verify import case_verdict_json, verify_case_folder

    with watched() as context:
        check, title = verify_case_folder(
            case,
            head or (),
            reports=report or (),
            with_evidence=evidence,
            context=context,
        )
    verdict, files = check.verdict, check.evidence
    if as_json:
        print_json({"case": str(case), **case_verdict_json(check)})
    else:
        say(
            f"Case “{title}”: {'INTACT' if verdict.is_intact else 'NOT INTACT'}",
            f"  audit log: {verdict.n_entries} entries, head {verdict.head[:16]}…",
            f"  sealed with this computer's key: {verdict.key_check}",
            *(f"  problem: {problem}" for problem in verdict.problems),
        )
        if files is not None:
            say(
                f"  evidence: {files.summary}",
                *(f"  changed: {name}" for name in files.changed),
                *(f"  out of reach: {name}" for name in files.unreachable[:_MOST]),
            )
    return 0 if check.is_intact else CaseError.exit_code
