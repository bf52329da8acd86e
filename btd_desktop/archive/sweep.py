"""A sweep: discover, skip what is known, examine, rank, flag.

Killed at any moment, it goes on where it was: a row is in the index or is not, and the
same command skips the series that are.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from btd_desktop.archive.engine import Engine, Places, engine
from btd_desktop.archive.examination import SweepOptions
from btd_desktop.archive.export import PARQUET_NAME, write_parquet
from btd_desktop.archive.flags import Flags, flag
from btd_desktop.archive.pace import Pace
from btd_desktop.archive.rows import (
    INDEX_NAME,
    SeriesRow,
    drop_rows,
    is_known,
    open_index,
    read_fact,
    rows_of,
    write_fact,
    write_rows,
)
from btd_desktop.archive.sources import SeriesFiles, gather
from btd_desktop.cases.lock import WriterLock
from btd_desktop.dicom.discovery import FoundFile, list_folders
from btd_desktop.diffusion.torch_part import require_torch
from btd_desktop.errors import BtdError, CaseError, EvidenceError, MissingPartError
from btd_desktop.examination.series import State
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import plain_json

_SCRATCH: Final = "work"
# Folders looked at by one task: they share the start of a parsing process.
_TOGETHER: Final = 32
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """What is swept, and with what.

    Attributes:
        sources: Folders, files, archives.
        out: Folder of the results; made when missing.
        options: How each series is examined.
        n_workers: Processes on this computer.
        cluster: Address of a Dask scheduler; "" for this computer.
        keep_free_bytes: The sweep stops when the disk of the results has less room.
        retry: Examine series again that could not be scored.
        rate: Wanted false discovery rate.
        rows: Rows of series that an archive on the network did not send whole.
        arrived: Keys of such rows of series that it sent now.
        problems: What else that archive could not be asked.
    """

    sources: tuple[Path, ...]
    out: Path
    options: SweepOptions
    n_workers: int = 1
    cluster: str = ""
    keep_free_bytes: int = 2 << 30
    retry: bool = False
    rate: float = 0.1
    rows: tuple[SeriesRow, ...] = ()
    arrived: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SweepSummary:
    """What a sweep did, and what the archive holds now.

    Attributes:
        index: The index.
        parquet: The export, None where pyarrow is not installed.
        n_found: Series found.
        n_known: Of them known before.
        n_examined: Series examined now.
        states: Rows of the archive by state.
        fates: Files by what became of them.
        flags: Which series are flagged, or why none can be.
        problems: Places that could not be looked through.
        seconds: Wall-clock seconds of "discover" and "examine".
    """

    index: Path
    parquet: Path | None
    n_found: int
    n_known: int
    n_examined: int
    states: dict[str, int]
    fates: dict[str, int]
    flags: Flags
    problems: tuple[str, ...]
    seconds: dict[str, float]


def sweep(plan: SweepPlan, context: TaskContext) -> SweepSummary:
    """Examine every series below the sources that the index does not know yet.

    Raises:
        MissingPartError: torch, or Dask where it is needed, is not installed.
        EvidenceError: A source does not exist, or holds nothing to examine.
        SettingsError: There is no such cluster.
        CaseError: The results cannot be written, another sweep writes them, or the
            disk is full.
        Cancelled: The examiner asked to stop; what was found is kept.
    """
    require_torch()
    with contextlib.ExitStack() as closing:
        closing.enter_context(_results_locked(plan.out))
        index = plan.out / INDEX_NAME
        connection = closing.enter_context(open_index(index))
        options = _prepared(plan, connection)
        where = closing.enter_context(
            engine(options, plan.n_workers, plan.cluster, context)
        )
        return _swept(replace(plan, options=options), connection, where, context)


def _swept(
    plan: SweepPlan, connection: sqlite3.Connection, where: Engine, context: TaskContext
) -> SweepSummary:
    began = time.monotonic()
    problems = list(plan.problems)
    number = plan.options.sweep
    drop_rows(connection, plan.arrived)
    write_rows(connection, [replace(row, sweep=number) for row in plan.rows])
    found = gather(_looked_through(plan.sources, where, problems, context))
    if not (found.series or problems or plan.rows):
        listed = ", ".join(f"{n} {fate}" for fate, n in sorted(found.fates.items()))
        raise EvidenceError(
            f"there is no series to examine ({listed or 'no file'})", code="no_series"
        )
    discovered = time.monotonic()
    to_do = [
        files for files in found.series
        if not _is_done(connection, files.digest, retry=plan.retry)
    ]  # fmt: skip
    _log.info("%d series found, %d to examine", len(found.series), len(to_do))
    _examine(plan, connection, to_do, where, context)
    write_fact(connection, "sweep", {"number": plan.options.sweep, "done": True})
    write_fact(connection, "files", found.fates)
    flags = flag(rows_of(connection), plan.rate, plan.options.sweep)
    write_fact(connection, "flags", plain_json(flags))
    ended = time.monotonic()
    return SweepSummary(
        plan.out / INDEX_NAME,
        _exported(connection, plan.out),
        len(found.series),
        len(found.series) - len(to_do),
        len(to_do),
        _states(connection),
        found.fates,
        flags,
        tuple(problems),
        {"discover": discovered - began, "examine": ended - discovered},
    )


def _looked_through(
    sources: Sequence[Path], where: Engine, problems: list[str], context: TaskContext
) -> Iterator[FoundFile]:
    context.report(0, 0, "Listing folders")
    places = list_folders(sources)
    done = 0
    alone: list[Places] = []
    groups = [
        tuple(places[n : n + _TOGETHER]) for n in range(0, len(places), _TOGETHER)
    ]
    for group in (groups, alone):
        # A group that fails is looked at place by place: filled by then.
        for looked, answer in where.look(group):
            if not isinstance(answer, BtdError):
                yield from answer
            elif len(looked) > 1:
                alone += [(place,) for place in looked]
                continue
            else:
                problems.append(answer.detail)
            done += len(looked)
            context.report(done, len(places), "Looking through folders")


def _examine(
    plan: SweepPlan,
    connection: sqlite3.Connection,
    to_do: Sequence[SeriesFiles],
    where: Engine,
    context: TaskContext,
) -> None:
    n_files = {files.digest: len(files.files) for files in to_do}
    pace, began = Pace(sum(n_files.values())), time.monotonic()
    stage = "Examining series"
    context.report(0, len(to_do), stage, left="")
    for done, rows in enumerate(where.examine(_while_room(to_do, plan)), start=1):
        write_rows(connection, rows)
        _log.info("series %s: %s", rows[0].series_digest[:12], rows[0].state)
        seconds = sum(sum(row.seconds.values()) for row in rows)
        pace.add(n_files[rows[0].series_digest], seconds)
        left = pace.words(time.monotonic() - began) if done < len(to_do) else ""
        context.report(done, len(to_do), stage, left=left)


def _while_room(
    series: Iterable[SeriesFiles], plan: SweepPlan
) -> Iterator[SeriesFiles]:
    for files in series:
        free = shutil.disk_usage(plan.out).free
        if free < plan.keep_free_bytes:
            raise CaseError(
                f"the disk of {plan.out} has {free / (1 << 30):.1f} GiB left, less "
                "than the sweep is to keep free; what was found is kept",
                hint="free some space and give the same command again",
                code="disk-full",
            )
        yield files


def _is_done(connection: sqlite3.Connection, digest: str, *, retry: bool) -> bool:
    if not retry:
        return is_known(connection, digest)
    asked = "SELECT 1 FROM series WHERE series_digest = ? AND state <> ?"
    not_scored = State.NOT_SCORED.value
    return connection.execute(asked, (digest, not_scored)).fetchone() is not None


def _prepared(plan: SweepPlan, connection: sqlite3.Connection) -> SweepOptions:
    """Options with what the index decides; leftovers of a killed sweep go away."""
    salt = read_fact(connection, "salt", "") or secrets.token_hex(16)
    write_fact(connection, "salt", salt)
    last = read_fact(connection, "sweep", {"number": 0, "done": True})
    number = last["number"] + (1 if last["done"] else 0)
    write_fact(connection, "sweep", {"number": number, "done": False})
    scratch = plan.out / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    if not plan.cluster:  # machines of a cluster use their own disks
        scratch.mkdir(exist_ok=True)
    return replace(
        plan.options,
        salt=salt,
        sweep=number,
        scratch="" if plan.cluster else str(scratch.resolve()),
    )


def _exported(connection: sqlite3.Connection, out: Path) -> Path | None:
    try:
        write_parquet(connection, out / PARQUET_NAME)
    except MissingPartError:
        return None
    return out / PARQUET_NAME


def _states(connection: sqlite3.Connection) -> dict[str, int]:
    counted = "SELECT state, COUNT(*) FROM series GROUP BY state ORDER BY state"
    return dict(connection.execute(counted).fetchall())


@contextlib.contextmanager
def _results_locked(out: Path) -> Iterator[None]:
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(out)
    except (OSError, CaseError) as error:
        raise CaseError(
            f"{out} cannot take the results: it cannot be written, or another sweep "
            "writes there",
            hint="wait for the other sweep, or name another folder",
            code="results",
        ) from error
    try:
        yield
    finally:
        lock.release()
