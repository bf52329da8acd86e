"""The case's SQLite file: opening, locking, transactions and what its errors mean.

SQLite's error code decides whether the examiner can act on it (disk full, locked,
damaged: `CaseError`) or we made a mistake (anything else: let it escape).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from btd_desktop.errors import CaseError

__all__ = [
    "DATABASE_NAME",
    "WriterLock",
    "case_errors",
    "connect_for_writing",
    "copy_database",
    "read_snapshot",
    "transaction",
]

DATABASE_NAME = "case.sqlite"
LOCK_NAME = "case.lock"
_ROOM_TO_OPEN = 64 << 10  # bytes; SQLite's index of the write-ahead log is half of it

# What SQLite says when there is no room for its index of the write-ahead log.
_WRITING_FAILED = (
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMMAP,
)

_MEANINGS = {
    sqlite3.SQLITE_FULL: (
        "the disk of {} is full; what was stored before is kept",
        "Free some space or move the case folder, then resume.",
        "disk-full",
    ),
    sqlite3.SQLITE_BUSY: (
        "the case {} is in use by another program",
        "Close the other program and try again.",
        "case-locked",
    ),
    sqlite3.SQLITE_READONLY: (
        "the case {} cannot be written",
        "Check the rights of the case folder, or open it read-only.",
        "not-writable",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "the case {} cannot be opened",
        "Check the rights of the case folder.",
        "not-readable",
    ),
    sqlite3.SQLITE_IOERR: (
        "the disk of the case {} reports an error",
        "Check the disk or the network share, then open the case again.",
        "disk-error",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "the database of the case {} is damaged",
        "Go back to an unaltered copy of the case folder.",
        "case-damaged",
    ),
    sqlite3.SQLITE_NOTADB: (
        "{} is not a case: its case.sqlite is no case database",
        "Choose a folder that this program created.",
        "not-a-case",
    ),
    # A value of the wrong kind only gets in by altering the file.
    sqlite3.SQLITE_MISMATCH: (
        "the database of the case {} is damaged",
        "Go back to an unaltered copy of the case folder.",
        "case-damaged",
    ),
}
_MEANINGS[sqlite3.SQLITE_LOCKED] = _MEANINGS[sqlite3.SQLITE_BUSY]
_MEANINGS[sqlite3.SQLITE_PERM] = _MEANINGS[sqlite3.SQLITE_READONLY]


@contextlib.contextmanager
def case_errors(folder: Path) -> Iterator[None]:
    """Turn SQLite errors that describe the surroundings into `CaseError`."""
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:
        code = _primary_code(error)
        if getattr(error, "sqlite_errorcode", 0) in _WRITING_FAILED and _is_full(
            folder
        ):
            code = sqlite3.SQLITE_FULL
        meaning = _MEANINGS.get(code)
        if meaning is None:
            raise
        detail, hint, name = meaning
        raise CaseError(detail.format(folder), hint=hint, code=name) from error


def _primary_code(error: sqlite3.Error | UnicodeDecodeError) -> int:
    """SQLite's primary result code; the extended part only says where it struck."""
    # Text that is no UTF-8 got in by damage: we only ever store what encodes.
    if isinstance(error, UnicodeDecodeError) or "decode to UTF-8" in str(error):
        return sqlite3.SQLITE_CORRUPT
    # A schema format that SQLite does not know comes as a plain error.
    if "unsupported file format" in str(error):
        return sqlite3.SQLITE_CORRUPT
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < _ROOM_TO_OPEN
    except OSError:
        return False


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, also when the disk fills up during the commit."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def connect_for_writing(path: Path, *, journal: str = "WAL") -> sqlite3.Connection:
    """Connection with the guarantees of a case: durable commits, foreign keys.

    It may be used from any thread, by one at a time; the store sees to that.
    """
    connection = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        _harden(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def read_snapshot(folder: Path) -> sqlite3.Connection:
    """The database as it is now, in memory; nothing in the folder is touched.

    Works on read-only media, beside a running writer, and after a crash (the write-
    ahead log that the crash left is applied to a private copy).
    """
    path = folder / DATABASE_NAME
    snapshot = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False
    )
    try:
        wal = path.with_name(f"{DATABASE_NAME}-wal")
        if WriterLock.is_held(folder):
            _copy_into(snapshot, f"{_uri(path)}?mode=ro")
        elif wal.is_file() and wal.stat().st_size > 0:
            with tempfile.TemporaryDirectory(prefix="btd-case-") as private:
                for source in (path, wal):
                    shutil.copyfile(source, Path(private) / source.name)
                _copy_into(snapshot, _uri(Path(private) / DATABASE_NAME))
        else:
            _copy_into(snapshot, f"{_uri(path)}?mode=ro&immutable=1")
        _harden(snapshot)
    except BaseException:
        snapshot.close()
        raise
    return snapshot


def copy_database(source: sqlite3.Connection) -> sqlite3.Connection:
    """A second database in memory with the same content."""
    target = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    source.backup(target)
    _harden(target)
    return target


def _copy_into(target: sqlite3.Connection, uri: str) -> None:
    source = sqlite3.connect(uri, uri=True, timeout=5.0)
    try:
        source.backup(target)
    finally:
        source.close()


def _uri(path: Path) -> str:
    return "file:" + quote(path.resolve().as_posix(), safe="/:")


def _harden(connection: sqlite3.Connection) -> None:
    # The file may come from the other party: its schema gets no say (SQLite,
    # "Defense against the dark arts").
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.row_factory = sqlite3.Row


class WriterLock:
    """Held by the one process that may change a case; gone when that process dies.

    A lock of the operating system on `case.lock`, so nothing is left to clean up
    after a crash. The file's content only serves the message to the second one.
    """

    def __init__(self, folder: Path) -> None:
        """Take the lock.

        Raises:
            CaseError: Another process has it, or the folder cannot be written.
        """
        path = folder / LOCK_NAME
        try:
            # Not "w": a second process must not empty the first one's file.
            # Unbuffered: on a full disk closing must not fail for want of a number.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
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
        self._stream: BinaryIO | None = stream
        with contextlib.suppress(OSError):
            stream.truncate(0)
            stream.write(str(os.getpid()).encode())
            stream.flush()

    def release(self) -> None:
        """Let the next one in; safe to call twice."""
        if self._stream is not None:
            _unlock(self._stream)
            self._stream.close()
            self._stream = None

    @staticmethod
    def is_held(folder: Path) -> bool:
        """True while some process may write the case (best effort, nothing kept)."""
        try:
            with (folder / LOCK_NAME).open("rb") as stream:
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
