"""Case format: numbered steps, each in one transaction together with its number.

`PRAGMA user_version` holds major * 1000 + minor. A newer major is refused; a newer
minor only added what older programs can ignore. A published step is never edited.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from btd_desktop.cases.database import transaction

APPLICATION_ID = 0x42544443  # "BTDC", shown by `file case.sqlite`
MINOR_RANGE = 1000

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
        apply: Makes the step, inside a transaction; must not commit.
    """

    major: int
    minor: int
    apply: Callable[[sqlite3.Connection], None]

    @property
    def version(self) -> int:
        """As `PRAGMA user_version` holds it."""
        return self.major * MINOR_RANGE + self.minor


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
    """Format as major * 1000 + minor; 0 for an empty database."""
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
    """Bring a database to the newest format, one transaction per step."""
    for migration in pending_migrations(connection):
        with transaction(connection):
            make_step(connection, migration)
