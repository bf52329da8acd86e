"""The system calls that reading a file needs, as a seccomp filter.

A list of what is allowed: every other call, those of later kernels too, gets an error.
Where a call does harmless and harmful things, its arguments decide. The
program for the kernel is classic BPF (Linux, Documentation/userspace-api/
seccomp_filter.rst); each call is one block that ends in a verdict, so no jump is
longer than its block. Numbers: arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h (aarch64).
"""

from __future__ import annotations

import errno
import struct
from typing import Final

AUDIT_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# Name to number on x86_64 and on aarch64; None where there is no such call.
ALLOWED: Final[dict[str, tuple[int | None, int | None]]] = {
    # Pipes, and files that Landlock lets be opened.
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "lseek": (8, 62),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "preadv": (295, 69),
    "fadvise64": (221, 223),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "close_range": (436, 436),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    # What a file is called and how long it is.
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    # Memory.
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "msync": (26, 227),
    "madvise": (28, 233),
    "brk": (12, 214),
    "membarrier": (324, 283),
    # Threads of this process.
    "futex": (202, 98),
    "futex_waitv": (449, 449),
    "set_robust_list": (273, 99),
    "get_robust_list": (274, 100),
    "set_tid_address": (218, 96),
    "rseq": (334, 293),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "getcpu": (309, 168),
    "gettid": (186, 178),
    "exit": (60, 93),
    "exit_group": (231, 94),
    # Its own signals, clocks and facts.
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "nanosleep": (35, 101),
    "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "sysinfo": (99, 179),
    "uname": (63, 160),
    "getrandom": (318, 278),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
}

# Decided by their arguments, in `_conditions`.
CHECKED: Final[dict[str, tuple[int | None, int | None]]] = {
    "open": (2, None),
    "openat": (257, 56),
    "clone": (56, 220),
    "clone3": (435, 435),
    "prctl": (157, 167),
    "ioctl": (16, 29),
    "fcntl": (72, 25),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
}

_NEWEST_KNOWN: Final = 462
_X32: Final = 0x40000000

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_ALLOW, _ERROR, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000

# O_ACCMODE, O_CREAT, O_TRUNC, __O_TMPFILE: the same on both architectures.
_OPEN_TO_WRITE: Final = 0o3 | 0o100 | 0o1000 | 0o20000000
_CLONE_THREAD: Final = 0x00010000
_PRCTL: Final = (15, 0x53564D41)  # PR_SET_NAME, PR_SET_VMA
_IOCTL: Final = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)  # sizes, close-on-exec
_FCNTL: Final = (0, 1, 2, 3, 4, 1030)  # duplicate, flags: not F_SETOWN (signals)

Instruction = tuple[int, int, int, int]


def number_of(name: str, machine: str) -> int | None:
    """Number of a call of the table on a machine, None where it has none."""
    pair = {**ALLOWED, **CHECKED}[name]
    return pair[list(AUDIT_ARCHITECTURES).index(machine)]


def filter_program(machine: str, pid: int) -> bytes:
    """The filter as an array of `struct sock_filter`.

    Args:
        machine: "x86_64" or "aarch64".
        pid: The process that it will hold: it may signal itself (abort) and no other.

    Raises:
        KeyError: There is no table for the machine.
    """
    program: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_EQUAL, 1, 0, AUDIT_ARCHITECTURES[machine]),
        _verdict(_KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_AT_LEAST, 0, 1, _X32),
        _verdict(_KILL_PROCESS),
        # "There is no such call" lets libc fall back to an older one.
        (_AT_LEAST, 0, 1, _NEWEST_KNOWN + 1),
        _error(errno.ENOSYS),
    ]
    for name in ALLOWED:
        program += _block(number_of(name, machine), [_verdict(_ALLOW)])
    for name, body in _conditions(pid).items():
        program += _block(number_of(name, machine), body)
    program.append(_error(errno.EPERM))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _conditions(pid: int) -> dict[str, list[Instruction]]:
    return {
        "open": _allow_without_bits(1, _OPEN_TO_WRITE),
        "openat": _allow_without_bits(2, _OPEN_TO_WRITE),
        # A thread, never a process.
        "clone": [
            _argument(0),
            (_ANY_BIT, 1, 0, _CLONE_THREAD),
            _error(errno.EPERM),
            _verdict(_ALLOW),
        ],
        # Its flags lie in memory, where a filter cannot look: libc takes clone then.
        "clone3": [_error(errno.ENOSYS)],
        "prctl": _allow_one_of(0, _PRCTL),
        "ioctl": _allow_one_of(1, _IOCTL),
        "fcntl": _allow_one_of(1, _FCNTL),
        "tgkill": _allow_one_of(0, (pid,)),
        # Its own limits, to be read only.
        "prlimit64": [
            _argument(0),
            (_EQUAL, 1, 0, 0),
            _error(errno.EPERM),
            _argument(2),
            (_EQUAL, 1, 0, 0),
            _error(errno.EPERM),
            _argument(2, upper=True),
            (_EQUAL, 1, 0, 0),
            _error(errno.EPERM),
            _verdict(_ALLOW),
        ],
    }


def _block(number: int | None, body: list[Instruction]) -> list[Instruction]:
    return [] if number is None else [(_EQUAL, 0, len(body), number), *body]


def _argument(index: int, *, upper: bool = False) -> Instruction:
    """Load half of an argument; both architectures are little-endian."""
    return (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * index + (4 if upper else 0))


def _allow_without_bits(index: int, mask: int) -> list[Instruction]:
    return [
        _argument(index),
        (_ANY_BIT, 0, 1, mask),
        _error(errno.EACCES),
        _verdict(_ALLOW),
    ]


def _allow_one_of(index: int, values: tuple[int, ...]) -> list[Instruction]:
    """The kernel looks at 32 bits of these arguments, and so does the filter."""
    tests: list[Instruction] = [_argument(index)]
    for value in values:
        tests += [(_EQUAL, 0, 1, value), _verdict(_ALLOW)]
    return [*tests, _error(errno.EPERM)]


def _error(number: int) -> Instruction:
    return _verdict(_ERROR | number)


def _verdict(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)
