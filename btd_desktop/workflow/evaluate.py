"""A finished run and a profile to scores with p-values and flags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.apply import (
    CalibratedSeries,
    CalibratedValue,
    calibrate_place,
    calibrate_series,
)
from btd_desktop.calibration.profile import CalibrationProfile, profile_from_json
from btd_desktop.calibration.scope import Scope, with_scores
from btd_desktop.cases.model import Run, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CalibrationError, CaseError, EvidenceError
from btd_desktop.examination.models import choose_profile
from btd_desktop.preprocess.presets import IntensityScale
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.card import ModelCard
from btd_desktop.scoring.copies import CopyMatch
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import score_place
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.workflow.copied_noise import judge_copy
from btd_desktop.workflow.score_series import load_features
from btd_desktop.workflow.search_copies import copies_in_case

__all__ = [
    "Evaluation",
    "Place",
    "evaluate_run",
    "latest_run",
    "score_at",
]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """A run seen through a calibration profile.

    Attributes:
        run: The run.
        record: The series scored.
        profile: The profile used.
        scope: How far it covers the series.
        features: Stored features per slice.
        kinds: Calibrated series by kind: "anomaly", "injection", "removal".
    """

    run: Run
    record: SeriesRecord
    profile: CalibrationProfile
    scope: Scope
    features: tuple[GridFeatures, ...]
    kinds: dict[str, CalibratedSeries]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A clicked place with its scores.

    Attributes:
        slice_index: From 0.
        x: Column.
        y: Row.
        values: Patch-level values by kind.
        residual: F(x_0) of the slice at t = 0, shape (H, W).
        profile: Profile used.
        scope: How far it covers the series.
        copy: Where in the series its noise is found again best; None when it cannot
            be searched for (at the rim of the slice).
    """

    slice_index: int
    x: int
    y: int
    values: dict[str, CalibratedValue]
    residual: NDArray[np.float32]
    profile: CalibrationProfile
    scope: Scope
    copy: CopyMatch | None

    @property
    def copied(self) -> bool:
        """True when the copy, by itself, is as rare as the profile's flags are."""
        judged = judge_copy(self.profile, self.scope, self.copy)
        return judged is not None and judged.copied


def latest_run(store: CaseStore, series_id: int) -> Run | None:
    """The newest finished run of a series, or None."""
    done = [r for r in store.runs(series_id) if r.status == "done"]
    return done[-1] if done else None


def evaluate_run(
    store: CaseStore, run: Run, card: ModelCard, *, profile: str = ""
) -> Evaluation:
    """Evaluate a finished run.

    Args:
        store: Open case.
        run: The run.
        card: Card of the model that made it.
        profile: Profile asked for, by file, name or digest; "" chooses the one that
            covers the series best.

    Raises:
        CalibrationError: There is no profile for the model, or the one asked for
            cannot be used.
        CaseError: Results are missing or altered.
    """
    record = next(s for s in store.series() if s.series_id == run.series_id)
    chosen = choose_profile(card, run.manifest["grid"], record.meta, profile)
    if chosen is None:
        raise CalibrationError(
            f"there is no calibration profile for model {card.name}",
            hint="calibrate on local benign scans with `btd calibrate`",
            code="no_profile",
        )
    return evaluate_with(store, run, record, *chosen)


def evaluate_with(
    store: CaseStore,
    run: Run,
    record: SeriesRecord,
    profile: CalibrationProfile,
    scope: Scope,
) -> Evaluation:
    """Evaluate a finished run with a profile that is already chosen."""
    if run.manifest["model"]["digest"] != profile.model.get("digest"):
        raise CalibrationError(
            "the profile was made with another model than the run", code="model"
        )
    features = load_features(store, run)
    if not features:
        raise CaseError(f"run {run.run_id} has no results yet", code="no_results")
    kinds = calibrate_series(profile, scope, features)
    scope = with_scores(scope, profile, kinds["anomaly"].patch_scores)
    return Evaluation(run, record, profile, scope, features, kinds)


def profile_of_case(store: CaseStore, digest: str) -> CalibrationProfile:
    """A profile kept inside the case.

    Raises:
        CalibrationError: It was altered.
        CaseError: The case holds no such profile.
    """
    return profile_from_json(store.profile(digest), f"the profile kept in {digest}")


def score_at(
    store: CaseStore,
    evaluation: Evaluation,
    detector: Detector,
    place: tuple[int, int, int],
    context: TaskContext | None = None,
) -> Place:
    """Score the patch around any pixel: the click, and `btd score --at`.

    Args:
        store: Open case.
        evaluation: Of the series' run: the scan is its own reference.
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
            f"x {column}, y {row}, slice {slice_index + 1} lies outside the series "
            f"({record.cols} columns, {record.rows} rows, {record.n_slices} slices)",
            code="place",
        )
    manifest = evaluation.run.manifest
    if detector.info.digest != manifest["model"]["digest"]:
        raise CalibrationError(
            f"the run was made with model {manifest['model']['name']}, the place would "
            f"be scored with {detector.info.name}",
            code="model",
        )
    volume = store.load_volume(record.series_id, check=True)
    scored = score_place(
        detector,
        volume,
        place,
        IntensityScale(**manifest["scale"]),
        PatchGrid(**manifest["grid"]),
    )
    [copy] = copies_in_case(store, evaluation.run, volume, [place], context)
    try:
        values = calibrate_place(
            evaluation.profile,
            evaluation.scope,
            scored.features,
            evaluation.features,
            copy,
        )
    except ValueError as error:
        raise EvidenceError(
            f"x {column}, y {row}, slice {slice_index + 1}: {error}",
            hint="click inside the body",
            code="place",
        ) from error
    return Place(
        slice_index,
        column,
        row,
        values,
        scored.residual,
        evaluation.profile,
        evaluation.scope,
        copy,
    )
