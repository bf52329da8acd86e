"""A parsing process that a file has taken over reaches nothing of the examiner's.

Each attempt is made twice: from a process without containment, where it succeeds, and
from one with it, where it fails.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from btd_desktop.containment.starting import bare_environment
from btd_desktop.dicom import sandbox as sandbox_module
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.dicom.series import Fate
from tests.hostile.taken_over import show_memory

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="measures of Linux, tried there"
)
PROGRAM = Path(__file__).with_name("taken_over.py")
REPOSITORY = Path(__file__).parents[2]
SECRET = ctypes.create_string_buffer(b"a key that signs")


class Attempts:
    """A parsing process in foreign hands, contained or free (the control)."""

    def __init__(self, box: Sandbox, *, is_free: bool) -> None:
        self.box, self.is_free = box, is_free

    def make(self, name: str, argument: object = "") -> ParsedFile:
        """Let the process try something; what came of it."""
        return self.box.parse("tags", f"{name}|{argument}".encode())

    def judge(self, parsed: ParsedFile) -> None:
        """The free process succeeds, the contained one gets an error."""
        if self.is_free:
            assert parsed.fate is Fate.ACCEPTED, parsed.reason
        else:
            assert parsed.fate is Fate.DAMAGED, parsed.note
            assert "Error" in parsed.reason


@pytest.fixture(params=["free", "contained"])
def attempts(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Attempts]:
    is_free = request.param == "free"
    command = [sys.executable, "-P", str(PROGRAM), request.param]
    environment = bare_environment()
    environment["PYTHONPATH"] += os.pathsep + str(REPOSITORY)
    monkeypatch.setattr(sandbox_module, "_command", lambda: command)
    monkeypatch.setattr(
        sandbox_module, "bare_environment", lambda **more: {**environment, **more}
    )
    if is_free:
        monkeypatch.setattr("btd_desktop.containment.starting.hide_memory", lambda: "")
        show_memory()
    with Sandbox(DEFAULT_LIMITS) as box:
        yield Attempts(box, is_free=is_free)


@pytest.mark.parametrize(
    "name",
    [
        "read a file",
        "open a file for writing",
        "append to a file",
        "truncate a file",
        "remove a file",
        "rename a file",
        "make a file",
        "make a file in its own folder",
        "make a folder",
        "make a link",
        "make a symbolic link",
        "change rights",
        "change times",
        "set an attribute",
    ],
)
def test_files_of_the_examiner_stay_as_they_are_and_unread(
    attempts: Attempts, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "audit.key"
    path.write_bytes(b"secret of the examiner")
    before = sorted(p.name for p in tmp_path.iterdir()), path.stat()
    if name == "set an attribute" and not _has_attributes(tmp_path):
        pytest.skip("this file system has no attributes")
    attempts.judge(attempts.make(name, path))
    if not attempts.is_free:
        assert (sorted(p.name for p in tmp_path.iterdir()), path.stat()) == before


def _has_attributes(folder: Path) -> bool:
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.x", b"1")
    except OSError:
        return False
    finally:
        probe.unlink()
    return True


@pytest.mark.parametrize("place", ["/etc/passwd", "/proc/self/maps"])
def test_files_of_the_system_stay_unread(attempts: Attempts, place: str) -> None:
    attempts.judge(attempts.make("read a file", place))


@pytest.mark.parametrize("place", ["/", "/home", str(REPOSITORY)])
def test_folders_stay_unlisted(attempts: Attempts, place: str) -> None:
    attempts.judge(attempts.make("list a folder", place))


@pytest.mark.parametrize("name", ["bind by TCP", "bind by UDP", "make a socket pair"])
def test_no_socket_is_made(attempts: Attempts, name: str) -> None:
    attempts.judge(attempts.make(name))


@pytest.mark.usefixtures("socket_enabled")
def test_no_server_is_reached_by_tcp(attempts: Attempts) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        attempts.judge(attempts.make("connect by TCP", server.getsockname()[1]))


@pytest.mark.parametrize("is_abstract", [False, True])
def test_no_server_is_reached_by_a_local_socket(
    attempts: Attempts, tmp_path: Path, is_abstract: bool
) -> None:
    name = f"btd-{os.getpid()}" if is_abstract else str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name if is_abstract else name)
        server.listen()
        kind = "an abstract socket" if is_abstract else "a socket file"
        attempts.judge(attempts.make(f"connect to {kind}", name))


@pytest.mark.parametrize("way", ["call", "file"])
def test_the_memory_of_the_program_stays_unread(attempts: Attempts, way: str) -> None:
    place = f"{ctypes.addressof(SECRET)} {len(SECRET)}"
    parsed = attempts.make(f"read memory by {way}", place)
    attempts.judge(parsed)
    if attempts.is_free:
        assert parsed.note.encode("latin-1") == SECRET.raw


@pytest.mark.parametrize(
    "name",
    [
        "attach as a debugger",
        "take a descriptor",
        "read the environment of the program",
    ],
)
def test_nothing_of_the_program_is_taken(attempts: Attempts, name: str) -> None:
    attempts.judge(attempts.make(name))


@pytest.mark.parametrize("name", ["signal the program", "signal by descriptor"])
def test_the_program_gets_no_signal(attempts: Attempts, name: str) -> None:
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: got.append(1))
    try:
        attempts.judge(attempts.make(name))
        time.sleep(0.1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    if name == "signal the program":
        assert bool(got) is attempts.is_free


def test_no_other_process_is_ended(attempts: Attempts) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        attempts.judge(attempts.make("signal a process", bystander.pid))
        alive = bystander.poll() is None
        bystander.kill()
    if not attempts.is_free:
        assert alive


@pytest.mark.parametrize(
    "name",
    [
        "start a process",
        "start 100 processes",
        "run a shell",
        "set up io_uring",
        "make a memory file",
        "make a key",
        "leave the namespaces",
        "raise a limit",
        "stay when the program dies",
    ],
)
def test_nothing_is_started_or_set_up(attempts: Attempts, name: str) -> None:
    parsed = attempts.make(name)
    needless = {"set up io_uring", "make a key", "leave the namespaces"}
    if attempts.is_free and parsed.fate is not Fate.ACCEPTED and name in needless:
        pytest.skip(f"this kernel refuses it anyway: {parsed.reason}")
    attempts.judge(parsed)


def test_the_process_does_not_become_another_program(
    attempts: Attempts,
) -> None:
    parsed = attempts.make("become a shell")
    assert parsed.fate is Fate.DAMAGED
    # Free, it is gone; contained, it answers that it was refused.
    assert ("PermissionError" in parsed.reason) is not attempts.is_free


def test_nothing_but_the_pipes_is_inherited(tmp_path: Path) -> None:
    """Held by both: the program opens nothing for its children."""
    with (tmp_path / "open").open("wb") as stream:
        os.set_inheritable(stream.fileno(), True)
        with Sandbox(DEFAULT_LIMITS) as box:
            box.parse("dicom", b"")
            contained = box._contained
            assert contained is not None
            folder = Path(f"/proc/{contained.process.pid}/fd")
            targets = {str(entry.readlink()) for entry in folder.iterdir()}
    assert {target.split(":")[0] for target in targets} == {"pipe", "/dev/null"}


def test_all_that_it_started_ends_with_the_import(
    attempts: Attempts, tmp_path: Path
) -> None:
    if not attempts.is_free:
        attempts.judge(attempts.make("outlive the import", tmp_path / "pid"))
        time.sleep(0.2)
        assert not (tmp_path / "pid").exists()
        return
    # Children in its session end even where they could be started.
    assert attempts.make("start 100 processes").fate is Fate.ACCEPTED
    contained = attempts.box._contained
    assert contained is not None
    group = contained.process.pid
    attempts.box.close()
    assert _soon(lambda: _has_ended(group))


def _has_ended(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def _soon(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_threads_are_left_to_the_decoders(attempts: Attempts) -> None:
    assert attempts.make("make a thread").fate is Fate.ACCEPTED


_KILLED = """
import os, signal, sys
from btd_desktop.dicom import sandbox
from btd_desktop.dicom.limits import DEFAULT_LIMITS
box = sandbox.Sandbox(DEFAULT_LIMITS)
box.parse("dicom", b"")
print(box._contained.process.pid, flush=True)
os.kill(box._contained.process.pid, signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_ends_with_a_program_that_is_killed() -> None:
    """Also when it reads its pipe no more: it is stopped here."""
    ran = subprocess.run(
        [sys.executable, "-c", _KILLED], capture_output=True, text=True, check=False
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    pid = int(ran.stdout)
    assert _soon(lambda: not _lives(pid))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_it_outlives_the_thread_that_asked_for_it() -> None:
    box = Sandbox(DEFAULT_LIMITS)
    with box:
        thread = threading.Thread(target=lambda: box.parse("dicom", b""))
        thread.start()
        thread.join()
        time.sleep(0.2)
        assert box.parse("dicom", b"").fate is not Fate.ACCEPTED
        assert box.n_restarts == 0
