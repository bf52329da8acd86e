"""What the other party can do to a case folder before handing it over."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from btd_desktop.cases import audit
from btd_desktop.cases.audit_key import AuditKey, load_or_create_key
from btd_desktop.cases.migrations import RECORD_TABLES
from btd_desktop.cases.records import record_claim
from btd_desktop.cases.store import CaseStore
from tests.hostile.custody_case import NOW

__all__ = [
    "add_note",
    "left_open",
    "place_journal",
    "reforge",
    "run_sql",
    "write_schema",
]

_MAGIC_JOURNAL = bytes.fromhex("d9d505f920a163d7")


def run_sql(folder: Path, *statements: str) -> None:
    """Edit a case's database with SQLite's own checks out of the way."""
    with contextlib.closing(sqlite3.connect(folder / "case.sqlite")) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            database.execute(statement)
        database.commit()


def write_schema(folder: Path, change: str) -> None:
    """Edit the stored schema itself, as no statement could."""
    run_sql(folder, "PRAGMA writable_schema = ON", change)


def place_journal(folder: Path, victim: Path) -> None:
    """A hot rollback journal that names a super-journal: SQLite deletes that file.

    Layout as in SQLite's file format, section 3; the super-journal's name, its length
    and checksum and the magic number stand at the end.
    """
    database = folder / "case.sqlite"
    page = database.read_bytes()[:4096]
    n_pages = database.stat().st_size // 4096
    nonce = 7
    header = _MAGIC_JOURNAL + struct.pack(">iIIII", 1, nonce, n_pages, 512, 4096)
    checksum = (nonce + sum(page[i] for i in range(4096 - 200, 0, -200))) & 0xFFFFFFFF
    record = struct.pack(">I", 1) + page + struct.pack(">I", checksum)
    name = os.fsencode(victim)
    pending_byte_page = (1 << 30) // 4096 + 1
    tail = struct.pack(">I", pending_byte_page) + name
    tail += struct.pack(">II", len(name), sum(name)) + _MAGIC_JOURNAL
    body = header.ljust(512, b"\0") + record
    (folder / "case.sqlite-journal").write_bytes(body + tail)


def left_open(source: Path, target: Path, work: Callable[[CaseStore], None]) -> None:
    """A copy of a case as a killed writer leaves it, with its work in the log only."""
    with CaseStore.open(source) as store:
        work(store)
        shutil.copytree(source, target)
    assert (target / "case.sqlite-wal").stat().st_size > 0
    (target / "case.sqlite-shm").unlink(missing_ok=True)


def reforge(folder: Path, *statements: str) -> None:
    """Rewrite records and then the whole log, sealed with a key of one's own."""
    run_sql(folder, *statements)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(folder.parent / "other-home"))
        key = load_or_create_key()
        _seal_anew(folder, key)


def _seal_anew(folder: Path, key: AuditKey) -> None:
    with contextlib.closing(sqlite3.connect(folder / "case.sqlite")) as database:
        database.row_factory = sqlite3.Row
        entries = database.execute("SELECT * FROM audit ORDER BY seq").fetchall()
        database.execute("DELETE FROM audit")
        database.execute("DELETE FROM audit_head")
        for row in entries:
            details = json.loads(row["details"])
            details["records"] = [
                record_claim(database, c["table"], c["first"], c["last"])
                for c in details.get("records", [])
                if c["table"] in RECORD_TABLES
            ]
            audit.append_entry(
                database,
                key,
                utc=row["utc"],
                actor=row["actor"],
                action=row["action"],
                details={k: v for k, v in details.items() if v != []},
            )
        database.commit()


def add_note(store: CaseStore) -> None:
    """A change that anybody could make."""
    store.append_audit("case viewed", {"why": "again"}, "E. Xaminer", NOW)
