"""`btd demo`: the whole way on a simulated case, compared with the truth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.invocation import Invocation
from btd_desktop.cli.options import AsJson, Device
from btd_desktop.cli.output import columns, print_json, say, warn
from btd_desktop.cli.watching import watched


def demonstrate(
    ctx: typer.Context,
    out: Annotated[
        Path, typer.Option(help="New folder for data, profile, case and report.")
    ],
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that simulate. [default: one a CPU]", min=1),
    ] = None,
    device: Device = None,
    as_json: AsJson = False,
) -> int:
    """Simulate a case with two tampered places, examine it, and check the result.

    Exit status 0 only if the report verifies and every tampered place was found.
    """
    from btd_desktop.cli.tables import fates_line, outcome_lines, verdict_lines
    from btd_desktop.examination.wording import percent_text, rate_text
    from btd_desktop.workflow.demo import demo_folders, run_demo
    from btd_desktop.workflow.services import default_services
    from btd_desktop.workflow.verify import report_verdict_json, verify_report_file

    invocation: Invocation = ctx.obj
    services = default_services()
    with watched() as context:
        result = run_demo(
            out,
            services,
            context,
            device=device or services.settings.device,
            workers=workers or os.cpu_count() or 1,
            command=invocation.command,
        )
    examination = result.examination
    verdict = verify_report_file(
        examination.report.path, evidence=[demo_folders(out)["suspect"]]
    )
    ok = verdict.ok and result.all_found
    if as_json:
        print_json(
            {
                "ok": ok,
                "folder": str(out),
                "truth": [t.to_json() for t in result.truth],
                "examination": examination.to_json(),
                "verification": report_verdict_json(verdict),
            }
        )
    else:
        say(
            "Simulated: one tampered CT series and "
            f"{result.profile.n_patients} genuine patients in "
            f"{demo_folders(out)['data']}",
            fates_line(examination.fates),
            f"Calibrated on {result.profile.n_patients} genuine patients at a "
            f"false-positive rate of {percent_text(result.profile.target_fpr)} per "
            "slice",
        )
        for outcome in examination.outcomes:
            say(*outcome_lines(outcome))
        rows = [
            (
                t.kind,
                str(t.slice_index + 1),
                str(t.column),
                str(t.row),
                "FOUND" if t.finding is not None else "MISSED",
                "" if t.p_value is None else rate_text(t.p_value),
            )
            for t in result.truth
        ]
        say("Tampered places:")
        say(*columns(("what", "slice", "x", "y", "", "p slice"), rows))
        say(*verdict_lines(verdict), f"Report: {examination.report.path}")
    if not verdict.ok:
        warn("error: the report does not verify")
    if not result.all_found:
        missed = sum(t.finding is None for t in result.truth)
        warn(f"error: {missed} of {len(result.truth)} tampered places were not found")
    return 0 if ok else 1
