"""The application's side of the parsing process: start, ask, time out, restart.

DICOM headers, codestreams and volume files are parsed in another process, held by
`containment` and by limits on memory and time. It is given bytes and gives back plain
arrays; what it answers is checked before use. A crash, an overrun or a wrong answer
costs the one file that was being read.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
import threading
from typing import Any, Final, Self

import msgspec
import numpy as np
from msgspec.structs import asdict
from numpy.typing import NDArray

from btd_desktop.containment.channel import ChannelError
from btd_desktop.containment.measures import Containment
from btd_desktop.containment.starting import (
    Contained,
    bare_environment,
    start_contained,
)
from btd_desktop.dicom.instance import InstanceFacts
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import Answer, ArrayShape, ParsedFile, Request
from btd_desktop.dicom.series import Fate, SeriesFinding
from btd_desktop.strict_json import plain_json

# In a frozen bundle there is no `python -m`: the program starts itself with this flag
# and `__main__` hands over to `worker.main`.
WORKER_FLAG: Final = "--dicom-worker"
_DYING_S: Final = 5.0
_MAX_REMARKS: Final = 100
_BYTES_PER_EXTRA_SECOND: Final = 16 << 20
# What an answer that does not keep to the protocol can raise while it is checked.
_WRONG_ANSWERS: Final = (
    *(ChannelError, ValueError, KeyError, TypeError, IndexError, AttributeError),
    *(OverflowError, RecursionError),
)


class Sandbox:
    """One parsing process, restarted when it dies. Not for use by two threads.

    Attributes:
        containment: What the process said before it was given a foreign byte; None as
            long as none has been started.
        n_restarts: Processes that died or went astray.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._contained: Contained | None = None
        self.containment: Containment | None = None
        self._folder: str | None = None
        self._lock = threading.Lock()
        self._closed = False
        self.n_restarts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def parse(
        self, kind: str, data: bytes, *, companion: bytes | None = None
    ) -> ParsedFile:
        """Parse one file; every way that this can go wrong is an outcome.

        Args:
            kind: "dicom", "volume", "npy", "png", or "tags" (a DICOM file's elements,
                no pixels).
            data: The file.
            companion: Detached data of a volume file, None when there are none.
        """
        size = len(data) + len(companion or b"")
        timeout_s = self._limits.file_timeout_s + size / _BYTES_PER_EXTRA_SECOND
        try:
            contained, is_new = self._running_process()
        except OSError as error:
            return ParsedFile(
                Fate.REFUSED, f"The parsing process cannot be started ({error})."
            )
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            contained.kill()

        watchdog = threading.Timer(timeout_s, stop)
        watchdog.daemon = True
        watchdog.start()
        try:
            if is_new:
                self._hear_containment(contained)
            request = Request(kind, len(data), companion is not None)
            header, payload = contained.ask(
                plain_json(request),
                data + companion if companion else data,
                # Voxels may widen to 8 bytes on the way.
                2 * max(self._limits.max_pixel_bytes, self._limits.max_inflated_bytes),
            )
            return _checked(header, payload, kind)
        except MemoryError:
            self._stop()
            return ParsedFile(
                Fate.REFUSED, "What its reader answers needs more memory than there is."
            )
        except _WRONG_ANSWERS as error:
            return self._after_failure(contained, expired.is_set(), timeout_s, error)
        finally:
            watchdog.cancel()

    def close(self) -> None:
        """End the process and remove its temporary folder; safe from any thread."""
        self._closed = True
        self._stop()

    def _hear_containment(self, contained: Contained) -> Containment:
        """What holds the new process; of several processes the weakest counts."""
        found = contained.held()
        earlier = [] if self.containment is None else [self.containment]
        self.containment = Containment.weakest([found, *earlier])
        return self.containment

    def _after_failure(
        self,
        contained: Contained,
        is_expired: bool,
        timeout_s: float,
        error: Exception,
    ) -> ParsedFile:
        # A dying process closes its pipes before its status is known; on a busy
        # machine some time before. One that answered wrongly lives on.
        code = contained.status(_DYING_S if isinstance(error, ChannelError) else 0)
        self._stop()
        self.n_restarts += 1
        if self._closed:
            return ParsedFile(Fate.REFUSED, "Reading was stopped.")
        if is_expired:
            return ParsedFile(
                Fate.REFUSED, f"Reading it took longer than {timeout_s:.0f} seconds."
            )
        if code == 3:
            return ParsedFile(
                Fate.REFUSED, "Reading it needs more memory than allowed."
            )
        if code is None:
            return ParsedFile(Fate.DAMAGED, f"Its reader went astray ({error}).")
        return ParsedFile(
            Fate.DAMAGED,
            f"Its pixels or header crashed the decoder (exit status {code}), which ran "
            "in a separate process.",
        )

    def _running_process(self) -> tuple[Contained, bool]:
        """The process, and whether it was started just now."""
        with self._lock:
            if self._closed:
                raise OSError("reading was stopped")
            if self._contained is not None and self._contained.status(0) is None:
                return self._contained, False
            self._end()
            self._folder = tempfile.mkdtemp(prefix="btd-dicom-")
            limits = msgspec.json.encode(self._limits).decode()
            self._contained = start_contained(
                [*_command(), str(os.getpid()), limits],
                folder=self._folder,
                environment=bare_environment(ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS="1"),
                memory_bytes=self._limits.worker_memory_bytes,
            )
            return self._contained, True

    def _stop(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        contained, self._contained = self._contained, None
        folder, self._folder = self._folder, None
        if contained is not None:
            contained.end()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, WORKER_FLAG]
    # -P: a folder of evidence must never be searched for modules.
    return [sys.executable, "-P", "-m", "btd_desktop.dicom.worker"]


