"""Places kept as findings of a case, with the profile that gave their numbers."""

from __future__ import annotations

from dataclasses import replace

from btd_desktop.cases.model import Finding
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import (
    CalibrationError,
    EvidenceError,
    MissingPartError,
    ModelError,
    SettingsError,
)
from btd_desktop.examination.chosen import chosen_in
from btd_desktop.examination.models import open_run_detector
from btd_desktop.examination.place import ScoredPlace
from btd_desktop.examination.reading import with_findings
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.candidates import find_candidates
from btd_desktop.workflow.choose import choose, keep_profile
from btd_desktop.workflow.score_place import score_at
from btd_desktop.workflow.services import Services


def keep_place(
    store: CaseStore,
    place: ScoredPlace,
    services: Services,
    *,
    mode: str = "anomaly",
    note: str = "",
) -> Finding:
    """Keep a place as a finding, with the profile that gave its numbers.

    A place found by the search is kept once; a second call returns that finding.
    """
    evaluation = place.evaluation
    keep_profile(store, evaluation.profile, services)
    for known in store.findings(evaluation.record.series_id):
        same = (known.slice_index, known.x, known.y, known.mode, known.run_id) == (
            place.slice_index,
            place.x,
            place.y,
            mode,
            evaluation.run.run_id,
        ) and known.profile_digest == evaluation.profile.digest
        if same and place.is_searched:
            return known
    return store.add_finding(
        series_id=evaluation.record.series_id,
        slice_index=place.slice_index,
        x=place.x,
        y=place.y,
        mode=mode,
        numbers=place.numbers,
        now=services.now(),
        run_id=evaluation.run.run_id,
        note=note,
        profile_digest=evaluation.profile.digest,
        origin="search" if place.is_searched else "examiner",
    )


def search_and_keep(
    store: CaseStore,
    evaluation: Evaluation,
    services: Services,
    context: TaskContext | None = None,
) -> tuple[Finding, ...]:
    """Search a scored series for places that stand out and keep what is new.

    Places that an earlier search with the same run and profile kept are not judged
    again: their numbers cannot change, and the search for copied noise takes a while.

    Returns:
        The findings added.

    Raises:
        CaseError: The stored voxels or residuals were altered.
        Cancelled: The examiner asked to stop; nothing of this search is kept.
    """
    known = {
        (f.slice_index, round(f.y), round(f.x))
        for f in store.findings(evaluation.record.series_id)
        if f.mode == "anomaly"
        and f.run_id == evaluation.run.run_id
        and f.profile_digest == evaluation.profile.digest
    }
    found = find_candidates(store, evaluation, known=known, context=context)
    return tuple(keep_place(store, place, services) for place in found)


def searched(
    store: CaseStore,
    examination: SeriesExamination,
    services: Services,
    context: TaskContext | None = None,
    *,
    asked: bool = False,
) -> SeriesExamination:
    """A series with its named places scored and its search done; as it is unscored.

    What judges it is kept as the decision of the case, where there is none yet or
    another run or calibration was asked for.

    Window and report both call this, so that a profile with which the series was never
    searched gives the same places in both. A case that is not authenticated is not
    searched: reading it stores nothing before it is adopted. Nor is one that is open
    for reading only.
    """
    evaluation = examination.evaluation
    if evaluation is None:
        return examination
    if not store.read_only and store.authentication()[0] != "not authenticated":
        if asked or not examination.chosen:
            choose(store, evaluation, services, by_rule=not asked)
            series_id = examination.record.series_id
            examination = replace(examination, chosen=chosen_in(store)[series_id])
        score_named_places(store, examination, services, context)
        search_and_keep(store, evaluation, services, context)
    return with_findings(store, examination)


def score_named_places(
    store: CaseStore,
    examination: SeriesExamination,
    services: Services,
    context: TaskContext | None = None,
) -> None:
    """Score the named places of a series and keep them as findings, each once.

    A place that cannot be scored, at the rim or in air, or whose model is not installed
    here, or torch is not, is left out: the conclusion says that it could not be scored.

    Raises:
        CaseError: The stored voxels or residuals were altered.
        Cancelled: The examiner asked to stop; the places scored before are kept.
    """
    evaluation, declared = examination.evaluation, examination.declared
    if evaluation is None:
        return
    series_id = examination.record.series_id
    wanted = {
        place
        for declaration in (declared.first, declared.now)
        for place in declaration.mandate.of_series(series_id)
        if not any(
            f.origin == "examiner" and place.is_at(f.slice_index, f.y, f.x)
            for f in examination.findings
        )
    }
    if not wanted:
        return
    manifest = evaluation.run.manifest
    try:
        # On the run's own device, whatever the settings say by now.
        device = manifest.backend.kind or "auto"
        detector = open_run_detector(manifest, device=device)
    except (ModelError, MissingPartError, SettingsError):
        return
    for place in sorted(wanted):
        try:
            scored = score_at(store, evaluation, detector, place.voxel, context)
        except (EvidenceError, CalibrationError):
            continue
        keep_place(store, scored, services)
