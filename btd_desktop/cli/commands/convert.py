"""`btd convert`: the authors' published checkpoint to a model of this program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson
from btd_desktop.cli.output import print_json, say
from btd_desktop.cli.watching import watched


def convert_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(help="CT_model.pt or MRI_model.pt.", metavar="CHECKPOINT")
    ],
    out: Annotated[Path, typer.Option(help="New folder of the model.")],
    modality: Annotated[str, typer.Option(help="ct or mr.")],
    as_json: AsJson = False,
) -> int:
    """Convert a published checkpoint to safetensors and a card.

    Such a file is a pickle and could run code: it is read as weights only, in a
    process of its own.
    """
    from btd_desktop.workflow.convert_model import convert_published
    from btd_desktop.workflow.services import default_services

    with watched() as context:
        card = convert_published(
            checkpoint,
            out,
            modality=modality.upper(),
            services=default_services(),
            context=context,
        )
    if as_json:
        print_json({"folder": str(out), "card": card.to_json()})
        return 0
    say(
        f"Model: {out}",
        f"  {card.title}, {card.n_parameters:,} parameters",
        "Calibrate it on genuine scans before it is used: btd calibrate",
    )
    return 0
