"""Processes that are killed while they work on a case, and what is left of it.

Run as a script it prepares itself once (the imports cost more than the work) and then
forks one process per order read from standard input:

    {"phase": "import", "case": PATH, "evidence": PATH, "home": PATH, "kill": K}

The process does the phase. `kill` is null (go on to the end), {"after_s": 0.03} (the
parent kills it after that time), or {"at": 17} (it kills itself with SIGKILL when it
passes the 17th point: each SQL statement, each opening, renaming, flushing or removing
of a file). The answer is one line: the signal that ended it, its exit status, the
number of points that it passed when it ended by itself, the seconds that it took, and
the session that it and all its processes belonged to.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from btd_desktop.cases.store import CaseStore
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import import_into_case, keep_import
from tests.hostile import custody_case

__all__ = ["serve"]

_EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.link", "tempfile.mkstemp")


class _Points:
    """Counts what a phase does to the disk, and dies at one of these points."""

    def __init__(self, die_at: int) -> None:
        self.passed = 0
        self._die_at = die_at

    def reach(self) -> None:
        self.passed += 1
        if self.passed == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """From now on, count; there is no way back, the process is for this only."""
        fsync, connect = os.fsync, sqlite3.connect

        def counted_fsync(descriptor: int) -> None:
            self.reach()  # written, perhaps not on the disk
            fsync(descriptor)
            self.reach()  # on the disk, not yet under its name

        def counted_connect(*args: Any, **options: Any) -> sqlite3.Connection:
            connection: sqlite3.Connection = connect(*args, **options)
            connection.set_trace_callback(lambda _: self.reach())
            return connection

        os.fsync = counted_fsync  # type: ignore[assignment]
        sqlite3.connect = counted_connect  # type: ignore[assignment]
        sys.addaudithook(lambda event, _: self.reach() if event in _EVENTS else None)


def _work(order: dict[str, Any]) -> None:
    folder = Path(order["case"])
    if order["phase"] == "create":
        custody_case.new_case(folder)
        return
    with CaseStore.open(folder) as store:
        if order["phase"] == "import":
            found = custody_case.make_import(Path(order["evidence"]))
            keep_import(store, found, custody_case.SERVICES)
        elif order["phase"] == "read":
            paths = [Path(order["evidence"])]
            import_into_case(store, paths, custody_case.SERVICES, TaskContext())
        elif order["phase"] == "score":
            custody_case.score(store)
        else:
            custody_case.report(store)


def _child(order: dict[str, Any], answer: int) -> None:
    """Do the phase in this process, which ends here."""
    status = 70
    try:
        os.setsid()  # so that what it starts can be found when it is gone
        os.environ["BTD_HOME"] = order["home"]
        points = _Points(int((order["kill"] or {}).get("at", 0)))
        points.watch()
        os.write(answer, b"b")  # begun
        _work(order)
        os.write(answer, str(points.passed).encode())
        status = 0
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(status)


def _order_done(order: dict[str, Any]) -> dict[str, float]:
    reading, writing = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(order, writing)
    os.close(writing)
    after_s = (order["kill"] or {}).get("after_s")
    if after_s is not None:
        os.read(reading, 1)
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)
    _, ended = os.waitpid(child, 0)
    said = b""
    while part := os.read(reading, 100):
        said += part
    os.close(reading)
    return {
        "signal": os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else 0,
        "status": os.WEXITSTATUS(ended) if os.WIFEXITED(ended) else -1,
        "points": int(said.lstrip(b"b") or 0),
        "seconds": time.monotonic() - begun,
        "session": child,
    }


def serve() -> None:
    """Work off orders until standard input ends."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_order_done(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
