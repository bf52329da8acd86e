"""Genuine series to a calibration profile, split by patient.

Scores are cross-fitted: each patient is scored with a density fitted on the others,
so that the profile describes patients the density has not seen. The profile keeps the
density of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.ecdf import (
    Ecdf,
    clopper_pearson,
    fit_tail,
    threshold_at_fpr,
)
from btd_desktop.calibration.places import (
    BenignSeries,
    Fitting,
    Places,
    copy_scale,
    cross_fitted,
    density_of,
    evenly,
    flatten,
    place_scores,
)
from btd_desktop.calibration.profile import (
    KINDS,
    LEVELS,
    CalibrationProfile,
    LevelCalibration,
    Scanner,
    stored_scores,
)
from btd_desktop.errors import CalibrationError
from btd_desktop.preprocess.presets import Preset
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.features import ACROSS, feature_names
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.manifest import ModelName

# A patient with many slices must not drown the others in the patch distribution.
_PATCHES_PER_PATIENT = 600
# Fewer cannot show how patients differ; a profile made of fewer covers nothing fully.
MIN_PATIENTS = 3


@dataclass(frozen=True, slots=True)
class ProfileHeader:
    """What a profile says of itself besides its numbers; see `CalibrationProfile`."""

    name: str
    created: str
    software: str
    model: ModelName
    preset: Preset
    grid: PatchGrid
    noise_levels: tuple[float, ...]
    backend: Backend
    notes: tuple[str, ...] = ()


def fit_profile(
    series: Sequence[BenignSeries],
    header: ProfileHeader,
    target_fpr: float,
    *,
    min_patients: int = MIN_PATIENTS,
    background: Sequence[BenignSeries] = (),
) -> CalibrationProfile:
    """Fit density, distributions and thresholds on genuine series.

    Args:
        series: Genuine series, of patients none of whom the model was trained on:
            the caller sees to that.
        background: Further genuine series, which widen the density only (the model
            may have learnt from them); no score of theirs enters a distribution.
        header: Model, preprocessing and wording.
        target_fpr: Wanted false-positive rate, in (0, 1).
        min_patients: Patients asked for. A profile of fewer than 3 states no interval
            and covers every series only in part.

    Raises:
        CalibrationError: Fewer patients, or too few places.
    """
    if not 0.0 < target_fpr < 1.0:
        raise CalibrationError(
            f"a false-positive rate lies between 0 and 1, got {target_fpr:g}",
            code="fpr",
        )
    # A series without tissue to score stands behind no number of the profile.
    series = [s for s in series if any(grid.scored.any() for grid in s.slices)]
    places = [flatten(s) for s in series]
    patients = sorted({p.patient for p in places})
    if len(patients) < min_patients:
        raise CalibrationError(
            f"{len(patients)} patients are too few to calibrate on: at least "
            f"{min_patients} are needed",
            hint="add genuine scans of other patients",
            code="too_few",
        )
    names = feature_names(header.noise_levels)
    alone = [i for i, name in enumerate(names) if not name.startswith(ACROSS)]
    behind = [flatten(s) for s in background if any(g.scored.any() for g in s.slices)]
    fitting = Fitting(places, behind, tuple(alone))
    anomaly = cross_fitted(fitting, patients)
    levels = {
        kind: _calibrate_kind(places, _of_kind(kind, places, anomaly), target_fpr)
        for kind in KINDS
    }
    copies = copy_scale(places)
    if copies is not None:
        # Not empty: the scale came of some places.
        own = place_scores(places, anomaly, target_fpr)
        levels["anomaly"]["place"] = _calibrate_scores(own, target_fpr)
    facts = [s.facts for s in series]
    return CalibrationProfile(
        name=header.name,
        created=header.created,
        software=header.software,
        model=header.model,
        preset=header.preset,
        grid=header.grid,
        noise_levels=header.noise_levels,
        backend=header.backend,
        target_fpr=target_fpr,
        n_patients=len(patients),
        n_series=len(places),
        n_slices=sum(len(s.slices) for s in series),
        n_patches=sum(len(p.aerated) for p in places),
        scanners=_scanner_mix(series),
        ranges={
            key: _range([float(v) for f in facts if (v := getattr(f, key))])
            for key in ("pixel_spacing_mm", "thickness_mm")
        },
        density=density_of(fitting, patients),
        copies=copies,
        levels=levels,
        notes=header.notes,
        evidence=tuple(sorted((s.patient, s.voxel_digest) for s in series)),
    )


def _of_kind(
    kind: str, places: Sequence[Places], anomaly: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    if kind == "anomaly":
        return anomaly
    return [
        (p.injection if kind == "injection" else p.removal).astype(np.float64)
        for p in places
    ]


def _calibrate_kind(
    places: Sequence[Places], scores: list[NDArray[np.float64]], fpr: float
) -> dict[str, LevelCalibration]:
    by_patient: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for own, values in zip(places, scores, strict=True):
        found = by_patient.setdefault(own.patient, {level: [] for level in LEVELS})
        found["patch"].append(values)
        slices = np.unique(own.slice_index)
        maxima = np.array([values[own.slice_index == s].max() for s in slices])
        found["slice"].append(maxima)
        found["series"].append(np.array([values.max()]))
    return {level: _calibrate_level(by_patient, level, fpr) for level in LEVELS}


def _calibrate_level(
    by_patient: dict[str, dict[str, list[NDArray[np.float64]]]], level: str, fpr: float
) -> LevelCalibration:
    own = {p: np.concatenate(found[level]) for p, found in by_patient.items()}
    if level == "patch":
        own = {p: s[evenly(len(s), _PATCHES_PER_PATIENT)] for p, s in own.items()}
    return _calibrate_scores(own, fpr)


def _calibrate_scores(
    by_patient: dict[str, NDArray[np.float64]], fpr: float
) -> LevelCalibration:
    own = {p: stored_scores(s) for p, s in by_patient.items()}
    ecdf = Ecdf.fit(np.concatenate(list(own.values())))
    threshold, reason = None, ""
    try:
        threshold = threshold_at_fpr(ecdf, fpr)
    except CalibrationError as error:
        reason = f"{error.detail}; {error.hint}"
    interval, n_effective, rates = None, 0.0, []
    if threshold is not None and len(own) >= MIN_PATIENTS:
        rates = _left_out_rates(own, fpr, threshold)
        n_effective = _effective_n(rates, fpr, ecdf.n)
        rate = float(np.mean(rates))
        interval = clopper_pearson(rate * n_effective, n_effective)
    return LevelCalibration(
        ecdf.scores,
        len(own),
        threshold,
        reason,
        interval,
        n_effective,
        tuple(sorted(rates)),
        fit_tail(ecdf),
    )


def _left_out_rates(
    own: dict[str, NDArray[np.float64]], fpr: float, threshold: float
) -> list[float]:
    """Share flagged of each patient at the threshold that the others give."""
    rates = []
    for patient, scores in own.items():
        others = np.concatenate([s for p, s in own.items() if p != patient])
        try:
            limit = threshold_at_fpr(Ecdf.fit(others), fpr)
        except CalibrationError:
            limit = threshold
        rates.append(float(np.mean(scores > limit)))
    return rates


def _effective_n(rates: list[float], fpr: float, n: int) -> float:
    """Sample size at which independent scores would spread as patients do.

    Variance of the mean rate over patients, set against p (1 - p) / n.
    """
    p = max(float(np.mean(rates)), fpr)
    variance = float(np.var(rates, ddof=1)) / len(rates)
    if variance <= 0.0:
        return float(n)
    return float(min(n, max(p * (1.0 - p) / variance, len(rates))))


def _range(values: list[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (0.0, 0.0)


def _scanner_mix(series: Sequence[BenignSeries]) -> tuple[Scanner, ...]:
    mix: Counter[tuple[str, str, str, float | Literal[""]]] = Counter()
    for own in series:
        facts, thickness = own.facts, own.facts.thickness_mm
        named = facts.manufacturer or "", facts.model or "", facts.kernel or ""
        mix[(*named, "" if thickness is None else thickness)] += len(own.slices)
    ordered = sorted(mix.items(), key=lambda item: str(item[0]))
    return tuple(Scanner(*key, n_slices=n) for key, n in ordered)
