"""`btd sweep`: an archive, examined unattended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.options import AsJson, Device, Dtype, Modality, Model, Profile
from btd_desktop.cli.output import columns, print_json, say
from btd_desktop.cli.watching import watched

if TYPE_CHECKING:
    from btd_desktop.archive.pacs.exchange import SeriesFilter
    from btd_desktop.archive.pacs.storing import StoredObject

_SHOWN = 10


def sweep_archive(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders, files, ZIP archives; or archives on the network (PACS): "
            "dicomweb+https://HOST/PATH, dimse+tls://AET@HOST:PORT, dimse://AET@HOST:"
            "PORT, whose series are received into the folder of the results.",
            metavar="SOURCE...",
        ),
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
    connection: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="How archives on the network are spoken to (TOML): certificates, "
            "user, password, C-GET or C-MOVE. Others must not be able to read it.",
        ),
    ] = None,
    dates: Annotated[
        str,
        typer.Option(
            metavar="FROM-TO",
            help="Dates of the studies asked for, as 20260101-20260331; one may lack.",
        ),
    ] = "",
    study: Annotated[
        str, typer.Option(metavar="UID", help="The one study asked for.")
    ] = "",
    store: Annotated[
        bool,
        typer.Option(
            "--store-back",
            help="Store the results as DICOM objects in the archive that is swept.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Examine every series of an archive that is not known yet; one row each."""
    from btd_desktop.archive.examination import SweepOptions
    from btd_desktop.archive.rows import read_rows
    from btd_desktop.archive.sweep import SweepPlan, sweep
    from btd_desktop.cli.options import modality_of
    from btd_desktop.strict_json import plain_json
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
    paths, addresses = parted(sources)
    if store and (len(addresses) != 1 or paths):
        raise typer.BadParameter("--store-back takes one archive on the network alone")
    if store:
        options = replace(options, results=str((out / "results").resolve()))
    wanted = series_filter(options.modality, dates, study)
    with watched() as context:
        received = None
        if addresses:
            from btd_desktop.archive.pacs.deliveries import receive_series

            received = receive_series(addresses, connection, wanted, out, context)
        plan = SweepPlan(
            (*paths, *(() if received is None else received.folders)),
            out,
            options,
            workers,
            cluster,
            int(keep_free * (1 << 30)),
            retry,
            rate,
            () if received is None else received.rows,
            () if received is None else received.arrived,
            () if received is None else received.problems,
        )
        done = sweep(plan, context)
        stored: tuple[StoredObject, ...] = ()
        if store:
            from btd_desktop.archive.pacs.deliveries import store_back

            results = Path(options.results)
            stored = tuple(store_back(addresses[0], connection, results, context))
    if as_json:
        print_json({**plain_json(done), "stored": stored} if store else done)
        return 0
    if store:
        n_stored = sum(not one.problem for one in stored)
        say(f"Stored in the archive: {n_stored} of {len(stored)} objects")
        say(*(f"  {one.name}: {one.problem}" for one in stored if one.problem))
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


def parted(sources: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Paths, and addresses of archives on the network."""
    from btd_desktop.archive.pacs.address import is_address

    addresses = tuple(source for source in sources if is_address(source))
    paths = tuple(Path(s).resolve() for s in sources if not is_address(s))
    return paths, addresses


def series_filter(modality: str, dates: str, study: str) -> SeriesFilter:
    """Which series an archive is asked for.

    Raises:
        BadParameter: Dates or UID are none.
    """
    from btd_desktop.archive.pacs.exchange import SeriesFilter, is_uid

    first, dash, last = dates.partition("-")
    if dates and not re.fullmatch(r"(\d{8})?-(\d{8})?", dates):
        raise typer.BadParameter(f"--dates is FROM-TO as YYYYMMDD, got {dates!r}")
    if study and not is_uid(study):
        raise typer.BadParameter("--study is a Study Instance UID")
    modalities = (modality,) if modality else ("CT", "MR")
    return SeriesFilter(modalities, first, last if dash else "", study)
