"""The case's SQLite file: opening, transactions and what its errors mean.

SQLite's error code decides: what the examiner can act on (disk full, locked, damaged)
becomes a `CaseError`; anything else is a mistake of ours and escapes.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from btd_desktop.cases.files import (
    Stamp,
    check_part,
    read_part,
    remove_part,
    stamp_of,
)
from btd_desktop.cases.lock import LOCK_NAME, WriterLock
from btd_desktop.errors import CaseError

DATABASE_NAME = "case.sqlite"
_WAL_NAME = f"{DATABASE_NAME}-wal"
_JOURNAL_NAME = f"{DATABASE_NAME}-journal"
_INDEX_NAME = f"{DATABASE_NAME}-shm"
_MOST_BYTES_OF_A_VALUE = 64 << 20
# The database is read into memory; large data lies in arrays. A sparse file costs its
# sender nothing.
_MOST_BYTES = 1 << 30
# Bytes 18 and 19 of the file: 2 asks for a write-ahead log, which memory cannot have.
_FORMAT_BYTES = slice(18, 20)
_ROOM_TO_OPEN = 64 << 10  # bytes; SQLite's index of the write-ahead log is half of it

# SQLite's codes when there is no room for its index of the write-ahead log.
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
}
_MEANINGS[sqlite3.SQLITE_LOCKED] = _MEANINGS[sqlite3.SQLITE_BUSY]
_MEANINGS[sqlite3.SQLITE_PERM] = _MEANINGS[sqlite3.SQLITE_READONLY]
# Only an altered case has a value larger than any of ours or of another kind.
_MEANINGS[sqlite3.SQLITE_TOOBIG] = _MEANINGS[sqlite3.SQLITE_CORRUPT]
_MEANINGS[sqlite3.SQLITE_MISMATCH] = _MEANINGS[sqlite3.SQLITE_CORRUPT]


@contextlib.contextmanager
def case_errors(folder: Path) -> Iterator[None]:
    """Turn SQLite errors that the examiner can act on into `CaseError`."""
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
    """SQLite's primary result code; the extended part only says where it happened."""
    # Text that is no UTF-8 is damage: the program stores only what encodes.
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
    """All changes or none, also when the disk fills up during the commit."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def connect_to_new(path: Path) -> sqlite3.Connection:
    """Connection to a database that is being made, with the guarantees of a case."""
    connection = _connect(path)
    begin_writing(connection)
    return connection


def connect_to_case(folder: Path) -> sqlite3.Connection:
    """Connection to the database of a case whose lock the caller holds.

    Any thread may use it, one at a time; the store sees to that. Nothing is written
    before `begin_writing`: the caller checks the schema first.

    Raises:
        CaseError: This program never leaves such a file beside the database.
    """
    stamps = stamps_of(folder)
    # SQLite makes the index of the log again; one that came with the case is not read.
    remove_part(folder / _INDEX_NAME, folder)
    connection = _connect(folder.resolve() / DATABASE_NAME)
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        # SQLite opens by path. Only the same stamps before and after show that it
        # opened the file that was checked.
        refuse_changed(folder, stamps)
    except BaseException:
        connection.close()
        raise
    return connection


def begin_writing(connection: sqlite3.Connection) -> None:
    """Give a connection the guarantees of a case: durable commits, foreign keys."""
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise CaseError(
            "the disk or share of the case has no room for a write-ahead log",
            hint="Copy the case folder to a local disk, or open it read-only.",
            code="no-locks",
        )
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=5.0, isolation_level=None, check_same_thread=False
    )
    try:
        _harden(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def stamps_of(folder: Path) -> tuple[Stamp | None, Stamp | None]:
    """Which files the database and its write-ahead log are, and when they changed.

    A log without content, as a reader may leave, counts as none.

    Raises:
        CaseError: This program never leaves such a file.
    """
    for name in (_JOURNAL_NAME, _INDEX_NAME, LOCK_NAME):
        check_part(folder / name)
    if (folder / _JOURNAL_NAME).exists():
        # Undoing a journal overwrites the database, and may delete a file that it
        # names anywhere on this computer.
        raise CaseError(
            f"{folder / _JOURNAL_NAME} lies beside the database: this program never"
            " leaves such a journal, and does not carry it out",
            hint="The case was altered or damaged; go back to an unaltered copy.",
            code="unsafe-case",
        )
    log = _bounded_stamp(folder / _WAL_NAME)
    has_content = log is not None and log[2] > 0
    return _bounded_stamp(folder / DATABASE_NAME), log if has_content else None


def _bounded_stamp(path: Path) -> Stamp | None:
    stamp = stamp_of(path)
    if stamp is not None and stamp[2] > _MOST_BYTES:
        raise CaseError(
            f"{path} has {stamp[2]:,} bytes, more than the database of a case can have"
            f" ({_MOST_BYTES:,})",
            hint="The case was altered or damaged; go back to an unaltered copy.",
            code="unsafe-case",
        )
    return stamp


def read_snapshot(folder: Path) -> sqlite3.Connection:
    """The database as it is now, in memory; the folder stays untouched.

    Works on read-only media, beside a running writer, and after a crash (applies the
    write-ahead log that the crash left to a private copy).

    Raises:
        CaseError: This program never leaves such a file.
    """
    stamps = stamps_of(folder)
    snapshot = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False
    )
    try:
        if WriterLock.is_held(folder):
            _copy_into(snapshot, f"{_uri(folder.resolve() / DATABASE_NAME)}?mode=ro")
        else:
            data = read_part(folder / DATABASE_NAME, folder)
            log = b""
            if stamps[1] is not None:
                log = read_part(folder / _WAL_NAME, folder)
            _load_into(snapshot, data, log)
        _harden(snapshot)
    except BaseException:
        snapshot.close()
        raise
    return snapshot


def _load_into(snapshot: sqlite3.Connection, data: bytes, log: bytes) -> None:
    """Bring the bytes of a database and of its log into memory."""
    if not data:
        return
    if not log and hasattr(snapshot, "deserialize"):
        image = bytearray(data)
        if image[_FORMAT_BYTES] == b"\2\2":
            image[_FORMAT_BYTES] = b"\1\1"
        snapshot.deserialize(bytes(image))
        return
    with tempfile.TemporaryDirectory(prefix="btd-case-") as private:
        copy = Path(private) / DATABASE_NAME
        copy.write_bytes(data)
        copy.with_name(_WAL_NAME).write_bytes(log)
        _copy_into(snapshot, _uri(copy.resolve()))


def refuse_changed(folder: Path, seen: tuple[Stamp | None, Stamp | None]) -> None:
    """Refuse a database that is no longer the one that was checked.

    Raises:
        CaseError: Another program changed or replaced it.
    """
    if stamps_of(folder) != seen:
        raise CaseError(
            f"the case {folder} was changed while it was being opened",
            hint="Close what else works in the folder, then open the case again.",
            code="case-locked",
        )


def copy_database(source: sqlite3.Connection) -> sqlite3.Connection:
    """A second database in memory with the same content."""
    target = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    source.backup(target)
    _harden(target)
    return target


def _copy_into(target: sqlite3.Connection, uri: str) -> None:
    source = sqlite3.connect(uri, uri=True, timeout=5.0)
    try:
        _harden(source)
        source.backup(target)
    finally:
        source.close()


def _uri(path: Path) -> str:
    return "file:" + quote(path.as_posix(), safe="/:")


def _harden(connection: sqlite3.Connection) -> None:
    # The file may come from the other party: its schema is not trusted (SQLite,
    # "Defense against the dark arts").
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_BYTES_OF_A_VALUE)
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)
    connection.row_factory = sqlite3.Row
