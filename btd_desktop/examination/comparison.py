"""Scores of a scan beside those of genuine scans, and what a threshold would flag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.ecdf import clopper_pearson
from btd_desktop.examination.series import Evaluation
from btd_desktop.examination.wording import established_text

Level = Literal["place", "structure", "patch", "slice", "series"]
CLICKED: tuple[Level, ...] = ("place", "structure")
"""Levels that rank a clicked place, and nothing else of the scan."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold and its false-positive rate.

    Attributes:
        value: The threshold.
        fpr: Share of genuine scores above it, patients counting the same.
        interval: 95 % interval of the true rate.
        n_flagged: Scores of the scan above it.
        n_scan: Scores of the scan.
        own: True when it was tried out and is not the profile's.
        doubt: Statement that the profile's patients cannot establish its rate, or "".
    """

    value: float
    fpr: float
    interval: tuple[float, float]
    n_flagged: int
    n_scan: int
    own: bool
    doubt: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Scores of one kind at one level, of a scan and of genuine scans.

    Attributes:
        scan: Scores of the scan, shape (N,); none at levels of `CLICKED`.
        genuine: Scores of genuine scans, ascending, shape (M,).
        shares: Share of genuine scores up to each, patients counting the same, (M,).
        n_patients: Patients behind them.
        threshold: The one tried out, else the profile's, else the highest genuine
            score; None where the calibration does not cover the scan.
        note: Why the profile has no threshold here, as a sentence, or "".
        searched: The part of the body that was searched, or "" (`Evaluation.searched`).
    """

    scan: NDArray[np.float64]
    genuine: NDArray[np.float64]
    shares: NDArray[np.float64]
    n_patients: int
    threshold: Threshold | None
    note: str
    searched: str


def compare(
    evaluation: Evaluation, kind: str, level: Level, tried: float | None = None
) -> Comparison:
    """Scores of a scan beside genuine ones.

    Args:
        evaluation: Of the scan.
        kind: "anomaly", "injection", "removal" or "untaught".
        level: One that the profile has for this kind.
        tried: A threshold to try out; None takes the profile's.
    """
    known = evaluation.level(kind, level)
    genuine = known.ecdf.scores
    note, threshold = "", None
    if not evaluation.scope.p_values_allowed:
        note = "Not covered by the calibration: no threshold, no p-value."
    else:
        if known.threshold is None:
            note = f"No threshold at this level: {known.reason}."
        start = known.threshold if tried is None else tried
        value = float(genuine[-1]) if start is None else start
        own = tried is not None or known.threshold is None
        threshold = threshold_at(evaluation, kind, level, value, own=own)
    scan = scores_of(evaluation, kind, level)
    return Comparison(
        scan,
        genuine,
        known.ecdf.shares,
        known.n_patients,
        threshold,
        note,
        evaluation.searched(kind, level),
    )


def threshold_at(
    evaluation: Evaluation, kind: str, level: Level, value: float, *, own: bool = True
) -> Threshold:
    """What a threshold would flag, in genuine scans and in this one."""
    known = evaluation.level(kind, level)
    scan, fpr = scores_of(evaluation, kind, level), known.ecdf.share_above(value)
    # Scores of one patient are alike: the interval counts what is independent.
    n_apart = known.effective_n or float(known.n_patients)
    interval = None if own else known.interval
    return Threshold(
        value,
        fpr,
        interval or clopper_pearson(fpr * n_apart, n_apart),
        int((scan > value).sum()),
        int(scan.size),
        own,
        "" if own else established_text(known, evaluation.profile.target_fpr),
    )


def scores_of(evaluation: Evaluation, kind: str, level: Level) -> NDArray[np.float64]:
    """All scores of a scan at a level, in slice order."""
    series = evaluation.kinds[kind]
    if level in CLICKED:
        # Not comparable: the noise of the grid's patches was not searched for.
        return np.zeros(0)
    if level == "patch":
        parts = [m[np.isfinite(m)] for m in series.patch_scores]
        return np.concatenate(parts) if parts else np.zeros(0)
    if level == "slice":
        return np.array([v.score for v in series.slices if v is not None])
    return np.array([] if series.series is None else [series.series.score])
