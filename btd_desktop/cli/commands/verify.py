"""`btd verify`: is this report unchanged, by whom is it, and is this its evidence?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson, Crls
from btd_desktop.cli.output import print_json, say
from btd_desktop.errors import ReportError


def verify_report(
    report: Annotated[Path, typer.Argument(help="The PDF.", metavar="REPORT")],
    evidence: Annotated[
        list[Path] | None,
        typer.Option(help="Folder or file to compare with its list; repeatable."),
    ] = None,
    trust: Annotated[
        list[Path] | None,
        typer.Option(help="Certificate (PEM or DER) of a trusted signer; repeatable."),
    ] = None,
    crl: Crls = None,
    as_json: AsJson = False,
) -> int:
    """Verify a report; exit status 0 if it is intact, 7 if not."""
    from btd_desktop.cli.tables import verdict_lines
    from btd_desktop.workflow.verify import (
        report_verdict_json,
        verify_report_file,
    )

    verdict = verify_report_file(
        report, evidence=evidence or None, trust=trust or None, crls=crl or ()
    )
    if as_json:
        print_json({"report": str(report), **report_verdict_json(verdict)})
    else:
        say(*verdict_lines(verdict))
    return 0 if verdict.ok else ReportError.exit_code
