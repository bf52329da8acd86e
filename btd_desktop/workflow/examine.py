"""An examination in one call: evidence in, case and signed report out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from btd_desktop.cases.model import EvidenceItem, Finding, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.diffusion.torch_part import require_torch
from btd_desktop.errors import (
    BtdError,
    CalibrationError,
    EvidenceError,
    ModelError,
    SettingsError,
)
from btd_desktop.examination.chosen import chosen_for
from btd_desktop.examination.conclusion import conclude
from btd_desktop.examination.declared import Mandate
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.place import ScoredPlace, highest_places
from btd_desktop.examination.reading import AS_KEPT, Choice, read_series
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.examination.wording import reason_of
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.method import OWN, Method
from btd_desktop.strict_json import plain_json
from btd_desktop.workflow.declare import declare
from btd_desktop.workflow.findings import searched
from btd_desktop.workflow.import_series import (
    CaseDetails,
    count_fates,
    file_json,
    import_into_case,
    open_or_create,
    require_series,
)
from btd_desktop.workflow.issue_report import IssuedReport, ReportOptions, issue_report
from btd_desktop.workflow.score_series import score_series
from btd_desktop.workflow.services import Services

# Why one series could not be scored: recorded, and the others are examined. A case
# that cannot be written ends the examination.
_RECORDED = (ModelError, SettingsError, EvidenceError, CalibrationError)


OpenDetectors = dict[tuple[Path, str, str, Method], Detector]
"""Detectors by folder of the model, device, number format and method."""


@dataclass(frozen=True, slots=True)
class ExamineOptions:
    """How to examine.

    Attributes:
        model: Name or folder of a model; "" takes the default of each modality.
        profile: Calibration profile; "" takes the one that covers a series best.
        device: "auto", "cpu", "cuda" or "mps".
        dtype: "auto", "float32" or "bfloat16".
        modality: As in `import_into_case`.
        method: What is done with the model.
        mandate: What is to be tested, declared before scoring; None leaves what the
            case holds.
        report: How the report is signed and worded.
    """

    model: str = ""
    profile: str = ""
    device: str = "auto"
    dtype: str = "auto"
    modality: str = ""
    method: Method = OWN
    mandate: Mandate | None = None
    report: ReportOptions = field(default_factory=ReportOptions)


@dataclass(frozen=True, slots=True, eq=False)
class Examination:
    """What an examination found.

    Attributes:
        case: The case folder.
        fates: Number of files per fate.
        files: Every file of the case with its fate, earlier imports included.
        outcomes: One per series: evaluation and findings, or why there is none.
        report: The report written.
    """

    case: Path
    fates: dict[str, int]
    files: tuple[EvidenceItem, ...]
    outcomes: tuple[SeriesExamination, ...]
    report: IssuedReport

    def to_json(self) -> dict[str, object]:
        """The whole result as a JSON value: every file with its fate, every score."""
        return {
            "case": str(self.case),
            "fates": self.fates,
            "files": [file_json(f) for f in self.files],
            **outcomes_json(self.outcomes, self.fates),
            "report": plain_json(self.report),
        }


def examine(
    paths: Sequence[Path],
    case_folder: Path,
    details: CaseDetails,
    options: ExamineOptions,
    services: Services,
    context: TaskContext,
) -> Examination:
    """Import, score, search, and report.

    An existing case is opened and continued; its content is kept.

    Args:
        paths: Evidence: folders, files, archives.
        case_folder: The case; created when missing.
        details: Used when the case is created.
        options: Model, profile, device, report.
        services: Settings and clock.
        context: Progress and cancellation.

    Raises:
        EvidenceError: Nothing received can be examined; the case keeps its list.
        SettingsError: A place that the mandate names lies nowhere in the case; nothing
            is scored.
        MissingPartError: torch is not installed; nothing is imported.
        BtdError: As the steps raise them.
        Cancelled: The examiner asked to stop; the same call goes on later.
    """
    require_torch()
    with open_or_create(case_folder, details, services, context) as store:
        series = import_into_case(
            store, paths, services, context, modality=options.modality
        )
        require_series(store.evidence(), series)
        if options.mandate is not None:
            declare(store, options.mandate, services)
        outcomes, refusals = examine_each(store, series, options, services, context)
        # A model or profile that was asked for and fits no series is the caller's
        # mistake, not a result to put into a report.
        asked = bool(options.model or options.profile)
        if asked and refusals and len(refusals) == len(outcomes):
            raise refusals[0]
        context.report(0, 1, "Writing the report")
        report = issue_report(store, outcomes, services, options.report, context)
        context.report(1, 1, "Writing the report")
        evidence = store.evidence()
        files = tuple(e for e in evidence if not e.is_container)
        return Examination(
            case_folder, count_fates(evidence), files, tuple(outcomes), report
        )


def examine_each(
    store: CaseStore,
    series: Sequence[SeriesRecord],
    options: ExamineOptions,
    services: Services,
    context: TaskContext,
    opened: OpenDetectors | None = None,
) -> tuple[list[SeriesExamination], list[BtdError]]:
    """Examine series one by one; what keeps one from a result is kept as its reason.

    Args:
        store: Open case.
        series: Its series.
        options: Model, profile, device.
        services: Settings and clock.
        context: Progress and cancellation.
        opened: Detectors that whoever examines many cases keeps; a model is read,
            compared with its card and tried once.

    Returns:
        An examination for each, and the errors of those that have none.

    Raises:
        CaseError: The case cannot be written.
        Cancelled: The examiner asked to stop; finished slices are kept.
    """
    outcomes: list[SeriesExamination] = []
    refusals: list[BtdError] = []
    opened = {} if opened is None else opened
    for record in series:
        try:
            outcome = examine_series(store, record, options, services, context, opened)
        except _RECORDED as error:
            refusals.append(error)
            outcome = SeriesExamination(record, problem=reason_of(error))
        outcomes.append(outcome)
    return outcomes, refusals


def examine_series(
    store: CaseStore,
    record: SeriesRecord,
    options: ExamineOptions,
    services: Services,
    context: TaskContext,
    opened: OpenDetectors | None = None,
) -> SeriesExamination:
    """Score a series, evaluate it, and keep the places that stand out.

    Args:
        store: Open case.
        record: The series.
        options: Model, profile, device.
        services: Settings and clock.
        context: Progress and cancellation.
        opened: As for `examine_each`.

    Returns:
        The examination. Without a profile for the model it holds the run and the reason
        why there is no p-value.

    Raises:
        ModelError: There is no usable model.
        SettingsError: The model is for another modality, or the device is not there.
        CalibrationError: The profile asked for cannot be used.
        CaseError: The case cannot be written.
        Cancelled: The examiner asked to stop; finished slices are kept.
    """
    method = options.method
    entry = find_model(options.model, record.modality, method)
    opened = {} if opened is None else opened
    key = entry.folder, options.device, options.dtype, method
    if key not in opened:
        opened[key] = open_detector(
            entry, device=options.device, dtype=options.dtype, method=method
        )
    detector = opened[key]
    run = score_series(store, record.series_id, detector, services, context)
    # Without a word of the examiner, what spoke for the series so far goes on to.
    now = chosen_for(store, record.series_id)
    is_other = now is not None and store.run(now.speaker.run_id).manifest.used != method
    asked = bool(options.model or options.profile) or is_other
    decided = now is not None and not asked
    choice = AS_KEPT if decided else Choice(run.run_id, options.profile)
    found = read_series(store, record, choice)
    return searched(store, found, services, context, asked=asked)


def outcomes_json(
    outcomes: Sequence[SeriesExamination], fates: Mapping[str, int]
) -> dict[str, object]:
    """All series as JSON values, and the conclusion on them together."""
    return {
        "series": [outcome_json(outcome) for outcome in outcomes],
        "conclusion": conclude(outcomes, fates).to_json(),
    }


def outcome_json(outcome: SeriesExamination) -> dict[str, object]:
    """One series as a JSON value: scores, p-values, n, flags, findings."""
    value: dict[str, object] = {
        "series_id": outcome.record.series_id,
        "description": outcome.record.description,
        "modality": outcome.record.modality,
        "n_slices": outcome.record.n_slices,
        "reason": outcome.problem or "; ".join(outcome.remarks),
        "declared": plain_json(outcome.declared),
        "examined": _examined_json(outcome),
    }
    if outcome.evaluation is not None:
        value.update(evaluation_json(outcome.evaluation))
    value["findings"] = [finding_json(f) for f in outcome.findings]
    return value


def _examined_json(outcome: SeriesExamination) -> dict[str, object]:
    """How far the examination of a series came, under the keys of the report's twin."""
    share = outcome.share
    return {
        "state": outcome.state.value,
        "reason": outcome.reason,
        "share_of_slices": None if share is None else share.slices,
        "share_of_body": None if share is None else share.body,
        "left_out": [] if share is None else list(share.reasons),
    }


