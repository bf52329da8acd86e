"""Genuine series to a calibration profile, split by patient.

Scores are cross-fitted: each patient is scored with a density fitted on the others,
so that the profile describes patients the density has not seen. The profile keeps the
density of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from btd_desktop.calibration.density import in_domain
from btd_desktop.calibration.ecdf import (
    Ecdf,
    LeftOut,
    clopper_pearson,
    more_than_expected,
    smallest_level,
    threshold_at,
)
from btd_desktop.calibration.level import (
    PARTS,
    WHOLE_BODY,
    Alarms,
    Domain,
    LevelCalibration,
    SearchCalibration,
    stored_scores,
)
from btd_desktop.calibration.places import (
    SEARCHED_LEVELS,
    BenignSeries,
    Fitting,
    Places,
    cross_fitted,
    density_of,
    evenly,
    flatten,
    place_scores,
    spreads_of,
)
from btd_desktop.calibration.profile import (
    KINDS,
    MIN_PATIENTS,
    CalibrationProfile,
    Scanner,
)
from btd_desktop.calibration.regions import count_regions
from btd_desktop.errors import CalibrationError
from btd_desktop.preprocess.presets import Preset
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.features import ACROSS, feature_names
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.manifest import ModelName

# A patient with many slices must not drown the others in the patch distribution.
_PATCHES_PER_PATIENT = 400
_MIN_BLOCK = 8  # slices of a series that speaks for series


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

    Raises:
        CalibrationError: Fewer than 3 patients, or too few places.
    """
    if not 0.0 < target_fpr < 1.0:
        raise CalibrationError(
            f"a false-positive rate lies between 0 and 1, got {target_fpr:g}",
            code="fpr",
        )
    # A series without tissue to score stands behind no number of the profile.
    series = [s for s in series if any(grid.scored.any() for grid in s.slices)]
    patients = sorted({s.patient for s in series})
    if len(patients) < MIN_PATIENTS:
        raise CalibrationError(
            f"{len(patients)} patients are too few to calibrate on: at least "
            f"{MIN_PATIENTS} are needed",
            hint="add genuine scans of other patients",
            code="too_few",
        )
    names = feature_names(header.noise_levels)
    alone = [i for i, name in enumerate(names) if not name.startswith(ACROSS)]
    background = [s for s in background if any(g.scored.any() for g in s.slices)]
    # A patient left out below counts here: where its spread is known it divides itself
    # out, because a density does not mind the unit of a feature.
    spreads = spreads_of([*series, *background])
    places = [flatten(s, spreads) for s in series]
    behind = [flatten(s, spreads) for s in background]
    fitting = Fitting(places, behind, tuple(alone), spreads)
    anomaly = cross_fitted(fitting, patients)
    levels = {
        kind: _calibrate_kind(places, _of_kind(kind, places, anomaly), target_fpr)
        for kind in KINDS
    }
    for level in SEARCHED_LEVELS:
        own = place_scores(places, anomaly, level)
        if len(own) >= MIN_PATIENTS:
            levels["anomaly"][level] = _calibrate_scores(own, target_fpr)
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
        copies=None,
        levels=levels,
        notes=header.notes,
        evidence=tuple(sorted((s.patient, s.voxel_digest) for s in series)),
        alarms=_alarms(_maxima_of_slices(places, anomaly), target_fpr),
        parts=_parts(places, anomaly, target_fpr) or UNSET,
        regions=count_regions((s.patient, s.facts) for s in series),
    )


def _parts(
    places: Sequence[Places], anomaly: Sequence[NDArray[np.float64]], fpr: float
) -> dict[Domain, SearchCalibration]:
    """What searches of parts of the body are judged by.

    Density and scores stay those of all places: only what is looked at changes.
    """
    found: dict[Domain, SearchCalibration] = {}
    for part in PARTS:
        maxima = _maxima_of_slices(places, anomaly, part)
        is_whole = all(in_domain(p.aerated, part).all() for p in places)
        if len(maxima) >= MIN_PATIENTS and not is_whole:
            levels = _calibrate_maxima(maxima, fpr)
            found[part] = SearchCalibration(levels, _alarms(maxima, fpr))
    return found


