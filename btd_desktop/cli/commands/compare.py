"""`btd compare`: two deliveries of one scan, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched

_MOST = 20  # files named each; all of them are in --json


def compare_deliveries(
    first: Annotated[
        Path, typer.Argument(help="Folder, file or ZIP of evidence.", metavar="A")
    ],
    second: Annotated[Path, typer.Argument(help="Another one.", metavar="B")],
    as_json: AsJson = False,
) -> int:
    """Compare two deliveries: pixels, encodings, headers, what is missing.

    Exit status 0 if both hold the same images, pixel by pixel, 1 if not.
    """
    from btd_desktop.workflow.compare_deliveries import compare

    with watched() as context:
        found = compare(first, second, context)
    if as_json:
        print_json({"first": str(first), "second": str(second), **found.to_json()})
    else:
        say(*found.lines(_MOST))
    return 0 if found.same_images else 1
