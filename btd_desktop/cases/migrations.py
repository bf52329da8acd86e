"""Case format: numbered steps, each in one transaction together with its number.

`PRAGMA user_version` holds major * 1000 + minor. A newer major is refused; a newer
minor only added what older programs can ignore. A published step is never edited.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from btd_desktop.cases.database import transaction
from btd_desktop.errors import CaseError

__all__ = [
    "APPLICATION_ID",
    "MIGRATIONS",
    "RECORD_TABLES",
    "Migration",
    "apply_migrations",
    "check_format",
    "format_version",
    "make_step",
    "pending_migrations",
]

APPLICATION_ID = 0x42544443  # "BTDC", shown by `file case.sqlite`
_MINOR_RANGE = 1000

# Tables whose rows the audit log vouches for; each has an integer primary key.
RECORD_TABLES = {
    "case_info": "case_info_id",
    "evidence": "evidence_id",
    "series": "series_id",
    "run": "run_id",
    "slice_result": "slice_result_id",
    "profile": "profile_id",
    "finding": "finding_id",
    "report": "report_id",
}


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the format.

    Attributes:
        major: Raised when older programs would misread the case.
        minor: Raised when something was added that older programs can ignore.
        apply: Makes the step; runs inside a transaction and must not commit.
    """

    major: int
    minor: int
    apply: Callable[[sqlite3.Connection], None]

    @property
    def version(self) -> int:
        """As `PRAGMA user_version` holds it."""
        return self.major * _MINOR_RANGE + self.minor


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in _FORMAT_1_0:
        connection.execute(statement)


_FORMAT_1_0 = (
    """CREATE TABLE case_info (
        case_info_id INTEGER PRIMARY KEY CHECK (case_info_id = 1),
        case_id TEXT NOT NULL, created_utc TEXT NOT NULL, title TEXT NOT NULL,
        case_number TEXT NOT NULL, client TEXT NOT NULL, examiner TEXT NOT NULL,
        question TEXT NOT NULL, software_version TEXT NOT NULL)""",
    """CREATE TABLE evidence (
        evidence_id INTEGER PRIMARY KEY,
        name TEXT NOT NULL, path TEXT NOT NULL, size_bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL, pixel_sha256 TEXT NOT NULL, fate TEXT NOT NULL,
        reason TEXT NOT NULL, series_uid TEXT NOT NULL,
        sop_instance_uid TEXT NOT NULL, is_container INTEGER NOT NULL)""",
    """CREATE TABLE series (
        series_id INTEGER PRIMARY KEY,
        series_uid TEXT NOT NULL, description TEXT NOT NULL, modality TEXT NOT NULL,
        n_slices INTEGER NOT NULL, n_rows INTEGER NOT NULL, n_cols INTEGER NOT NULL,
        meta TEXT NOT NULL, findings TEXT NOT NULL, record_names TEXT NOT NULL,
        volume_digest TEXT NOT NULL, padding_digest TEXT, geometry TEXT NOT NULL,
        patient_key TEXT NOT NULL)""",
    """CREATE TABLE run (
        run_id INTEGER PRIMARY KEY,
        series_id INTEGER NOT NULL REFERENCES series,
        manifest TEXT NOT NULL, manifest_digest TEXT NOT NULL,
        status TEXT NOT NULL
            CHECK (status IN ('running', 'done', 'cancelled', 'failed')),
        started_utc TEXT NOT NULL, finished_utc TEXT,
        UNIQUE (series_id, manifest_digest))""",
    """CREATE TABLE slice_result (
        slice_result_id INTEGER PRIMARY KEY,
        run_id INTEGER NOT NULL REFERENCES run,
        slice_index INTEGER NOT NULL CHECK (slice_index >= 0),
        summary TEXT NOT NULL, arrays TEXT NOT NULL,
        UNIQUE (run_id, slice_index))""",
    """CREATE TABLE profile (
        profile_id INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE, document TEXT NOT NULL,
        added_utc TEXT NOT NULL)""",
    """CREATE TABLE finding (
        finding_id INTEGER PRIMARY KEY,
        run_id INTEGER REFERENCES run,
        series_id INTEGER NOT NULL REFERENCES series,
        slice_index INTEGER NOT NULL, x REAL NOT NULL, y REAL NOT NULL,
        mode TEXT NOT NULL, numbers TEXT NOT NULL, note TEXT NOT NULL,
        status TEXT NOT NULL
            CHECK (status IN ('to check', 'confirmed', 'dismissed')),
        created_utc TEXT NOT NULL,
        profile_digest TEXT REFERENCES profile (digest),
        origin TEXT NOT NULL CHECK (origin IN ('examiner', 'search')),
        thumbnail TEXT)""",
    """CREATE TABLE report (
        report_id INTEGER PRIMARY KEY,
        path_name TEXT NOT NULL, sha256 TEXT NOT NULL, json_sha256 TEXT NOT NULL,
        created_utc TEXT NOT NULL, audit_head TEXT NOT NULL)""",
    """CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        utc TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        details TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL,
        key_id TEXT NOT NULL, mac TEXT NOT NULL)""",
    """CREATE TABLE audit_head (
        head_id INTEGER PRIMARY KEY CHECK (head_id = 1),
        n_entries INTEGER NOT NULL, hash TEXT NOT NULL,
        key_id TEXT NOT NULL, mac TEXT NOT NULL)""",
)

