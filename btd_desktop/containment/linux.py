"""Linux: no_new_privs, Landlock, seccomp, capabilities, limits, death of the parent.

A binding to the few calls that are needed, each after its manual page. A kernel that
lacks one of them leaves the others in force, and the answer names what is missing.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from btd_desktop.containment.syscalls import filter_program

_PR_SET_PDEATHSIG, _PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 1, 3, 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1

# linux/landlock.h
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULESET_VERSION, _RULE_PATH_BENEATH = 1, 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # ABI to number of rights
_NETWORK_ABI, _SCOPE_ABI = 4, 6
_ALL_NETWORK, _ALL_SCOPES = 0b11, 0b11

# linux/capability.h: libraries in a home folder that only its owner may enter.
_CAPABILITY_VERSION_3, _CAP_DAC_READ_SEARCH = 0x20080522, 2
_MAX_OPEN_FILES: Final = 128


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _prctl(option: int, value: int) -> int:
    # Every argument as wide as the register: the kernel refuses rubbish in the rest.
    zero = ctypes.c_ulong(0)
    prctl = _libc().prctl
    return _checked(prctl(option, ctypes.c_ulong(value), zero, zero, zero))


def _syscall(number: int, *arguments: object) -> int:
    return _checked(int(_libc().syscall(ctypes.c_long(number), *arguments)))


def landlock_abi() -> int:
    """Version of Landlock in this kernel, 0 when there is none.

    Source: landlock_create_ruleset(2).
    """
    zero = ctypes.c_size_t(0)
    try:
        return _syscall(_CREATE_RULESET, None, zero, ctypes.c_uint32(_RULESET_VERSION))
    except OSError:
        return 0


def hide_memory() -> str:
    """Let no process of the same user read this one's memory or attach to it.

    For this process only: a program that it starts decides anew (prctl(2),
    PR_SET_DUMPABLE). Debuggers and core files end with it.

    Returns:
        Why it could not be done; "" when it holds.
    """
    return _reason(lambda: _prctl(_PR_SET_DUMPABLE, 0))


def end_with_parent(parent: int) -> str:
    """Die when the thread that started this process does (PR_SET_PDEATHSIG).

    Args:
        parent: Process id that must still be the parent's.

    Returns:
        Why it could not be done; "" when it holds.
    """
    reason = _reason(lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL))
    if not reason and os.getppid() != parent:
        sys.exit(0)
    return reason


def confine(readable: Sequence[Path]) -> dict[str, str]:
    """Give up, for good, what reading files does not need.

    To be called before there is a second thread: Landlock holds the calling one and
    those that it starts.

    Args:
        readable: Folders and files that stay readable; no other file does, and none
            stays writable.

    Returns:
        Measure to the reason why it does not hold, "" when it holds.
    """
    limited = _reason(_limit)
    dropped = _reason(_drop_capabilities)
    privileges = _reason(lambda: _prctl(_PR_SET_NO_NEW_PRIVS, 1))
    abi = landlock_abi()
    locked = "the kernel has no Landlock"
    if abi:
        locked = _reason(lambda: _restrict(readable, abi))
    filtered = _reason(_filter_calls)
    return {
        "limits": limited,
        "privileges": privileges or dropped,
        "files": locked,
        # The filter has no call that makes a socket; Landlock knows TCP alone.
        "network": filtered,
        "processes": filtered,
        "memory": filtered,
    }


def _reason(measure: Callable[[], object]) -> str:
    try:
        measure()
    except (OSError, ValueError, KeyError, AttributeError) as error:
        words = error.strerror if isinstance(error, OSError) else ""
        return words or type(error).__name__
    return ""


def _limit() -> None:
    for kind, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _MAX_OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        limit = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (limit, limit))


def _drop_capabilities() -> None:
    """Nothing for an ordinary user; for root all but passing closed folders.

    Source: capset(2).
    """
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    held = ctypes.create_string_buffer(24)
    libc = _libc()
    _checked(libc.capget(header, held))
    effective, permitted = struct.unpack_from("=II", held.raw)
    kept = (effective & permitted) & (1 << _CAP_DAC_READ_SEARCH)
    _checked(libc.capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)))


def _restrict(readable: Sequence[Path], abi: int) -> None:
    """Landlock with every right that this kernel can take away.

    Source: Documentation/userspace-api/landlock.rst.
    """
    rights = (1 << _FILE_RIGHTS.get(abi, 16)) - 1
    attributes = struct.pack("=Q", rights)
    if abi >= _NETWORK_ABI:
        attributes += struct.pack("=Q", _ALL_NETWORK)
    if abi >= _SCOPE_ABI:
        attributes += struct.pack("=Q", _ALL_SCOPES)
    size, none = ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)
    ruleset = _syscall(_CREATE_RULESET, attributes, size, none)
    try:
        for path in readable:
            _allow_reading(ruleset, path)
        _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), none)
    finally:
        os.close(ruleset)


def _allow_reading(ruleset: int, path: Path) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there: nothing to read
        return
    try:
        rights = _READ_FILE | (_READ_DIR if path.is_dir() else 0)
        rule = struct.pack("=Qi", rights, opened)
        kind, none = ctypes.c_int(_RULE_PATH_BENEATH), ctypes.c_uint32(0)
        _syscall(_ADD_RULE, ctypes.c_int(ruleset), kind, rule, none)
    finally:
        os.close(opened)


def _filter_calls() -> None:
    """Load the filter of `syscalls` for every thread (seccomp(2))."""
    machine = platform.machine()
    code = filter_program(machine, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    _syscall(
        _SECCOMP[machine],
        ctypes.c_uint(_SECCOMP_SET_MODE_FILTER),
        ctypes.c_uint(_SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.byref(program),
    )
