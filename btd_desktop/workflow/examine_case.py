"""Work on an existing case: score it, score a place, report on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from btd_desktop.cases.model import Finding
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.models import installed_model, open_run_detector
from btd_desktop.examination.place import ScoredPlace
from btd_desktop.examination.reading import (
    Choice,
    read_case,
    read_series,
    required_evaluation,
    series_of_case,
)
from btd_desktop.examination.series import SeriesExamination
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.method import Method
from btd_desktop.workflow.custody import open_checked, require_authenticated
from btd_desktop.workflow.examine import ExamineOptions, examine_series
from btd_desktop.workflow.findings import keep_place, searched
from btd_desktop.workflow.issue_report import (
    IssuedReport,
    ReportOptions,
    issue_report,
)
from btd_desktop.workflow.score_place import score_at
from btd_desktop.workflow.services import Services


def score_case(
    folder: Path,
    series_id: int | None,
    options: ExamineOptions,
    services: Services,
    context: TaskContext,
) -> tuple[SeriesExamination, ...]:
    """Score the series of a case; finished slices are kept and not scored again.

    Raises:
        CaseError: There is no such case or series, or the case was altered.
        BtdError: As `examine_series` raises them.
        Cancelled: The examiner asked to stop.
    """
    with open_checked(folder, services, context) as store:
        everything = store.series()
        chosen = (
            everything
            if series_id is None and everything
            else (series_of_case(store, series_id),)
        )
        return tuple(
            examine_series(store, record, options, services, context)
            for record in chosen
        )


def score_place(
    folder: Path,
    series_id: int | None,
    place: tuple[int, int, int],
    services: Services,
    context: TaskContext | None = None,
    *,
    mode: str,
    profile: str = "",
    method: Method | None = None,
    device: str = "auto",
    dtype: str = "auto",
    keep: bool = False,
    note: str = "",
) -> tuple[ScoredPlace, Finding | None]:
    """Score one place of a scored series with the model that scored it.

    Args:
        folder: The case; written to only when the place is kept.
        series_id: The series, or None for the only one.
        place: (slice, row, column), from 0.
        services: Settings and clock.
        context: Progress and cancellation.
        mode: "anomaly", "injection" or "removal".
        profile: By file, name or digest; "" takes the one with which the case was last
            read.
        method: Method of the run; None takes the newest of any.
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "auto" takes the number format of the run.
        keep: Keep it as a finding of the case.
        note: The examiner's words, for the finding.

    Returns:
        The place, and the finding it was kept as, or None.

    Raises:
        CaseError: No such case or series, or the series is not scored yet.
        EvidenceError: The place lies outside the series or holds no tissue.
        BtdError: As model and calibration raise them.
        Cancelled: The examiner asked to stop; nothing is kept.
    """
    with CaseStore.open(folder, read_only=not keep) as store:
        record = series_of_case(store, series_id)
        examination = read_series(store, record, Choice(profile=profile, method=method))
        if examination.model is not None and examination.model.card is None:
            installed_model(examination.model)
        evaluation = required_evaluation(examination)
        manifest = evaluation.run.manifest
        detector = open_run_detector(manifest, device=device, dtype=dtype)
        scored = score_at(store, evaluation, detector, place, context)
        finding = None
        if keep:
            finding = keep_place(store, scored, services, mode=mode, note=note)
        return scored, finding


def report_on_case(
    folder: Path,
    services: Services,
    options: ReportOptions,
    context: TaskContext | None = None,
    *,
    profile: str = "",
    method: Method | None = None,
) -> tuple[tuple[SeriesExamination, ...], IssuedReport]:
    """Write the signed report of a case from its stored runs and findings.

    Raises:
        CaseError: There is no such case, or it holds no series.
        BtdError: As `read_case` and `issue_report` raise them.
        Cancelled: The examiner asked to stop; there is no report.
    """
    with CaseStore.open(folder) as store:
        return report_on_store(
            store, services, options, context, profile=profile, method=method
        )


def report_on_store(
    store: CaseStore,
    services: Services,
    options: ReportOptions,
    context: TaskContext | None = None,
    *,
    profile: str = "",
    choices: Mapping[int, Choice] | None = None,
    method: Method | None = None,
) -> tuple[tuple[SeriesExamination, ...], IssuedReport]:
    """Write the signed report of an open case; see `report_on_case`.

    Args:
        store: Case open for writing.
        services: Settings and clock.
        options: How the report is worded and signed.
        context: Progress and cancellation.
        profile: Profile asked for, for every series without a choice of its own.
        choices: Run and profile by series, as `read_case` takes them.
        method: As `read_case` takes it.
    """
    context = context or TaskContext()
    # Before the search for places: a case that is refused gets no finding.
    require_authenticated(store, options.adopt_reason, services, context)
    outcomes = tuple(
        searched(store, examination, services, context, asked=bool(profile))
        for examination in read_case(store, profile, choices, method)
    )
    return outcomes, issue_report(store, outcomes, services, options, context)
