"""Make a case folder, and migrate an older one.

The database is built under another name and renamed when it is complete: a folder holds
a whole case or none, even after a power failure.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import asdict
from pathlib import Path

from btd_desktop.cases import audit
from btd_desktop.cases.arrays import FULL_DISK
from btd_desktop.cases.audit_key import AuditKey
from btd_desktop.cases.database import (
    DATABASE_NAME,
    connect_to_new,
    transaction,
)
from btd_desktop.cases.files import sync_folder
from btd_desktop.cases.lock import LOCK_NAME
from btd_desktop.cases.migrations import (
    apply_migrations,
    format_version,
    make_step,
    pending_migrations,
)
from btd_desktop.cases.model import CaseInfo
from btd_desktop.cases.records import insert_row, record_claim
from btd_desktop.cases.verification import intact_claims
from btd_desktop.errors import CaseError

ARRAYS_NAME = "arrays"
_UNFINISHED_NAME = "case.creating"
_LEFTOVERS = tuple(
    f"{_UNFINISHED_NAME}{end}" for end in ("", "-journal", "-wal", "-shm")
)
_UNFINISHED = (LOCK_NAME, *_LEFTOVERS)


def prepare_folder(folder: Path) -> None:
    """Make the folder, or accept one that is empty.

    A folder with only the remains of a creation that was killed counts as empty.

    Raises:
        CaseError: It holds something else, is a file, or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
        arrays = folder / ARRAYS_NAME
        if _is_own_folder(arrays) and not any(arrays.iterdir()):
            names.discard(ARRAYS_NAME)
    except OSError as error:
        raise folder_error(folder, error) from error
    if DATABASE_NAME in names:
        raise CaseError(
            f"{folder} holds a case already",
            hint="Open it, or choose another folder for the new case.",
            code="case-exists",
        )
    if names - set(_UNFINISHED):
        raise CaseError(
            f"{folder} is not empty, so no case is made there",
            hint="Choose a new or an empty folder.",
            code="folder-not-empty",
        )


def write_new_database(folder: Path, info: CaseInfo, key: AuditKey) -> None:
    """Build a case database with its first audit entry and put it in place."""
    unfinished = folder / _UNFINISHED_NAME
    for leftover in _LEFTOVERS:
        (folder / leftover).unlink(missing_ok=True)
    connection = connect_to_new(unfinished)
    try:
        apply_migrations(connection)
        with transaction(connection):
            insert_row(connection, "case_info", {"case_info_id": 1, **asdict(info)})
            audit.append_entry(
                connection,
                key,
                utc=info.created_utc,
                actor=info.examiner or "BTD Desktop",
                action="case created",
                details={
                    "case_id": info.case_id,
                    "format": format_version(connection),
                    "software_version": info.software_version,
                    "records": [record_claim(connection, "case_info", 1)],
                },
            )
    finally:
        connection.close()
    unfinished.rename(folder / DATABASE_NAME)
    sync_folder(folder)


def remove_unfinished(folder: Path, *, keep_folder: bool) -> None:
    """Delete what a failed creation made, and nothing else."""
    with contextlib.suppress(OSError):
        for name in _UNFINISHED:
            (folder / name).unlink(missing_ok=True)
        if _is_own_folder(folder / ARRAYS_NAME):
            (folder / ARRAYS_NAME).rmdir()
        if not keep_folder:
            folder.rmdir()


def migrate_case(connection: sqlite3.Connection, key: AuditKey) -> None:
    """Bring a case to the newest format, each step with its audit entry.

    A step may change rows that the log vouches for. The new entry vouches only for rows
    that agreed with the log before the step: a migration must not launder an altered
    row.
    """
    for migration in pending_migrations(connection):
        with transaction(connection):
            intact = intact_claims(connection)
            make_step(connection, migration)
            # A step has no clock: it takes the time of the entry before it.
            last = connection.execute("SELECT utc FROM audit ORDER BY seq DESC LIMIT 1")
            audit.append_entry(
                connection,
                key,
                utc=str(last.fetchone()[0]),
                actor="BTD Desktop",
                action="case format migrated",
                details={
                    "format": migration.version,
                    "records": [record_claim(connection, *claim) for claim in intact],
                },
            )


def _is_own_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def folder_error(folder: Path, error: OSError) -> CaseError:
    """An error of the operating system as one of a case folder."""
    if error.errno in FULL_DISK:
        return CaseError(
            f"the disk of {folder} is full",
            hint="Free some space or use another disk, then try again.",
            code="disk-full",
        )
    return CaseError(
        f"the folder {folder} cannot be used: {error.strerror or error}",
        hint="Choose a folder that can be read and written.",
        code="not-writable",
    )