def evaluation_json(evaluation: Evaluation) -> dict[str, object]:
    """Profile, scope and every score of a series as a JSON value."""
    profile = evaluation.profile
    return {
        "model": evaluation.run.manifest.model,
        "method": evaluation.run.manifest.used,
        "manifest_digest": evaluation.run.manifest_digest,
        "profile": {
            "name": profile.name,
            "digest": profile.digest,
            "target_fpr": profile.target_fpr,
            "n_patients": profile.n_patients,
            "n_patches": profile.n_patches,
        },
        "scope": _scope_json(evaluation),
        "domain": evaluation.domain,
        "highest_places": [
            {
                "slice": peak.slice_index + 1,
                "x": peak.column,
                "y": peak.row,
                "score": peak.score,
            }
            for peak in highest_places(evaluation)
        ],
        "scores": {
            kind: {
                "series": None if c.series is None else plain_json(c.series),
                "slices": [None if v is None else plain_json(v) for v in c.slices],
                "flagged_share": c.flagged_share,
            }
            for kind, c in evaluation.kinds.items()
        },
    }


def _scope_json(evaluation: Evaluation) -> dict[str, object]:
    scope = evaluation.scope
    return {"coverage": scope.coverage.value, "reasons": list(scope.reasons)}


def finding_json(finding: Finding) -> dict[str, object]:
    """One finding as a JSON value; the slice is counted from 1, as on screen."""
    return {
        "finding_id": finding.finding_id,
        "slice": finding.slice_index + 1,
        "x": finding.x,
        "y": finding.y,
        "mode": finding.mode,
        "origin": finding.origin,
        "status": finding.status,
        "note": finding.note,
        "numbers": plain_json(finding.numbers),
    }


def place_json(
    place: ScoredPlace, mode: str, finding: Finding | None
) -> dict[str, object]:
    """A scored place as a JSON value, the slice counted from 1.

    "slice_index" of a copy counts from 0.
    """
    evaluation, numbers = place.evaluation, plain_json(place.numbers)
    profile = evaluation.profile
    return {
        "series_id": evaluation.record.series_id,
        "slice": place.slice_index + 1,
        "x": place.x,
        "y": place.y,
        "world_mm": list(place.world_mm),
        "mode": mode,
        "model": evaluation.run.manifest.model["name"],
        "profile": {"name": profile.name, "digest": profile.digest},
        "scope": _scope_json(evaluation),
        **numbers[mode],
        "scores": {kind: numbers[kind] for kind in place.numbers.scores},
        "copy": numbers["copy"],
        "finding": None if finding is None else finding_json(finding),
    }
