"""Claimed against observed error rates on genuine scans that were left out.

Density, threshold and p-values come from the other patients, scanner models or kernels
alone, fitted as a profile is; those left out are judged as if the profile covered them.
Everything is genuine, so that whatever is flagged is flagged wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from btd_desktop.bench.metrics import PatientRate, rate_of_shares
from btd_desktop.bench.shift import AS_IF
from btd_desktop.calibration.apply import calibrate_series
from btd_desktop.calibration.ecdf import is_established
from btd_desktop.calibration.fit import ProfileHeader, fit_profile
from btd_desktop.calibration.places import (
    SEARCHED_LEVELS,
    BenignSeries,
    flatten,
    place_scores,
)
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.surprise import counted_copies
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import COPY_SHARE

_P_VALUES = (0.05, 0.1, 0.2)
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
        level: "place", "structure", "patch", "slice" or "series".
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


def _shares_of(
    own: Sequence[BenignSeries], patient: str, group: str, profile: CalibrationProfile
) -> list[Share]:
    scores: dict[str, list[float]] = {
        level: [] for level in (*SEARCHED_LEVELS, "patch", "slice", "series")
    }
    p_values: dict[str, list[float]] = {level: [] for level in scores}
    levels = profile.levels["anomaly"]
    for one in own:
        judged = calibrate_series(profile, AS_IF, one.slices)["anomaly"]
        every = np.concatenate([m[np.isfinite(m)] for m in judged.patch_scores])
        scores["patch"] += every.tolist()
        values = [v for v in judged.slices if v is not None]
        scores["slice"] += [v.score for v in values]
        # Of a series one value stands, multiplied for its length.
        if judged.series is not None and judged.series.p_value is not None:
            p_values["series"].append(judged.series.p_value)
        flat = flatten(one)
        for searched in SEARCHED_LEVELS:
            for found in place_scores([flat], [every], searched).values():
                scores[searched] += found.tolist()
    out = _copied(own, patient, group)
    for level, values_of in scores.items():
        if level not in levels:
            continue
        known = levels[level]
        array = np.array(values_of)
        if array.size:
            p_values[level] = known.ecdf.p_values(array).tolist()
            if known.threshold is not None:
                share = float(np.mean(array > known.threshold))
                out.append(Share(patient, group, level, FLAGGED, array.size, share))
        p = np.array(p_values[level])
        for limit in _P_VALUES if p.size else ():
            hit = float(np.mean(p <= limit))
            out.append(Share(patient, group, level, f"p <= {limit:g}", p.size, hit))
    return out


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
        observed = rate_of_shares(by_patient, sum(s.n for s in own))
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
