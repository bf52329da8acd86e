"""The open database of a case: reading, changing, and the audit log of both.

Every change is one transaction that also appends the audit entry vouching for it, so
a case is never without an account of itself, whenever the power goes. What is stored
is the business of the sections: `EvidenceSection`, `RunSection`, `FindingSection`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from btd_desktop.cases import arrays as array_files
from btd_desktop.cases import audit, records
from btd_desktop.cases.anchor import (
    Anchor,
    database_digest,
    read_anchor,
    set_anchor,
)
from btd_desktop.cases.audit_key import AuditKey
from btd_desktop.cases.creation import ARRAYS_NAME
from btd_desktop.cases.database import case_errors, copy_database, transaction
from btd_desktop.cases.files import check_part, part_digest
from btd_desktop.cases.lock import WriterLock
from btd_desktop.cases.model import (
    Adoption,
    AuditEntry,
    Authentication,
    CaseVerdict,
)
from btd_desktop.cases.text import altered, damaged, no_such
from btd_desktop.cases.verification import (
    authenticated_by,
    unreadable,
    verify_case,
)
from btd_desktop.errors import CaseError
from btd_desktop.progress import TaskContext

_PROGRAM = "BTD Desktop"
# The log names their rows by what they hold, all others by their number.
_NAMED_OTHERWISE = ("case_info", "profile", "slice_result")
# Larger than any that is written: such a file is another, and is not read to its end.
_MOST_BYTES_OF_A_REPORT = 1 << 30


class CaseJournal:
    """An open case without its sections; `CaseStore` is the class to use.

    Attributes:
        folder: The case folder.
        read_only: True when it was opened as a snapshot that cannot change.
        actor: Who the audit log names for changes; the examiner unless set.
    """

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        *,
        lock: WriterLock | None,
        key: AuditKey | None,
    ) -> None:
        self.folder = folder
        self.read_only = lock is None
        self._connection = connection
        self._lock = lock
        self._key = key
        # What verification looks at: differs for an older case read in memory.
        self._as_stored = connection
        self._guard = threading.RLock()
        self._checked_arrays: set[str] = set()
        # Found before this program wrote anything: see `anchor.database_problem`.
        self._file_problems: tuple[str, ...] = ()
        self._has_changed = False
        self._is_open = True
        self.actor = str(self._info_row()["examiner"]) or _PROGRAM

    def close(self) -> None:
        """Merge the write-ahead log, release the lock; safe to call twice."""
        with self._guard:
            if not self._is_open:
                return
            anchored = None
            try:
                if self._lock is not None:
                    anchored = self._remember_head()
            finally:
                self._is_open = False
                self._connection.close()
                self._as_stored.close()
                if anchored is not None:
                    self._remember_bytes(*anchored)
                if self._lock is not None:
                    self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def append_audit(
        self, action: str, details: Mapping[str, Any], actor: str, now: datetime
    ) -> None:
        """Record something that changed no table (case opened, evidence re-hashed).

        Raises:
            ValueError: `details` holds NaN, or a key that the store itself uses.
        """
        if not details.keys().isdisjoint(("records", "format")):
            raise ValueError("details must not use the keys 'records' and 'format'")
        with self._change():
            self._log(now, action, dict(details), actor=actor)

    def authentication(self) -> tuple[Authentication, Adoption | None]:
        """Whether this computer's key vouches for the log, and by which adoption."""
        return authenticated_by(self.audit_log(), self._key)

    def adopt(self, reason: str, actor: str, now: datetime) -> None:
        """Take over a case that this computer's key does not vouch for.

        The entry is sealed with the key and covers all before it: from now on the
        log, as it is now, cannot be changed unseen.

        Args:
            reason: Why it is taken to be what it says, in the examiner's words.
            actor: Who decides that.
            now: Time, aware.

        Raises:
            ValueError: There is no reason, or nothing to adopt.
        """
        entries = self.audit_log()
        is_foreign = authenticated_by(entries, self._key)[0] == "not authenticated"
        if not is_foreign or not reason.strip():
            raise ValueError("adopting wants a case that is not ours, and a reason")
        details = {
            "reason": reason.strip(),
            "n_entries": len(entries),
            "head": entries[-1].hash if entries else "",
            "key_ids": sorted({entry.key_id for entry in entries}),
        }
        self.append_audit(audit.ADOPTED, details, actor, now)

    def audit_log(self, action: str | None = None) -> tuple[AuditEntry, ...]:
        """All entries in order, or those of one action."""
        rows = self._rows(
            "SELECT * FROM audit WHERE ?1 IS NULL OR action = ?1 ORDER BY seq", action
        )
        return tuple(audit.entry_from_row(row) for row in rows)

    def head(self) -> tuple[int, str]:
        """Number of audit entries and hash of the last: what a report prints."""
        with self._reading() as connection:
            return audit.read_head(connection)

    def verify(
        self,
        known_heads: Mapping[str, str] | None = None,
        context: TaskContext | None = None,
    ) -> CaseVerdict:
        """Check log, records, arrays and report files afresh.

        Others may read the case meanwhile: the check works on a copy of the database.

        Args:
            known_heads: Audit heads printed in reports at hand, and the report of
                each in words; each must occur.
            context: Progress and cancellation; reported once per array.

        Raises:
            Cancelled: The context said so.
        """
        intact: set[str] = set()
        lost_arrays = self._array_problems(intact, context)
        try:
            with self._reading():
                copy = copy_database(self._as_stored)
        except CaseError as error:
            return unreadable(error.detail)
        try:
            return verify_case(
                copy,
                self._key,
                lost_arrays=lost_arrays,
                file_problems=self._file_problems,
                lost_reports=self._report_problems(),
                known_heads=known_heads,
            )
        finally:
            copy.close()
            self._checked_arrays |= intact

    def _report_problems(self) -> list[str]:
        """Reports that lie in the case folder and are not what was recorded."""
        problems = []
        for name, sha256 in self._report_files().items():
            path = self.folder / name
            try:
                if not check_part(path):
                    continue
                if (
                    path.lstat().st_size > _MOST_BYTES_OF_A_REPORT
                    or part_digest(path, self.folder) not in sha256
                ):
                    problems.append(
                        f"{name} in the case folder is not the report that was issued:"
                        " its SHA-256 differs from the one recorded"
                    )
            except CaseError as error:
                problems.append(error.detail)
            except OSError as error:
                why = error.strerror or "no reason given"
                problems.append(f"{name} in the case folder cannot be read: {why}")
        return problems

    def _report_files(self) -> dict[str, set[str]]:
        """Name of each report that may lie in the folder → digests recorded for it."""
        files: dict[str, set[str]] = {}
        try:
            rows = self._rows("SELECT path_name, sha256 FROM report")
        except CaseError:
            return files  # the check of the records says so
        for row in rows:
            name = str(row["path_name"])
            # The name may be forged: it must not lead out of the folder.
            if name and Path(name).name == name and "\0" not in name:
                files.setdefault(name, set()).add(str(row["sha256"]))
        return files

    @property
    def _arrays(self) -> Path:
        return self.folder / ARRAYS_NAME

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._guard, case_errors(self.folder):
            if not self._is_open:
                raise CaseError(f"the case {self.folder} is closed", code="closed")
            yield self._connection

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        self._check_writable()
        with self._reading() as connection:
            with transaction(connection):
                yield connection
            # After the commit is on disk: the anchor may lag behind, never lead.
            self._has_changed = True
            self._remember_head()

    def _check_writable(self) -> None:
        if self.read_only:
            raise CaseError(
                f"the case {self.folder} is open read-only",
                hint="Open it for writing to change it.",
                code="read-only",
            )

    def _log(
        self,
        now: datetime,
        action: str,
        details: Mapping[str, object],
        *claims: records.Claim,
        actor: str | None = None,
    ) -> None:
        if self._key is None:
            raise RuntimeError("a writer has a key")
        audit.append_entry(
            self._connection,
            self._key,
            utc=audit.utc_text(now),
            actor=self.actor if actor is None else actor,
            action=action,
            details={**details, "records": list(claims)} if claims else details,
        )

    def _insert(
        self,
        table: str,
        values: Mapping[str, object],
        now: datetime,
        action: str,
        **details: object,
    ) -> int:
        """Add a row and its entry in the log, inside a change; returns its key."""
        key = records.insert_row(self._connection, table, values)
        self._log_row(now, action, table, key, **details)
        return key

    def _update(
        self,
        table: str,
        key: int,
        values: Mapping[str, object],
        now: datetime,
        action: str,
        **details: object,
    ) -> None:
        """Change a row, with its entry in the log, inside a change."""
        records.update_row(self._connection, table, key, values)
        self._log_row(now, action, table, key, **details)

    def _log_row(
        self, now: datetime, action: str, table: str, key: int, **details: object
    ) -> None:
        claim = records.record_claim(self._connection, table, key)
        named = {} if table in _NAMED_OTHERWISE else {f"{table}_id": key}
        self._log(now, action, {**named, **details}, claim)

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._reading() as connection:
            return connection.execute(sql, values).fetchall()

    def _row(self, sql: str, key: int, what: str) -> sqlite3.Row:
        rows = self._rows(sql, key)
        if not rows:
            raise no_such(self.folder, what, key)
        return rows[0]

    def _write_array(self, array: NDArray[Any]) -> str:
        digest = array_files.write_array(self._arrays, array)
        self._checked_arrays.add(digest)
        return digest

    def _array_problems(
        self, checked: set[str], context: TaskContext | None = None
    ) -> list[str]:
        """Problems of arrays not in `checked`, to which the intact ones are added."""
        context = TaskContext() if context is None else context
        try:
            with self._reading() as connection:
                references = records.referenced_arrays(connection)
        except CaseError as error:
            return [f"the list of arrays cannot be read: {error.detail}"]
        problems = []
        # Outside the guard: gigabytes are read here, and the window goes on reading.
        to_check = references.keys() - checked
        for done, digest in enumerate(to_check):
            context.report(done, len(to_check), "Checking the case")
            problem = array_files.check_array(self._arrays, digest)
            if problem:
                problems.append(f"{problem} ({references[digest]})")
            else:
                checked.add(digest)
        return sorted(problems)

    def _check_arrays(self, digests: Iterable[str]) -> None:
        for digest in digests:
            if digest not in self._checked_arrays:
                problem = array_files.check_array(self._arrays, digest)
                if problem:
                    detail = f"{problem} (case {self.folder})"
                    raise altered(detail, "array-altered")
                self._checked_arrays.add(digest)

    def _remember_head(self) -> tuple[str, audit.Head] | None:
        """Keep id and head outside the case; None when that would hide something."""
        # A damaged case must still close; reading it reports the damage.
        with self._guard, contextlib.suppress(CaseError), case_errors(self.folder):
            case_id = self._case_id()
            anchor = read_anchor(case_id)
            # Working on a rolled-back copy must not wipe out the proof that it is one.
            if anchor is None or self._rows(
                "SELECT 1 FROM audit WHERE seq = ? AND hash = ?", *anchor.head
            ):
                head = audit.read_head(self._connection)
                if anchor is None or anchor.head != head:
                    set_anchor(case_id, Anchor(head))
                return case_id, head
        return None

    def _remember_bytes(self, case_id: str, head: audit.Head) -> None:
        """Keep the digest of the closed database with its head."""
        anchor = read_anchor(case_id)
        # A session that changed nothing must not vouch for bytes it did not write.
        if anchor is None or not anchor.database_sha256 or self._has_changed:
            set_anchor(case_id, Anchor(head, database_digest(self.folder)))

    def _case_id(self) -> str:
        return str(self._info_row()["case_id"])

    def _info_row(self) -> sqlite3.Row:
        rows = self._rows("SELECT * FROM case_info")
        if len(rows) != 1:
            raise damaged(self.folder, "its description is missing")
        return rows[0]
