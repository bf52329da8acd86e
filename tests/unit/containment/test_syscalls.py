"""The filter, call by call: its program is run here as the kernel would run it."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from btd_desktop.containment.syscalls import (
    ALLOWED,
    AUDIT_ARCHITECTURES,
    CHECKED,
    filter_program,
    number_of,
)

MACHINES = list(AUDIT_ARCHITECTURES)
PID = 4242
ALLOW, KILL = "allow", "kill"
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}

HARMFUL = """
    socket socketpair connect bind listen accept sendto sendmsg recvfrom
    fork vfork execve execveat kill tkill rt_sigqueueinfo pidfd_open
    pidfd_send_signal pidfd_getfd ptrace process_vm_readv process_vm_writev kcmp
    creat mkdir mkdirat unlink unlinkat rename renameat renameat2 link linkat
    symlink symlinkat chmod fchmod fchmodat chown fchown truncate mknod mknodat
    utimensat setxattr openat2 open_by_handle_at mount umount2 pivot_root chroot
    unshare setns bpf perf_event_open keyctl add_key request_key io_uring_setup
    io_uring_enter io_uring_register userfaultfd memfd_create memfd_secret
    init_module finit_module kexec_load setuid setresuid capset personality
    seccomp landlock_restrict_self shmget shmat msgget semget mq_open
    splice tee vmsplice sendfile inotify_init fanotify_init setrlimit iopl
    process_madvise sched_setscheduler setpriority setsid setpgid
"""


def _run(machine: str, number: int, *arguments: int, audit: int | None = None) -> str:
    """What the filter answers to one call."""
    audit = AUDIT_ARCHITECTURES[machine] if audit is None else audit
    padded = [*arguments, *([0] * (6 - len(arguments)))]
    data = struct.pack("<IIQ6Q", number, audit, 0, *padded)
    program = list(struct.iter_unpack("=HBBI", filter_program(machine, PID)))
    at, loaded = 0, 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("<I", data, k)
        elif code == 0x06:
            break
        else:
            holds = {0x15: loaded == k, 0x35: loaded >= k, 0x45: bool(loaded & k)}
            at += if_true if holds[code] else if_false
    if k == 0x7FFF0000:
        return ALLOW
    return KILL if k == 0x80000000 else errno.errorcode[k & 0xFFFF]


@pytest.mark.parametrize("machine", MACHINES)
def test_every_number_is_answered_as_the_table_says(machine: str) -> None:
    allowed = {number_of(name, machine) for name in ALLOWED} - {None}
    checked = {number_of(name, machine) for name in CHECKED} - {None}
    assert not allowed & checked
    for number in range(463):
        if number in checked:
            continue
        expected = ALLOW if number in allowed else "EPERM"
        assert _run(machine, number) == expected, number
    # Calls that a later kernel adds: "there is no such call".
    assert {_run(machine, n) for n in range(463, 600)} == {"ENOSYS"}


@pytest.mark.parametrize("machine", MACHINES)
def test_other_architectures_and_call_tables_end_the_process(machine: str) -> None:
    other = AUDIT_ARCHITECTURES[next(m for m in MACHINES if m != machine)]
    for audit in (other, 0x40000003, 0):
        assert _run(machine, 0, audit=audit) == KILL
    for number in (0x40000000, 0x40000000 | 41, 0xFFFFFFFF):
        assert _run(machine, number) == KILL


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("openat", (0, 0, 0), ALLOW),
        ("openat", (0, 0, 0o2000000), ALLOW),  # O_CLOEXEC
        ("openat", (0, 0, 1), "EACCES"),
        ("openat", (0, 0, 2), "EACCES"),
        ("openat", (0, 0, 3), "EACCES"),
        ("openat", (0, 0, 0o100), "EACCES"),
        ("openat", (0, 0, 0o1000), "EACCES"),
        ("openat", (0, 0, 0o20200000), "EACCES"),  # O_TMPFILE
        ("openat", (0, 0, 1 << 32), ALLOW),  # the kernel looks at 32 bits
        ("clone", (0x3D0F00,), ALLOW),
        ("clone", (0x01200011,), "EPERM"),  # fork
        ("clone", (0x4111,), "EPERM"),  # vfork
        ("clone", (0x10000 << 32,), "EPERM"),
        ("clone3", (), "ENOSYS"),
        ("prctl", (15,), ALLOW),
        ("prctl", (0x53564D41,), ALLOW),
        ("prctl", (1,), "EPERM"),
        ("prctl", (4,), "EPERM"),
        ("prctl", (22,), "EPERM"),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), "EPERM"),  # TIOCSTI
        ("ioctl", (0, 0x541C), "EPERM"),  # TIOCLINUX
        ("fcntl", (0, 4), ALLOW),
        ("fcntl", (0, 8), "EPERM"),  # F_SETOWN
        ("fcntl", (0, 15), "EPERM"),  # F_SETOWN_EX
        ("tgkill", (PID, PID, 6), ALLOW),
        ("tgkill", (PID + 1, PID, 9), "EPERM"),
        ("tgkill", (1, 1, 9), "EPERM"),
        ("prlimit64", (0, 3, 0, 99), ALLOW),
        ("prlimit64", (0, 3, 99), "EPERM"),
        ("prlimit64", (0, 3, 1 << 32), "EPERM"),
        ("prlimit64", (7, 3, 0, 99), "EPERM"),
    ],
)
def test_arguments_decide_where_a_call_does_both(
    machine: str, name: str, arguments: tuple[int, ...], expected: str
) -> None:
    number = number_of(name, machine)
    assert number is not None
    assert _run(machine, number, *arguments) == expected


def test_what_writes_connects_starts_or_watches_is_in_no_table() -> None:
    assert not set(HARMFUL.split()) & {*ALLOWED, *CHECKED}


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_those_of_the_kernel_headers(machine: str) -> None:
    header = HEADERS[machine]
    if not header.is_file():
        pytest.skip(f"{header} is not installed")
    text = re.sub(r"__NR3264_(\w+)", r"__NR_\1", header.read_text())
    known = {
        name: int(number)
        for name, number in re.findall(r"#define __NR_(\w+)\s+(\d+)", text)
    }
    aliases = {"newfstatat": "fstatat"} if machine == "aarch64" else {}
    for name in (*ALLOWED, *CHECKED):
        number = number_of(name, machine)
        found = known.get(name, known.get(aliases.get(name, name)))
        assert number == found or found is None, name
        if number is not None:
            assert found is not None, name
