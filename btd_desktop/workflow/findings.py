"""Places kept as findings of a case, with the profile that gave their numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from btd_desktop.calibration.apply import CalibratedValue
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import Scope
from btd_desktop.cases.model import Finding
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.copied_noise import judge_copy, level_of_place
from btd_desktop.examination.reading import with_findings
from btd_desktop.examination.series import Evaluation, SeriesExamination
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import CopyMatch
from btd_desktop.workflow.candidates import Candidate, find_candidates
from btd_desktop.workflow.score_place import Place
from btd_desktop.workflow.services import Services

__all__ = [
    "keep_candidates",
    "keep_place",
    "keep_profile",
    "numbers_of",
    "scores_of",
    "search_and_keep",
    "searched",
]


def scores_of(
    profile: CalibrationProfile,
    values: Mapping[str, CalibratedValue],
    copy: CopyMatch | None,
) -> dict[str, dict[str, Any]]:
    """Values of a place by kind as JSON values, each with its level.

    Args:
        profile: The calibration that ranked them.
        values: By kind.
        copy: What the search for copied noise found, which decides the level of the
            anomaly score.
    """
    level = level_of_place(profile, copy)
    return {
        kind: {**asdict(value), "level": level if kind == "anomaly" else "patch"}
        for kind, value in values.items()
    }


def numbers_of(
    profile: CalibrationProfile,
    scope: Scope,
    values: Mapping[str, CalibratedValue],
    copy: CopyMatch | None,
) -> dict[str, Any]:
    """Everything a finding keeps of a place: scores by kind, and "copy".

    "copy" is None where the noise of the place could not be searched for.
    """
    judged = judge_copy(profile, scope, copy)
    return {
        **scores_of(profile, values, copy),
        "copy": None if judged is None else judged.to_json(),
    }


def keep_place(
    store: CaseStore,
    evaluation: Evaluation,
    place: Place | Candidate,
    services: Services,
    *,
    mode: str = "anomaly",
    note: str = "",
) -> Finding:
    """Keep a place as a finding, with the profile that gave its numbers.

    A place found by the search is kept once; asking again returns the finding.
    """
    searched = isinstance(place, Candidate)
    keep_profile(store, evaluation.profile, services)
    numbers = numbers_of(evaluation.profile, evaluation.scope, place.values, place.copy)
    if isinstance(place, Candidate):
        numbers["slice"] = asdict(place.slice_value)
    for known in store.findings(evaluation.record.series_id):
        same = (known.slice_index, known.x, known.y, known.mode, known.run_id) == (
            place.slice_index,
            place.x,
            place.y,
            mode,
            evaluation.run.run_id,
        ) and known.profile_digest == evaluation.profile.digest
        if same and searched:
            return known
    return store.add_finding(
        series_id=evaluation.record.series_id,
        slice_index=place.slice_index,
        x=place.x,
        y=place.y,
        mode=mode,
        numbers=numbers,
        now=services.now(),
        run_id=evaluation.run.run_id,
        note=note,
        profile_digest=evaluation.profile.digest,
        origin="search" if searched else "examiner",
    )


def keep_candidates(
    store: CaseStore,
    evaluation: Evaluation,
    candidates: Sequence[Candidate],
    services: Services,
) -> tuple[Finding, ...]:
    """Keep places found by the search as findings."""
    return tuple(keep_place(store, evaluation, c, services) for c in candidates)


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
    return keep_candidates(store, evaluation, found, services)


def searched(
    store: CaseStore,
    examination: SeriesExamination,
    services: Services,
    context: TaskContext | None = None,
) -> SeriesExamination:
    """A series after `search_and_keep`, with its findings; as it is without scores.

    Whoever shows or reports a series asks here, so that a profile with which it was
    never searched gives the same places everywhere.
    """
    if examination.evaluation is None:
        return examination
    search_and_keep(store, examination.evaluation, services, context)
    return with_findings(store, examination)


def keep_profile(
    store: CaseStore, profile: CalibrationProfile, services: Services
) -> None:
    """Put a profile into the case, once: reports must not depend on this computer."""
    if profile.digest not in {p.digest for p in store.profiles()}:
        document = {"digest": profile.digest, **profile.to_json()}
        store.add_profile(document, profile.digest, services.now())
