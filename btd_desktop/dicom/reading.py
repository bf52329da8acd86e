"""Reading and parsing every source once, in a few threads with a process each."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, Self

from numpy.typing import NDArray

from btd_desktop.containment.measures import Containment
from btd_desktop.dicom import btd_layout
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.neighbours import Companion, Neighbours
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import Fate, FileRecord
from btd_desktop.dicom.sniff import Kind
from btd_desktop.dicom.sources import Received, Source, receive
from btd_desktop.digest import array_digest
from btd_desktop.progress import TaskContext

_STAGE: Final = "Reading files"
_TURN_S: Final = 0.1
# What one more process must have to read: its start costs as much as some 20 slices.
_FILES_EACH: Final = 16
_BYTES_EACH: Final = 8 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One source, read and parsed.

    Attributes:
        record: What became of it, as far as the file alone tells.
        kind: What its first bytes make it.
        parsed: Facts and pixels; None when it was not parsed.
        companion: The file of its values, when they lie in one of their own.
        index: Rows, when it is an index of the published test sets.
    """

    record: FileRecord
    kind: Kind
    parsed: ParsedFile | None
    companion: Companion | None = None
    index: tuple[btd_layout.IndexRow, ...] = ()


class Reading(NamedTuple):
    """What reading every source gave.

    Attributes:
        outcomes: In the order of the sources.
        containment: What held every parsing process; None when none was needed.
    """

    outcomes: list[Outcome]
    containment: Containment | None


def read_all(
    sources: list[Source],
    limits: Limits,
    context: TaskContext,
    ready: Sequence[Sandbox] = (),
    *,
    keep: bool = True,
) -> Reading:
    """Outcomes in the order of the sources, whichever thread was first.

    Args:
        sources: What is read.
        limits: Ceilings for hostile input.
        context: Progress and cancellation.
        ready: Parsing processes started before; used first, and closed in the end.
        keep: Keep facts and pixels; False where the records alone are wanted, of more
            files than memory holds.

    Raises:
        Cancelled: The examiner asked to stop.
    """
    pool = _ReadingPool(sources, limits, ready)
    outcomes: dict[int, Outcome] = {}
    with pool:
        while len(outcomes) < len(sources):
            context.check()
            try:
                item = pool.done.get(timeout=_TURN_S)
            except queue.Empty:
                continue
            if isinstance(item, BaseException):
                raise item
            index, outcome = item
            outcomes[index] = outcome if keep else replace(outcome, parsed=None)
            context.report(len(outcomes), len(sources), _STAGE)
    known = [c for c in (box.containment for box in pool.sandboxes) if c is not None]
    return Reading(
        [outcomes[index] for index in range(len(sources))],
        Containment.weakest(known) if known else None,
    )


class _ReadingPool:
    """A few threads, each with its own parsing process, that take turns."""

    def __init__(
        self, sources: list[Source], limits: Limits, ready: Sequence[Sandbox]
    ) -> None:
        self.done: queue.Queue[tuple[int, Outcome] | BaseException] = queue.Queue()
        self._limits, self._neighbours = limits, Neighbours(sources)
        self._turn = iter(enumerate(sources))
        self._lock, self._stop = threading.Lock(), threading.Event()
        n_bytes = sum(source.size_bytes for source in sources)
        n_worth = 1 + max(len(sources) // _FILES_EACH, n_bytes // _BYTES_EACH)
        n_workers = min(limits.workers, len(sources), n_worth)
        n_new = max(0, n_workers - len(ready))
        self.sandboxes = [*ready, *(Sandbox(limits) for _ in range(n_new))]
        self._threads = [
            threading.Thread(target=self._serve, args=(box,), name="btd-import")
            for box in self.sandboxes[:n_workers]
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for sandbox in self.sandboxes:
            sandbox.close()
        for thread in self._threads:
            thread.join()

    def _serve(self, sandbox: Sandbox) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    step = next(self._turn, None)
                if step is None:
                    return
                outcome = _read_one(step[1], sandbox, self._limits, self._neighbours)
                self.done.put((step[0], outcome))
        except BaseException as error:  # noqa: BLE001 - raised again by the caller
            self.done.put(error)


def _read_one(
    source: Source, sandbox: Sandbox, limits: Limits, neighbours: Neighbours
) -> Outcome:
    received = receive(source, limits)
    if received.fate is not Fate.ACCEPTED:
        return _rejected(source, received, received.fate, received.reason)
    kind = received.kind
    if kind is Kind.OTHER:
        reason = f"Not a scan: {received.looks_like}."
        return _rejected(source, received, Fate.NOT_AN_IMAGE, reason)
    if kind is Kind.ZIP:
        reason = source.reason or "An archive inside an archive is not opened."
        return _rejected(source, received, Fate.REFUSED, reason)
    if kind is Kind.CSV:
        return _read_index(source, received)
    return _parse(source, received, sandbox, limits, neighbours)


def _rejected(source: Source, received: Received, fate: Fate, reason: str) -> Outcome:
    return Outcome(_record(source, received, fate, reason), received.kind, None)


def _read_index(source: Source, received: Received) -> Outcome:
    rows = btd_layout.read_index(received.data)
    words = (
        f"An index of the published test sets: {len(rows)} labelled places."
        if rows
        else "Not a scan: a table."
    )
    record = _record(source, received, Fate.NOT_AN_IMAGE, words)
    return Outcome(record, received.kind, None, index=rows)


def _parse(
    source: Source,
    received: Received,
    sandbox: Sandbox,
    limits: Limits,
    neighbours: Neighbours,
) -> Outcome:
    beside, values = None, None
    if received.kind is Kind.VOLUME:
        beside = neighbours.of_header(source, received.data)
    if beside is not None:
        values = receive(beside, limits, keep=True)
        if not values.sha256:
            reason = f"Its data file {beside.name} cannot be used: {values.reason}"
            return _rejected(source, received, Fate.REFUSED, reason)
    is_dicom = received.kind in (Kind.DICOM, Kind.DICOM_WITHOUT_PREAMBLE)
    parsed = sandbox.parse(
        "dicom" if is_dicom else received.kind.value,
        received.data,
        companion=None if values is None else values.data,
    )
    record = _record(source, received, parsed.fate, parsed.reason)
    if parsed.facts is not None:
        record = replace(
            record,
            series_uid=parsed.facts.text.get("series_uid", ""),
            sop_instance_uid=parsed.facts.text.get("sop_instance_uid", ""),
        )
    if parsed.pixels is not None:
        record = replace(record, pixel_sha256=_pixel_digest(parsed.pixels))
    companion = None
    if beside is not None and values is not None:
        companion = Companion(beside.name, values.sha256, values.kind)
    return Outcome(record, received.kind, parsed, companion)


def _pixel_digest(pixels: NDArray[Any]) -> str:
    # A single volume counts as (S, H, W), like the frames of one instance.
    return array_digest(pixels[0] if pixels.ndim == 4 and len(pixels) == 1 else pixels)


def _record(source: Source, received: Received, fate: Fate, reason: str) -> FileRecord:
    size, sha256 = received.size_bytes, received.sha256
    return FileRecord(source.name, source.path, size, sha256, "", fate, reason, "", "")
