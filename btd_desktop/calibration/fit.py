"""Genuine series to a calibration profile, split by patient.

Scores are cross-fitted: each patient is scored with a density fitted on the others,
so that the profile describes patients the density has not seen. The profile keeps the
density of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.density import (
    BenignDensity,
    centred_on,
    fit_density,
    series_reference,
)
from btd_desktop.calibration.ecdf import (
    Ecdf,
    clopper_pearson,
    fit_tail,
    threshold_at_fpr,
)
from btd_desktop.calibration.profile import (
    KINDS,
    LEVELS,
    CalibrationProfile,
    LevelCalibration,
    stored_scores,
)
from btd_desktop.errors import CalibrationError
from btd_desktop.scoring.features import GridFeatures

__all__ = ["MIN_PATIENTS", "BenignSeries", "ProfileHeader", "fit_profile"]

# A patient with many slices must not drown the others in the patch distribution.
_PATCHES_PER_PATIENT = 600
_DENSITY_PER_PATIENT = 4000
# Fewer cannot show how patients differ; a profile made of fewer covers nothing fully.
MIN_PATIENTS = 3
_BLOCKS = 4


@dataclass(frozen=True, slots=True, eq=False)
class BenignSeries:
    """One genuine series with its features.

    Attributes:
        patient: Key of the patient.
        slices: Grid features of each slice.
        facts: Scanner facts: "manufacturer", "model", "kernel", "thickness_mm",
            "pixel_spacing_mm".
        voxel_digest: Digest of the series' voxels.
    """

    patient: str
    slices: tuple[GridFeatures, ...]
    facts: dict[str, Any]
    voxel_digest: str


@dataclass(frozen=True, slots=True)
class ProfileHeader:
    """What a profile says of itself besides its numbers; see `CalibrationProfile`."""

    name: str
    created: str
    software: str
    model: dict[str, str]
    preset: dict[str, Any]
    grid: dict[str, Any]
    noise_levels: tuple[float, ...]
    backend: dict[str, Any]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """All scored places of one series, flat."""

    patient: str
    slice_index: NDArray[np.int64]
    centred: NDArray[np.float64]
    aerated: NDArray[np.float32]
    injection: NDArray[np.float32]
    removal: NDArray[np.float32]


def fit_profile(
    series: Sequence[BenignSeries],
    header: ProfileHeader,
    target_fpr: float,
    *,
    min_patients: int = MIN_PATIENTS,
) -> CalibrationProfile:
    """Fit density, distributions and thresholds on genuine series.

    Args:
        series: Genuine series, of patients none of whom the model was trained on:
            the caller sees to that.
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
    places = [_flatten(s) for s in series]
    patients = sorted({p.patient for p in places})
    if len(patients) < min_patients:
        raise CalibrationError(
            f"{len(patients)} patients are too few to calibrate on: at least "
            f"{min_patients} are needed",
            hint="add genuine scans of other patients",
            code="too_few",
        )
    anomaly = _cross_fitted(places, patients)
    levels = {
        kind: _calibrate_kind(places, _of_kind(kind, places, anomaly), target_fpr)
        for kind in KINDS
    }
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
            key: _range([float(f[key]) for f in facts if f.get(key)])
            for key in ("pixel_spacing_mm", "thickness_mm")
        },
        density=_density_of(places, patients),
        levels=levels,
        notes=header.notes,
        evidence=tuple(sorted((s.patient, s.voxel_digest) for s in series)),
    )


def _flatten(series: BenignSeries) -> _Places:
    index, features, aerated, injection, removal = [], [], [], [], []
    for s, grid in enumerate(series.slices):
        scored = grid.scored
        index.append(np.full(int(scored.sum()), s))
        features.append(grid.features[scored])
        aerated.append(grid.aerated[scored])
        injection.append(grid.injection[scored])
        removal.append(grid.removal[scored])
    air, numbers = np.concatenate(aerated), np.concatenate(features)
    return _Places(
        series.patient,
        np.concatenate(index),
        centred_on(series_reference(numbers, air), numbers, air),
        air,
        np.concatenate(injection),
        np.concatenate(removal),
    )


