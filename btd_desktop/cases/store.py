"""`CaseStore`: opens, reads and changes a case folder.

A case is a folder with `case.sqlite` (records and audit log) and `arrays/` (voxels and
maps). It can be copied as a whole while it is closed; there is no server.
"""

from __future__ import annotations

import contextlib
import uuid
from datetime import datetime
from pathlib import Path

from btd_desktop.cases import arrays as array_files
from btd_desktop.cases import audit
from btd_desktop.cases.anchor import database_problem, read_anchor
from btd_desktop.cases.audit_key import load_key, load_or_create_key
from btd_desktop.cases.creation import (
    ARRAYS_NAME,
    folder_error,
    migrate_case,
    prepare_folder,
    remove_unfinished,
    write_new_database,
)
from btd_desktop.cases.database import (
    DATABASE_NAME,
    begin_writing,
    case_errors,
    connect_to_case,
    copy_database,
    read_snapshot,
    refuse_changed,
    stamps_of,
)
from btd_desktop.cases.evidence_section import EvidenceSection
from btd_desktop.cases.files import check_folder, check_part
from btd_desktop.cases.finding_section import FindingSection
from btd_desktop.cases.lock import WriterLock
from btd_desktop.cases.migrations import apply_migrations, pending_migrations
from btd_desktop.cases.model import CaseInfo
from btd_desktop.cases.run_section import RunSection
from btd_desktop.cases.schema import check_schema
from btd_desktop.cases.text import damaged, storable_text
from btd_desktop.cases.verification import verify_case
from btd_desktop.errors import CaseError


class CaseStore(EvidenceSection, RunSection, FindingSection):
    """An open case: read by any thread, changed by one process.

    Use it as a context manager. Methods that change the case raise `CaseError` when
    it is open read-only, when the disk is full and when the folder cannot be written;
    what was stored before stays.

    Attributes:
        folder: The case folder.
        read_only: True when it was opened as a snapshot that cannot change.
        actor: Who the audit log names for changes; the examiner unless set.
    """

    @classmethod
    def create(
        cls,
        folder: Path,
        *,
        now: datetime,
        title: str = "",
        case_number: str = "",
        client: str = "",
        examiner: str = "",
        question: str = "",
        software_version: str = "",
    ) -> CaseStore:
        """Make a new case and open it for writing.

        Args:
            folder: Must not exist yet, or be empty. `title` defaults to its name.
            now: Time of creation, aware.
            title: Short name.
            case_number: The client's or court's number.
            client: Who asked.
            examiner: Who examines; also the default actor of the audit log.
            question: The question put to the examiner.
            software_version: Version of this program.

        Raises:
            CaseError: The folder is in use or cannot be written; nothing is left
                half-made.
        """
        info = CaseInfo(
            case_id=str(uuid.uuid4()),
            created_utc=audit.utc_text(now),
            title=storable_text(title or folder.name),
            case_number=storable_text(case_number),
            client=storable_text(client),
            examiner=storable_text(examiner),
            question=storable_text(question),
            software_version=storable_text(software_version),
        )
        key = load_or_create_key()
        existed = folder.is_dir()
        prepare_folder(folder)
        lock: WriterLock | None = None
        try:
            lock = WriterLock(folder)
            (folder / ARRAYS_NAME).mkdir(exist_ok=True)
            with case_errors(folder):
                write_new_database(folder, info, key)
        except BaseException as error:
            if lock is not None:
                lock.release()
            remove_unfinished(folder, keep_folder=existed)
            if isinstance(error, OSError):
                raise folder_error(folder, error) from error
            raise
        lock.release()
        store = cls.open(folder)
        store._remember_head()
        return store

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> CaseStore:
        """Open a case.

        Args:
            folder: The case folder.
            read_only: Take a snapshot instead of the lock: nothing in the folder is
                written, and changes made by others later are not seen.

        Raises:
            CaseError: It is no case, damaged, of a newer format, or open elsewhere.
        """
        folder = Path(folder)
        try:
            is_there = check_part(folder / DATABASE_NAME)
            check_folder(folder / ARRAYS_NAME)
        except OSError as error:
            raise folder_error(folder, error) from error
        if not is_there:
            raise CaseError(
                f"{folder} is not a case: it holds no {DATABASE_NAME}",
                hint="Choose a folder that this program created, or make a new case;"
                " take a portable case apart first (btd unpack).",
                code="not-a-case",
            )
        return cls._open_snapshot(folder) if read_only else cls._open_writer(folder)

    @classmethod
    def _open_snapshot(cls, folder: Path) -> CaseStore:
        key = load_key()
        try:
            with case_errors(folder):
                connection = read_snapshot(folder)
        except OSError as error:
            raise folder_error(folder, error) from error
        try:
            with case_errors(folder):
                check_schema(connection, folder)
                as_stored = connection
                if pending_migrations(connection):
                    connection = copy_database(connection)
                    apply_migrations(connection)
                connection.execute("PRAGMA query_only = ON")
                store = cls(folder, connection, lock=None, key=key)
                store._as_stored = as_stored
                store._look_at_bytes()
                return store
        except BaseException:
            connection.close()
            raise

    @classmethod
    def _open_writer(cls, folder: Path) -> CaseStore:
        # Checked before the first write: opening a foreign folder changes nothing.
        seen = stamps_of(folder)
        with cls._open_snapshot(folder) as before:
            file_problems = before._file_problems
            before._check_before_writing(has_log=seen[1] is not None)
        key = load_or_create_key()
        lock = WriterLock(folder)
        try:
            refuse_changed(folder, seen)
            with case_errors(folder):
                connection = connect_to_case(folder)
                try:
                    # Checked again on the connection that writes: the path may lead
                    # elsewhere by now.
                    check_schema(connection, folder)
                    begin_writing(connection)
                    migrate_case(connection, key)
                    array_files.remove_leftovers(folder / ARRAYS_NAME)
                    store = cls(folder, connection, lock=lock, key=key)
                    store._file_problems = file_problems
                    return store
                except BaseException:
                    connection.close()
                    raise
        except OSError as error:
            lock.release()
            raise folder_error(folder, error) from error
        except BaseException:
            lock.release()
            raise

    def _check_before_writing(self, *, has_log: bool) -> None:
        """Refuse to write to a database that is damaged or comes with foreign work.

        A killed writer leaves a write-ahead log. It is applied to the file only when
        the result is sealed with this computer's key and agrees with the audit log:
        then the writer was this program on this computer.
        """
        with case_errors(self.folder):
            state = self._as_stored.execute("PRAGMA quick_check(1)").fetchone()[0]
            if state != "ok":
                raise damaged(self.folder, str(state))
            if not has_log:
                return
            verdict = verify_case(self._as_stored, self._key)
        why = next(iter(verdict.problems), "")
        if verdict.audit_intact and verdict.records_intact:
            if verdict.is_sealed_here:
                return
            why = "the last entry of the audit log was not sealed on this computer"
        raise CaseError(
            f"{self.folder / DATABASE_NAME}-wal holds changes that were never merged,"
            f" and {why}; they are not applied",
            hint="Have the case closed properly where it was made, and copied again;"
            " it can be read and verified as it is.",
            code="unsafe-case",
        )

    def _look_at_bytes(self) -> None:
        if WriterLock.is_held(self.folder):
            return
        # The verification reports a damaged record, not this.
        with contextlib.suppress(CaseError), case_errors(self.folder):
            anchor = read_anchor(self._case_id())
            head = audit.read_head(self._as_stored)
            problem = database_problem(self.folder, anchor, head)
            self._file_problems = (problem,) if problem else ()
