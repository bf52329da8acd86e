"""Runs and the results of their slices, stored one by one as they are done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from numpy.typing import NDArray

from btd_desktop.cases import arrays as array_files
from btd_desktop.cases import audit, records
from btd_desktop.cases.journal import CaseJournal
from btd_desktop.cases.model import Run, SliceResult
from btd_desktop.cases.text import json_text, no_such
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import CaseError
from btd_desktop.scoring.manifest import RunManifest
from btd_desktop.strict_json import plain_json


class RunSection(CaseJournal):
    """Scoring runs of a case."""

    def start_run(self, series_id: int, manifest: RunManifest, now: datetime) -> Run:
        """Start a run, or go on with the one that has the same manifest.

        A cancelled or failed run is set to running again; a finished one is returned
        as it is, because equal manifests give equal results.

        Raises:
            ValueError: The manifest holds NaN or an infinity.
        """
        self._row("SELECT 1 FROM series WHERE series_id = ?", series_id, "series")
        text = json_text(plain_json(manifest))
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
                run_id = self._insert("run", values, now, audit.RUN_STARTED)
            else:
                run_id = int(known["run_id"])
                if known["status"] in ("cancelled", "failed"):
                    change = {"status": "running", "finished_utc": None}
                    self._update("run", run_id, change, now, "run resumed")
        return self.run(run_id)

    def save_slice(
        self,
        run_id: int,
        slice_index: int,
        arrays: Mapping[str, NDArray[Any]],
        summary: Mapping[str, Any],
        now: datetime,
    ) -> None:
        """Store the result of one slice, for good.

        Saving the same result again changes nothing; another result for a slice that
        has one is refused, so that no score is replaced unseen.

        Raises:
            CaseError: No such run, the run is finished, or the slice has another
                result.
            ValueError: `summary` holds NaN or an infinity: say null instead; or the
                series has no such slice.
        """
        summary_text = json_text(summary)
        self._check_writable()
        digests = {name: self._write_array(a) for name, a in arrays.items()}
        arrays_text = json_text(digests)
        with self._change() as connection:
            run = connection.execute(
                "SELECT status, n_slices FROM run JOIN series USING (series_id)"
                " WHERE run_id = ?",
                (run_id,),
            ).fetchone()
            if run is None:
                raise no_such(self.folder, "run", run_id)
            if not 0 <= slice_index < run["n_slices"]:
                raise ValueError(f"run {run_id} has no slice index {slice_index}")
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
                place = {"run_id": run_id, "slice_index": int(slice_index)}
                values = {**place, "summary": summary_text, "arrays": arrays_text}
                self._insert("slice_result", values, now, "slice scored", **place)
            elif (stored["summary"], stored["arrays"]) != (summary_text, arrays_text):
                raise CaseError(
                    f"slice index {slice_index} of run {run_id} has a result already,"
                    " and it is another one",
                    hint="Results are never replaced; start a run of its own.",
                    code="slice-differs",
                )

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
            f"{records.RESULTS} WHERE run_id = ? AND slice_index = ?",
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
            f"{records.RESULTS} WHERE run_id = ? ORDER BY slice_index", run_id
        )
        return tuple(records.slice_from_row(row) for row in rows)

    def finish_run(
        self,
        run_id: int,
        status: Literal["done", "cancelled", "failed"],
        now: datetime,
    ) -> None:
        """Say how a run ended."""
        if status not in ("done", "cancelled", "failed"):
            raise ValueError(f"a run cannot end as {status!r}")
        run = self.run(run_id)
        if run.status != status:
            change = {"status": status, "finished_utc": audit.utc_text(now)}
            with self._change():
                self._update("run", run_id, change, now, f"run {status}")

    def run(self, run_id: int) -> Run:
        """One run.

        Raises:
            CaseError: There is no such run.
        """
        row = self._row(f"{records.RUNS} WHERE run_id = ?", run_id, "run")
        return records.run_from_row(row)

    def runs(self, series_id: int | None = None) -> tuple[Run, ...]:
        """Runs of a series, or of the case, in the order they were started."""
        rows = self._rows(
            f"{records.RUNS} WHERE ?1 IS NULL OR series_id = ?1 ORDER BY run_id",
            series_id,
        )
        return tuple(records.run_from_row(row) for row in rows)
