"""Benign density of the features: one two-sided anomaly score from many numbers.

Genuine places are described by mean and covariance of their features (Ledoit and
Wolf's shrunk estimate), apart for aerated and solid tissue. The score of a place is
the logarithm of its squared Mahalanobis distance, standardised so that genuine places
of either tissue have median 0 and comparable spread. Both too smooth and too rough
content is far from the mean: the score is two-sided in every feature.

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

_STRATA = ("solid", "aerated")
_AERATED_SHARE = 0.5
_SHRINK_N = 20.0  # places that the assumption "this series is an average one" weighs
_MIN_PLACES = 200


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """Benign density of one tissue.

    Attributes:
        name: "solid" or "aerated".
        n: Places it was fitted on.
        mean: Shape (K,).
        precision: Inverse covariance, shape (K, K).
        log_median: Median of log squared distance over genuine places.
        log_scale: Its robust spread (0.7413 times the interquartile range).
    """

    name: str
    n: int
    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    log_median: float
    log_scale: float

    def log_distance(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log squared Mahalanobis distance of centred features (N, K), shape (N,)."""
        delta = features - self.mean
        square = np.einsum("nk,kj,nj->n", delta, self.precision, delta)
        logs: NDArray[np.float64] = np.log(np.maximum(square, 1e-12))
        return logs

    def to_json(self) -> dict[str, Any]:
        """JSON value, numbers rounded to 10 significant digits."""
        return {
            "name": self.name,
            "n": self.n,
            "mean": _rounded(self.mean),
            "precision": [_rounded(row) for row in self.precision],
            "log_median": float(f"{self.log_median:.10g}"),
            "log_scale": float(f"{self.log_scale:.10g}"),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Stratum:
        """Inverse of `to_json`; raises `KeyError`, `TypeError` or `ValueError`."""
        mean = np.array(value["mean"], dtype=np.float64)
        precision = np.array(value["precision"], dtype=np.float64)
        if precision.shape != (mean.size, mean.size) or mean.ndim != 1:
            raise ValueError("mean and precision do not fit each other")
        scale = float(value["log_scale"])
        finite = np.isfinite(mean).all() and np.isfinite(precision).all()
        if not finite or not scale > 0.0:
            raise ValueError("density holds values that are not usable")
        return cls(
            str(value["name"]),
            int(value["n"]),
            mean,
            precision,
            float(value["log_median"]),
            scale,
        )


def _rounded(values: Iterable[float]) -> list[float]:
    return [float(f"{v:.10g}") for v in values]


def _stratum_of(aerated: NDArray[np.floating]) -> NDArray[np.int64]:
    return (aerated >= _AERATED_SHARE).astype(np.int64)


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
        Shape (2, K): solid, aerated; 0 where there is no such place.
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
    """Densities of solid and aerated tissue, in this order."""

    strata: tuple[Stratum, Stratum]

    def scores(
        self, centred: NDArray[np.float64], aerated: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Anomaly scores of centred features.

        Args:
            centred: From `centred_on`, shape (N, K).
            aerated: Share of aerated tissue, shape (N,).

        Returns:
            Shape (N,); higher is less like genuine; near 0 for ordinary places.
        """
        which = _stratum_of(aerated)
        out = np.empty(len(centred), dtype=np.float64)
        for index, stratum in enumerate(self.strata):
            chosen = which == index
            logs = stratum.log_distance(centred[chosen])
            out[chosen] = (logs - stratum.log_median) / stratum.log_scale
        return out

    def to_json(self) -> list[dict[str, Any]]:
        """JSON value for the profile."""
        return [s.to_json() for s in self.strata]

    @classmethod
    def from_json(cls, value: list[dict[str, Any]]) -> BenignDensity:
        """Inverse of `to_json`; raises `KeyError`, `TypeError` or `ValueError`."""
        solid, aerated = (Stratum.from_json(s) for s in value)
        return cls((solid, aerated))


def fit_density(
    centred: NDArray[np.float64], aerated: NDArray[np.floating]
) -> BenignDensity:
    """Density of genuine places, each already centred on its series.

    A tissue with fewer than 200 places (no lung in a head scan) takes the other's
    density: its places are then judged as the common tissue is.

    Args:
        centred: Shape (N, K).
        aerated: Shape (N,).

    Raises:
        CalibrationError: Neither tissue has 200 places.
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
    solid, air = (s or known[0] for s in fitted)
    return BenignDensity((solid, air))


def _fit_stratum(name: str, part: NDArray[np.float64]) -> Stratum:
    estimate = LedoitWolf().fit(part)
    # Rounded as the profile's file holds them: a profile scores alike before and after.
    mean = np.array(_rounded(estimate.location_))
    precision = np.array([_rounded(row) for row in estimate.precision_])
    logs = Stratum(name, len(part), mean, precision, 0.0, 1.0).log_distance(part)
    low, median, high = np.percentile(logs, [25.0, 50.0, 75.0])
    scale = max(0.7413 * float(high - low), 1e-6)
    return Stratum(name, len(part), mean, precision, *_rounded((median, scale)))
