"""One series from files to row, by the same steps as `btd examine`.

The case that the steps need lies in a folder of its own and is deleted afterwards.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from btd_desktop import __version__
from btd_desktop.archive.rows import LookAt, SeriesRow
from btd_desktop.archive.sources import SeriesFiles
from btd_desktop.cases.anchor import drop_anchor
from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.discovery import member_of
from btd_desktop.dicom.sources import Source
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import BtdError, EvidenceError, ReportError
from btd_desktop.examination.place import highest_places
from btd_desktop.examination.series import Evaluation, SeriesExamination, State
from btd_desktop.examination.wording import reason_of
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.workflow.examine import (
    ExamineOptions,
    OpenDetectors,
    examine_each,
)
from btd_desktop.workflow.export_dicom import ExportOptions, export_dicom
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
    require_series,
)
from btd_desktop.workflow.services import Services

_log = logging.getLogger(__name__)
_STAGES: Final = {"Scoring slices": "score", "Searching for copied noise": "search"}


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """How every series of a sweep is examined; workers get it as JSON.

    Attributes:
        model, profile, device, dtype, modality: As in `ExamineOptions`.
        time_limit_s: Seconds that one series may take.
        memory_bytes: What the process that examines may use.
        scratch: Folder for what a series needs while it is examined; "" for the
            system's temporary one.
        results: Folder that results as DICOM objects go into, one folder a row; "" for
            none.
        salt: Secret of the index that makes pseudonyms of patients.
        sweep: Number of the sweep.
        software: Version that a worker must have.
    """

    model: str = ""
    profile: str = ""
    device: str = "auto"
    dtype: str = "auto"
    modality: str = ""
    time_limit_s: float = 1800.0
    memory_bytes: int = 4 << 30
    scratch: str = ""
    results: str = ""
    salt: str = ""
    sweep: int = 1
    software: str = __version__

    def to_examine(self) -> ExamineOptions:
        """As the examination takes them."""
        return ExamineOptions(
            self.model, self.profile, self.device, self.dtype, self.modality
        )


class _Stages:
    """Seconds of each stage, told by what the steps report."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage, self._since = "read", time.monotonic()

    def enter(self, stage: str) -> None:
        now = time.monotonic()
        spent = self.seconds.get(self._stage, 0.0) + now - self._since
        self.seconds[self._stage] = round(spent, 4)
        self._stage, self._since = stage, now

    def listen(self, progress: Progress) -> None:
        stage = _STAGES.get(progress.stage, self._stage)
        if stage != self._stage:
            self.enter(stage)


def examine_files(
    files: SeriesFiles,
    options: SweepOptions,
    services: Services,
    opened: OpenDetectors | None = None,
) -> tuple[SeriesRow, ...]:
    """Examine one series as `btd examine` does, and say what was found.

    Args:
        files: The series.
        options: How.
        services: Settings and clock.
        opened: Detectors kept from series to series, as `examine_each` takes them.

    Returns:
        One row, or one for each stack of slices; where it could not be examined, a
        row with the reason.
    """
    stages = _Stages()
    context = TaskContext(stages.listen)
    with tempfile.TemporaryDirectory(
        dir=options.scratch or None, prefix="btd-sweep-", ignore_cleanup_errors=True
    ) as folder:
        try:
            store = create_case(Path(folder) / "case", CaseDetails(), services)
        except BtdError as error:
            return (failed_row(files, options, reason_of(error)),)
        case_id = store.info.case_id
        try:
            with store:
                return _examined(
                    store, files, options, services, context, stages, opened
                )
        except BtdError as error:
            return (failed_row(files, options, reason_of(error)),)
        finally:
            drop_anchor(case_id)


