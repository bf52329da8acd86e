"""`CaseStore`: the one door to a case folder.

A case is a folder with `case.sqlite` (records and audit log) and `arrays/` (voxels and
maps). It can be copied as a whole while it is closed; there is no server. Every change
is one transaction that also appends the audit entry vouching for it, so a case is
never without an account of itself, whenever the power goes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from btd_desktop.cases import arrays as array_files
from btd_desktop.cases import audit, records
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
    WriterLock,
    case_errors,
    connect_for_writing,
    read_snapshot,
    transaction,
)
from btd_desktop.cases.migrations import (
    apply_migrations,
    check_format,
    format_version,
)
from btd_desktop.cases.model import (
    AuditEntry,
    CaseInfo,
    CaseVerdict,
    EvidenceItem,
    Finding,
    FindingOrigin,
    FindingStatus,
    ProfileRecord,
    ReportRecord,
    Run,
    SeriesRecord,
    SliceResult,
)
from btd_desktop.cases.text import json_text, storable_text
from btd_desktop.cases.verification import array_problems, verify_case
from btd_desktop.digest import array_digest, bytes_digest
from btd_desktop.errors import CaseError
from btd_desktop.volume import Volume

__all__ = ["CaseStore"]

_PROGRAM = "BTD Desktop"


class CaseStore:
    """An open case: read by any thread, changed by one process.

    Use it as a context manager. Methods that change the case raise `CaseError` when
    it is open read-only, when the disk is full and when the folder cannot be written;
    what was stored before stays.

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
        key: audit.AuditKey | None,
        version: int,
    ) -> None:
        self.folder = folder
        self.read_only = lock is None
        self._connection = connection
        self._lock = lock
        self._key = key
        self._version = version
        self._guard = threading.RLock()
        self._checked_arrays: set[str] = set()
        self._is_open = True
        self.actor = self.info.examiner or _PROGRAM

    # The two ways in, and out again.

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
        case_id: str | None = None,
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
            case_id: For tests and copies only; a random UUID unless given.

        Raises:
            CaseError: The folder is in use or cannot be written; nothing is left
                half-made.
        """
        info = CaseInfo(
            case_id=case_id or str(uuid.uuid4()),
            created_utc=audit.utc_text(now),
            title=storable_text(title or folder.name),
            case_number=storable_text(case_number),
            client=storable_text(client),
            examiner=storable_text(examiner),
            question=storable_text(question),
            software_version=storable_text(software_version),
        )
        key = audit.load_or_create_key()
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
        if not (folder / DATABASE_NAME).is_file():
            raise CaseError(
                f"{folder} is not a case: it holds no {DATABASE_NAME}",
                hint="Choose a folder that this program created, or make a new case.",
                code="not-a-case",
            )
        return cls._open_snapshot(folder) if read_only else cls._open_writer(folder)

    @classmethod
    def _open_snapshot(cls, folder: Path) -> CaseStore:
        key = audit.load_key()
        try:
            with case_errors(folder):
                connection = read_snapshot(folder)
        except OSError as error:
            raise folder_error(folder, error) from error
        try:
            with case_errors(folder):
                check_format(connection, folder)
                version = format_version(connection)
                apply_migrations(connection)
                connection.execute("PRAGMA query_only = ON")
                return cls(folder, connection, lock=None, key=key, version=version)
        except BaseException:
            connection.close()
            raise

    @classmethod
    def _open_writer(cls, folder: Path) -> CaseStore:
        # Looked at before the first write: opening something foreign leaves it alone.
        cls._open_snapshot(folder).close()
        key = audit.load_or_create_key()
        lock = WriterLock(folder)
        try:
            with case_errors(folder):
                connection = connect_for_writing(folder / DATABASE_NAME)
                try:
                    migrate_case(connection, key)
                    version = format_version(connection)
                    array_files.remove_leftovers(folder / ARRAYS_NAME)
                    return cls(folder, connection, lock=lock, key=key, version=version)
                except BaseException:
                    connection.close()
                    raise
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Merge the write-ahead log, release the lock; safe to call twice."""
        with self._guard:
            if not self._is_open:
                return
            try:
                if self._lock is not None:
                    self._remember_head()
            finally:
                self._is_open = False
                self._connection.close()
                if self._lock is not None:
                    self._lock.release()

    def __enter__(self) -> CaseStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # What the case is about, and the evidence.

    @property
    def info(self) -> CaseInfo:
        """Who asked whom what."""
        rows = self._rows("SELECT * FROM case_info")
        if len(rows) != 1:
            raise _damaged(self.folder, "its description is missing")
        return records.info_from_row(rows[0])

    def update_info(
        self,
        *,
        now: datetime,
        title: str | None = None,
        case_number: str | None = None,
        client: str | None = None,
        examiner: str | None = None,
        question: str | None = None,
    ) -> CaseInfo:
        """Change the fields given; the audit log keeps what they were."""
        given = {
            "title": title,
            "case_number": case_number,
            "client": client,
            "examiner": examiner,
            "question": question,
        }
        before = asdict(self.info)
        values = {k: storable_text(v) for k, v in given.items() if v is not None}
        changed = {k: v for k, v in values.items() if v != before[k]}
        if changed:
            with self._change() as connection:
                records.update_row(connection, "case_info", 1, changed)
                self._log(
                    now,
                    "case description changed",
                    {"before": {k: before[k] for k in changed}, "after": changed},
                    records.record_claim(connection, "case_info", 1),
                )
        return self.info

    def add_evidence(
        self, items: Iterable[EvidenceItem], now: datetime
    ) -> tuple[EvidenceItem, ...]:
        """Add items in one transaction; returns them with their numbers."""
        added = []
        with self._change() as connection:
            for item in items:
                values = asdict(item)
                del values["evidence_id"]
                for name, value in values.items():
                    if isinstance(value, str):
                        values[name] = storable_text(value)
                values["is_container"] = int(item.is_container)
                key = records.insert_row(connection, "evidence", values)
                values["is_container"] = item.is_container
                added.append(replace(item, **values, evidence_id=key))
            if added:
                first, last = added[0].evidence_id, added[-1].evidence_id
                self._log(
                    now,
                    "evidence added",
                    {"n": len(added), "fates": _counts(i.fate for i in added)},
                    records.record_claim(connection, "evidence", first, last),
                )
        return tuple(added)

    def evidence(self) -> tuple[EvidenceItem, ...]:
        """All items in the order they were added."""
        rows = self._rows("SELECT * FROM evidence ORDER BY evidence_id")
        return tuple(records.evidence_from_row(row) for row in rows)

    def add_series(
        self,
        volume: Volume,
        *,
        now: datetime,
        series_uid: str | None = None,
        description: str | None = None,
        meta: Mapping[str, Any] | None = None,
        findings: Sequence[Mapping[str, Any]] = (),
        record_names: Sequence[str] = (),
        patient_key: str = "",
    ) -> int:
        """Keep a volume and what is known of its series; returns its `series_id`.

        The same voxels with the same Series Instance UID are kept once: adding them
        again returns the number they have.

        Args:
            volume: The series.
            now: Time, aware.
            series_uid: Default: `volume.source["series_uid"]`.
            description: Default: `volume.source["description"]`.
            meta: JSON values; default: `volume.source`.
            findings: Results of the import checks, JSON values.
            record_names: Names of the files behind the slices, in slice order.
            patient_key: Pseudonym that separates patients.

        Raises:
            ValueError: `meta`, `findings` or the geometry hold NaN or an infinity.
        """
        source = volume.source
        n_slices, n_rows, n_cols = volume.shape
        values = {
            "series_uid": _text_or(series_uid, source.get("series_uid")),
            "description": _text_or(description, source.get("description")),
            "modality": storable_text(volume.modality),
            "n_slices": n_slices,
            "n_rows": n_rows,
            "n_cols": n_cols,
            "meta": json_text(source if meta is None else meta),
            "findings": json_text(list(findings)),
            "record_names": json_text(list(record_names)),
            "geometry": records.geometry_text(volume),
            "patient_key": storable_text(patient_key),
        }
        self._check_writable()
        values["volume_digest"] = self._write_array(volume.voxels)
        values["padding_digest"] = (
            None if volume.padding is None else self._write_array(volume.padding)
        )
        with self._change() as connection:
            known = connection.execute(
                "SELECT series_id FROM series WHERE series_uid = ?"
                " AND volume_digest = ? AND geometry = ?",
                (values["series_uid"], values["volume_digest"], values["geometry"]),
            ).fetchone()
            if known is not None:
                return int(known[0])
            series_id = records.insert_row(connection, "series", values)
            self._log(
                now,
                "series added",
                {"series_id": series_id, "volume_digest": values["volume_digest"]},
                records.record_claim(connection, "series", series_id),
            )
        return series_id

    def series(self) -> tuple[SeriesRecord, ...]:
        """All series in the order they were added."""
        rows = self._rows("SELECT * FROM series ORDER BY series_id")
        return tuple(records.series_from_row(row) for row in rows)

    def load_volume(self, series_id: int, *, check: bool = False) -> Volume:
        """A series with its voxels memory-mapped, read-only.

        Args:
            series_id: The series.
            check: Compare the voxels with their digest, once per opening.

        Raises:
            CaseError: There is no such series, or an array is missing or altered.
        """
        row = self._row("SELECT * FROM series WHERE series_id = ?", series_id, "series")
        digests = [row["volume_digest"], row["padding_digest"]]
        if check:
            self._check_arrays([d for d in digests if d is not None])
        voxels, padding = (
            None if d is None else array_files.map_array(self._arrays, d)
            for d in digests
        )
        if voxels is None:
            raise _damaged(self.folder, f"series {series_id} has no voxels")
        return records.volume_from_row(row, voxels, padding)

    # Runs and their slices.

    def start_run(self, series_id: int, manifest: dict[str, Any], now: datetime) -> Run:
        """Start a run, or go on with the one that has the same manifest.

        A cancelled or failed run is set to running again; a finished one is returned
        as it is, because equal manifests give equal results.

        Raises:
            ValueError: The manifest holds NaN or an infinity.
        """
        self._row("SELECT 1 FROM series WHERE series_id = ?", series_id, "series")
        text = json_text(manifest)
        digest = bytes_digest(text.encode())
        with self._change() as connection:
            known = connection.execute(
                "SELECT run_id, status FROM run"
                " WHERE series_id = ? AND manifest_digest = ?",
                (series_id, digest),
            ).fetchone()
            if known is None:
                values = {
                    "series_id": series_id,
                    "manifest": text,
                    "manifest_digest": digest,
                    "status": "running",
                    "started_utc": audit.utc_text(now),
                }
                run_id = records.insert_row(connection, "run", values)
                self._log_run(connection, now, "run started", run_id)
            else:
                run_id = int(known["run_id"])
                if known["status"] in ("cancelled", "failed"):
                    change = {"status": "running", "finished_utc": None}
                    records.update_row(connection, "run", run_id, change)
                    self._log_run(connection, now, "run resumed", run_id)
        return self.run(run_id)

    def save_slice(
        self,
        run_id: int,
        slice_index: int,
        arrays: Mapping[str, NDArray[Any]],
        summary: Mapping[str, Any],
        now: datetime,
    ) -> SliceResult:
        """Store the result of one slice, for good.

        Saving the same result again changes nothing; another result for a slice that
        has one is refused, so that no score is replaced unseen.

        Raises:
            CaseError: No such run, the run is finished, or the slice has another
                result.
            ValueError: `summary` holds NaN or an infinity: say null instead.
        """
        summary_text = json_text(summary)
        self._check_writable()
        digests = {name: self._write_array(a) for name, a in arrays.items()}
        arrays_text = json_text(digests)
        with self._change() as connection:
            run = connection.execute(
                "SELECT status FROM run WHERE run_id = ?", (run_id,)
            ).fetchone()
            if run is None:
                raise _no_such(self.folder, "run", run_id)
            stored = connection.execute(
                "SELECT summary, arrays FROM slice_result"
                " WHERE run_id = ? AND slice_index = ?",
                (run_id, slice_index),
            ).fetchone()
            if stored is None:
                if run["status"] != "running":
                    raise CaseError(
                        f"run {run_id} is {run['status']}; slices can only be added"
                        " while it is running",
                        hint="Start it again with start_run.",
                        code="run-not-running",
                    )
                key = records.insert_row(
                    connection,
                    "slice_result",
                    {
                        "run_id": run_id,
                        "slice_index": int(slice_index),
                        "summary": summary_text,
                        "arrays": arrays_text,
                    },
                )
                self._log(
                    now,
                    "slice scored",
                    {"run_id": run_id, "slice_index": int(slice_index)},
                    records.record_claim(connection, "slice_result", key),
                )
            elif (stored["summary"], stored["arrays"]) != (summary_text, arrays_text):
                raise CaseError(
                    f"slice index {slice_index} of run {run_id} has a result already,"
                    " and it is another one",
                    hint="Results are never replaced; start a run with its own manifest.",
                    code="slice-differs",
                )
        return SliceResult(run_id, int(slice_index), dict(summary), digests)

    def done_slices(self, run_id: int) -> set[int]:
        """Indices of the slices whose results are stored."""
        rows = self._rows(
            "SELECT slice_index FROM slice_result WHERE run_id = ?", run_id
        )
        return {int(row[0]) for row in rows}

    def load_slice(
        self, run_id: int, slice_index: int, names: Iterable[str] | None = None
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays (by name, checked against their digests) and summary of a slice.

        Args:
            run_id: The run.
            slice_index: From 0.
            names: Arrays wanted; all unless given.

        Raises:
            CaseError: The slice has no result, there is no array of that name, or an
                array is missing or altered.
        """
        rows = self._rows(
            "SELECT * FROM slice_result WHERE run_id = ? AND slice_index = ?",
            run_id,
            slice_index,
        )
        if not rows:
            raise CaseError(
                f"slice index {slice_index} of run {run_id} has no result yet",
                hint="Resume the run.",
                code="no-result",
            )
        result = records.slice_from_row(rows[0])
        wanted = list(result.arrays) if names is None else list(names)
        missing = [name for name in wanted if name not in result.arrays]
        if missing:
            raise CaseError(
                f"run {run_id} keeps no array {missing[0]!r}"
                f" (it has {', '.join(result.arrays) or 'none'})",
                code="no-array",
            )
        loaded = {
            name: array_files.read_array(self._arrays, result.arrays[name])
            for name in wanted
        }
        return loaded, result.summary

    def slice_results(self, run_id: int) -> tuple[SliceResult, ...]:
        """Stored results of a run in slice order, without their arrays."""
        rows = self._rows(
            "SELECT * FROM slice_result WHERE run_id = ? ORDER BY slice_index", run_id
        )
        return tuple(records.slice_from_row(row) for row in rows)

    def finish_run(
        self,
        run_id: int,
        status: Literal["done", "cancelled", "failed"],
        now: datetime,
    ) -> Run:
        """Say how a run ended."""
        if status not in ("done", "cancelled", "failed"):
            raise ValueError(f"a run cannot end as {status!r}")
        run = self.run(run_id)
        if run.status != status:
            with self._change() as connection:
                change = {"status": status, "finished_utc": audit.utc_text(now)}
                records.update_row(connection, "run", run_id, change)
                self._log_run(connection, now, f"run {status}", run_id)
        return self.run(run_id)

    def run(self, run_id: int) -> Run:
        """One run.

        Raises:
            CaseError: There is no such run.
        """
        row = self._row(f"{_RUNS} WHERE run_id = ?", run_id, "run")
        return records.run_from_row(row)

    def runs(self, series_id: int | None = None) -> tuple[Run, ...]:
        """Runs of a series, or of the case, in the order they were started."""
        rows = self._rows(
            f"{_RUNS} WHERE ?1 IS NULL OR series_id = ?1 ORDER BY run_id", series_id
        )
        return tuple(records.run_from_row(row) for row in rows)

    # Profiles, findings and reports.

    def add_profile(
        self, document: Mapping[str, Any], digest: str, now: datetime
    ) -> None:
        """Keep a calibration profile with the results it explains.

        Raises:
            CaseError: The case has another document under that digest.
        """
        text = json_text(document)
        with self._change() as connection:
            known = connection.execute(
                "SELECT document FROM profile WHERE digest = ?", (digest,)
            ).fetchone()
            if known is not None:
                if known[0] != text:
                    raise CaseError(
                        f"the case has another calibration profile {digest[:16]}…",
                        hint="Verify the case: one of the two was altered.",
                        code="profile-differs",
                    )
                return
            key = records.insert_row(
                connection,
                "profile",
                {"digest": digest, "document": text, "added_utc": audit.utc_text(now)},
            )
            self._log(
                now,
                "calibration profile added",
                {"digest": digest},
                records.record_claim(connection, "profile", key),
            )

    def profile(self, digest: str) -> dict[str, Any]:
        """Document of a calibration profile of this case.

        Raises:
            CaseError: The case has none of that digest.
        """
        rows = self._rows("SELECT * FROM profile WHERE digest = ?", digest)
        if not rows:
            raise _no_such(self.folder, "calibration profile", digest[:16])
        return records.profile_from_row(rows[0]).document

    def profiles(self) -> tuple[ProfileRecord, ...]:
        """Calibration profiles used in this case, oldest first."""
        rows = self._rows("SELECT * FROM profile ORDER BY profile_id")
        return tuple(records.profile_from_row(row) for row in rows)

    def add_finding(
        self,
        *,
        series_id: int,
        slice_index: int,
        x: float,
        y: float,
        mode: str,
        numbers: Mapping[str, Any],
        now: datetime,
        run_id: int | None = None,
        note: str = "",
        status: FindingStatus = "to check",
        profile_digest: str | None = None,
        origin: FindingOrigin = "examiner",
        thumbnail: NDArray[Any] | None = None,
    ) -> Finding:
        """Keep a place with its numbers; the fields are those of `Finding`.

        Raises:
            CaseError: Series, run or calibration profile are not in this case.
            ValueError: `numbers` holds NaN or an infinity, or a position is none.
        """
        self._row("SELECT 1 FROM series WHERE series_id = ?", series_id, "series")
        if run_id is not None:
            self.run(run_id)
        if profile_digest is not None:
            self.profile(profile_digest)
        if not (np.isfinite(x) and np.isfinite(y)):
            raise ValueError(f"position ({x}, {y}) is no place")
        _check_choice(status, FindingStatus)
        _check_choice(origin, FindingOrigin)
        values = {
            "run_id": run_id,
            "series_id": series_id,
            "slice_index": int(slice_index),
            "x": float(x),
            "y": float(y),
            "mode": mode,
            "numbers": json_text(numbers),
            "note": storable_text(note),
            "status": status,
            "created_utc": audit.utc_text(now),
            "profile_digest": profile_digest,
            "origin": origin,
        }
        self._check_writable()
        values["thumbnail"] = (
            None if thumbnail is None else self._write_array(thumbnail)
        )
        with self._change() as connection:
            key = records.insert_row(connection, "finding", values)
            self._log(
                now,
                "finding added",
                {"finding_id": key, "origin": origin},
                records.record_claim(connection, "finding", key),
            )
        return self.finding(key)

    def update_finding(
        self,
        finding_id: int,
        *,
        now: datetime,
        note: str | None = None,
        status: FindingStatus | None = None,
        thumbnail: NDArray[Any] | None = None,
    ) -> Finding:
        """Change the examiner's part of a finding; its numbers never change."""
        before = self.finding(finding_id)
        values: dict[str, Any] = {}
        if note is not None and storable_text(note) != before.note:
            values["note"] = storable_text(note)
        if status is not None and status != before.status:
            _check_choice(status, FindingStatus)
            values["status"] = status
        self._check_writable()
        if thumbnail is not None and array_digest(thumbnail) != before.thumbnail:
            values["thumbnail"] = self._write_array(thumbnail)
        if values:
            with self._change() as connection:
                records.update_row(connection, "finding", finding_id, values)
                self._log(
                    now,
                    "finding changed",
                    {
                        "finding_id": finding_id,
                        "before": {name: getattr(before, name) for name in values},
                        "after": values,
                    },
                    records.record_claim(connection, "finding", finding_id),
                )
        return self.finding(finding_id)

    def finding(self, finding_id: int) -> Finding:
        """One finding.

        Raises:
            CaseError: There is no such finding.
        """
        row = self._row(
            "SELECT * FROM finding WHERE finding_id = ?", finding_id, "finding"
        )
        return records.finding_from_row(row)

    def findings(self, series_id: int | None = None) -> tuple[Finding, ...]:
        """Findings of a series, or of the case, in the order they were added."""
        rows = self._rows(
            "SELECT * FROM finding WHERE ?1 IS NULL OR series_id = ?1"
            " ORDER BY finding_id",
            series_id,
        )
        return tuple(records.finding_from_row(row) for row in rows)

    def load_thumbnail(self, finding_id: int) -> NDArray[Any] | None:
        """Picture of a finding, None when it has none."""
        digest = self.finding(finding_id).thumbnail
        return None if digest is None else array_files.read_array(self._arrays, digest)

    def add_report(
        self,
        *,
        path_name: str,
        sha256: str,
        json_sha256: str,
        audit_head: str,
        now: datetime,
    ) -> ReportRecord:
        """Record that a report was issued.

        Args:
            path_name: File name of the PDF.
            sha256: Digest of the PDF.
            json_sha256: Digest of its JSON twin.
            audit_head: `head()[1]` as printed in the report.
            now: Time of issue, aware.
        """
        values = {
            "path_name": storable_text(path_name),
            "sha256": sha256,
            "json_sha256": json_sha256,
            "created_utc": audit.utc_text(now),
            "audit_head": audit_head,
        }
        with self._change() as connection:
            key = records.insert_row(connection, "report", values)
            self._log(
                now,
                "report issued",
                {"report_id": key, "sha256": sha256},
                records.record_claim(connection, "report", key),
            )
        self._remember_head()
        row = self._row("SELECT * FROM report WHERE report_id = ?", key, "report")
        return records.report_from_row(row)

    def reports(self) -> tuple[ReportRecord, ...]:
        """Reports issued from this case, oldest first."""
        rows = self._rows("SELECT * FROM report ORDER BY report_id")
        return tuple(records.report_from_row(row) for row in rows)

    # The account of it all.

    def append_audit(
        self, action: str, details: Mapping[str, Any], actor: str, now: datetime
    ) -> AuditEntry:
        """Record something that changed no table (case opened, evidence re-hashed).

        Raises:
            ValueError: `details` holds NaN, or a key that the store itself uses.
        """
        if not details.keys().isdisjoint(("records", "format")):
            raise ValueError("details must not use the keys 'records' and 'format'")
        with self._change():
            self._log(now, action, dict(details), actor=actor)
        row = self._rows("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")[0]
        return audit.entry_from_row(row)

    def audit_log(self) -> tuple[AuditEntry, ...]:
        """All entries in order."""
        rows = self._rows("SELECT * FROM audit ORDER BY seq")
        return tuple(audit.entry_from_row(row) for row in rows)

    def head(self) -> tuple[int, str]:
        """Number of audit entries and hash of the last: what a report prints."""
        with self._reading() as connection:
            return audit.read_head(connection)

    def verify_arrays(self) -> tuple[str, ...]:
        """Problems of arrays; each array is read at most once per opening."""
        with self._reading() as connection:
            found = array_problems(connection, self._arrays, skip=self._checked_arrays)
        return tuple(found)

    def verify(self, known_heads: Iterable[str] = ()) -> CaseVerdict:
        """Check log, records and arrays afresh.

        Args:
            known_heads: Audit heads printed in reports at hand; each must occur.
        """
        with self._reading() as connection:
            return verify_case(
                connection,
                self._arrays,
                self._key,
                version=self._version,
                known_heads=known_heads,
            )

    # Private: one place each for reading, changing, logging.

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
        with self._reading() as connection, transaction(connection):
            yield connection

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
        details: dict[str, Any],
        *claims: dict[str, Any],
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

    def _log_run(
        self, connection: sqlite3.Connection, now: datetime, action: str, run_id: int
    ) -> None:
        claim = records.record_claim(connection, "run", run_id)
        self._log(now, action, {"run_id": run_id}, claim)

    def _rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self._reading() as connection:
            return connection.execute(sql, values).fetchall()

    def _row(self, sql: str, key: int, what: str) -> sqlite3.Row:
        rows = self._rows(sql, key)
        if not rows:
            raise _no_such(self.folder, what, key)
        return rows[0]

    def _write_array(self, array: NDArray[Any]) -> str:
        digest = array_files.write_array(self._arrays, array)
        self._checked_arrays.add(digest)
        return digest

    def _check_arrays(self, digests: Iterable[str]) -> None:
        for digest in digests:
            if digest not in self._checked_arrays:
                problem = array_files.check_array(self._arrays, digest)
                if problem:
                    raise CaseError(
                        f"{problem} (case {self.folder})",
                        hint="Verify the case and go back to an unaltered copy.",
                        code="array-altered",
                    )
                self._checked_arrays.add(digest)

    def _remember_head(self) -> None:
        with self._guard, case_errors(self.folder):
            head = audit.read_head(self._connection)
            audit.remember_head(self.info.case_id, head)


_RUNS = (
    "SELECT *, (SELECT COUNT(*) FROM slice_result s WHERE s.run_id = run.run_id)"
    " AS n_done FROM run"
)


def _counts(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def _text_or(given: str | None, known: object) -> str:
    return storable_text(str(known or "") if given is None else given)


def _check_choice(value: str, choices: object) -> None:
    if value not in get_args(choices):
        raise ValueError(f"{value!r} is none of {', '.join(get_args(choices))}")


def _no_such(folder: Path, what: str, key: object) -> CaseError:
    return CaseError(f"the case {folder} has no {what} {key}", code="not-found")


def _damaged(folder: Path, why: str) -> CaseError:
    return CaseError(
        f"the case {folder} is damaged: {why}",
        hint="Go back to an unaltered copy of the case folder.",
        code="case-damaged",
    )