MIGRATIONS: tuple[Migration, ...] = (Migration(1, 0, _create_tables),)


def format_version(connection: sqlite3.Connection) -> int:
    """Format as major * 1000 + minor; 0 for one that is empty."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def pending_migrations(connection: sqlite3.Connection) -> list[Migration]:
    """Steps that a database still needs, in order."""
    version = format_version(connection)
    return [migration for migration in MIGRATIONS if migration.version > version]


def make_step(connection: sqlite3.Connection, migration: Migration) -> None:
    """Make one step and note its number, inside the caller's transaction."""
    migration.apply(connection)
    # PRAGMA takes no parameters; both are integers of ours.
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {migration.version}")


def apply_migrations(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest format, one transaction a step."""
    for migration in pending_migrations(connection):
        with transaction(connection):
            make_step(connection, migration)


def check_format(connection: sqlite3.Connection, folder: Path) -> None:
    """Refuse what is no case, what is too new, and what carries SQL of its own.

    Raises:
        CaseError: One of these.
    """
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    kinds = connection.execute("SELECT type, name FROM sqlite_master").fetchall()
    tables = {row[1] for row in kinds if row[0] == "table"}
    expected = {*RECORD_TABLES, "audit", "audit_head"}
    if application != APPLICATION_ID or not expected <= tables:
        raise CaseError(
            f"{folder} is not a case: its {'tables' if tables else 'database'} are"
            " not those of this program",
            hint="Choose a folder that this program created.",
            code="not-a-case",
        )
    if any(row[0] in ("trigger", "view") for row in kinds):
        raise CaseError(
            f"the case {folder} holds SQL code that this program never writes",
            hint="It was altered; go back to an unaltered copy.",
            code="case-damaged",
        )
    major, minor = divmod(format_version(connection), _MINOR_RANGE)
    newest = MIGRATIONS[-1].major
    if major > newest:
        raise CaseError(
            f"the case {folder} has format {major}.{minor}; this program reads up to"
            f" {newest}.x",
            hint="Open it with the newer version of BTD Desktop that made it.",
            code="case-newer",
        )
    found = _columns(connection)
    for table, columns in _expected_columns(format_version(connection)).items():
        if not columns <= found.get(table, set()):
            raise CaseError(
                f"the database of the case {folder} is damaged: its table {table}"
                " is not as this program made it",
                hint="Go back to an unaltered copy of the case folder.",
                code="case-damaged",
            )


def _expected_columns(version: int) -> dict[str, set[tuple[object, ...]]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
        for migration in MIGRATIONS:
            if migration.version <= version:
                migration.apply(fresh)
        return _columns(fresh)


def _columns(connection: sqlite3.Connection) -> dict[str, set[tuple[object, ...]]]:
    """Table → (name, type, not null, place in the primary key) of its columns."""
    rows = connection.execute(
        'SELECT m.name, c.name, c.type, c."notnull", c.pk'
        " FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    )
    columns: dict[str, set[tuple[object, ...]]] = {}
    for row in rows:
        columns.setdefault(str(row[0]), set()).add(tuple(row)[1:])
    return columns
