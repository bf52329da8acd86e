"""The paper's two scores as one order of places: the larger of both in its spreads.

The paper has a threshold for each score and leaves it to the examiner which of them is
asked; both keep their own distribution and threshold here ("injection", "removal"). A
search needs one order: the larger of the two, each as its logarithm's distance from the
genuine median in genuine spreads. It is one-sided, as the paper's scores are, and knows
neither tissue nor surroundings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.reference import STRATA, SeriesReference
from btd_desktop.calibration.surprise import rounded
from btd_desktop.scoring.method import PAPER_FEATURES

_N: Final = len(PAPER_FEATURES)
_MAD_TO_SD: Final = 1.4826  # of normal scores


@dataclass(frozen=True, slots=True, eq=False)
class PaperRule:
    """Middle and spread of the logarithms of genuine injection and removal scores.

    Attributes:
        middle: Medians, shape (2,).
        spread: Median absolute deviations as standard deviations, shape (2,), > 0.
    """

    middle: NDArray[np.float64]
    spread: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse numbers that make no order."""
        if self.middle.shape != (_N,) or self.spread.shape != (_N,):
            raise ValueError("the paper's rule has a middle and spread of two scores")
        usable = np.isfinite([*self.middle, *self.spread]).all()
        if not usable or not (self.spread > 0.0).all():
            raise ValueError("the paper's rule holds values that are not usable")

    @property
    def n_columns(self) -> int:
        """Features of a place: `scoring.method.PAPER_FEATURES`."""
        return _N

    @property
    def learned(self) -> UnsetType:
        """Nothing is taught."""
        return UNSET

    @property
    def spreads(self) -> UnsetType:
        """A series is not measured by itself."""
        return UNSET

    def reference(
        self, features: NDArray[np.floating], aerated: NDArray[np.floating]
    ) -> SeriesReference:
        """A reference that leaves features as they are: a patch is judged alone."""
        shape = (len(STRATA), _N)
        return SeriesReference(np.zeros(shape), np.ones(shape))

    def scores(
        self, centred: NDArray[np.float64], aerated: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """The larger of both distances, shape (N,); features of shape (N, 2)."""
        away: NDArray[np.float64] = (centred - self.middle) / self.spread
        larger: NDArray[np.float64] = away.max(axis=1)
        return larger

    def untaught(
        self, centred: NDArray[np.float64], aerated: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """As `scores`: nothing is taught."""
        return self.scores(centred, aerated)


def fit_rule(features: NDArray[np.float64]) -> PaperRule:
    """Middle and spread over genuine places, features of shape (N, 2), N > 0."""
    middle = np.median(features, axis=0)
    spread = _MAD_TO_SD * np.median(np.abs(features - middle), axis=0)
    # Rounded as in the profile's file: the scores are the same before and after it.
    return PaperRule(
        np.array(rounded(middle)), np.array(rounded(np.maximum(spread, 1e-3)))
    )
