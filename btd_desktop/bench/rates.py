"""Claimed against observed error rates on genuine scans that were left out.

Density, threshold and p-values come from the other patients, scanner models or kernels
alone, fitted as a profile is; those left out are judged as if the profile covered them.
Everything is genuine, so that whatever is flagged is flagged wrongly.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from btd_desktop.bench.metrics import PatientRate, rate_of_shares
from btd_desktop.bench.shift import AS_IF
from btd_desktop.calibration.apply import calibrate_series, search_part
from btd_desktop.calibration.ecdf import is_established
from btd_desktop.calibration.fit import ProfileHeader, fit_profile
from btd_desktop.calibration.join import join_profile
from btd_desktop.calibration.level import PARTS, LevelCalibration
from btd_desktop.calibration.places import (
    SEARCHED_LEVELS,
    BenignSeries,
    flatten,
    place_scores,
)
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.surprise import counted_copies
from btd_desktop.errors import CalibrationError
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import COPY_SHARE

_P_VALUES = (0.05, 0.1, 0.2)
_JUDGED = 2  # patients of a scanner model that must be left beside those that join
_DRAWS = 10
FLAGGED, COPIED = "flagged", "copied"

LEFT_OUT: dict[str, Callable[[BenignSeries], str]] = {
    "patient": lambda series: series.patient,
    "scanner model": lambda series: series.facts.scanner or "",
    "kernel": lambda series: series.facts.kernel or "",
}
"""What may be left out together, and how a series tells which it belongs to."""


@dataclass(frozen=True, slots=True)
class Share:
    """What one patient left out shows.

    Attributes:
        patient: Key of the patient.
        group: The scanner model, kernel or patient that was left out.
        level: "place", "structure", "patch", "slice" or "series"; "slice, lung" and
            the like where a part of the body is searched.
        event: `FLAGGED`, `COPIED` (its noise is), or "p <= 0.05" and the like.
        n: Scores of the patient.
        share: Share of them of which it is so, in [0, 1].
    """

    patient: str
    group: str
    level: str
    event: str
    n: int
    share: float


@dataclass(frozen=True, slots=True)
class RateRow:
    """A claimed rate and what was observed, patients counting the same.

    Attributes:
        level: As in `Share`.
        event: As in `Share`.
        claimed: The rate claimed.
        observed: With its exact interval by patient.
        highest: Largest share of one patient.
        highest_group: What was left out with that patient.
    """

    level: str
    event: str
    claimed: float
    observed: PatientRate
    highest: float
    highest_group: str

    @property
    def is_established(self) -> bool:
        """The upper bound is at most three times what is claimed."""
        return is_established(self.observed.high, self.claimed)


def left_out_shares(
    series: Sequence[BenignSeries],
    header: ProfileHeader,
    fpr: float,
    *,
    by: str,
    background: Sequence[BenignSeries] = (),
    context: TaskContext | None = None,
) -> list[Share]:
    """Shares of every patient, judged by a profile of those that were not left out.

    Args:
        series: Genuine series, searched for copies at some places.
        header: Of the profiles fitted.
        fpr: Wanted false-positive rate, in (0, 1).
        by: Key of `LEFT_OUT`.
        background: Series that widen the density; those of a scanner model or kernel
            that is left out are left out too.
        context: Progress and cancellation.

    Raises:
        CalibrationError: Fewer than three patients are left.
        Cancelled: The context said so.
    """
    context = context or TaskContext()
    group_of = LEFT_OUT[by]
    series = [s for s in series if any(grid.scored.any() for grid in s.slices)]
    groups = sorted({group_of(s) for s in series})
    found: list[Share] = []
    for done, group in enumerate(groups):
        context.report(done, len(groups), f"Leaving out each {by}", group)
        out = [s for s in series if group_of(s) == group]
        gone = {s.patient for s in out}
        rest = [s for s in series if group_of(s) != group and s.patient not in gone]
        behind = [s for s in background if group_of(s) != group]
        profile = fit_profile(rest, header, fpr, background=behind)
        for patient in sorted(gone):
            own = [s for s in out if s.patient == patient]
            found += _shares_of(own, patient, group, profile)
    return found


def profile_without(
    series: Sequence[BenignSeries],
    header: ProfileHeader,
    fpr: float,
    background: Sequence[BenignSeries] = (),
) -> Callable[[str], CalibrationProfile]:
    """Gives the profile of all patients but one, fitted when it is first asked for.

    Args:
        series: Genuine series.
        header: Of the profiles.
        fpr: Wanted false-positive rate, in (0, 1).
        background: Series that widen the density.

    Returns:
        Takes a patient's key, and raises CalibrationError where fewer than three
        patients are left.
    """

    @functools.cache
    def fitted(patient: str) -> CalibrationProfile:
        rest = [s for s in series if s.patient != patient]
        return fit_profile(rest, header, fpr, background=background)

    return fitted


def joined_shares(
    series: Sequence[BenignSeries],
    header: ProfileHeader,
    fpr: float,
    *,
    n_local: int,
    seed: int = 0,
    background: Sequence[BenignSeries] = (),
    context: TaskContext | None = None,
) -> dict[str, list[Share]]:
    """What a clinic with a few patients of a scanner model of its own gets.

    Each scanner model with enough patients is left out in turn. Some of its patients,
    drawn ten times, join the profile of all others; the rest are judged by it, and by
    the profile without them beside it.

    Args:
        series: Genuine series, searched for copies at some places.
        header: Of the profiles fitted.
        fpr: Wanted false-positive rate, in (0, 1).
        n_local: Patients that join, >= 1; a model needs two more to judge by.
        seed: Decides who joins.
        background: As in `left_out_shares`.
        context: Progress and cancellation.

    Returns:
        Shares "alone" and "joined", of the same patients; a patient stands there once
        per draw that left it to be judged.

    Raises:
        CalibrationError: No scanner model has enough patients, or fewer than three
            patients of others are left.
        Cancelled: The context said so.
    """
    context = context or TaskContext()
    model_of = LEFT_OUT["scanner model"]
    series = [s for s in series if any(grid.scored.any() for grid in s.slices)]
    patients = {
        model: sorted({s.patient for s in series if model_of(s) == model})
        for model in sorted({model_of(s) for s in series})
    }
    enough = {m: own for m, own in patients.items() if len(own) >= n_local + _JUDGED}
    if not enough:
        raise CalibrationError(
            f"no scanner model has {n_local + _JUDGED} patients: {n_local} to join and "
            f"{_JUDGED} to be judged",
            code="too_few",
        )
    rng = np.random.default_rng(seed)
    found: dict[str, list[Share]] = {"alone": [], "joined": []}
    for done, (model, names) in enumerate(enough.items()):
        context.report(done, len(enough), "Joining local patients", model)
        rest = [s for s in series if s.patient not in names]
        behind = [s for s in background if model_of(s) != model]
        alone = fit_profile(rest, header, fpr, background=behind)
        own = {name: [s for s in series if s.patient == name] for name in names}
        without = {n: _shares_of(own[n], n, model, alone) for n in names}
        for _ in range(_DRAWS):
            local = set(rng.choice(names, n_local, replace=False).tolist())
            joined = join_profile(
                alone, [s for name in sorted(local) for s in own[name]], header
            )
            for name in sorted({*names} - local):
                found["alone"] += without[name]
                found["joined"] += _shares_of(own[name], name, model, joined)
    return found


def beside_shares(
    beside: Sequence[BenignSeries],
    series: Sequence[BenignSeries],
    header: ProfileHeader,
    fpr: float,
    background: Sequence[BenignSeries] = (),
) -> list[Share]:
    """Shares of further patients, judged by a profile of all the others.

    Args:
        beside: Genuine series of patients who are not among those of `series`.
        series: What the profile is fitted on, as in `left_out_shares`.
        header: Of the profile.
        fpr: Wanted false-positive rate, in (0, 1).
        background: Series that widen the density.

    Raises:
        CalibrationError: Fewer than three patients to fit on.
    """
    profile = fit_profile(series, header, fpr, background=background)
    found: list[Share] = []
    beside = [s for s in beside if any(grid.scored.any() for grid in s.slices)]
    for patient in sorted({s.patient for s in beside}):
        own = [s for s in beside if s.patient == patient]
        scanners = ", ".join(sorted({s.facts.scanner or "" for s in own}))
        found += _shares_of(own, patient, scanners, profile)
    return found


def _shares_of(
    own: Sequence[BenignSeries], patient: str, group: str, profile: CalibrationProfile
) -> list[Share]:
    scores: dict[str, list[float]] = {}
    p_values: dict[str, list[float]] = {}
    for one in own:
        for level, (found, ranked) in _judged(one, profile).items():
            scores.setdefault(level, []).extend(found)
            p_values.setdefault(level, []).extend(ranked)
    out = _copied(own, patient, group)
    for level, known in _levels(profile).items():
        array = np.array(scores.get(level, []))
        if array.size and known.threshold is not None:
            share = float(np.mean(array > known.threshold))
            out.append(Share(patient, group, level, FLAGGED, array.size, share))
        p = np.array(p_values.get(level, []))
        for limit in _P_VALUES if p.size else ():
            hit = float(np.mean(p <= limit))
            out.append(Share(patient, group, level, f"p <= {limit:g}", p.size, hit))
    return out


def _levels(profile: CalibrationProfile) -> dict[str, LevelCalibration]:
    """Levels by name, those of searches of a part of the body last."""
    levels = dict(profile.levels["anomaly"])
    for part in PARTS:
        search = profile.search(part)
        if search is not None:
            levels |= {f"{n}, {part}": level for n, level in search.levels.items()}
    return levels


def _judged(
    one: BenignSeries, profile: CalibrationProfile
) -> dict[str, tuple[list[float], list[float]]]:
    """Scores and p-values of a series by level."""
    levels = _levels(profile)
    whole = calibrate_series(profile, AS_IF, one.slices)["anomaly"]
    every = np.concatenate([m[np.isfinite(m)] for m in whole.patch_scores])
    scores = {"patch": every}
    flat = flatten(one)
    for searched in SEARCHED_LEVELS:
        if searched in levels:
            by_patient = place_scores([flat], [every], searched)
            scores[searched] = np.concatenate([np.empty(0), *by_patient.values()])
    found: dict[str, tuple[list[float], list[float]]] = {}
    searches = {"": whole} | {
        f", {part}": search_part(profile, AS_IF, whole, one.slices, part)
        for part in PARTS
        if profile.search(part) is not None
    }
    for name, search in searches.items():
        maxima = [v.score for v in search.slices if v is not None]
        scores[f"slice{name}"] = np.array(maxima)
        # Of a series one value stands, multiplied for its length.
        ranked = None if search.series is None else search.series.p_value
        found[f"series{name}"] = ([], [] if ranked is None else [ranked])
    for level, values in scores.items():
        ps = levels[level].ecdf.p_values(values) if values.size else values
        found[level] = (values.tolist(), ps.tolist())
    return found


def _copied(own: Sequence[BenignSeries], patient: str, group: str) -> list[Share]:
    """Which places are called copied does not depend on who was left out."""
    found = np.array([surprise for one in own for _, surprise in one.copies])
    if not found.size:
        return []
    hit = float(np.mean(counted_copies(found) > 0.0))
    return [Share(patient, group, "place", COPIED, found.size, hit)]


def rate_rows(shares: Sequence[Share], fpr: float) -> list[RateRow]:
    """One row per level and event, in the order in which they come."""
    rows = []
    for level, event in dict.fromkeys((s.level, s.event) for s in shares):
        own = [s for s in shares if (s.level, s.event) == (level, event)]
        # A patient of two scanners was left out twice and still counts once.
        by_patient: dict[str, list[float]] = {}
        for one in own:
            by_patient.setdefault(one.patient, []).append(one.share)
        # A patient judged in several draws has the same scores in each.
        scores = {(s.patient, s.group): s.n for s in own}
        observed = rate_of_shares(by_patient, sum(scores.values()))
        highest = max(own, key=lambda s: s.share)
        rows.append(
            RateRow(
                level,
                event,
                _claimed(event, fpr),
                observed,
                highest.share,
                highest.group,
            )
        )
    return rows


def _claimed(event: str, fpr: float) -> float:
    named = {FLAGGED: fpr, COPIED: COPY_SHARE}
    return named[event] if event in named else float(event.removeprefix("p <= "))
