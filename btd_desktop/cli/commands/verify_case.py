"""`btd verify-case`: is this case still what its audit log says?"""

from __future__ import annotations

from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson, CaseFolder
from btd_desktop.cli.output import print_json, say
from btd_desktop.errors import CaseError

__all__ = ["verify_case"]


def verify_case(
    case: CaseFolder,
    head: Annotated[
        list[str] | None,
        typer.Option(help="Audit head printed in a report at hand; repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Verify a case: log, records, arrays; exit status 0 if it is intact, 6 if not."""
    from btd_desktop.workflow.verify import case_verdict_json, verify_case_folder

    verdict, title = verify_case_folder(case, head or ())
    if as_json:
        print_json({"case": str(case), **case_verdict_json(verdict)})
    else:
        say(
            f"Case “{title}”: {'INTACT' if verdict.is_intact else 'NOT INTACT'}",
            f"  audit log: {verdict.n_entries} entries, head {verdict.head[:16]}…",
            f"  sealed with this computer's key: {verdict.key_check}",
            *(f"  problem: {problem}" for problem in verdict.problems),
        )
    return 0 if verdict.is_intact else CaseError.exit_code
