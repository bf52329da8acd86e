"""A reading process in foreign hands: it tries what its request names.

Started in the place of the parsing process or, with "checkpoint" as second argument,
of the one that opens checkpoints. With "free" as first argument it does not contain
itself, as it was before there was a containment: the control that shows that each
attempt can succeed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from btd_desktop.containment.measures import MEASURES
from btd_desktop.dicom import worker
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.series import Fate
from btd_desktop.diffusion import published_reader

_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name_or_number: str | int, *arguments: Any) -> int:
    if isinstance(name_or_number, str):
        result = int(getattr(_LIBC, name_or_number)(*arguments))
    else:
        result = int(_LIBC.syscall(ctypes.c_long(name_or_number), *arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def show_memory() -> None:
    """Undo `hide_memory` in this process, as for a program that never hid itself."""
    _call("prctl", 4, ctypes.c_ulong(1), *[ctypes.c_ulong(0)] * 3)


def _io_uring() -> int:
    room = ctypes.create_string_buffer(256)
    return _call(425, ctypes.c_uint(1), room)


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _memory_by_call(address: int, length: int) -> bytes:
    here = ctypes.create_string_buffer(length)
    local = _Vector(ctypes.addressof(here), length)
    far = _Vector(address, length)
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    pid = os.getppid()
    _call(
        "process_vm_readv", pid, ctypes.byref(local), one, ctypes.byref(far), one, none
    )
    return here.raw


def _memory_by_file(address: int, length: int) -> bytes:
    with Path(f"/proc/{os.getppid()}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(length)


def _attach() -> int:
    return _call("ptrace", 0x4206, os.getppid(), None, None)  # PTRACE_SEIZE


def _descriptor_of_parent() -> int:
    handle = _call(434, os.getppid(), 0)  # pidfd_open
    return _call(438, handle, 1, 0)  # pidfd_getfd


def _children(n: int) -> int:
    pids = []
    for _ in range(n):
        pid = os.fork()
        if pid == 0:
            signal.pause()
        pids.append(pid)
    return len(pids)


def _outlive(mark: str) -> int:
    """A grandchild in a session of its own, which holds on to nothing."""
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        Path(mark).write_text(str(os.getpid()))
        signal.pause()
    os.wait()
    return 1


def _unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)


def _connect(port: str) -> None:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=5):
        pass


def _bind(kind: int) -> None:
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))


def _thread() -> None:
    import threading

    threading.Thread(target=lambda: None).start()


ATTEMPTS: dict[str, Callable[[str], Any]] = {
    "read a file": lambda a: Path(a).read_bytes(),
    "read the environment of the program": lambda _: Path(
        f"/proc/{os.getppid()}/environ"
    ).read_bytes(),
    "list a folder": os.listdir,
    "open a file for writing": lambda a: Path(a).open("r+b").close(),
    "append to a file": lambda a: Path(a).open("ab").close(),
    "truncate a file": lambda a: os.truncate(a, 1),
    "remove a file": os.unlink,
    "rename a file": lambda a: Path(a).rename(a + ".x"),
    "make a file": lambda a: Path(a + ".new").open("xb").close(),
    "make a file in its own folder": lambda _: Path("new").open("xb").close(),
    "make a folder": lambda a: Path(a + ".folder").mkdir(),
    "make a link": lambda a: os.link(a, a + ".link"),
    "make a symbolic link": lambda a: Path(a + ".symlink").symlink_to(a),
    "change rights": lambda a: Path(a).chmod(0o600),
    "change times": lambda a: os.utime(a, (1, 1)),
    "set an attribute": lambda a: os.setxattr(a, "user.x", b"1"),
    "connect by TCP": _connect,
    "bind by TCP": lambda _: _bind(socket.SOCK_STREAM),
    "bind by UDP": lambda _: _bind(socket.SOCK_DGRAM),
    "connect to a socket file": _unix,
    "connect to an abstract socket": lambda a: _unix("\0" + a),
    "make a socket pair": lambda _: socket.socketpair()[0].close(),
    "read memory by call": lambda a: _memory_by_call(*map(int, a.split())),
    "read memory by file": lambda a: _memory_by_file(*map(int, a.split())),
    "attach as a debugger": lambda _: _attach(),
    "take a descriptor": lambda _: _descriptor_of_parent(),
    "signal the program": lambda _: os.kill(os.getppid(), signal.SIGUSR1),
    "signal a process": lambda a: os.kill(int(a), signal.SIGKILL),
    "signal by descriptor": lambda _: fcntl_owner(),
    "start a process": lambda _: _children(1),
    "start 100 processes": lambda _: _children(100),
    "outlive the import": _outlive,
    "run a shell": lambda _: subprocess.run(["/bin/sh", "-c", ":"], check=True),
    "become a shell": lambda _: os.execv("/bin/true", ["/bin/true"]),  # noqa: S606
    "set up io_uring": lambda _: _io_uring(),
    "make a memory file": lambda _: os.memfd_create("x"),
    "watch user memory": lambda _: _call(323, 1),
    "load a kernel program": lambda _: _call(
        321, 5, ctypes.create_string_buffer(struct.pack("=IIQ", 0, 0, 0) * 8, 120), 120
    ),
    "make a key": lambda _: _call(
        248, b"user", b"btd", b"x", ctypes.c_size_t(1), ctypes.c_int(-3)
    ),
    "leave the namespaces": lambda _: _call("unshare", 0x10000000),
    "mount": lambda a: _call("mount", b"none", a.encode(), b"tmpfs", 0, None),
    "raise a limit": lambda _: _raise_limit(),
    "stay when the program dies": lambda _: _call("prctl", 1, 0, 0, 0, 0),
    "make a thread": lambda _: _thread(),
}


def fcntl_owner() -> None:
    """Have the kernel signal the program when a pipe is ready (F_SETOWN)."""
    import fcntl

    fcntl.fcntl(0, 8, os.getppid())


def _raise_limit() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))


def _try(_: dict[str, Any], payload: bytearray, *__: object) -> ParsedFile:
    name, argument = payload.decode().split("|", 1)
    try:
        result = ATTEMPTS[name](argument)
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        return ParsedFile(Fate.DAMAGED, f"{type(error).__name__}: {error}")
    value = result.decode("latin-1") if isinstance(result, bytes) else str(result)
    return ParsedFile(Fate.ACCEPTED, note=value)


def _convert(data: bytearray) -> tuple[dict[str, Any], bytes]:
    parsed = _try({}, data)
    if parsed.fate is Fate.ACCEPTED:
        return {"n_tensors": 1}, b"done"
    return {"error": parsed.reason}, b""


def _stay_free(*_: object) -> dict[str, str]:
    return dict.fromkeys(MEASURES, "a control")


if __name__ == "__main__":
    reader = published_reader if sys.argv[2] == "checkpoint" else worker
    if sys.argv[1] == "free":
        setattr(reader, "contain_this_process", _stay_free)  # noqa: B010
    setattr(worker, "_parse", _try)  # noqa: B010
    setattr(published_reader, "convert", _convert)  # noqa: B010
    sys.exit(reader.main())
