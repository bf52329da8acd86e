"""Description of the case, its evidence list and the series read from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from btd_desktop.cases import arrays as array_files
from btd_desktop.cases import records
from btd_desktop.cases.journal import CaseJournal
from btd_desktop.cases.model import CaseInfo, EvidenceItem, SeriesRecord
from btd_desktop.cases.text import damaged, json_text, storable_text
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.errors import CaseError
from btd_desktop.strict_json import plain_json
from btd_desktop.volume import SeriesFacts, Volume


class EvidenceSection(CaseJournal):
    """Description, evidence items and series of a case."""

    @property
    def info(self) -> CaseInfo:
        """Description of the case."""
        return records.info_from_row(self._info_row())

    def update_info(
        self,
        *,
        now: datetime,
        case_number: str | None = None,
        client: str | None = None,
        examiner: str | None = None,
        question: str | None = None,
    ) -> CaseInfo:
        """Change the fields given; the audit log keeps their former values."""
        given = {
            "case_number": case_number,
            "client": client,
            "examiner": examiner,
            "question": question,
        }
        before = asdict(self.info)
        values = {k: storable_text(v) for k, v in given.items() if v is not None}
        changed = {k: v for k, v in values.items() if v != before[k]}
        if changed:
            was = {k: before[k] for k in changed}
            action = "case description changed"
            with self._change():
                self._update(
                    "case_info", 1, changed, now, action, before=was, after=changed
                )
        return self.info

    def add_evidence(
        self,
        items: Iterable[EvidenceItem],
        now: datetime,
        *,
        how: Mapping[str, Any] | None = None,
    ) -> None:
        """Add items in one transaction; the case numbers them.

        Args:
            items: Files and containers.
            now: Time for the audit log.
            how: What the log says of how they were read, a JSON value.
        """
        keys: list[int] = []
        fates: Counter[str] = Counter()
        with self._change() as connection:
            for item in items:
                values: dict[str, Any] = {
                    name: storable_text(value) if isinstance(value, str) else value
                    for name, value in asdict(item).items()
                    if name != "evidence_id"
                }
                keys.append(records.insert_row(connection, "evidence", values))
                fates[item.fate] += 1
            if keys:
                self._log(
                    now,
                    "evidence added",
                    {"n": len(keys), "fates": fates, **(how or {})},
                    records.record_claim(connection, "evidence", keys[0], keys[-1]),
                )

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
        meta: SeriesFacts | None = None,
        findings: Sequence[SeriesFinding] = (),
        record_names: Sequence[str] = (),
        patient_key: str = "",
    ) -> int:
        """Keep a volume and what is known of its series; returns its `series_id`.

        The same voxels with the same Series Instance UID and geometry are kept once:
        adding them again returns their id.

        Args:
            volume: The series.
            now: Time, aware.
            series_uid: Default: `volume.source.series_uid`.
            description: Default: `volume.source.description`.
            meta: Default: `volume.source`.
            findings: Results of the import checks.
            record_names: Names of the files behind the slices, in slice order.
            patient_key: Pseudonym that separates patients.

        Raises:
            ValueError: `meta`, `findings` or the geometry hold NaN or an infinity.
        """
        source = volume.source
        n_slices, n_rows, n_cols = volume.shape
        values = {
            "series_uid": _text_or(series_uid, source.series_uid),
            "description": _text_or(description, source.description),
            "modality": storable_text(volume.modality),
            "n_slices": n_slices,
            "n_rows": n_rows,
            "n_cols": n_cols,
            "meta": json_text((source if meta is None else meta).to_json()),
            "findings": json_text([plain_json(finding) for finding in findings]),
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
            same_voxels = connection.execute(
                "SELECT series_id, geometry FROM series WHERE series_uid = ?"
                " AND volume_digest = ? ORDER BY series_id",
                (values["series_uid"], values["volume_digest"]),
            ).fetchall()
            if same_voxels:
                texts = (values["geometry"], records.older_geometry_text(volume))
                for series_id, geometry in same_voxels:
                    if geometry in texts:
                        return int(series_id)
            digest = values["volume_digest"]
            return self._insert(
                "series", values, now, "series added", volume_digest=digest
            )

    def restate_series(
        self,
        series_id: int,
        volume: Volume,
        *,
        now: datetime,
        meta: SeriesFacts,
        findings: Sequence[SeriesFinding],
    ) -> None:
        """Change what a statement of the modality changes, in a series not scored yet.

        Args:
            series_id: The series.
            volume: The same voxels with their new modality and unit.
            now: Time, aware.
            meta: As in `add_series`.
            findings: As in `add_series`.

        Raises:
            CaseError: The series was scored under its former modality.
        """
        (before,) = (s for s in self.series() if s.series_id == series_id)
        values = {
            "modality": storable_text(volume.modality),
            "meta": json_text(meta.to_json()),
            "findings": json_text([plain_json(finding) for finding in findings]),
            "geometry": records.geometry_text(volume),
        }
        told = {"before": before.modality, "after": values["modality"]}
        with self._change() as connection:
            if connection.execute(
                "SELECT 1 FROM run WHERE series_id = ?", (series_id,)
            ).fetchone():
                raise CaseError(
                    f"series {series_id} was scored as {before.modality}; its modality "
                    "can no longer be stated anew in this case",
                    hint="import the files into a new case and state it there",
                    code="modality-scored",
                )
            self._update("series", series_id, values, now, "series restated", **told)

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
            raise damaged(self.folder, f"series {series_id} has no voxels")
        return records.volume_from_row(row, voxels, padding)


def _text_or(given: str | None, known: object) -> str:
    return storable_text(str(known or "") if given is None else given)
