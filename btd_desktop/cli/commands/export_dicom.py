"""`btd export-dicom`: the results of a case as DICOM objects of its study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson, CaseFolder, Profile
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched


def export_dicom(
    case: CaseFolder,
    out: Annotated[Path, typer.Option(help="Folder to write into; new or empty.")],
    redacted: Annotated[
        bool,
        typer.Option(
            "--redacted",
            help="Pseudonyms in place of patient, study and UIDs, with the redacted"
            " report.",
        ),
    ] = False,
    report: Annotated[
        bool,
        typer.Option(
            "--report/--no-report", help="Encapsulate the newest report of the case."
        ),
    ] = True,
    profile: Profile = "",
    as_json: AsJson = False,
) -> int:
    """Write map, flags, scores, pictures and report as DICOM; evidence is only read."""
    from btd_desktop.workflow.export_dicom import ExportOptions, export_case
    from btd_desktop.workflow.services import default_services

    options = ExportOptions(out, redacted, report, profile)
    with watched() as context:
        done = export_case(case, default_services(), options, context)
    if as_json:
        print_json({"case": str(case), "export": done})
        return 0
    say(f"Written to {done.folder}: {len(done.files)} DICOM objects")
    say(*(f"  {file.name}  {file.sha256}" for file in done.files))
    say(*(f"  {text}" for text in done.left_out))
    return 0
