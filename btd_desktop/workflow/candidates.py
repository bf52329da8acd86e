"""The search of a scored series for places that stand out."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.cases.model import SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.place import (
    ScoredPlace,
    distinct_places,
    judged_place,
    strongest_patch,
)
from btd_desktop.examination.series import Evaluation
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.scoring.peaks import APART_MM, N_PLACES
from btd_desktop.volume import Volume
from btd_desktop.workflow.search_copies import copies_in_case

_MAX_UNCOVERED = 5  # where nothing says how rare they are


def find_candidates(
    store: CaseStore,
    evaluation: Evaluation,
    *,
    known: Collection[tuple[int, int, int]] = (),
    context: TaskContext | None = None,
) -> tuple[ScoredPlace, ...]:
    """Places that stand out, strongest first, at most twelve.

    A place stands out when it is the maximum of a slice that is flagged at slice level
    or, where the profile has no threshold for slices, higher than every patch of the
    profile's patients. In a series that the calibration does not cover nothing can
    stand out: there the five highest places are given, to look at. Peaks nearer than
    24 mm to a stronger one, in the plane and across slices, belong to it. Each place is
    judged as a click there is judged; its noise is searched for in the whole series
    too.

    Args:
        store: Open case that holds the run.
        evaluation: Of that run.
        known: (slice, row, column) of places to leave out: they are judged already.
        context: Progress and cancellation of the search for their noise.

    Raises:
        CaseError: The stored voxels or residuals were altered.
        Cancelled: The examiner asked to stop.
    """
    anomaly = evaluation.kinds["anomaly"]
    maps = [np.full_like(scores, np.nan) for scores in anomaly.patch_scores]
    for index, value in enumerate(anomaly.slices):
        patch = strongest_patch(evaluation, index)
        if value is not None and patch is not None and _stands_out(evaluation, value):
            maps[index][patch] = value.score
    covered = evaluation.scope.p_values_allowed
    most = N_PLACES if covered else _MAX_UNCOVERED
    peaks = distinct_places(evaluation, maps, most)
    found = [(p.slice_index, p.row, p.column) for p in peaks]
    found = [place for place in found if place not in known]
    if not found:
        return ()
    volume = store.load_volume(evaluation.record.series_id, check=True)
    copies = copies_in_case(store, evaluation.run, volume, found, context)
    return tuple(
        _candidate(evaluation, volume, place, copy)
        for place, copy in zip(found, copies, strict=True)
    )


def _stands_out(evaluation: Evaluation, value: CalibratedValue) -> bool:
    if value.flagged is not None:
        return value.flagged
    if not evaluation.scope.p_values_allowed:
        # Of another model's density even the order says nothing.
        made_with = evaluation.run.manifest.model["digest"]
        return evaluation.profile.model["digest"] == made_with
    genuine = evaluation.profile.levels["anomaly"]["patch"].scores
    return value.score > float(genuine[-1])


def are_apart(
    record: SeriesRecord, a: tuple[int, int, int], b: tuple[int, int, int]
) -> bool:
    """Two places, (slice, row, column), lie too far apart to be one: over 24 mm."""
    spacing = record.meta.pixel_spacing_mm or 1.0
    in_plane = spacing * float(np.hypot(a[1] - b[1], a[2] - b[2]))
    depth = (record.meta.slice_step_mm or 1.0) * abs(a[0] - b[0])
    return in_plane > APART_MM or depth > APART_MM


def _candidate(
    evaluation: Evaluation,
    volume: Volume,
    place: tuple[int, int, int],
    copy: NoiseCopy | None,
) -> ScoredPlace:
    index, *at = place
    features = evaluation.features[index]
    slice_value = evaluation.kinds["anomaly"].slices[index]
    if slice_value is None:
        raise ValueError(f"slice {index} was not scored")
    r, c = (
        int(np.searchsorted(centres, own))
        for centres, own in zip((features.rows, features.columns), at, strict=True)
    )
    rows, columns = slice(r, r + 1), slice(c, c + 1)
    own = GridFeatures(
        features.rows[rows],
        features.columns[columns],
        features.injection[rows, columns],
        features.removal[rows, columns],
        features.features[rows, columns],
        features.aerated[rows, columns],
    )
    return judged_place(evaluation, volume, place, own, copy, slice_value, chosen=True)
