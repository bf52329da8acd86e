"""Scores of genuine places, by patient, to calibrated levels and alarms.

What calibrating on patients of one's own (`calibration.fit`) and joining them to a
profile (`calibration.join`) have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

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
from btd_desktop.calibration.places import Places, evenly
from btd_desktop.calibration.profile import MIN_PATIENTS
from btd_desktop.calibration.reference import in_domain

MIN_BLOCK = 8
"""Slices of a series that speaks for series: of one slice, a maximum says nothing."""
# A patient with many slices must not drown the others in the patch distribution.
_PATCHES_PER_PATIENT = 400

Scores = dict[str, NDArray[np.float64]]
"""Scores of each patient."""
Maxima = dict[str, list[NDArray[np.float64]]]
"""Maxima of slices of each patient, an array for each series."""


def patches_of(
    places: Sequence[Places], scores: Sequence[NDArray[np.float64]]
) -> Scores:
    """Scores of at most 400 places of each patient, evenly spread."""
    patches: dict[str, list[NDArray[np.float64]]] = {}
    for own, values in zip(places, scores, strict=True):
        patches.setdefault(own.patient, []).append(values)
    every = {p: np.concatenate(found) for p, found in patches.items()}
    return {p: s[evenly(len(s), _PATCHES_PER_PATIENT)] for p, s in every.items()}


def maxima_of_slices(
    places: Sequence[Places],
    scores: Sequence[NDArray[np.float64]],
    domain: Domain = WHOLE_BODY,
) -> Maxima:
    """Maximum of each slice that shows the domain."""
    found: Maxima = {}
    for own, values in zip(places, scores, strict=True):
        inside = in_domain(own.aerated, domain)
        index, looked_at = own.slice_index[inside], values[inside]
        maxima = [looked_at[index == s].max() for s in np.unique(index)]
        if maxima:
            found.setdefault(own.patient, []).append(np.array(maxima))
    return found


def of_slices(maxima: Maxima) -> Scores:
    """Maxima of slices of each patient, all series together."""
    return {p: np.concatenate(found) for p, found in maxima.items()}


def of_long_series(maxima: Maxima) -> Maxima:
    """Of each patient the series of `MIN_BLOCK` slices and more; only who has one."""
    long = {p: [m for m in own if len(m) >= MIN_BLOCK] for p, own in maxima.items()}
    return {p: own for p, own in long.items() if own}


def of_series(maxima: Maxima) -> Scores:
    """Maxima of the series of each patient."""
    return {p: np.array([m.max() for m in own]) for p, own in maxima.items()}


def shortest(maxima: Maxima) -> int:
    """Slices of the shortest series."""
    return min(len(m) for own in maxima.values() for m in own)


def calibrate_kind(
    places: Sequence[Places], scores: Sequence[NDArray[np.float64]], fpr: float
) -> dict[str, LevelCalibration]:
    """Levels "patch", "slice" and "series" of one kind of scores."""
    patches = patches_of(places, scores)
    return {
        "patch": calibrate_scores(list(patches.values()), fpr),
        **calibrate_maxima(maxima_of_slices(places, scores), fpr),
    }


def calibrate_maxima(maxima: Maxima, fpr: float) -> dict[str, LevelCalibration]:
    """Levels "slice" and "series".

    The latter is of series of several slices where patients enough have one.
    """
    long = of_long_series(maxima)
    chosen = long if len(long) >= MIN_PATIENTS else maxima
    series = calibrate_scores(list(of_series(chosen).values()), fpr)
    return {
        "slice": calibrate_scores(list(of_slices(maxima).values()), fpr),
        "series": replace(series, block=shortest(chosen)),
    }


def calibrate_parts(
    places: Sequence[Places], anomaly: Sequence[NDArray[np.float64]], fpr: float
) -> dict[Domain, SearchCalibration]:
    """What searches of parts of the body are judged by.

    Density and scores stay those of all places: only what is looked at changes.
    """
    found: dict[Domain, SearchCalibration] = {}
    for part in PARTS:
        maxima = maxima_of_slices(places, anomaly, part)
        is_whole = all(in_domain(p.aerated, part).all() for p in places)
        if len(maxima) >= MIN_PATIENTS and not is_whole:
            levels = calibrate_maxima(maxima, fpr)
            found[part] = SearchCalibration(levels, alarms_of(maxima, fpr))
    return found


def calibrate_scores(
    by_patient: Sequence[NDArray[np.float64]], fpr: float
) -> LevelCalibration:
    """One level: ranks, threshold and rate of patients left out in turn.

    Args:
        by_patient: Scores of each patient.
        fpr: Wanted false-positive rate, in (0, 1).
    """
    ecdf = Ecdf.fit([stored_scores(s) for s in by_patient])
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


def alarms_of(
    maxima: Maxima, fpr: float, others: Sequence[NDArray[np.float64]] = ()
) -> Alarms | None:
    """How often the opinion's rule speaks of genuine patients left out in turn.

    Args:
        maxima: Maxima of slices of the patients of whom it is asked.
        fpr: Wanted false-positive rate, in (0, 1).
        others: Maxima of slices of further patients, who give thresholds only.

    Returns:
        None where no threshold keeps the rate, or nobody has a series of several
        slices.
    """
    slices = [[stored_scores(m) for m in own] for own in maxima.values()]
    every = [*others, *(np.concatenate(own) for own in slices)]
    left_out = LeftOut.of(Ecdf.fit(every))
    asked = left_out.rate_to_ask(fpr)
    if asked is None:
        return None
    limits = left_out.thresholds(asked)[len(others) :]
    fired = []
    for own, limit in zip(slices, limits, strict=True):
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
