"""The lock of a case: one process writes."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import BinaryIO

from btd_desktop.cases.files import open_part
from btd_desktop.errors import CaseError

LOCK_NAME = "case.lock"
_MOST_BYTES = 64


class WriterLock:
    """Held by the one process that may change a case; ends with that process.

    It is a lock of the operating system on `case.lock`, so a crash leaves nothing to
    clean up. The file's content is only for the message to a second process.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            CaseError: Another process has it, or the folder cannot be written.
        """
        path = folder / LOCK_NAME
        try:
            # Not "w": a second process must not empty the first one's file.
            # Unbuffered: on a full disk closing the file must not fail.
            descriptor = open_part(path, folder, flags=os.O_RDWR | os.O_CREAT)
            stream = os.fdopen(descriptor, "r+b", buffering=0)
        except OSError as error:
            raise CaseError(
                f"the case {folder} cannot be written: {error.strerror or error}",
                hint="Check the rights of the case folder, or open it read-only.",
                code="not-writable",
            ) from error
        try:
            is_free = _try_lock(stream)
        except OSError as error:
            stream.close()
            raise CaseError(
                f"the disk or share of the case {folder} cannot lock files:"
                f" {error.strerror or error}; two programs could write at once",
                hint="Copy the case folder to a local disk, or open it read-only.",
                code="no-locks",
            ) from error
        if not is_free:
            owner = stream.read(40).decode("ascii", "replace").strip()
            stream.close()
            raise CaseError(
                f"the case {folder} is open in another program"
                + (f" (process {owner})" if owner.isdigit() else ""),
                hint="Close it there, or open the case read-only.",
                code="case-locked",
            )
        if os.fstat(stream.fileno()).st_size > _MOST_BYTES:
            stream.close()
            raise CaseError(
                f"{path} holds more than the number of a process: it is not the lock"
                " of this program",
                hint="Move the file out of the case folder.",
                code="unsafe-case",
            )
        self._stream: BinaryIO | None = stream
        with contextlib.suppress(OSError):
            stream.truncate(0)
            stream.write(str(os.getpid()).encode())
            stream.flush()

    def release(self) -> None:
        """Release the lock; safe to call twice."""
        if self._stream is not None:
            _unlock(self._stream)
            self._stream.close()
            self._stream = None

    @staticmethod
    def is_held(folder: Path) -> bool:
        """True while a process may write the case (best effort; takes no lock)."""
        try:
            path = folder / LOCK_NAME
            with os.fdopen(open_part(path, folder), "rb") as stream:
                if not _try_lock(stream, shared=True):
                    return True
                _unlock(stream)
        except OSError:
            return False
        return False


if sys.platform == "win32":  # pragma: no cover - exercised on Windows only
    import msvcrt

    # Far behind the content, because Windows forbids reading locked bytes.
    _LOCK_OFFSET = 1 << 20

    def _try_lock(stream: BinaryIO, *, shared: bool = False) -> bool:
        stream.seek(_LOCK_OFFSET)
        try:
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            stream.seek(0)
        return True

    def _unlock(stream: BinaryIO) -> None:
        stream.seek(_LOCK_OFFSET)
        with contextlib.suppress(OSError):
            msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(stream: BinaryIO, *, shared: bool = False) -> bool:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(stream.fileno(), kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(stream: BinaryIO) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_UN)
