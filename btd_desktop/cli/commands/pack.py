"""`btd pack` and `btd unpack`: a case in one file for the other side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson, CaseFolder
from btd_desktop.cli.output import fields, print_json, say
from btd_desktop.cli.watching import watched


def pack_case(
    case: CaseFolder,
    out: Annotated[
        Path, typer.Option(help="File to write; .btdcase is the usual ending.")
    ],
    evidence: Annotated[
        bool,
        typer.Option(
            "--evidence/--no-evidence",
            help="Put the evidence in too; it must be within reach and unchanged.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Pack a case with its reports into one file that opens for reading only."""
    from btd_desktop.workflow.portable import packing
    from btd_desktop.workflow.services import default_services

    with watched() as context:
        packed = packing.pack_case(
            case, out, default_services(), context, with_evidence=evidence
        )
    if as_json:
        print_json({"case": str(case), "packed": packed})
        return 0
    say(
        f"Packed: {packed.path}",
        *fields(
            ("parts", f"{packed.n_parts}, of them {packed.n_evidence} of evidence"),
            ("SHA-256 of the manifest", packed.manifest_sha256),
            ("SHA-256 of the file", packed.sha256),
        ),
    )
    return 0


def unpack_case(
    bundle: Annotated[
        Path, typer.Argument(help="File that `btd pack` wrote.", metavar="FILE")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the parts.")],
    as_json: AsJson = False,
) -> int:
    """Take a portable case apart, every digest compared first, to go on working."""
    from btd_desktop.workflow.portable import opening

    with watched() as context:
        check = opening.unpack_case(bundle, out, context)
    if as_json:
        print_json({"folder": str(out), "bundle": check})
        return 0
    n_parts = 0 if check.manifest is None else len(check.manifest.parts)
    say(f"Unpacked to {out}: {n_parts} parts, all as the manifest names them")
    return 0
