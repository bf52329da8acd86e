"""The process that examines series, and its keeper: start, ask, watch, restart.

A series that takes too long, needs too much memory or crashes its process costs that
series alone: it gets a row with the reason. Both ends run on whichever machine a worker
runs on; what they tell each other is JSON.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from btd_desktop import __version__
from btd_desktop.archive.examination import (
    SweepOptions,
    examine_files,
    failed_row,
)
from btd_desktop.archive.rows import SeriesRow
from btd_desktop.archive.sources import SeriesFiles
from btd_desktop.containment.channel import (
    ChannelError,
    read_message,
    take_over_pipes,
    write_message,
)
from btd_desktop.containment.starting import Contained, start_contained
from btd_desktop.dicom.discovery import FoundFile, look_into
from btd_desktop.errors import BtdError, Cancelled
from btd_desktop.progress import TaskContext
from btd_desktop.strict_json import plain_json, record_from_json
from btd_desktop.workflow.examine import OpenDetectors
from btd_desktop.workflow.services import Services, default_services

WORKER_FLAG: Final = "--sweep-worker"
_LOOK_EVERY_S: Final = 0.2
_ATTEMPTS: Final = 2


def main() -> int:
    """Serve requests until the pipe closes or the parent ends."""
    requests, replies = take_over_pipes()
    if sys.platform == "linux":
        from btd_desktop.containment.linux import end_with_parent

        end_with_parent(int(sys.argv[-1]))
    services = default_services()
    opened: OpenDetectors = {}
    with contextlib.suppress(ChannelError):
        while True:
            asked, _ = read_message(requests, 0)
            write_message(replies, _answer(asked, services, opened))
    return 0


def _answer(
    asked: dict[str, Any], services: Services, opened: OpenDetectors
) -> dict[str, object]:
    try:
        if "places" in asked:
            found = look_into(asked["places"], TaskContext())
            return {"found": [plain_json(file) for file in found]}
        files = record_from_json(SeriesFiles, asked["files"])
        options = record_from_json(SweepOptions, asked["options"])
        rows = examine_files(files, options, services, opened)
        return {"rows": [plain_json(row) for row in rows]}
    except BtdError as error:
        return {"problem": error.detail}
    except MemoryError:
        return {"problem": "it needs more memory than there is"}
    except Exception as error:  # noqa: BLE001 - one series must not end a sweep
        # Words of the error may quote the file.
        return {"problem": f"an error in the program itself ({type(error).__name__})"}


class Examiner:
    """Keeps one process that examines, started when it is first needed.

    Not for use by two threads.
    """

    def __init__(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        self._should_stop = should_stop
        self._contained: Contained | None = None

    def look(
        self, places: tuple[str, ...], options: SweepOptions
    ) -> tuple[FoundFile, ...]:
        """The files of folders and archives.

        Raises:
            BtdError: Looking was not possible; the text says why.
            Cancelled: The examiner asked to stop.
        """
        answer = self._ask_again({"places": list(places)}, options)
        if "found" not in answer:
            where = places[0] if len(places) == 1 else f"{len(places)} folders"
            raise BtdError(f"{where} cannot be looked through: {answer['problem']}")
        return tuple(record_from_json(FoundFile, told) for told in answer["found"])

    def examine(
        self, files: SeriesFiles, options: SweepOptions
    ) -> tuple[SeriesRow, ...]:
        """Rows of a series; one with the reason where it could not be examined.

        Raises:
            Cancelled: The examiner asked to stop.
        """
        if options.software != __version__:
            problem = (
                f"the worker runs version {__version__}, the sweep {options.software}"
            )
            return (failed_row(files, options, problem),)
        asked: dict[str, object] = {
            "files": plain_json(files),
            "options": plain_json(options),
        }
        answer = self._ask_again(asked, options)
        if "rows" not in answer:
            return (failed_row(files, options, str(answer["problem"])),)
        return tuple(record_from_json(SeriesRow, told) for told in answer["rows"])

    def close(self) -> None:
        """End the process."""
        contained, self._contained = self._contained, None
        if contained is not None:
            contained.end()

    def _ask_again(
        self, asked: dict[str, object], options: SweepOptions
    ) -> dict[str, Any]:
        """The answer; a process that ended by itself is given a second try."""
        for attempt in range(1, _ATTEMPTS + 1):
            if self._contained is None or self._contained.status(0) is not None:
                self._contained = _started(options)
            reasons: list[str] = []
            contained = self._contained
            try:
                with self._watched(contained, options, reasons):
                    return contained.ask(asked, b"", 0)[0]
            except ChannelError:
                status = contained.status(5.0)
                self.close()
            if self._should_stop():
                raise Cancelled
            if reasons or attempt == _ATTEMPTS:
                crashed = f"the process that examined it ended (status {status})"
                return {"problem": reasons[0] if reasons else crashed}
        raise AssertionError("never reached")

    @contextlib.contextmanager
    def _watched(
        self, contained: Contained, options: SweepOptions, reasons: list[str]
    ) -> Iterator[None]:
        """Kills the process when it takes too much, and notes why."""
        done = threading.Event()

        def watch() -> None:
            until = time.monotonic() + options.time_limit_s
            while not done.wait(_LOOK_EVERY_S):
                if time.monotonic() > until:
                    reasons.append(f"it took longer than {options.time_limit_s:g} s")
                elif _resident_bytes(contained.process.pid) > options.memory_bytes:
                    most = options.memory_bytes / (1 << 30)
                    reasons.append(f"it needed more than {most:g} GiB of memory")
                elif not self._should_stop():
                    continue
                contained.kill()
                return

        thread = threading.Thread(target=watch, name="btd-sweep-watch", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _resident_bytes(pid: int) -> int:
    """Memory that a process holds; 0 where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return 0


def _started(options: SweepOptions) -> Contained:
    command = (
        [sys.executable, WORKER_FLAG]
        if getattr(sys, "frozen", False)
        else [sys.executable, "-P", "-m", "btd_desktop.archive.worker"]
    )
    package_parent = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH", "")
    paths = os.pathsep.join(filter(None, (package_parent, known)))
    return start_contained(
        [*command, str(os.getpid())],
        folder=tempfile.gettempdir(),
        environment={**os.environ, "PYTHONPATH": paths},
        memory_bytes=options.memory_bytes,
    )


if __name__ == "__main__":
    sys.exit(main())