def _of_kind(
    kind: str, places: Sequence[Places], anomaly: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    if kind == "anomaly":
        return anomaly
    return [
        (p.injection if kind == "injection" else p.removal).astype(np.float64)
        for p in places
    ]


_Maxima = dict[str, list[NDArray[np.float64]]]  # of slices, by patient and series


def _maxima_of_slices(
    places: Sequence[Places],
    scores: Sequence[NDArray[np.float64]],
    domain: Domain = WHOLE_BODY,
) -> _Maxima:
    """Maximum of each slice that shows the domain."""
    found: _Maxima = {}
    for own, values in zip(places, scores, strict=True):
        inside = in_domain(own.aerated, domain)
        index, looked_at = own.slice_index[inside], values[inside]
        maxima = [looked_at[index == s].max() for s in np.unique(index)]
        if maxima:
            found.setdefault(own.patient, []).append(np.array(maxima))
    return found


def _calibrate_kind(
    places: Sequence[Places], scores: Sequence[NDArray[np.float64]], fpr: float
) -> dict[str, LevelCalibration]:
    patches: dict[str, list[NDArray[np.float64]]] = {}
    for own, values in zip(places, scores, strict=True):
        patches.setdefault(own.patient, []).append(values)
    every = {p: np.concatenate(found) for p, found in patches.items()}
    some = {p: s[evenly(len(s), _PATCHES_PER_PATIENT)] for p, s in every.items()}
    return {
        "patch": _calibrate_scores(some, fpr),
        **_calibrate_maxima(_maxima_of_slices(places, scores), fpr),
    }


def _calibrate_maxima(maxima: _Maxima, fpr: float) -> dict[str, LevelCalibration]:
    """Levels "slice" and "series"."""
    of_slices = {p: np.concatenate(found) for p, found in maxima.items()}
    block, blocks = _blocks(maxima)
    return {
        "slice": _calibrate_scores(of_slices, fpr),
        "series": replace(_calibrate_scores(blocks, fpr), block=block),
    }


def _blocks(
    slices: _Maxima,
) -> tuple[int, dict[str, NDArray[np.float64]]]:
    """Maxima of series by patient, and the slices of the shortest series among them.

    Of series of several slices where patients enough have one: the maximum of a single
    slice says nothing of a series.
    """
    long = {p: [m for m in own if len(m) >= _MIN_BLOCK] for p, own in slices.items()}
    long = {p: own for p, own in long.items() if own}
    chosen = long if len(long) >= MIN_PATIENTS else slices
    block = min(len(m) for own in chosen.values() for m in own)
    return block, {p: np.array([m.max() for m in own]) for p, own in chosen.items()}


def _calibrate_scores(
    by_patient: dict[str, NDArray[np.float64]], fpr: float
) -> LevelCalibration:
    ecdf = Ecdf.fit([stored_scores(s) for s in by_patient.values()])
    n = ecdf.n_units
    threshold = interval = None
    rates: list[float] = []
    reason = (
        f"{n} patients cannot carry a false-positive rate of {100 * fpr:g} % here: the "
        f"smallest that they can establish is {100 * smallest_level(n):.2g} %"
    )
    left_out = LeftOut.of(ecdf) if n >= MIN_PATIENTS else None
    if left_out and (asked := left_out.rate_to_ask(fpr)) is not None:
        threshold, reason = threshold_at(ecdf, asked), ""
        rates = sorted(float(rate) for rate in left_out.rates(asked))
        interval = clopper_pearson(sum(rates), n)
    return LevelCalibration(
        ecdf.scores,
        n,
        threshold,
        reason,
        interval,
        float(n) if interval else 0.0,
        tuple(rates),
        None,
        patients=UNSET if ecdf.patients is None else ecdf.patients,
    )


def _alarms(maxima: _Maxima, fpr: float) -> Alarms | None:
    """How often the opinion's rule speaks of genuine patients left out in turn."""
    slices = [[stored_scores(m) for m in own] for own in maxima.values()]
    left_out = LeftOut.of(Ecdf.fit([np.concatenate(own) for own in slices]))
    asked = left_out.rate_to_ask(fpr)
    if asked is None:
        return None
    fired = []
    for own, limit in zip(slices, left_out.thresholds(asked), strict=True):
        # Of a single slice the rule never speaks.
        several = [maxima for maxima in own if len(maxima) > 1]
        if several:
            fired.append(
                any(
                    more_than_expected(int((m > limit).sum()), len(m), fpr)
                    for m in several
                )
            )
    return Alarms(sum(fired), len(fired)) if fired else None


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
