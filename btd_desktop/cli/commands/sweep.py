"""`btd sweep`: an archive, examined unattended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from btd_desktop.cli.options import AsJson, Device, Dtype, Modality, Model, Profile
from btd_desktop.cli.output import columns, print_json, say
from btd_desktop.cli.watching import watched

_SHOWN = 10


def sweep_archive(
    sources: Annotated[
        list[Path],
        typer.Argument(help="Folders, files, ZIP archives.", metavar="SOURCE..."),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the results; made if missing.")
    ],
    workers: Annotated[
        int,
        typer.Option(min=1, help="Processes on this computer; above 1 with Dask."),
    ] = 1,
    cluster: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Dask scheduler whose workers examine, as tcp://host:8786 or, with "
            "certificates in Dask's configuration, tls://host:8786. They must reach "
            "the sources under the same paths. Whoever reaches a scheduler without "
            "certificates can run programs on its workers.",
        ),
    ] = "",
    model: Model = "",
    profile: Profile = "",
    modality: Modality = "",
    device: Device = None,
    dtype: Dtype = None,
    time_limit: Annotated[
        float, typer.Option(min=1.0, help="Seconds that one series may take.")
    ] = 1800.0,
    memory: Annotated[
        float, typer.Option(min=0.25, help="GiB that examining one series may take.")
    ] = 4.0,
    keep_free: Annotated[
        float, typer.Option(min=0.0, help="GiB of the disk that stay free.")
    ] = 2.0,
    retry: Annotated[
        bool, typer.Option("--retry", help="Series that were not scored, again.")
    ] = False,
    rate: Annotated[
        float,
        typer.Option(
            min=1e-6, max=0.5, help="Genuine series among those flagged, at most."
        ),
    ] = 0.1,
    as_json: AsJson = False,
) -> int:
    """Examine every series of an archive that is not known yet; one row each."""
    from btd_desktop.archive.examination import SweepOptions
    from btd_desktop.archive.rows import read_rows
    from btd_desktop.archive.sweep import SweepPlan, sweep
    from btd_desktop.cli.options import modality_of
    from btd_desktop.workflow.services import default_services

    settings = default_services().settings
    options = SweepOptions(
        model=model,
        profile=profile,
        device=device or settings.device,
        dtype=dtype or settings.dtype,
        modality=modality_of(modality),
        time_limit_s=time_limit,
        memory_bytes=int(memory * (1 << 30)),
    )
    plan = SweepPlan(
        tuple(path.resolve() for path in sources),
        out,
        options,
        workers,
        cluster,
        int(keep_free * (1 << 30)),
        retry,
        rate,
    )
    with watched() as context:
        done = sweep(plan, context)
    if as_json:
        print_json(done)
        return 0
    say(
        f"Series: {done.n_found} found, {done.n_known} known before, "
        f"{done.n_examined} examined now",
        "  " + ", ".join(f"{n} {state}" for state, n in done.states.items()),
    )
    for problem in done.problems:
        say(f"  not looked through: {problem}")
    rows = read_rows(done.index, _SHOWN)
    marks = set(done.flags.flagged)
    told = [
        (
            str(rank),
            row.series_digest[:12],
            row.modality or "–",
            row.scanner or "–",
            str(row.slices),
            row.state,
            row.p_words if row.state == "examined" else row.reason or row.p_words,
            "flagged" if row.series_digest in marks else "",
        )
        for rank, row in enumerate(rows, start=1)
    ]
    header = ("rank", "series", "kind", "scanner", "slices", "state", "p", "")
    say(*columns(header, told))
    n_rows = sum(done.states.values())
    if n_rows > _SHOWN:
        say(f"  and {n_rows - _SHOWN} more in {done.index}")
    n_flagged = len(done.flags.flagged)
    say(f"Flagged: {n_flagged}. {done.flags.reason}", f"Index: {done.index}")
    if done.parquet is not None:
        say(f"Parquet: {done.parquet}")
    return 0
