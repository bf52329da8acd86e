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
    from collections.abc import Iterator, Sequence

    from btd_desktop.cases.model import CaseVerdict
    from btd_desktop.workflow.custody import CustodyCheck


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
    """Verify a case: log, records, arrays; of a portable case every byte.

    Exit status 0 if it is intact, 6 if not, 9 if it agrees with itself but was not
    sealed with this computer's key (NOT AUTHENTICATED).
    """
    from btd_desktop.workflow.portable.container import is_bundle
    from btd_desktop.workflow.verify import case_verdict_json, verify_case_folder

    if is_bundle(case):
        return _verify_bundle(case, head or (), report or (), as_json=as_json)
    with watched() as context:
        check, title = verify_case_folder(
            case,
            head or (),
            reports=report or (),
            with_evidence=evidence,
            context=context,
        )
    if as_json:
        print_json({"case": str(case), **case_verdict_json(check)})
    else:
        say(*_case_lines(check, title))
    return _status(check)


def _verify_bundle(
    path: Path, heads: Sequence[str], reports: Sequence[Path], *, as_json: bool
) -> int:
    from btd_desktop.workflow.portable.opening import verify_portable
    from btd_desktop.workflow.reports_beside import head_of_report
    from btd_desktop.workflow.verify import case_verdict_json

    known = dict.fromkeys(heads, "a report")
    known |= {head_of_report(report)[0]: report.name for report in reports}
    with watched() as context:
        found = verify_portable(path, known, context)
    bundle, check = found.bundle, found.check
    if as_json:
        inside = {} if check is None else case_verdict_json(check)
        told = {"case": str(path), "ok": False, **inside, "bundle": bundle}
        print_json(told)
    else:
        say(
            f"Portable case {path.name}: {'ALTERED' if bundle.problems else 'INTACT'}",
            f"  SHA-256 of its manifest: {bundle.manifest_sha256 or 'not readable'}",
            *(f"  problem: {problem}" for problem in bundle.problems),
        )
        if check is not None:
            say(*_case_lines(check, found.title))
    return CaseError.exit_code if check is None else _status(check)


def _case_lines(check: CustodyCheck, title: str) -> Iterator[str]:
    verdict, files = check.verdict, check.evidence
    yield f"Case “{title}”: {verdict.headline}"
    yield from _authentication_lines(verdict)
    yield f"  audit log: {verdict.n_entries} entries, head {verdict.head[:16]}…"
    yield f"  sealed with this computer's key: {verdict.key_check}"
    yield from (f"  problem: {problem}" for problem in verdict.problems)
    if files is not None:
        yield f"  evidence: {files.summary}"
        yield from (f"  changed: {name}" for name in files.changed)
        yield from (f"  out of reach: {name}" for name in files.unreachable[:_MOST])


def _status(check: CustodyCheck) -> int:
    if not check.is_intact:
        return CaseError.exit_code
    authenticated = check.verdict.is_authenticated
    return 0 if authenticated else UnauthenticatedError.exit_code


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
