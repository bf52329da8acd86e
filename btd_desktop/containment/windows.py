"""Windows: a job object around the reading process. Written, never run on Windows.

Source: Microsoft, "Job Objects", JOBOBJECT_EXTENDED_LIMIT_INFORMATION. A job limits
memory and the number of processes and ends them all; it keeps no file or network
away, which would need an AppContainer.
"""

from __future__ import annotations

import ctypes
import subprocess
from typing import Any, Final

_EXTENDED_LIMITS: Final = 9
_ACTIVE_PROCESS, _PROCESS_MEMORY = 0x8, 0x100
_DIE_ON_UNHANDLED, _KILL_ON_CLOSE = 0x400, 0x2000


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


class Job:
    """A job with one process in it, ended when this program ends or lets go."""

    def __init__(self, kernel: object, handle: int) -> None:
        self._kernel: Any = kernel
        self._handle = handle

    @classmethod
    def around(
        cls, process: subprocess.Popen[bytes], memory_bytes: int
    ) -> tuple[Job | None, dict[str, str]]:
        """The job, and the measures that it takes with the reason where it does not."""
        loader: Any = ctypes
        kernel = loader.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = ctypes.c_void_p
        handle = kernel.CreateJobObjectW(None, None)
        if not handle:
            return None, dict.fromkeys(("parent", "limits", "processes"), "no job")
        job = cls(kernel, handle)
        limits = _ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = (
            _ACTIVE_PROCESS | _PROCESS_MEMORY | _DIE_ON_UNHANDLED | _KILL_ON_CLOSE
        )
        limits.BasicLimitInformation.ActiveProcessLimit = 1
        limits.ProcessMemoryLimit = memory_bytes
        handle_of: Any = process
        done = kernel.SetInformationJobObject(
            ctypes.c_void_p(handle),
            _EXTENDED_LIMITS,
            ctypes.byref(limits),
            ctypes.sizeof(limits),
        ) and kernel.AssignProcessToJobObject(
            ctypes.c_void_p(handle), ctypes.c_void_p(int(handle_of._handle))
        )
        reason = "" if done else "the job object was refused"
        return job, {
            "session": reason,
            "parent": reason,
            "limits": reason,
            # It could still signal and open processes of the same user.
            "processes": reason or "starts none, but may open others of this user",
        }

    def end(self) -> None:
        """End every process of the job."""
        self._kernel.TerminateJobObject(ctypes.c_void_p(self._handle), 1)
