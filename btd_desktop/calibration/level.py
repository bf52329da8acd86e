"""Benign scores at one level and their threshold; what a search is judged by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.ecdf import (
    Ecdf,
    Tail,
    clopper_pearson,
    is_established,
)
from btd_desktop.strict_json import Count, Rate

LEVELS = ("patch", "slice", "series")
"""Levels that every kind has. The anomaly score may have "place" besides: one place
looked at by itself, its noise searched for elsewhere in the series too; and
"structure": such a place on a solid structure of the lung.
"""
SEARCH_LEVELS = ("slice", "series")
"""Levels that take a maximum, and so depend on what is looked through."""
Domain = Literal["whole body", "lung", "solid tissue"]
"""What a search looks through: every place with tissue, those with aerated lung (at
least 30 % of the place, so that its rims belong to it), or those with less.
"""
WHOLE_BODY: Domain = "whole body"
PARTS: tuple[Domain, ...] = ("lung", "solid tissue")
_IN_WORDS: dict[Domain, str] = {
    "whole body": "the whole body",
    "lung": "the lung",
    "solid tissue": "solid tissue",
}
_MIN_SPREAD = 5  # scores of one level from which they must differ


def domain_text(domain: Domain) -> str:
    """A domain within a sentence: "the lung", "solid tissue"."""
    return _IN_WORDS[domain]


def stored_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores with the 7 significant digits that a profile's file keeps, any shape.

    Thresholds are drawn from these, so that threshold and p-values of a profile agree
    and are the same before it is written and after it is read.
    """
    flat = [float(f"{s:.7g}") for s in scores.ravel()]
    return np.array(flat, dtype=np.float64).reshape(scores.shape)


def _check_spread(scores: NDArray[np.float64]) -> None:
    """Refuse scores that rank nothing: of real scans hardly two are alike.

    Raises:
        ValueError: More than half of them are one value.
    """
    if scores.size >= _MIN_SPREAD:
        alike = int(np.unique(scores, return_counts=True)[1].max())
        if 2 * alike > scores.size:
            raise ValueError(f"{alike} of {scores.size} benign scores are one value")


@dataclass(frozen=True, slots=True, eq=False)
class LevelCalibration:
    """Benign scores of one kind at one level, and the threshold drawn from them.

    Attributes:
        scores: Benign scores of patches, slice maxima or series maxima: ascending,
            shape (N,), N >= 1, with the digits that `stored_scores` keeps.
        n_patients: Patients behind them: the number that counts as independent.
        threshold: Scores strictly above it are flagged: on average the wanted share of
            a patient's scores, each patient left out in turn. None when the patients
            cannot carry that rate.
        reason: Why there is no threshold; "" when there is one.
        interval: 95 % interval of the true false-positive rate at the threshold:
            Clopper-Pearson, patients counting (before format 4, an effective number of
            scores). None without threshold.
        effective_n: That number; 0 without threshold.
        patient_fpr: Share flagged in each patient when threshold and density come
            from all others, ascending: what a new patient may see.
        tail: Parametric tail, before format 4 only.
        patients: Number of the patient of each score, from 0, shape (N,); not set
            before format 4, where each score counted by itself.
        block: Level "series": scored slices of the shortest series behind it. A longer
            series is ranked as that many as it holds (`calibration.apply`).
    """

    scores: NDArray[np.float64]
    n_patients: Count
    threshold: float | None
    reason: str
    interval: tuple[Rate, Rate] | None
    effective_n: Annotated[float, Meta(ge=0.0)]
    patient_fpr: tuple[Rate, ...]
    tail: Tail | None
    patients: NDArray[np.int64] | UnsetType = UNSET
    block: Annotated[int, Meta(ge=1)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse scores that rank nothing, or patients that are not those of scores."""
        scores = self.scores
        if self.patients is not UNSET:
            numbers = np.unique(self.patients)
            if self.patients.shape != scores.shape or not np.array_equal(
                numbers, np.arange(self.n_patients)
            ):
                raise ValueError("its scores are not those of its patients")
        ascending = scores.ndim == 1 and scores.size and np.all(np.diff(scores) >= 0)
        if not ascending or not np.isfinite(scores).all():
            raise ValueError("benign scores are not ascending finite numbers")
        _check_spread(scores)

    @property
    def ecdf(self) -> Ecdf:
        """Distribution of the scores."""
        return Ecdf(self.scores, None if self.patients is UNSET else self.patients)

    def establishes(self, fpr: float) -> bool:
        """The upper bound of the rate is at most three times the wanted one."""
        return self.interval is not None and is_established(self.interval[1], fpr)


@dataclass(frozen=True, slots=True)
class Alarms:
    """How often the rule of the opinion speaks of genuine patients.

    Each was left out in turn: density and threshold come from all others.

    Attributes:
        n: Patients of whom it would have said that more slices are flagged than the
            error rate lets expect.
        of: Patients with a series of several scored slices.

    Raises:
        ValueError: More than there are.
    """

    n: Count
    of: Annotated[int, Meta(ge=1)]

    def __post_init__(self) -> None:
        """Refuse more alarms than patients."""
        if self.n > self.of:
            raise ValueError("more patients with an alarm than patients")

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share of genuine patients (Clopper-Pearson)."""
        return clopper_pearson(self.n, self.of)


@dataclass(frozen=True, slots=True, eq=False)
class SearchCalibration:
    """Benign anomaly scores of one domain: what a search of it is judged by.

    Attributes:
        levels: Calibration of "slice" and "series", maxima taken over the places of the
            domain.
        alarms: How often the rule of the opinion speaks of genuine patients.
    """

    levels: Mapping[str, LevelCalibration]
    alarms: Alarms | None

    def __post_init__(self) -> None:
        """Refuse what lacks a level, or holds another; levels get their own order."""
        if set(self.levels) != set(SEARCH_LEVELS):
            raise ValueError("the levels of a domain are not slice and series")
        object.__setattr__(self, "levels", {n: self.levels[n] for n in SEARCH_LEVELS})
