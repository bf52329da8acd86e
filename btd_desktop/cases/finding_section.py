"""Calibration profiles, findings and reports of a case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from numpy.typing import NDArray

from btd_desktop.calibration.place import PlaceNumbers
from btd_desktop.cases import arrays as array_files
from btd_desktop.cases import audit, records
from btd_desktop.cases.journal import CaseJournal
from btd_desktop.cases.model import (
    Finding,
    FindingOrigin,
    FindingStatus,
    ProfileRecord,
    ReportRecord,
)
from btd_desktop.cases.text import json_text, no_such, storable_text
from btd_desktop.digest import array_digest
from btd_desktop.errors import CaseError, SettingsError
from btd_desktop.strict_json import plain_json


class FindingSection(CaseJournal):
    """Findings of a case, its calibration profiles and the reports issued."""

    def add_profile(
        self, document: Mapping[str, Any], digest: str, now: datetime
    ) -> None:
        """Keep a calibration profile that results of the case rest on.

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
            values = {"document": text, "added_utc": audit.utc_text(now)}
            self._insert(
                "profile",
                {"digest": digest, **values},
                now,
                "calibration profile added",
                digest=digest,
            )

    def profile(self, digest: str) -> dict[str, object]:
        """Document of a calibration profile of this case.

        Raises:
            CaseError: The case has no profile with that digest.
        """
        rows = self._rows("SELECT * FROM profile WHERE digest = ?", digest)
        if not rows:
            raise no_such(self.folder, "calibration profile", digest[:16])
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
        numbers: PlaceNumbers,
        now: datetime,
        run_id: int | None = None,
        note: str = "",
        profile_digest: str | None = None,
        origin: FindingOrigin = "examiner",
        thumbnail: NDArray[Any] | None = None,
    ) -> Finding:
        """Keep a place with its numbers; the fields are those of `Finding`.

        Raises:
            CaseError: Series, run or calibration profile are not in this case.
            ValueError: `numbers` holds NaN or an infinity, or the place lies outside
                the series.
        """
        series = self._row(
            "SELECT * FROM series WHERE series_id = ?", series_id, "series"
        )
        if run_id is not None:
            self._row("SELECT 1 FROM run WHERE run_id = ?", run_id, "run")
        if profile_digest is not None:
            self.profile(profile_digest)
        inside = (
            0 <= slice_index < series["n_slices"]
            and -0.5 <= x <= series["n_cols"] - 0.5
            and -0.5 <= y <= series["n_rows"] - 0.5
        )
        if not inside:
            raise ValueError(f"({x}, {y}) in slice {slice_index} is no place of it")
        _check_choice(origin, FindingOrigin)
        values = {
            "run_id": run_id,
            "series_id": series_id,
            "slice_index": int(slice_index),
            "x": float(x),
            "y": float(y),
            "mode": mode,
            "numbers": json_text(plain_json(numbers)),
            "note": storable_text(note),
            "status": "to check",
            "created_utc": audit.utc_text(now),
            "profile_digest": profile_digest,
            "origin": origin,
        }
        self._check_writable()
        values["thumbnail"] = (
            None if thumbnail is None else self._write_array(thumbnail)
        )
        with self._change():
            key = self._insert("finding", values, now, "finding added", origin=origin)
        return self.finding(key)

    def update_finding(
        self,
        finding_id: int,
        *,
        now: datetime,
        note: str | None = None,
        status: FindingStatus | None = None,
        thumbnail: NDArray[Any] | None = None,
    ) -> None:
        """Change note, status or picture of a finding; its numbers never change.

        Raises:
            SettingsError: A finding is dismissed, or stays so, without a reason: its
                note.
        """
        before = self.finding(finding_id)
        reason = before.note if note is None else note
        is_dismissed = (status or before.status) == "dismissed"
        if is_dismissed and (note, status) != (None, None) and not reason.strip():
            raise SettingsError(
                f"finding {finding_id} cannot be dismissed without a reason",
                hint="say why in its note: the report prints it",
                code="reason",
            )
        values: dict[str, str] = {}
        if note is not None and storable_text(note) != before.note:
            values["note"] = storable_text(note)
        if status is not None and status != before.status:
            _check_choice(status, FindingStatus)
            values["status"] = status
        self._check_writable()
        if thumbnail is not None and array_digest(thumbnail) != before.thumbnail:
            values["thumbnail"] = self._write_array(thumbnail)
        if values:
            was = {name: getattr(before, name) for name in values}
            action, told = "finding changed", {"before": was, "after": values}
            with self._change():
                self._update("finding", finding_id, values, now, action, **told)

    def finding(self, finding_id: int) -> Finding:
        """One finding.

        Raises:
            CaseError: There is no such finding.
        """
        row = self._row(
            f"{records.FINDINGS} WHERE finding_id = ?", finding_id, "finding"
        )
        return records.finding_from_row(row)

    def findings(self, series_id: int | None = None) -> tuple[Finding, ...]:
        """Findings of a series, or of the case, in the order they were added."""
        rows = self._rows(
            f"{records.FINDINGS} WHERE ?1 IS NULL OR finding.series_id = ?1"
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
        with self._change():
            key = self._insert("report", values, now, "report issued", sha256=sha256)
        row = self._row("SELECT * FROM report WHERE report_id = ?", key, "report")
        return records.report_from_row(row)

    def reports(self) -> tuple[ReportRecord, ...]:
        """Reports issued from this case, oldest first."""
        rows = self._rows("SELECT * FROM report ORDER BY report_id")
        return tuple(records.report_from_row(row) for row in rows)


def _check_choice(value: str, choices: object) -> None:
    if value not in get_args(choices):
        raise ValueError(f"{value!r} is none of {', '.join(get_args(choices))}")
