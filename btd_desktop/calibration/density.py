"""Benign density of the features: one two-sided anomaly score from many numbers.

Genuine places are described by mean and covariance of their features (Ledoit and
Wolf's shrunk estimate), apart for solid, mixed and aerated tissue. Both too smooth and
too rough content is far from the mean: the distance is two-sided in every feature.

The score of a place is -log10 of the share of genuine places of its own tissue that
lie as far out or farther: 2 means one in a hundred. Tissues thereby have one scale;
the pleura, where genuine places scatter widely, does not drown what lies in the lung.
Beyond the genuine places the share is extrapolated as a power law of the distance.

Features are first centred on the series' own median: a scan is its own best
reference for scanner, kernel and dose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from btd_desktop.errors import CalibrationError

__all__ = ["BenignDensity", "Stratum", "centred_on", "fit_density", "series_reference"]

_STRATA = ("solid", "mixed", "aerated")
_BOUNDS = (0.3, 0.7)  # share of aerated tissue that separates them
# Shares of genuine places at which the distance is kept; those that fewer than ten
# places would carry are left out.
_TAIL_SHARES = (
    *(1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 2e-4, 1e-4),
)
_MIN_BEYOND = 10
_SHRINK_N = 20.0  # places that the assumption "this series is an average one" weighs
_MIN_PLACES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """Benign density of one tissue.

    Attributes:
        name: "solid", "mixed" or "aerated".
        n: Places it was fitted on.
        mean: Shape (K,).
        precision: Inverse covariance, shape (K, K).
        knots: log10 of shares of genuine places, descending from 0, shape (M,),
            M >= 2.
        distances: Log squared distance that the share lies beyond, ascending, (M,).
    """

    name: str
    n: int
    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    knots: NDArray[np.float64]
    distances: NDArray[np.float64]

    def log_distance(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log squared Mahalanobis distance of centred features (N, K), shape (N,)."""
        delta = features - self.mean
        square = np.einsum("nk,kj,nj->n", delta, self.precision, delta)
        logs: NDArray[np.float64] = np.log(np.maximum(square, 1e-12))
        return logs

    def surprise(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """-log10 of the share of genuine places as far out, shape (N,), >= 0."""
        logs = self.log_distance(features)
        inside = np.interp(logs, self.distances, self.knots)
        rise = self.knots[-1] - self.knots[-2]
        slope = rise / (self.distances[-1] - self.distances[-2])
        beyond = self.knots[-1] + slope * (logs - self.distances[-1])
        share: NDArray[np.float64] = np.where(logs > self.distances[-1], beyond, inside)
        return -share

    def to_json(self) -> dict[str, Any]:
        """JSON value, numbers rounded to 10 significant digits."""
        return {
            "name": self.name,
            "n": self.n,
            "mean": _rounded(self.mean),
            "precision": [_rounded(row) for row in self.precision],
            "knots": _rounded(self.knots),
            "distances": _rounded(self.distances),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Stratum:
        """Inverse of `to_json`; raises `KeyError`, `TypeError` or `ValueError`."""
        mean, precision, knots, distances = (
            np.array(value[key], dtype=np.float64)
            for key in ("mean", "precision", "knots", "distances")
        )
        if precision.shape != (mean.size, mean.size) or mean.ndim != 1:
            raise ValueError("mean and precision do not fit each other")
        if knots.shape != distances.shape or knots.ndim != 1 or knots.size < 2:
            raise ValueError("knots and distances do not fit each other")
        everything = np.concatenate([mean, precision.ravel(), knots, distances])
        falling = np.all(np.diff(knots) < 0.0) and np.all(np.diff(distances) > 0.0)
        if not np.isfinite(everything).all() or not falling:
            raise ValueError("density holds values that are not usable")
        return cls(
            str(value["name"]), int(value["n"]), mean, precision, knots, distances
        )


def _rounded(values: Iterable[float]) -> list[float]:
    return [float(f"{v:.10g}") for v in values]


def _stratum_of(aerated: NDArray[np.floating]) -> NDArray[np.int64]:
    which: NDArray[np.int64] = np.digitize(aerated, _BOUNDS)
    return which


def series_reference(
    features: NDArray[np.floating], aerated: NDArray[np.floating]
) -> NDArray[np.float64]:
    """What is ordinary in one series: median features of solid and aerated places.

    The median is shrunk towards 0 by N / (N + 20), so that a handful of places does
    not become its own reference. A tampered spot is a small part of a series and
    hardly moves a median.

    Args:
        features: All scored places of the series, shape (N, K).
        aerated: Share of aerated tissue, shape (N,).

    Returns:
        Shape (3, K): solid, mixed, aerated; 0 where there is no such place.
    """
    which = _stratum_of(aerated)
    reference = np.zeros((len(_STRATA), features.shape[1]), dtype=np.float64)
    for index in range(len(_STRATA)):
        part = features[which == index].astype(np.float64)
        if len(part):
            shrunk = len(part) / (len(part) + _SHRINK_N)
            reference[index] = np.median(part, axis=0) * shrunk
    return reference


def centred_on(
    reference: NDArray[np.float64],
    features: NDArray[np.floating],
    aerated: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Features minus their series' reference, tissue by tissue, shape (N, K)."""
    centred: NDArray[np.float64] = features - reference[_stratum_of(aerated)]
    return centred


@dataclass(frozen=True, slots=True, eq=False)
class BenignDensity:
    """Densities of solid, mixed and aerated tissue, in this order."""

    strata: tuple[Stratum, Stratum, Stratum]

    def scores(
        self, centred: NDArray[np.float64], aerated: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Anomaly scores of centred features.

        Args:
            centred: From `centred_on`, shape (N, K).
            aerated: Share of aerated tissue, shape (N,).

        Returns:
            Shape (N,), >= 0; higher is less like genuine.
        """
        which = _stratum_of(aerated)
        out = np.empty(len(centred), dtype=np.float64)
        for index, stratum in enumerate(self.strata):
            chosen = which == index
            out[chosen] = stratum.surprise(centred[chosen])
        return out

    def to_json(self) -> list[dict[str, Any]]:
        """JSON value for the profile."""
        return [s.to_json() for s in self.strata]

    @classmethod
    def from_json(cls, value: list[dict[str, Any]]) -> BenignDensity:
        """Inverse of `to_json`; raises `KeyError`, `TypeError` or `ValueError`."""
        solid, mixed, aerated = (Stratum.from_json(s) for s in value)
        return cls((solid, mixed, aerated))


def fit_density(
    centred: NDArray[np.float64], aerated: NDArray[np.floating]
) -> BenignDensity:
    """Density of genuine places, each already centred on its series.

    A tissue with fewer than 200 places (no lung in a head scan) takes the density of
    the one with most places: its places are then judged as the common tissue is.

    Args:
        centred: Shape (N, K).
        aerated: Shape (N,).

    Raises:
        CalibrationError: No tissue has 200 places.
    """
    which = _stratum_of(aerated)
    fitted: list[Stratum | None] = []
    for index, name in enumerate(_STRATA):
        part = centred[which == index]
        fitted.append(_fit_stratum(name, part) if len(part) >= _MIN_PLACES else None)
    known = [s for s in fitted if s is not None]
    if not known:
        raise CalibrationError(
            f"{len(centred)} genuine places are too few for a benign density: at least "
            f"{_MIN_PLACES} of one tissue are needed",
            hint="add genuine scans",
            code="too_few",
        )
    commonest = max(known, key=lambda stratum: stratum.n)
    solid, mixed, air = (s or commonest for s in fitted)
    return BenignDensity((solid, mixed, air))


def _fit_stratum(name: str, part: NDArray[np.float64]) -> Stratum:
    estimate = LedoitWolf().fit(part)
    # Rounded as the profile's file holds them: a profile scores alike before and after.
    mean = np.array(_rounded(estimate.location_))
    precision = np.array([_rounded(row) for row in estimate.precision_])
    shares = np.array([q for q in _TAIL_SHARES if q * len(part) >= _MIN_BEYOND])
    knots = np.array(_rounded(np.log10(shares)))
    whole = Stratum(name, len(part), mean, precision, knots, knots)
    quantiles = np.quantile(whole.log_distance(part), 1.0 - shares)
    # Equal distances (repeated features) would make the scale jump.
    steps = np.arange(quantiles.size) * 1e-6
    distances = np.array(_rounded(np.maximum.accumulate(quantiles) + steps))
    return Stratum(name, len(part), mean, precision, knots, distances)
