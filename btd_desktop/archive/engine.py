"""Where series are examined: here one after the other, or by workers of Dask.

One worker needs no engine. Several on this computer, and those of a cluster, are Dask's
(decision 44): a worker that is lost has its series given to another. The rows do not
depend on who examined what.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, Protocol

from btd_desktop.archive.examination import SweepOptions, failed_row
from btd_desktop.archive.rows import SeriesRow
from btd_desktop.archive.sources import SeriesFiles
from btd_desktop.archive.worker import Examiner
from btd_desktop.dicom.discovery import FoundFile
from btd_desktop.digest import json_digest
from btd_desktop.errors import BtdError, Cancelled, MissingPartError, SettingsError
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import plain_json, record_from_json

# Tasks that wait at the scheduler for each worker: enough that none is idle, and so few
# that an archive of any size is no burden for it.
_AHEAD: Final = 3
_TURN_S: Final = 0.5
_JOIN_S: Final = 60.0
_here = threading.local()

Places = tuple[str, ...]
"""Folders and files that are looked at together."""

Looked = tuple[FoundFile, ...] | BtdError
"""What lies there, or why it cannot be told."""


class Engine(Protocol):
    """Does the same for many places or series, in any order."""

    def look(self, groups: Iterable[Places]) -> Iterator[tuple[Places, Looked]]:
        """What lies in the places of each group, or why that cannot be told."""

    def examine(self, series: Iterable[SeriesFiles]) -> Iterator[tuple[SeriesRow, ...]]:
        """The rows of each series."""

    @property
    def n_workers(self) -> int:
        """Workers that are there now."""


class _Single:
    """One process beside this one."""

    n_workers = 1

    def __init__(self, examiner: Examiner, options: SweepOptions) -> None:
        self._examiner, self._options = examiner, options

    def look(self, groups: Iterable[Places]) -> Iterator[tuple[Places, Looked]]:
        for places in groups:
            try:
                yield places, self._examiner.look(places, self._options)
            except BtdError as error:
                yield places, error

    def examine(self, series: Iterable[SeriesFiles]) -> Iterator[tuple[SeriesRow, ...]]:
        for files in series:
            yield self._examiner.examine(files, self._options)


class _Cluster:
    """Workers of Dask."""

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - distributed.Client
        options: SweepOptions,
        context: TaskContext,
    ) -> None:
        self._client, self._options, self._context = client, options, context

    @property
    def n_workers(self) -> int:
        return max(1, len(self._client.nthreads()))

    def look(self, groups: Iterable[Places]) -> Iterator[tuple[Places, Looked]]:
        told = ({"places": list(places)} for places in groups)
        for asked, answer in self._answers(told, _look_key):
            looked: Looked
            if isinstance(answer, str):
                looked = BtdError(answer)
            elif "found" in answer:
                looked = tuple(record_from_json(FoundFile, f) for f in answer["found"])
            else:
                looked = BtdError(answer["problem"])
            yield tuple(asked["places"]), looked

    def examine(self, series: Iterable[SeriesFiles]) -> Iterator[tuple[SeriesRow, ...]]:
        told = ({"files": plain_json(files)} for files in series)
        for asked, answer in self._answers(
            told, lambda asked: f"series-{asked['files']['digest']}"
        ):
            if isinstance(answer, str):
                files = record_from_json(SeriesFiles, asked["files"])
                yield (failed_row(files, self._options, answer),)
                continue
            yield tuple(record_from_json(SeriesRow, row) for row in answer["rows"])

    def _answers(
        self,
        tasks: Iterator[dict[str, Any]],
        key_of: Callable[[dict[str, Any]], str],
    ) -> Iterator[tuple[dict[str, Any], dict[str, Any] | str]]:
        """Each task with its answer, or with why there is none."""
        from distributed import wait

        told = plain_json(self._options)
        waiting: dict[Any, dict[str, Any]] = {}
        while True:
            room = _AHEAD * self.n_workers - len(waiting)
            for asked in islice(tasks, max(0, room)):
                future = self._client.submit(
                    serve, asked, told, key=key_of(asked), pure=False
                )
                waiting[future] = asked
            if not waiting:
                return
            self._check()
            with self._client.as_current(), contextlib.suppress(TimeoutError):
                wait(list(waiting), timeout=_TURN_S, return_when="FIRST_COMPLETED")
            for future in [f for f in waiting if f.done()]:
                asked = waiting.pop(future)
                if future.status == "finished":
                    yield asked, future.result()
                else:  # what ended the workers again and again, or a bug there
                    kind = type(future.exception()).__name__
                    yield asked, f"the workers that examined it ended ({kind})"
                future.release()

    def _check(self) -> None:
        self._context.check()
        if self._client.status != "running":
            raise SettingsError(
                "the scheduler of the cluster is gone",
                hint="start it and sweep again: what was found is kept",
                code="cluster",
            )


def _look_key(asked: dict[str, Any]) -> str:
    # Digests: Dask may print keys, and folders are named after patients.
    return f"look-{json_digest(asked)}"


def serve(asked: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """What a worker of the cluster does: hand the task to the process that it keeps."""
    if not hasattr(_here, "examiner"):
        _here.examiner = Examiner()
    examiner: Examiner = _here.examiner
    how = record_from_json(SweepOptions, options)
    if "places" in asked:
        try:
            return {
                "found": [
                    plain_json(f) for f in examiner.look(tuple(asked["places"]), how)
                ]
            }
        except BtdError as error:
            return {"problem": error.detail}
    rows = examiner.examine(record_from_json(SeriesFiles, asked["files"]), how)
    return {"rows": [plain_json(row) for row in rows]}


@contextlib.contextmanager
def engine(
    options: SweepOptions, n_workers: int, cluster: str, context: TaskContext
) -> Iterator[Engine]:
    """Where a sweep is computed.

    Args:
        options: How series are examined.
        n_workers: Processes on this computer; without meaning for a cluster.
        cluster: Address of a Dask scheduler ("tcp://host:8786"); "" for this computer.
        context: Cancellation.

    Raises:
        MissingPartError: More than one worker needs Dask, which is not installed.
        SettingsError: There is no scheduler at the address.
    """
    if not cluster and n_workers == 1:
        examiner = Examiner(lambda: _is_cancelled(context))
        with contextlib.closing(examiner):
            yield _Single(examiner, options)
        return
    with contextlib.ExitStack() as closing:
        client = _client(n_workers, cluster, closing)
        yield _Cluster(client, options, context)


def _client(n_workers: int, cluster: str, closing: contextlib.ExitStack) -> Any:  # noqa: ANN401 - distributed.Client
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingPartError(
            "several workers or a cluster need Dask, which is not installed",
            hint='pip install "btd-desktop[archive]", or --workers 1',
            code="archive",
        ) from error
    # Dask's own log would quote tasks, and with them folders named after patients.
    quiet = {
        "distributed.admin.log-length": 0,
        "distributed.logging.distributed": "critical",
    }
    closing.enter_context(dask.config.set(quiet))
    address: Any = cluster
    if not cluster:
        address = closing.enter_context(
            LocalCluster(
                n_workers=n_workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
                memory_limit=0,  # each process that examines is watched by its keeper
                silence_logs=logging.CRITICAL,
            )
        )
    try:
        client = closing.enter_context(
            Client(address, timeout=_JOIN_S, set_as_default=False)
        )
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"no scheduler answers at {cluster}",
            hint="start `dask scheduler` there, and `dask worker` on each machine",
            code="cluster",
        ) from error
    return client


def _is_cancelled(context: TaskContext) -> bool:
    try:
        context.check()
    except Cancelled:
        return True
    return False
