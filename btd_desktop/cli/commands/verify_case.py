"""`btd verify-case`: is this case still what its audit log says?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.options import AsJson, CaseFolder
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched
from btd_desktop.errors import CaseError, UnauthenticatedError

if TYPE_CHECKING:
    from btd_desktop.cases.model import CaseVerdict


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
    """Verify a case: log, records, arrays.

    Exit status 0 if it is intact, 6 if not, 9 if it agrees with itself but was not
    sealed with this computer's key (NOT AUTHENTICATED).
    """
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
            f"Case “{title}”: {verdict.headline}",
            *_authentication_lines(verdict),
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
    if not check.is_intact:
        return CaseError.exit_code
    return 0 if verdict.is_authenticated else UnauthenticatedError.exit_code


def _authentication_lines(verdict: CaseVerdict) -> list[str]:
    if not verdict.is_authenticated:
        return [
            "  not sealed with this computer's key: whoever had the folder may have"
            " written all of it, log included",
            "  compare its head with one in a signed report (--report, --head)",
        ]
    adoption = verdict.adoption
    if adoption is None:
        return []
    return [
        f"  adopted by {adoption.actor} on {adoption.utc}, audit entry {adoption.seq}:"
        f" {adoption.reason}",
        "  what it held before rests on the word of whoever handed it over",
    ]
