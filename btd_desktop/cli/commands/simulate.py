"""`btd simulate`: scans without patients, genuine or tampered with on purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched


def simulate_scan(
    modality: Annotated[str, typer.Argument(help="ct or mr.", metavar="ct|mr")],
    out: Annotated[Path, typer.Option(help="New folder of the series.")],
    scanner: Annotated[
        str,
        typer.Option(help="Letter or name of a simulated scanner. [default: first]"),
    ] = "",
    slices: Annotated[int, typer.Option(help="Number of slices.", min=1, max=500)] = 40,
    rows: Annotated[
        int, typer.Option(help="Rows and columns.", min=64, max=1024)
    ] = 320,
    seed: Annotated[int, typer.Option(help="Everything follows from it.", min=0)] = 1,
    tamper: Annotated[str, typer.Option(help="inject or remove a nodule (ct).")] = "",
    as_json: AsJson = False,
) -> int:
    """Simulate a CT or MR series and write it as DICOM."""
    from btd_desktop.workflow.simulate import SimulationOptions, simulate_series

    options = SimulationOptions(
        modality=modality.upper(),
        scanner=scanner,
        n_slices=slices,
        rows=rows,
        seed=seed,
        tamper=tamper,
    )
    with watched() as context:
        made = simulate_series(out, options, context)
    if as_json:
        print_json(made.to_json())
        return 0
    say(f"Series: {made.folder}", f"  {made.scanner}, {made.n_slices} slices")
    if made.truth is not None:
        say(f"  {made.truth['sentence']}")
    return 0
