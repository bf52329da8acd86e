"""`btd bench processing`: how often genuine scans look processed, and what is found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.commands.bench import bench
from btd_desktop.cli.measuring import JsonFile, Seed, write_text
from btd_desktop.cli.output import columns, say
from btd_desktop.cli.watching import watched
from btd_desktop.strict_json import printed_json

if TYPE_CHECKING:
    from btd_desktop.bench.processing import FoundRow, RateRow


@bench.command("processing")
def measure_processing(
    data: Annotated[Path, typer.Option(help="Folder of real scans.")],
    test: Annotated[
        str,
        typer.Option(
            help="Series of the split “test”, with commas between: judged apart, by "
            "limits made from “train” and “calib”."
        ),
    ] = "",
    copies: Annotated[
        int, typer.Option(help="CT series to process; 0 for none.", min=0)
    ] = 12,
    seed: Seed = 0,
    json_file: JsonFile = None,
) -> int:
    """Count traces of whole-scan processing in genuine scans and in processed copies.

    Genuine series are judged by limits that their own patient had no part in; series
    whose header declares processing stand apart. Copies are judged by the limits that
    the program uses.
    """
    from btd_desktop.bench import corpus
    from btd_desktop.bench.processing import (
        found_rows,
        limits_from,
        measure_genuine,
        rate_rows,
    )

    names = [name.strip() for name in test.split(",") if name.strip()]
    kept: dict[str, object] = {}
    with watched() as context:
        for modality in ("CT", "MR"):
            measured, later, volumes = [], [], []
            for split in ("train", "calib"):
                series, _ = corpus.load_split(data, split, modality, context)
                measured += measure_genuine(series, context)
                volumes += [item.volume for item in series if modality == "CT"]
            if names:
                series, _ = corpus.load_split(data, "test", modality, context, names)
                later = measure_genuine(series, context)
            plain = [item for item in measured if not item.is_declared]
            for title, items in (
                ("undeclared", plain),
                ("declared", [item for item in measured if item.is_declared]),
                ("test, undeclared", [i for i in later if not i.is_declared]),
                ("test, declared", [item for item in later if item.is_declared]),
            ):
                rows = rate_rows(items, plain)
                if rows:
                    say("", f"{modality}, {title}")
                    _say_rates(rows)
                kept[f"{modality} {title}"] = rows
            limits = limits_from(plain)
            kept[f"{modality} limits"] = limits
            say("limits: " + ", ".join(f"{c} {v:.3g}" for c, v in limits.items()))
            if volumes and copies:
                found = found_rows(volumes, context, n=copies, seed=seed)
                say("", "processed copies")
                _say_found(found)
                kept["copies"] = found
    write_text(json_file, printed_json(kept))
    return 0


def _say_rates(rows: list[RateRow]) -> None:
    heads = ("trace", "found", "series", "patients", "rate", "at most", "highest")
    cells = [
        (
            row.code,
            str(row.n_found),
            str(row.n_series),
            str(row.n_patients),
            f"{100 * row.rate:.2g} %",
            f"{100 * row.most:.2g} %",
            f"{row.highest:.3g}",
        )
        for row in rows
    ]
    say(*columns(heads, cells))


def _say_found(rows: list[FoundRow]) -> None:
    cells = [
        (
            row.name,
            f"{row.n_found}/{row.n}",
            f"{100 * row.low:.0f} to {100 * row.high:.0f} %",
            ", ".join(f"{code} {n}" for code, n in row.by_trace.items() if n),
        )
        for row in rows
    ]
    say(*columns(("processing", "found", "interval", "by trace"), cells))
