"""The other side: start a process that will be contained, and end all of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

from btd_desktop.containment.channel import ChannelError, read_message, write_message
from btd_desktop.containment.inside import hide_memory
from btd_desktop.containment.measures import Containment

_ENDED_S: Final = 10.0
_LOOK_AGAIN_S: Final = 0.01
_starters: Final[dict[int, ThreadPoolExecutor]] = {}
_starters_lock = threading.Lock()


@dataclass(frozen=True, slots=True, eq=False)
class Contained:
    """A process that reads foreign bytes.

    Attributes:
        process: With pipes for input and output.
        outer: Measures taken from here: name to reason, "" when it holds.
    """

    process: subprocess.Popen[bytes]
    outer: Mapping[str, str]
    _job: Any = field(default=None, repr=False)

    def kill(self) -> None:
        """End the process and whatever it has started; safe from any thread."""
        if self.process.returncode is not None:
            return  # its number may be another's by now
        if self._job is not None:
            self._job.end()
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()

    def status(self, timeout_s: float) -> int | None:
        """Exit status if it ends within the time, else None.

        What a dead process has left running is killed before its number is free.
        """
        until = time.monotonic() + timeout_s
        while not self._is_dead():
            if time.monotonic() >= until:
                return None
            time.sleep(_LOOK_AGAIN_S)
        self.kill()
        return self.process.wait()

    def held(self) -> Containment:
        """What holds it, by its first message and by what was done from here.

        Raises:
            ChannelError, ValueError, KeyError, TypeError: It says something else.
        """
        header, _ = read_message(_pipe(self.process.stdout), 0)
        return Containment.from_json({**header["containment"], **self.outer})

    def ask(
        self, header: dict[str, object], data: bytes, most_bytes: int
    ) -> tuple[dict[str, object], bytearray]:
        """Send a message and wait for the answer, of at most `most_bytes`.

        Raises:
            ChannelError: It is gone or does not keep to the protocol.
        """
        write_message(_pipe(self.process.stdin), header, data)
        return read_message(_pipe(self.process.stdout), most_bytes)

    def _is_dead(self) -> bool:
        if self.process.returncode is not None:
            return True
        if not hasattr(os, "waitid"):  # Windows, macOS before Python 3.13
            return self.process.poll() is not None
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self.process.pid, look) is not None
        except ChildProcessError:
            return self.process.poll() is not None

    def end(self) -> None:
        """`kill`, wait for it and close its pipes."""
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=_ENDED_S)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _pipe(stream: IO[bytes] | None) -> BinaryIO:
    if stream is None:
        raise ChannelError("no pipes")
    return cast(BinaryIO, stream)


def bare_environment(**more: str) -> dict[str, str]:
    """Variables of a process that runs a module of the program, and nothing else's.

    One thread for each library: thread pools reserve address space that the limit on
    memory counts.
    """
    package_parent = str(Path(__file__).resolve().parents[2])
    kept = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LD_LIBRARY_PATH", "LANG")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(
        [package_parent, *(path for path in sys.path if path.endswith("-packages"))]
    )
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment[name] = "1"
    return {**environment, **more}


def start_contained(
    command: Sequence[str],
    *,
    folder: str,
    environment: Mapping[str, str],
    memory_bytes: int,
) -> Contained:
    """Start a process in a session of its own, with two pipes and nothing else open.

    It still has to contain itself (`inside.contain_this_process`) before it is given
    a foreign byte. This program's memory is closed to it first.

    Args:
        command: Program and arguments.
        folder: Where it runs.
        environment: All its variables.
        memory_bytes: Ceiling of its memory, where this side can set it (Windows).

    Raises:
        OSError: It cannot be started.
    """
    hidden = hide_memory()
    outer: dict[str, str] = {"memory": hidden} if hidden else {}
    if sys.platform == "darwin":
        from btd_desktop.containment.macos import wrapped

        command, held = wrapped(command, folder)
        outer |= held

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own module
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=dict(environment),
            close_fds=True,
            start_new_session=sys.platform != "win32",
        )

    # Linux ends the process with the thread that started it: one that lasts.
    try:
        process = _lasting_thread().submit(start).result()
    except RuntimeError as error:
        raise OSError("the program is ending") from error
    job: Any = None
    if sys.platform == "win32":
        from btd_desktop.containment.windows import Job

        job, held = Job.around(process, memory_bytes)
        outer |= held
    return Contained(process, outer, job)


def _lasting_thread() -> ThreadPoolExecutor:
    with _starters_lock:  # a forked process has no threads but one
        starter = _starters.get(os.getpid())
        if starter is None:
            starter = ThreadPoolExecutor(1, thread_name_prefix="btd-start")
            _starters[os.getpid()] = starter
        return starter
