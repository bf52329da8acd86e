"""Curves and sentences to judge a calibration by before saving it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from btd_desktop.examination.wording import (
    counted,
    established_text,
    number_text,
    percent_text,
)

if TYPE_CHECKING:
    from btd_desktop.calibration.level import LevelCalibration
    from btd_desktop.calibration.profile import CalibrationProfile
    from btd_desktop.examination.series import SeriesExamination


_EMPTY = np.zeros(0)
_MAX_POINTS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class LevelFit:
    """The fit at one level.

    Attributes:
        level: "place", "structure", "patch", "slice" or "series".
        n: Genuine scores.
        n_patients: Patients behind them.
        words: Threshold and rate in a sentence, or why there is none.
        ecdf_x, ecdf_y: The ECDF.
        threshold: The threshold, or None.
        tail_x, tail_y: CDF of the fitted tail, empty without one.
        qq_x, qq_y: Scores of the tail as fitted and as observed, empty without one.
    """

    level: str
    n: int
    n_patients: int
    words: str
    ecdf_x: NDArray[np.float64]
    ecdf_y: NDArray[np.float64]
    threshold: float | None
    tail_x: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    tail_y: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    qq_x: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    qq_y: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True, slots=True, eq=False)
class ProfileFit:
    """A new profile and what to judge it by.

    Attributes:
        profile: The profile.
        levels: Fit of the anomaly score, level by level.
        warnings: What its scans cannot establish, as sentences.
        summary: Its scans in a sentence.
    """

    profile: CalibrationProfile
    levels: tuple[LevelFit, ...]
    warnings: tuple[str, ...]
    summary: str


def profile_fit(profile: CalibrationProfile) -> ProfileFit:
    """The profile with its curves and warnings."""
    return ProfileFit(
        profile,
        tuple(
            level_fit(name, level, profile.target_fpr)
            for name, level in profile.levels["anomaly"].items()
        ),
        tuple(rate_warnings(profile)),
        f"{profile.n_patients} patients, {profile.n_series} series, "
        f"{profile.n_slices:,} slices, {profile.n_patches:,} patches; wanted "
        f"false-positive rate {percent_text(profile.target_fpr)}.",
    )


def scope_warning(
    profile: CalibrationProfile, examination: SeriesExamination
) -> str | None:
    """Why a profile does not cover a scored series in full; None where it does."""
    from btd_desktop.examination.models import model_of_run
    from btd_desktop.examination.profiles import scope_of

    run = examination.run
    if run is None:
        return None
    model = model_of_run(run.manifest)
    grid = run.manifest.grid
    scope = scope_of(profile, model, grid, examination.record.meta)
    if not scope.reasons:
        return None
    how, why = scope.coverage.value, "; ".join(scope.reasons)
    return f"The series shown is {how} by this profile: {why}."


def rate_note(fpr: float, n_patients: int | None = None, n_held: int = 0) -> str:
    """How many genuine patients it takes to establish a false-positive rate.

    Args:
        fpr: Wanted rate, in (0, 1).
        n_patients: Patients of the scans chosen; None while they are not counted.
        n_held: Patients of the profile that they join; 0 without one.
    """
    from btd_desktop.calibration.ecdf import patients_for, smallest_level
    from btd_desktop.calibration.profile import MIN_PATIENTS

    if n_patients is None and not n_held:
        few, more = (percent_text(smallest_level(n)) for n in (3, 20))
        return (
            f"It takes {patients_for(fpr):,} patients to establish a rate of "
            f"{percent_text(fpr)}; 3 establish {few}, 20 establish {more}."
        )
    n = n_held + (n_patients or 0)
    if n_patients is None:
        found = f"The profile holds {counted(n_held, 'patient')}."
    elif n_held:
        found = (
            f"The scans chosen are of {counted(n_patients, 'patient')}; with the "
            f"{n_held:,} of the profile {n:,}."
        )
    else:
        found = f"The scans chosen are of {counted(n, 'patient')}."
    if n < MIN_PATIENTS:
        return f"{found} To calibrate at all takes {MIN_PATIENTS - n} more."
    smallest = percent_text(smallest_level(n))
    missing = max(0, patients_for(fpr) - n)
    more = f"; {percent_text(fpr)} takes {missing:,} more" if missing else ""
    return f"{found} The smallest rate that they establish is {smallest}{more}."


def level_fit(name: str, level: LevelCalibration, fpr: float) -> LevelFit:
    """The curves and the sentence of one level."""
    from scipy import stats

    scores = level.ecdf.scores
    step = max(1, scores.size // _MAX_POINTS)
    # The highest scores matter most: the last 500 are all drawn.
    keep = np.union1d(
        np.arange(0, scores.size, step),
        np.arange(max(0, scores.size - _MAX_POINTS // 4), scores.size),
    )
    ranks = level.ecdf.shares
    if level.threshold is None or level.interval is None:
        words = f"No threshold: {level.reason}."
    else:
        low, high = level.interval
        words = (
            f"Threshold {number_text(level.threshold)}: the true false-positive rate "
            f"lies between {percent_text(low)} and {percent_text(high)} (95 %)"
        )
        doubt = established_text(level, fpr)
        words += f"; {doubt}." if doubt else "."
    fit = LevelFit(
        name,
        level.ecdf.n,
        level.n_patients,
        words,
        scores[keep],
        ranks[keep],
        level.threshold,
    )
    tail = level.tail
    if tail is None:
        return fit
    above = scores[scores > tail.start]
    tail_x = np.linspace(tail.start, float(scores[-1]), 200)
    survival = stats.genpareto.sf(tail_x - tail.start, tail.shape, scale=tail.scale)
    plotting = (np.arange(above.size) + 0.5) / above.size
    expected = tail.start + stats.genpareto.ppf(plotting, tail.shape, scale=tail.scale)
    return replace(
        fit,
        tail_x=tail_x,
        tail_y=1.0 - tail.share * survival,
        qq_x=expected,
        qq_y=above,
    )


def rate_warnings(profile: CalibrationProfile) -> list[str]:
    """What a profile's scans cannot establish, as sentences."""
    from btd_desktop.calibration.ecdf import patients_for, smallest_level

    out = []
    wanted, n = profile.target_fpr, profile.n_patients
    needed = patients_for(wanted)
    if n < needed:
        out.append(
            f"{n} patients cannot establish a rate of {percent_text(wanted)}: that "
            f"takes {needed} patients, {needed - n} more. The smallest rate that {n} "
            f"can establish is {percent_text(smallest_level(n))}; the intervals say "
            "what is known."
        )
    for name, level in profile.levels["anomaly"].items():
        if level.threshold is None:
            out.append(f"At {name} level there is no threshold: {level.reason}.")
    if len(profile.scanners) > 1:
        out.append(
            f"The scans come from {len(profile.scanners)} combinations of scanner, "
            "kernel and slice thickness; a profile of one combination is sharper."
        )
    return out
