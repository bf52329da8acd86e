"""`btd gui`: the window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.invocation import Invocation


def open_gui(
    ctx: typer.Context,
    path: Annotated[
        Path | None,
        typer.Argument(help="Case, evidence or report to open.", metavar="[PATH]"),
    ] = None,
) -> int:
    """Open the window, with a case, evidence or a report."""
    invocation: Invocation = ctx.obj
    return invocation.open_window(path)
