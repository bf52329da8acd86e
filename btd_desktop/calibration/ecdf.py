"""Where a score falls among the scores of genuine scans.

A score means nothing on its own: it is ranked among those of scans known to be
genuine. That gives a false-positive rate, not a probability of tampering.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy  # its parts load when first used
from msgspec import Struct
from numpy.typing import NDArray

from btd_desktop.errors import CalibrationError

_TAIL_SHARE = 0.1  # of the genuine scores that the tail is fitted to
_MIN_TAIL = 20


@dataclass(frozen=True, slots=True, eq=False)
class Ecdf:
    """Empirical distribution of scores of genuine patches, slices or series.

    Attributes:
        scores: Ascending, shape (N,), float64, N >= 1, all finite.
    """

    scores: NDArray[np.float64]

    @classmethod
    def fit(cls, scores: NDArray[np.floating]) -> Ecdf:
        """Sort scores; NaN marks places that are not scored and is dropped.

        Raises:
            CalibrationError: No finite score is left.
        """
        finite = np.asarray(scores, dtype=np.float64).ravel()
        finite = finite[np.isfinite(finite)]
        if finite.size == 0:
            raise CalibrationError("there is no finite score to calibrate on")
        return cls(np.sort(finite))

    @property
    def n(self) -> int:
        """Number of genuine scores N."""
        return int(self.scores.size)

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that N scores can give: 1 / (N + 1)."""
        return 1.0 / (self.n + 1)

    def p_value(self, score: float) -> float:
        """Conformal p-value (1 + #{genuine >= score}) / (N + 1), in (0, 1].

        The one in both counts keeps it above zero: N genuine scores can never prove
        that a score is impossible (Phipson and Smyth 2010; Vovk et al. 2005).

        >>> Ecdf.fit(np.array([0.1, 0.2, 0.3])).p_value(0.25)
        0.5
        """
        return float(self.p_values(np.array([score]))[0])

    def p_values(self, scores: NDArray[np.floating]) -> NDArray[np.float64]:
        """`p_value` of each score; NaN (not scored) stays NaN. Any shape."""
        at_least = self.n - np.searchsorted(self.scores, scores, "left")
        p = (1.0 + at_least) / (self.n + 1.0)
        return np.where(np.isnan(scores), np.nan, p)

    def cdf(self, score: float) -> float:
        """Share of genuine scores at most as large, in [0, 1]."""
        return float(np.searchsorted(self.scores, score, "right")) / self.n


def threshold_at_fpr(ecdf: Ecdf, fpr: float) -> float:
    """Smallest threshold at which genuine scores are flagged with p <= fpr.

    A score is flagged when it is strictly above the threshold (the paper's equation 4
    has the sides swapped: it calls scores above the threshold real).

    Args:
        ecdf: Of genuine scores only.
        fpr: Wanted false-positive rate, in (0, 1).

    Raises:
        CalibrationError: N is below ceil(1 / fpr) - 1: so few scores cannot resolve
            the rate asked for.
    """
    if not 0.0 < fpr < 1.0:
        raise CalibrationError(
            f"a false-positive rate lies between 0 and 1, got {fpr:g}", code="fpr"
        )
    # The rounding guards against fpr * (n + 1) falling just below a whole number.
    n_allowed = min(math.floor(round(fpr * (ecdf.n + 1), 9)), ecdf.n) - 1
    if n_allowed < 0:
        raise CalibrationError(
            f"{ecdf.n} genuine scores cannot resolve a false-positive rate of {fpr:g}: "
            f"the smallest p-value they can give is {ecdf.smallest_p:.3g}",
            hint=f"calibrate on at least {math.ceil(1 / fpr) - 1}, or ask for a higher "
            "rate",
            code="too_few",
        )
    return float(ecdf.scores[ecdf.n - 1 - n_allowed])


def clopper_pearson(
    k: float, n: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Exact two-sided interval for a rate of k in n (Clopper and Pearson 1934).

    Fractional counts are allowed (effective sample sizes).

    >>> low, high = clopper_pearson(0, 299)
    >>> low, round(high, 4)
    (0.0, 0.0123)
    """
    half = (1.0 - confidence) / 2.0
    low = float(scipy.stats.beta.ppf(half, k, n - k + 1.0)) if k > 0 else 0.0
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
    """Generalised Pareto tail of genuine scores, for p-values beside the ECDF's.

    It extrapolates, so it is printed beside the conformal p-value and never decides.

    Attributes:
        start: Score where the tail begins.
        share: Share of genuine scores above `start`, in (0, 1).
        shape: Pareto shape, in [0, 100]: a bounded tail would claim impossibility.
        scale: Pareto scale, in [1e-9, 1e9].

    Raises:
        ValueError: A number is outside these, as only a crafted profile has it.
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


def fit_tail(ecdf: Ecdf) -> Tail | None:
    """Tail fitted to the highest tenth of genuine scores.

    None below 200 scores, and where they give no tail (nearly all alike).
    """
    n_tail = int(ecdf.n * _TAIL_SHARE)
    if n_tail < _MIN_TAIL:
        return None
    start = float(ecdf.scores[-n_tail - 1])
    excess = ecdf.scores[-n_tail:] - start
    if not excess.max() > 0.0:
        return None
    shape, _, scale = scipy.stats.genpareto.fit(excess, floc=0.0)
    if shape < 0.0:
        shape, scale = 0.0, float(excess.mean())
    values = (start, n_tail / ecdf.n, float(shape), float(scale))
    return Tail(*values) if _is_sound_tail(*values) else None
