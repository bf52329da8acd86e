"""One scale for different measures: -log10 of the share of genuine places beyond.

2 means that one genuine place in a hundred lies as far out or farther. So different
measures (a distance in feature space, a correlation with other places) can be compared,
and the largest taken. Beyond the genuine places the share is extrapolated as a power
law of the measure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.scoring.copies import COPY_SHARE

# Shares of genuine places at which the measure is kept; shares of fewer than ten places
# are left out.
_TAIL_SHARES = (
    1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 2e-4, 1e-4,
)  # fmt: skip
_MIN_BEYOND = 10


@dataclass(frozen=True, slots=True, eq=False)
class SurpriseScale:
    """The measure beyond which given shares of genuine places lie.

    Attributes:
        knots: log10 of shares of genuine places, descending from 0, shape (M,),
            M >= 2.
        distances: Log of the measure beyond which the share lies, ascending, (M,).
    """

    knots: NDArray[np.float64]
    distances: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse knots that make no scale."""
        knots, distances = self.knots, self.distances
        if knots.shape != distances.shape or knots.ndim != 1 or knots.size < 2:
            raise ValueError("knots and distances do not fit each other")
        falling = np.all(np.diff(knots) < 0.0) and np.all(np.diff(distances) > 0.0)
        if not np.isfinite(np.concatenate([knots, distances])).all() or not falling:
            raise ValueError("a scale holds values that are not usable")

    def surprise(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        """-log10 of the share of genuine places as far out, shape of `logs`, >= 0."""
        inside = np.interp(logs, self.distances, self.knots)
        rise = self.knots[-1] - self.knots[-2]
        slope = rise / (self.distances[-1] - self.distances[-2])
        beyond = self.knots[-1] + slope * (logs - self.distances[-1])
        share: NDArray[np.float64] = np.where(logs > self.distances[-1], beyond, inside)
        return -share


def counted_copies(
    surprise: NDArray[np.float64], share: float = COPY_SHARE
) -> NDArray[np.float64]:
    """The surprise of copies where it counts, else 0, shape of `surprise`.

    Only a correlation that is rarer among genuine places than `share` counts: every
    place has a best match, and ordinary ones would only blur the features' score.

    Args:
        surprise: -log10 of the share of genuine places whose noise is found again as
            strongly.
        share: In (0, 1); for profiles before format 4 their false-positive rate.
    """
    counted: NDArray[np.float64] = np.where(surprise > -np.log10(share), surprise, 0.0)
    return counted


def fit_surprise(logs: NDArray[np.float64]) -> SurpriseScale:
    """Scale of a measure from genuine places.

    Args:
        logs: Log of the measure at genuine places, finite, shape (N,), N >= 20.

    Raises:
        ValueError: Fewer than 20 places.
    """
    shares = np.array([q for q in _TAIL_SHARES if q * len(logs) >= _MIN_BEYOND])
    if shares.size < 2:
        raise ValueError(f"{len(logs)} places are too few for a scale")
    quantiles = np.quantile(logs, 1.0 - shares)
    # Equal distances (repeated features) would make the scale jump.
    steps = np.arange(quantiles.size) * 1e-6
    # Rounded as in the profile's file: the scores are the same before and after it.
    distances = np.array(rounded(np.maximum.accumulate(quantiles) + steps))
    return SurpriseScale(np.array(rounded(np.log10(shares))), distances)


def rounded(values: Iterable[float]) -> list[float]:
    """Numbers with the 10 significant digits that a profile's file keeps."""
    return [float(f"{v:.10g}") for v in values]
