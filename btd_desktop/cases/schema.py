"""Check that a database is a case of this program, table by table, and nothing else.

A schema can hold code (triggers, views, generated columns, virtual tables, expressions
in indices and defaults) that runs when the case is written to. So its texts are
compared with those that our own steps make. A newer minor format, which older programs
may open, may have further plain columns, tables and indices and nothing that computes.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from btd_desktop.cases import migrations
from btd_desktop.cases.migrations import APPLICATION_ID, RECORD_TABLES, format_version
from btd_desktop.errors import CaseError

Items = dict[tuple[str, str], tuple[str, str]]

_COLUMN = (
    r"\w+ (?:TEXT|INTEGER|REAL|BLOB)(?: PRIMARY KEY)?(?: NOT NULL)?"
    r"(?: DEFAULT (?:-?[0-9]+(?:\.[0-9]+)?|'[^'\"]*'|NULL))?"
)
_PLAIN = {
    "table": re.compile(rf"CREATE TABLE \w+ ?\( ?{_COLUMN}(?:, {_COLUMN})* ?\)"),
    "index": re.compile(r"CREATE INDEX \w+ ON \w+ ?\( ?\w+(?:, \w+)* ?\)"),
}
# SQLite's own blanks: it takes a no-break space for a letter of a name.
_BLANKS = re.compile(r"[ \t\n\f\r]+")
_MORE_COLUMNS = re.compile(rf"(?:, {_COLUMN})*\)")


def check_schema(connection: sqlite3.Connection, folder: Path) -> None:
    """Refuse a database that is no case, too new, or not as this program made it.

    Args:
        connection: The database; for a writer the connection that then writes.
        folder: The case, for the sentence.

    Raises:
        CaseError: One of these.
        sqlite3.Error: The database cannot be read.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql, rootpage FROM sqlite_master"
    ).fetchall()
    tables = {row[1] for row in rows if row[0] == "table"}
    expected_tables = {*RECORD_TABLES, "audit", "audit_head"}
    if application != APPLICATION_ID or not expected_tables <= tables:
        raise CaseError(
            f"{folder} is not a case: its {'tables' if tables else 'database'} are"
            " not those of this program",
            hint="Choose a folder that this program created.",
            code="not-a-case",
        )
    version = format_version(connection)
    major, minor = divmod(version, migrations.MINOR_RANGE)
    newest = migrations.MIGRATIONS[-1]
    if major > newest.major:
        raise CaseError(
            f"the case {folder} has format {major}.{minor}; this program reads up to"
            f" {newest.major}.x",
            hint="Open it with the newer version of BTD Desktop that made it.",
            code="case-newer",
        )
    if any(row[0] not in ("table", "index") for row in rows):
        raise _altered(folder, "it holds SQL code that this program never writes")
    pages = [row[4] for row in rows]
    if len(set(pages)) < len(pages) or not all(
        isinstance(page, int) and page > 1 for page in pages
    ):
        raise _altered(folder, "its tables do not each have a place of their own")
    if connection.execute("PRAGMA encoding").fetchone()[0] != "UTF-8":
        raise _altered(folder, "its texts are not stored as UTF-8")
    problem = _difference(_items(rows), _expected(version), version > newest.version)
    if problem:
        raise _altered(folder, problem)


def _difference(found: Items, expected: Items, is_newer: bool) -> str:
    """How the schema differs from ours, as a sentence; "" when it does not."""
    for (kind, name), (table, sql) in expected.items():
        there = found.get((kind, name))
        if there == (table, sql):
            continue
        base = sql.removesuffix(")")
        if not (
            is_newer
            and there is not None
            and there[0] == table
            and there[1].startswith(base)
            and _MORE_COLUMNS.fullmatch(there[1], len(base))
        ):
            return f"its {kind} {name} is not as this program made it"
    for (kind, name), (_, sql) in found.items():
        if (kind, name) in expected:
            continue
        if not is_newer or not _PLAIN[kind].fullmatch(sql):
            return f"it holds the {kind} {name[:80]!r}, which this program never makes"
    return ""


def _expected(version: int) -> Items:
    """The schema that our steps up to a format make."""
    with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
        for migration in migrations.MIGRATIONS:
            if migration.version <= version:
                migration.apply(fresh)
        return _items(
            fresh.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
        )


def _items(rows: Iterable[Any]) -> Items:
    """(kind, name) → (table, text with single spaces) of everything in a schema."""
    return {
        (str(row[0]), str(row[1])): (
            str(row[2]),
            # An index that a constraint made has no text of its own.
            _BLANKS.sub(" ", str(row[3] or "")).strip(" "),
        )
        for row in rows
    }


def _altered(folder: Path, why: str) -> CaseError:
    return CaseError(
        f"the database of the case {folder} is damaged or was altered: {why}",
        hint="Go back to an unaltered copy of the case folder.",
        code="case-damaged",
    )
