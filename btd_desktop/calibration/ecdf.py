"""The rank of a score among the scores of genuine scans.

A score means nothing by itself: it is ranked among the scores of scans known to be
genuine. That gives a false-positive rate, not a probability of tampering.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import scipy  # its parts load when first used
from msgspec import Struct
from numpy.typing import NDArray

from btd_desktop.errors import CalibrationError

CONFIDENCE = 0.95
_HALVINGS = 30
_ROUNDING = 1e-9  # sums of shares may fall just above a whole number
_NOT_ESTABLISHED_FACTOR = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Ecdf:
    """Empirical distribution of scores of genuine patches, slices or series.

    Scores of one patient are alike, so each patient counts the same, however many
    scores there are (hierarchical conformal prediction: Dunn, Wasserman and Ramdas
    2022; Lee, Barber and Willett 2023).

    Attributes:
        scores: Ascending, shape (N,), float64, N >= 1, all finite.
        patients: Number of the patient of each score, from 0, shape (N,); None where
            each score counts by itself, as in profiles before format 4.
    """

    scores: NDArray[np.float64]
    patients: NDArray[np.int64] | None = None
    _tail: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Sum the weights once, for every slice."""
        tail = np.append(np.cumsum(self.weights[::-1])[::-1], 0.0)
        object.__setattr__(self, "_tail", tail)

    @classmethod
    def fit(cls, by_patient: Sequence[NDArray[np.floating]]) -> Ecdf:
        """Sort the scores of patients; NaN marks places that are not scored.

        Raises:
            CalibrationError: No finite score is left.
        """
        finite = [s[np.isfinite(s)] for s in by_patient]
        finite = [s for s in finite if s.size]
        if not finite:
            raise CalibrationError("there is no finite score to calibrate on")
        scores = np.concatenate(finite).astype(np.float64)
        patients = np.repeat(np.arange(len(finite)), [s.size for s in finite])
        order = np.argsort(scores, kind="stable")
        return cls(scores[order], patients[order])

    @property
    def n(self) -> int:
        """Number of genuine scores N."""
        return int(self.scores.size)

    @property
    def n_units(self) -> int:
        """Units that count: K patients, or N scores where patients are not known."""
        return self.n if self.patients is None else int(self.patients.max()) + 1

    @property
    def by_patient(self) -> list[NDArray[np.float64]]:
        """Scores of each unit that counts, ascending, in the order of their numbers."""
        if self.patients is None:
            return list(self.scores[:, None])
        return [self.scores[self.patients == k] for k in range(self.n_units)]

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that K patients can give: 1 / (K + 1)."""
        return 1.0 / (self.n_units + 1)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each score, shape (N,): 1 over the scores of its patient."""
        if self.patients is None:
            return np.ones(self.n)
        found: NDArray[np.float64] = 1.0 / np.bincount(self.patients)[self.patients]
        return found

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of genuine scores up to each, patients counting alike, shape (N,)."""
        # Sums of fractions may end a little above 1.
        return np.minimum(np.cumsum(self.weights) / self.n_units, 1.0)

    @property
    def above(self) -> NDArray[np.float64]:
        """Σ_k of the shares that follow each score in the order, shape (N,)."""
        return self._tail[1:]

    def p_value(self, score: float) -> float:
        """Conformal p-value (1 + Σ_k share_k) / (K + 1), in (0, 1].

        share_k is the share of patient k's scores that are at least as high. The 1 in
        numerator and denominator keeps it above zero: K genuine patients can never
        prove a score impossible (Phipson and Smyth 2010; Vovk et al. 2005).

        >>> Ecdf.fit([np.array([0.1, 0.2]), np.array([0.3])]).p_value(0.25)
        0.6666666666666666
        """
        return float(self.p_values(np.array([score]))[0])

    def p_values(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """`p_value` of each score; NaN (not scored) stays NaN. Any shape."""
        p = (1.0 + self._beyond(scores, "left")) / (self.n_units + 1.0)
        return np.where(np.isnan(scores), np.nan, np.minimum(p, 1.0))

    def cdf(self, score: float) -> float:
        """Share of genuine scores at most as large, patients counting the same."""
        return 1.0 - self.share_above(score)

    def share_above(self, score: float) -> float:
        """Share of genuine scores strictly above, patients counting the same."""
        return float(self._beyond(np.array([score]), "right")[0]) / self.n_units

    def _beyond(
        self, scores: NDArray[np.floating], side: Literal["left", "right"]
    ) -> NDArray[np.float64]:
        """Σ_k of the shares from the position at which `scores` sort in."""
        at = np.searchsorted(self.scores, scores, side)
        found: NDArray[np.float64] = self._tail[at]
        return found


def threshold_at(ecdf: Ecdf, rate: float) -> float:
    """Smallest genuine score above which at most the share `rate` of scores lies.

    Patients count the same. A score is flagged when it is strictly above the threshold
    (the paper's equation 4 has the sides swapped: it calls scores above it real).

    Args:
        ecdf: Distribution of genuine scores.
        rate: In [0, 1).
    """
    fits = ecdf.above <= rate * ecdf.n_units + _ROUNDING
    return float(ecdf.scores[int(np.argmax(fits))])


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """Thresholds that the other patients give, and the share each flags of a patient.

    Attributes:
        ecdf: Distribution of genuine scores of K patients.
        patients: Number of the patient of each score, shape (N,).
        above: Σ of the shares of all other patients strictly above each score, shape
            (K, N).
    """

    ecdf: Ecdf
    patients: NDArray[np.int64]
    above: NDArray[np.float64]

    @classmethod
    def of(cls, ecdf: Ecdf) -> LeftOut:
        """Leave each patient out in turn.

        Raises:
            ValueError: There is no other patient, or patients are not known.
        """
        if ecdf.patients is None or ecdf.n_units < 2:
            raise ValueError("thresholds of the others need two patients and more")
        others = np.tile(ecdf.weights, (ecdf.n_units, 1))
        others[ecdf.patients, np.arange(ecdf.n)] = 0.0
        above = np.cumsum(others[:, ::-1], axis=1)[:, ::-1] - others
        return cls(ecdf, ecdf.patients, above)

    def thresholds(self, rate: float) -> NDArray[np.float64]:
        """For each patient the `threshold_at` of all others, shape (K,)."""
        fits = self.above <= rate * (self.ecdf.n_units - 1) + _ROUNDING
        found: NDArray[np.float64] = self.ecdf.scores[np.argmax(fits, axis=1)]
        return found

    def rates(self, rate: float) -> NDArray[np.float64]:
        """Share of each patient's scores above that threshold, shape (K,)."""
        ecdf = self.ecdf
        above = ecdf.scores > self.thresholds(rate)[self.patients]
        shares = np.zeros(ecdf.n_units)
        np.add.at(shares, self.patients, ecdf.weights * above)
        return shares

    def rate_to_ask(self, fpr: float) -> float | None:
        """Rate at which `threshold_at` flags a new patient at the rate wanted.

        A threshold fits the patients it was drawn from better than a new one. It is
        therefore drawn at a smaller rate, at which the patients left out of it, each in
        turn, are flagged at `fpr` on average. None where they exceed even the highest
        score of all others too often.

        Args:
            fpr: Wanted false-positive rate, in (0, 1).
        """
        low, high = 0.0, fpr
        if not self._keeps(low, fpr):
            return None
        if self._keeps(high, fpr):
            return high
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            low, high = (middle, high) if self._keeps(middle, fpr) else (low, middle)
        return low

    def _keeps(self, rate: float, fpr: float) -> bool:
        return float(self.rates(rate).mean()) <= fpr + _ROUNDING


def smallest_level(n_patients: int) -> float:
    """Smallest false-positive rate that so many patients can establish.

    If exactly this rate is observed, the upper bound of its interval is three times the
    rate (`is_established`); smaller rates need more patients.

    >>> round(smallest_level(46), 3)
    0.055
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (
            (low, middle) if _can_establish(n_patients, middle) else (middle, high)
        )
    return high


def patients_for(fpr: float) -> int:
    """Fewest patients that can establish a false-positive rate.

    >>> patients_for(0.01)
    279
    """
    n = 1
    while not _can_establish(n, fpr):
        n *= 2
    low = n // 2
    while n - low > 1:
        middle = (low + n) // 2
        low, n = (low, middle) if _can_establish(middle, fpr) else (middle, n)
    return n


def _can_establish(n_patients: int, rate: float) -> bool:
    return is_established(clopper_pearson(rate * n_patients, n_patients)[1], rate)


def is_established(upper_bound: float, rate: float) -> bool:
    """True when the true rate is at most three times the claimed one (upper bound)."""
    return upper_bound <= _NOT_ESTABLISHED_FACTOR * rate


def more_than_expected(n_flagged: int, n_scored: int, fpr: float) -> bool:
    """The opinion's rule: more slices are flagged than the error rate explains."""
    return n_flagged > max(1.0, 3.0 * fpr * n_scored)


def clopper_pearson(
    k: float, n: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Exact two-sided interval for a rate of k in n (Clopper and Pearson 1934).

    Fractional counts are allowed (sums of shares, effective sample sizes); below one
    the lower end is 0, as for none.

    >>> low, high = clopper_pearson(0, 299)
    >>> low, round(high, 4)
    (0.0, 0.0123)
    """
    half = (1.0 - confidence) / 2.0
    low = float(scipy.stats.beta.ppf(half, k, n - k + 1.0)) if k >= 1 else 0.0
    high = float(scipy.stats.beta.ppf(1.0 - half, k + 1.0, n - k)) if k < n else 1.0
    return low, high


def _is_sound_tail(start: float, share: float, shape: float, scale: float) -> bool:
    return (
        abs(start) <= 1e9
        and 0.0 < share < 1.0
        and 0.0 <= shape <= 100.0
        and 1e-9 <= scale <= 1e9
    )


class Tail(Struct, frozen=True, array_like=True):
    """Generalised Pareto tail of genuine scores, of profiles before format 4.

    It extrapolates from scores that are not independent: cases keep it beside the
    conformal p-value, it never decides, and new profiles have none.

    Attributes:
        start: Score where the tail begins.
        share: Share of genuine scores above `start`, in (0, 1).
        shape: Pareto shape, in [0, 100]: a bounded tail would claim impossibility.
        scale: Pareto scale, in [1e-9, 1e9].

    Raises:
        ValueError: A number is out of range, as only in a crafted profile.
    """

    start: float
    share: float
    shape: float
    scale: float

    def __post_init__(self) -> None:
        if not _is_sound_tail(self.start, self.share, self.shape, self.scale):
            raise ValueError("the tail of the genuine scores cannot be one")

    def p_value(self, score: float) -> float | None:
        """Tail probability of a score, or None below the start of the tail."""
        if not score >= self.start:
            return None
        excess = score - self.start
        return float(
            self.share * scipy.stats.genpareto.sf(excess, self.shape, scale=self.scale)
        )