def _examined(
    store: CaseStore,
    files: SeriesFiles,
    options: SweepOptions,
    services: Services,
    context: TaskContext,
    stages: _Stages,
    opened: OpenDetectors | None,
) -> tuple[SeriesRow, ...]:
    series = import_into_case(
        store,
        [Path(path) for path in dict.fromkeys(path for path, _ in files.files)],
        services,
        context,
        modality=options.modality,
        wanted=_is_of(files),
    )
    require_series(store.evidence(), series)
    rows = []
    for number, record in enumerate(series, start=1):
        stages.enter("open")
        (found,), _ = examine_each(
            store, [record], options.to_examine(), services, context, opened
        )
        stages.enter("read")
        rows.append(_row(found, files, options, number, stages.seconds))
        if options.results and found.examined is not None:
            place = Path(options.results) / rows[-1].series_digest
            _write_results(store, found, place, services, context)
        stages.seconds = {}
    return tuple(rows)


def _write_results(
    store: CaseStore,
    found: SeriesExamination,
    folder: Path,
    services: Services,
    context: TaskContext,
) -> None:
    """What `btd export-dicom` writes; a series that it refuses has no such objects."""
    shutil.rmtree(folder, ignore_errors=True)
    options = ExportOptions(folder, with_report=False)
    try:
        export_dicom(store, [found], services, options, context)
    except (EvidenceError, ReportError) as error:
        _log.info("no DICOM objects of a series: %s", error.code)


def _is_of(files: SeriesFiles) -> Callable[[Source], bool]:
    """True for the series' members; of files only they and their companions come."""
    chosen = set(files.files)

    def wanted(source: Source) -> bool:
        return not source.is_member or (source.path, member_of(source)) in chosen

    return wanted


def failed_row(files: SeriesFiles, options: SweepOptions, reason: str) -> SeriesRow:
    """The row of a series that could not be examined."""
    return SeriesRow(
        files.digest,
        state=State.NOT_SCORED.value,
        reason=reason,
        p_reason="the series was not scored",
        software=options.software,
        evidence=files.evidence,
        sweep=options.sweep,
    )


def _row(
    found: SeriesExamination,
    files: SeriesFiles,
    options: SweepOptions,
    number: int,
    seconds: dict[str, float],
) -> SeriesRow:
    meta = found.record.meta
    patient = f"{options.salt}/{meta.patient_id}" if meta.patient_id else ""
    row = SeriesRow(
        files.digest if number == 1 else f"{files.digest}-{number}",
        study_digest=_digest(meta.study_uid or ""),
        uid_digest=_digest(found.record.series_uid),
        patient=_digest(patient)[:16],
        modality=found.record.modality,
        body_part=meta.body_part or "",
        scanner=meta.scanner,
        slices=found.record.n_slices,
        state=found.state.value,
        reason=found.reason,
        seconds=seconds,
        model="" if found.model is None else found.model.name,
        model_digest="" if found.model is None else found.model.digest,
        software=options.software,
        evidence=files.evidence,
        sweep=options.sweep,
        p_reason=found.reason,
    )
    if found.evaluation is None:
        return row
    return _evaluated(row, found, found.evaluation)


def _evaluated(
    row: SeriesRow, found: SeriesExamination, evaluation: Evaluation
) -> SeriesRow:
    value = evaluation.kinds["anomaly"].series
    is_examined = found.state is State.EXAMINED
    p_value = None if value is None or not is_examined else value.p_value
    return replace(
        row,
        score=None if value is None else value.score,
        p_value=p_value,
        p_reason="" if p_value is not None else found.reason,
        floor=None if value is None else value.floor,
        patients=0 if value is None else value.n_patients,
        coverage=evaluation.scope.coverage.value,
        scope=evaluation.scope.reasons,
        places=tuple(
            LookAt(peak.slice_index, peak.row, peak.column, peak.score)
            for peak in highest_places(evaluation)
        ),
        profile=evaluation.profile.name,
        profile_digest=evaluation.profile.digest,
    )


def _digest(text: str) -> str:
    return bytes_digest(text.encode("utf-8", "replace")) if text else ""