def _checked(header: object, payload: bytearray, kind: str) -> ParsedFile:
    """Outcome from an answer that may come from a process under foreign control.

    Raises:
        ValueError: The answer is not what the protocol says.
    """
    wants_pixels = kind != "tags"
    answer = msgspec.convert(header, Answer)
    pixels = None if answer.array is None else _array(answer.array, payload)
    if answer.fate is Fate.ACCEPTED and wants_pixels and pixels is None:
        raise ValueError("accepted without pixels")
    if answer.fate is Fate.ACCEPTED and wants_pixels:
        _check_promises(answer.facts, pixels, kind)
    checked = {
        "reason": _plain(answer.reason),
        "grid": None if answer.grid is None else _grid(answer.grid),
        "remarks": tuple(
            SeriesFinding(_plain(told.code), told.severity, _plain(told.sentence))
            for told in answer.remarks[:_MAX_REMARKS]
        ),
        "pixels": pixels,
    }
    return ParsedFile(**(asdict(answer) | checked))


def _check_promises(
    facts: InstanceFacts | None, pixels: NDArray[Any] | None, kind: str
) -> None:
    """Refuse an accepted file without what the import counts on.

    Raises:
        ValueError: Facts, frames, modality or axes are missing.
    """
    n_axes = 0 if pixels is None else pixels.ndim
    if kind != "dicom":
        if facts is not None or n_axes != 4:
            raise ValueError("a volume that is none")
    elif facts is None or not facts.frames or n_axes != 3:
        raise ValueError("an instance without facts or frames")
    elif facts.text.get("modality") not in ("CT", "MR"):
        raise ValueError("an instance of no modality")


def _plain(words: str) -> str:
    """A sentence without what a terminal, a log or a label could obey.

    Reasons quote values of the file: control and bidirectional characters in them
    are replaced here, once, for every place that shows them.
    """
    kept = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in words)
    return kept[:500]


def _array(told: ArrayShape, payload: bytearray) -> NDArray[Any]:
    dtype = np.dtype(told.dtype)
    if math.prod(told.shape) * dtype.itemsize != len(payload):
        raise ValueError("array does not fit its announcement")
    return np.frombuffer(payload, dtype=dtype).reshape(told.shape)


def _grid(value: dict[str, list[float]]) -> dict[str, list[float]]:
    grid = {
        name: value[name] for name in ("spacing", "origin", "row", "column", "slice")
    }
    for numbers in grid.values():
        if len(numbers) != 3 or not all(np.isfinite(numbers)):
            raise ValueError("grid is not usable")
    return grid
