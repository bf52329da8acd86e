"""A finished run and a profile to scores with p-values, flags and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.apply import (
    CalibratedSeries,
    CalibratedValue,
    calibrate_place,
    calibrate_series,
    copy_surprise,
)
from btd_desktop.calibration.profile import CalibrationProfile, profile_from_json
from btd_desktop.calibration.scope import Scope
from btd_desktop.cases.model import Finding, Run, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.diffusion.card import ModelCard
from btd_desktop.errors import CalibrationError, CaseError, EvidenceError
from btd_desktop.preprocess.presets import IntensityScale
from btd_desktop.scoring.copies import CopyMatch
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import score_place
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.workflow.model_library import choose_profile
from btd_desktop.workflow.score_series import load_features
from btd_desktop.workflow.search_copies import copies_in_case
from btd_desktop.workflow.services import Services

__all__ = [
    "Candidate",
    "Evaluation",
    "Place",
    "evaluate_run",
    "find_candidates",
    "keep_candidates",
    "keep_place",
    "latest_run",
    "numbers_of",
    "score_at",
]

MODES = ("anomaly", "injection", "removal")
_MERGE_MM = 24.0  # two peaks closer than a tampered cube is wide are one place
_MAX_CANDIDATES = 12


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


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place whose anomaly score stands out.

    Attributes:
        slice_index: From 0.
        x: Column of the patch's centre.
        y: Row of the patch's centre.
        values: Patch-level values by kind.
        slice_value: Value of the slice, whose maximum the place is.
    """

    slice_index: int
    x: int
    y: int
    values: dict[str, CalibratedValue]
    slice_value: CalibratedValue


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
        if self.copy is None or not self.scope.p_values_allowed:
            return False
        surprise = copy_surprise(self.profile, self.copy)
        return bool(surprise > -np.log10(self.profile.target_fpr))


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
    return Evaluation(run, record, profile, scope, features, kinds)


def profile_of_case(store: CaseStore, digest: str) -> CalibrationProfile:
    """A profile kept inside the case.

    Raises:
        CalibrationError: It was altered.
        CaseError: The case holds no such profile.
    """
    return profile_from_json(store.profile(digest), f"the profile kept in {digest}")


def find_candidates(evaluation: Evaluation) -> tuple[Candidate, ...]:
    """Places that stand out, strongest first, at most twelve.

    A place is the maximum of its slice in a slice that is flagged at slice level, or,
    when the profile cannot carry a threshold there, one whose patch-level p-value is
    the smallest the profile can give. Peaks nearer than 24 mm to a stronger one, in
    the plane or across slices, belong to it.
    """
    anomaly = evaluation.kinds["anomaly"]
    peaks = []
    for index, value in enumerate(anomaly.slices):
        if value is None or not _stands_out(evaluation, index, value):
            continue
        scores = anomaly.patch_scores[index]
        r, c = np.unravel_index(int(np.nanargmax(scores)), scores.shape)
        peaks.append((value.score, index, int(r), int(c)))
    peaks.sort(reverse=True)
    kept: list[tuple[float, int, int, int]] = []
    for peak in peaks:
        if all(_apart(evaluation, peak, other) for other in kept):
            kept.append(peak)
    return tuple(
        _candidate(evaluation, index, r, c) for _, index, r, c in kept[:_MAX_CANDIDATES]
    )


def _stands_out(evaluation: Evaluation, index: int, value: CalibratedValue) -> bool:
    if value.flagged is not None:
        return value.flagged
    p = evaluation.kinds["anomaly"].patch_p[index]
    if not np.isfinite(p).any():
        return False
    smallest = evaluation.profile.levels["anomaly"]["patch"].ecdf.smallest_p
    return bool(np.nanmin(p) <= smallest * 1.5)


def _apart(
    evaluation: Evaluation,
    a: tuple[float, int, int, int],
    b: tuple[float, int, int, int],
) -> bool:
    features = evaluation.features[0]
    spacing = float(evaluation.record.meta.get("pixel_spacing_mm") or 1.0)
    rows = float(features.rows[a[2]] - features.rows[b[2]]) * spacing
    columns = float(features.columns[a[3]] - features.columns[b[3]]) * spacing
    step = float(evaluation.record.meta.get("slice_step_mm") or 1.0)
    depth = (a[1] - b[1]) * step
    return bool(np.hypot(rows, columns) > _MERGE_MM or abs(depth) > _MERGE_MM)


def _candidate(evaluation: Evaluation, index: int, r: int, c: int) -> Candidate:
    own = evaluation.features[index]
    slice_value = evaluation.kinds["anomaly"].slices[index]
    if slice_value is None:
        raise ValueError(f"slice {index} was not scored")
    arrays = (own.injection, own.removal, own.features, own.aerated)
    place = GridFeatures(
        own.rows[r : r + 1],
        own.columns[c : c + 1],
        *(a[r : r + 1, c : c + 1] for a in arrays),
    )
    values = calibrate_place(
        evaluation.profile, evaluation.scope, place, evaluation.features
    )
    return Candidate(index, int(own.columns[c]), int(own.rows[r]), values, slice_value)


def score_at(
    store: CaseStore,
    evaluation: Evaluation,
    detector: Detector,
    place: tuple[int, int, int],
) -> Place:
    """Score the patch around any pixel: the click, and `btd score --at`.

    Args:
        store: Open case.
        evaluation: Of the series' run: the scan is its own reference.
        detector: The model of that run.
        place: (slice, row, column), from 0.

    Raises:
        EvidenceError: The place lies outside the series or holds no tissue.
        CalibrationError: The detector is not the one of the run.
        CaseError: The stored voxels were altered.
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
    [copy] = copies_in_case(store, evaluation.run, volume, [place])
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


def numbers_of(values: dict[str, CalibratedValue]) -> dict[str, Any]:
    """Values by kind as JSON values, as findings keep them."""
    return {kind: asdict(value) for kind, value in values.items()}


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
    numbers = numbers_of(place.values)
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


def keep_profile(
    store: CaseStore, profile: CalibrationProfile, services: Services
) -> None:
    """Put a profile into the case, once: reports must not depend on this computer."""
    if profile.digest not in {p.digest for p in store.profiles()}:
        document = {"digest": profile.digest, **profile.to_json()}
        store.add_profile(document, profile.digest, services.now())
