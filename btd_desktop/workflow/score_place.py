"""Score one place of a scored series, as a click does."""

from __future__ import annotations

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CalibrationError, EvidenceError
from btd_desktop.examination.declared import declared_in
from btd_desktop.examination.place import ScoredPlace, judged_place
from btd_desktop.examination.series import Evaluation
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import score_place
from btd_desktop.workflow.candidates import are_apart
from btd_desktop.workflow.search_copies import copies_in_case


def score_at(
    store: CaseStore,
    evaluation: Evaluation,
    detector: Detector,
    place: tuple[int, int, int],
    context: TaskContext | None = None,
) -> ScoredPlace:
    """Score the patch around any pixel: the click, and `btd score --at`.

    A place that overlaps one that the program's search suggested before was in effect
    chosen for its score: it gets no p-value and no flag of its own. A place that was
    named before scoring keeps them, whatever the search found.

    Args:
        store: Open case.
        evaluation: Evaluation of the series' run; the scan is its own reference.
        detector: The model of that run.
        place: (slice, row, column), from 0.
        context: Progress and cancellation of the search for the place's noise.

    Raises:
        EvidenceError: The place lies outside the series or holds no tissue.
        CalibrationError: The detector is not the one of the run.
        CaseError: The stored voxels were altered.
        Cancelled: The examiner asked to stop.
    """
    slice_index, row, column = place
    record = evaluation.record
    inside = (
        0 <= slice_index < record.n_slices
        and 0 <= row < record.rows
        and 0 <= column < record.cols
    )
    if not inside:
        raise EvidenceError(
            f"slice {slice_index + 1}, x {column}, y {row} lies outside the series "
            f"({record.cols} columns, {record.rows} rows, {record.n_slices} slices)",
            code="place",
        )
    manifest = evaluation.run.manifest
    if detector.info.digest != manifest.model["digest"]:
        raise CalibrationError(
            f"the run was made with model {manifest.model['name']}, the place would "
            f"be scored with {detector.info.name}",
            code="model",
        )
    volume = store.load_volume(record.series_id, check=True)
    scored = score_place(detector, volume, place, manifest.scale, manifest.grid)
    [copy] = copies_in_case(store, evaluation.run, volume, [place], context)
    named = declared_in(store).first.mandate.of_series(record.series_id)
    chosen = not any(known.voxel == place for known in named) and (
        _overlaps_a_suggestion(store, evaluation, place)
    )
    try:
        return judged_place(
            evaluation, volume, place, scored.features, copy, chosen=chosen
        )
    except ValueError as error:
        raise EvidenceError(
            f"slice {slice_index + 1}, x {column}, y {row}: {error}",
            hint="click inside the body",
            code="place",
        ) from error


def _overlaps_a_suggestion(
    store: CaseStore, evaluation: Evaluation, place: tuple[int, int, int]
) -> bool:
    """True where the search suggested an overlapping or near place, in any run."""
    record, side = evaluation.record, evaluation.run.manifest.grid.centre
    for known in store.findings(record.series_id):
        if known.origin != "search":
            continue
        suggested = known.slice_index, round(known.y), round(known.x)
        squares_meet = known.slice_index == place[0] and max(
            abs(suggested[1] - place[1]), abs(suggested[2] - place[2])
        ) < side  # fmt: skip
        if squares_meet or not are_apart(record, suggested, place):
            return True
    return False
