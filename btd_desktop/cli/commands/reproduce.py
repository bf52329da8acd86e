"""`btd reproduce`: does this evidence, scored again, give the report's numbers?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.options import AsJson, Device
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched

if TYPE_CHECKING:
    from btd_desktop.workflow.reproduce import SeriesAgreement

_ANSWERS = {
    "exact": "EXACT: every number is the report's, to the last digit.",
    "close": "WITHIN 1e-5: every number agrees with the report's to 1e-5.",
    "differs": "DIFFERS: numbers are not those of the report.",
}


def reproduce_report(
    report: Annotated[Path, typer.Argument(help="The PDF.", metavar="REPORT")],
    evidence: Annotated[
        list[Path],
        typer.Option(help="Folder or file received; repeatable."),
    ],
    profile: Annotated[
        str,
        typer.Option(help="File of the profile, where it is not installed here."),
    ] = "",
    device: Device = None,
    as_json: AsJson = False,
) -> int:
    """Score a report's evidence again and compare; status 1 if numbers differ."""
    from btd_desktop.workflow import reproduce
    from btd_desktop.workflow.services import default_services

    services = default_services()
    with watched() as context:
        found = reproduce.reproduce_report(
            report,
            evidence,
            services,
            context,
            profile=profile,
            device=device or services.settings.device,
        )
    if as_json:
        print_json(
            {"report": str(report), "agreement": found.agreement, **_json(found)}
        )
    else:
        say(f"Reproduction: {_ANSWERS[found.agreement]}")
        say(f"  Report {found.report_id}: {found.headline}")
        say(f"  Evidence: {found.n_files} files with the digests of the report.")
        say(*(_line(series) for series in found.series))
    return 1 if found.agreement == "differs" else 0


def _json(found: object) -> dict[str, object]:
    from btd_desktop.strict_json import plain_json

    return plain_json(found)


def _line(series: SeriesAgreement) -> str:
    same = "the report's manifest" if series.same_manifest else "another manifest"
    return (
        f"  Series {series.series}: {series.n_compared:,} numbers compared, "
        f"{series.n_unequal:,} not the same to the last digit, {series.n_differing:,} "
        f"beyond 1e-5 (largest difference {series.largest:.1e}; {same})."
    )