def _evenly(n: int, wanted: int) -> NDArray[np.int64]:
    """Indices of at most `wanted` of n items, evenly spread."""
    if n <= wanted:
        return np.arange(n)
    return np.linspace(0, n - 1, wanted).round().astype(np.int64)


def _density_of(places: Sequence[_Places], patients: Sequence[str]) -> BenignDensity:
    centred, aerated = [], []
    for patient in patients:
        own = [p for p in places if p.patient == patient]
        features = np.concatenate([p.centred for p in own])
        chosen = _evenly(len(features), _DENSITY_PER_PATIENT)
        centred.append(features[chosen])
        aerated.append(np.concatenate([p.aerated for p in own])[chosen])
    return fit_density(np.concatenate(centred), np.concatenate(aerated))


def _cross_fitted(
    places: Sequence[_Places], patients: Sequence[str]
) -> list[NDArray[np.float64]]:
    if len(patients) == 1:
        return _cross_fitted_by_blocks(places)
    scores: list[NDArray[np.float64]] = [np.empty(0)] * len(places)
    for patient in patients:
        density = _density_of(places, [p for p in patients if p != patient])
        for i, own in enumerate(places):
            if own.patient == patient:
                scores[i] = density.scores(own.centred, own.aerated)
    return scores


def _cross_fitted_by_blocks(places: Sequence[_Places]) -> list[NDArray[np.float64]]:
    """One patient only: each quarter of the slices scored with the other three."""
    scores = [np.empty(len(p.aerated)) for p in places]
    for block in range(_BLOCKS):
        held = [
            p.slice_index * _BLOCKS // (p.slice_index.max() + 1) == block
            for p in places
        ]
        density = fit_density(
            np.concatenate([p.centred[~h] for p, h in zip(places, held, strict=True)]),
            np.concatenate([p.aerated[~h] for p, h in zip(places, held, strict=True)]),
        )
        for own, chosen, target in zip(places, held, scores, strict=True):
            target[chosen] = density.scores(own.centred[chosen], own.aerated[chosen])
    return scores


def _of_kind(
    kind: str, places: Sequence[_Places], anomaly: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    if kind == "anomaly":
        return anomaly
    return [
        (p.injection if kind == "injection" else p.removal).astype(np.float64)
        for p in places
    ]


def _calibrate_kind(
    places: Sequence[_Places], scores: list[NDArray[np.float64]], fpr: float
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
        own = {p: s[_evenly(len(s), _PATCHES_PER_PATIENT)] for p, s in own.items()}
    own = {p: stored_scores(s) for p, s in own.items()}
    ecdf = Ecdf.fit(np.concatenate(list(own.values())))
    tail = fit_tail(ecdf)
    try:
        threshold = threshold_at_fpr(ecdf, fpr)
    except CalibrationError as error:
        return LevelCalibration(
            ecdf, len(own), None, f"{error.detail}; {error.hint}", None, 0.0, (), tail
        )
    if len(own) < MIN_PATIENTS:
        return LevelCalibration(ecdf, len(own), threshold, "", None, 0.0, (), tail)
    rates = _left_out_rates(own, fpr, threshold)
    n_effective = _effective_n(rates, fpr, ecdf.n)
    rate = float(np.mean(rates))
    return LevelCalibration(
        ecdf,
        len(own),
        threshold,
        "",
        clopper_pearson(rate * n_effective, n_effective),
        n_effective,
        tuple(sorted(rates)),
        tail,
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


def _scanner_mix(series: Sequence[BenignSeries]) -> tuple[dict[str, Any], ...]:
    mix: dict[tuple[Any, ...], int] = {}
    keys = ("manufacturer", "model", "kernel", "thickness_mm")
    for own in series:
        key = tuple(own.facts.get(k, "") for k in keys)
        mix[key] = mix.get(key, 0) + len(own.slices)
    return tuple(
        {**dict(zip(keys, key, strict=True)), "n_slices": n}
        for key, n in sorted(mix.items(), key=lambda item: str(item[0]))
    )
