"""Benign density of the features: one two-sided anomaly score from many features.

The density describes genuine places by mean and covariance of their features (Ledoit
and Wolf's shrunk estimate), separately for solid, mixed and aerated tissue. Content
that is too smooth and content that is too rough are both far from the mean: the
distance is two-sided in every feature.

The score of a place is -log10 of the share of genuine places of its own tissue that lie
as far out or farther: 2 means one in a hundred. So all tissues have one scale, and the
pleura, where genuine places scatter widely, does not hide places in the lung. Beyond
the genuine places the share is extrapolated as a power law of the distance.

Features are first measured by the series itself (`calibration.reference`).

The learned evidence map, where a model has one, is the last feature and no part of the
density. It is centred and divided like the others; the share of genuine places that
have as much is a surprise of its own, and the score is the sum of both (Fisher's way of
combining two tests; the calibration ranks the sum, so they need not be independent).

A slice without neighbours lacks the features that compare it with them. Its places have
a density of their own, over the features they have; since both densities give a share
of genuine places, their scores have one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.reference import (
    STRATA,
    SeriesReference,
    Spreads,
    TissueName,
    series_reference,
    stratum_of,
)
from btd_desktop.calibration.surprise import SurpriseScale, fit_surprise, rounded
from btd_desktop.errors import CalibrationError

_MIN_PLACES = 200
_EVIDENCE_FROM = 0.05  # logits above the ordinary; less is none


@dataclass(frozen=True, slots=True, eq=False)
class Stratum:
    """Benign density of one tissue.

    Attributes:
        name: "solid", "mixed" or "aerated".
        n: Places it was fitted on.
        mean: Shape (K,).
        precision: Inverse covariance, shape (K, K).
        knots: As in `SurpriseScale`.
        distances: As in `SurpriseScale`: log squared distances.
    """

    name: TissueName
    n: Annotated[int, Meta(ge=1)]
    mean: NDArray[np.float64]
    precision: NDArray[np.float64]
    knots: NDArray[np.float64]
    distances: NDArray[np.float64]

    def __post_init__(self) -> None:
        """Refuse numbers that make no density."""
        mean, precision = self.mean, self.precision
        if precision.shape != (mean.size, mean.size) or mean.ndim != 1:
            raise ValueError("mean and precision do not fit each other")
        if not np.isfinite(np.concatenate([mean, precision.ravel()])).all():
            raise ValueError("density holds values that are not usable")
        SurpriseScale(self.knots, self.distances)

    @property
    def scale(self) -> SurpriseScale:
        """Scale from log squared distance to share of genuine places."""
        return SurpriseScale(self.knots, self.distances)

    def surprise(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """-log10 of the share of genuine places as far out, shape (N,), >= 0.

        Args:
            features: Centred features, shape (N, K).
        """
        logs = _log_distance(features, self.mean, self.precision)
        return self.scale.surprise(logs)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Densities over the features of one kind of place.

    Attributes:
        columns: Indices of the features, ascending, shape (M,).
        strata: Densities of solid, mixed and aerated tissue, over M features.
    """

    columns: NDArray[np.int64]
    strata: tuple[Stratum, Stratum, Stratum]

    def __post_init__(self) -> None:
        """Refuse columns that do not ascend or fit the densities."""
        columns = self.columns
        ascending = columns.ndim == 1 and bool(np.all(np.diff(columns) > 0))
        if not ascending or columns.size == 0 or columns[0] < 0:
            raise ValueError("a density's columns are not those of its features")
        if any(s.mean.size != columns.size for s in self.strata):
            raise ValueError("a density and its columns do not fit each other")

    def scores(
        self, centred: NDArray[np.float64], which: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Scores of places of the strata `which`, shape (N,)."""
        out = np.empty(len(centred), dtype=np.float64)
        for index, stratum in enumerate(self.strata):
            chosen = which == index
            out[chosen] = stratum.surprise(centred[np.ix_(chosen, self.columns)])
        return out


@dataclass(frozen=True, slots=True, eq=False)
class BenignDensity:
    """Densities of places with neighbouring slices and of places without.

    Attributes:
        n_features: K.
        whole: Over all features; None when too few genuine places have neighbours.
        alone: Over the features that need no neighbouring slice.
        spreads: Ordinary spread of each feature by tissue, shape (3, K), or (3, K + 1)
            with the learned evidence; not set before version 0.3, where features were
            centred only.
        learned: Scales of the learned evidence (log of `_EVIDENCE_FROM` or more logits
            above the ordinary) in solid, mixed and aerated tissue; not set where the
            model has no such map.
    """

    n_features: int
    whole: View | None
    alone: View
    spreads: Spreads = UNSET
    learned: tuple[SurpriseScale, SurpriseScale, SurpriseScale] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse densities that do not fit the number of features."""
        views = [view for view in (self.whole, self.alone) if view is not None]
        if any(view.columns[-1] >= self.n_features for view in views):
            raise ValueError("a density's columns are not those of its features")
        if self.whole is not None and self.whole.columns.size != self.n_features:
            raise ValueError("the whole density does not use every feature")
        if self.spreads is not UNSET:
            usable = np.isfinite(self.spreads).all() and (self.spreads > 0.0).all()
            if self.spreads.shape != (len(STRATA), self.n_columns) or not usable:
                raise ValueError("the ordinary spreads are not those of its features")

    @property
    def n_columns(self) -> int:
        """Features of a place, the learned evidence among them."""
        return self.n_features + (self.learned is not UNSET)

    def reference(
        self, features: NDArray[np.floating], aerated: NDArray[np.floating]
    ) -> SeriesReference:
        """`series_reference` of all scored places of a series, as this was fitted."""
        learned = self.learned is not UNSET
        return series_reference(features, aerated, self.spreads, learned=learned)

    def scores(
        self, centred: NDArray[np.float64], aerated: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Anomaly scores of centred features, with the learned evidence where it is.

        Args:
            centred: From `centred_on`, shape (N, K) or (N, K + 1); NaN where a place
                lacks the feature.
            aerated: Share of aerated tissue, shape (N,).

        Returns:
            Shape (N,), >= 0; higher is less like genuine.
        """
        untaught = self.untaught(centred, aerated)
        if self.learned is UNSET:
            return untaught
        evidence, which = centred[:, self.n_features], stratum_of(aerated)
        for index, scale in enumerate(self.learned):
            chosen = (which == index) & np.isfinite(evidence)
            untaught[chosen] += scale.surprise(_log_evidence(evidence[chosen]))
        return untaught

    def untaught(
        self, centred: NDArray[np.float64], aerated: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """As `scores`, by the density alone: no forgery of any kind taught it."""
        centred = centred[:, : self.n_features]
        which = stratum_of(aerated)
        out = np.empty(len(centred), dtype=np.float64)
        full: NDArray[np.bool_] = np.asarray(np.isfinite(centred).all(axis=1))
        if self.whole is None:
            full[:] = False
        else:
            out[full] = self.whole.scores(centred[full], which[full])
        out[~full] = self.alone.scores(centred[~full], which[~full])
        return out


def fit_density(
    centred: NDArray[np.float64],
    aerated: NDArray[np.floating],
    alone: Sequence[int],
    spreads: Spreads = UNSET,
    *,
    learned: bool = False,
) -> BenignDensity:
    """Density of genuine places, each already centred on its series.

    A tissue with fewer than 200 places (no lung in a head scan) takes the density of
    the tissue with most places: its places are judged as that tissue's.

    Args:
        centred: Shape (N, K); NaN in features that a slice without neighbours lacks.
        aerated: Share of aerated tissue, shape (N,).
        alone: Columns of the features that need no neighbouring slice.
        spreads: Ordinary spreads that they were divided by.
        learned: The last column is learned evidence.

    Raises:
        CalibrationError: No tissue has 200 places.
    """
    which = stratum_of(aerated)
    scales = _fit_evidence(centred[:, -1], which) if learned else UNSET
    if learned:
        centred = centred[:, :-1]
    full = np.isfinite(centred).all(axis=1)
    lone = _fit_view(centred, which, np.array(alone, dtype=np.int64))
    if lone is None:
        raise CalibrationError(
            f"{len(centred)} genuine places are too few for a benign density: at least "
            f"{_MIN_PLACES} of one tissue are needed",
            hint="add genuine scans",
            code="too_few",
        )
    whole = _fit_view(centred[full], which[full], np.arange(centred.shape[1]))
    return BenignDensity(centred.shape[1], whole, lone, spreads, scales)


def _log_evidence(evidence: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.log(np.maximum(evidence.astype(np.float64), _EVIDENCE_FROM))


def _fit_evidence(
    evidence: NDArray[np.float64], which: NDArray[np.int64]
) -> tuple[SurpriseScale, SurpriseScale, SurpriseScale]:
    """Scales of learned evidence; a tissue with few places takes the commonest's.

    Raises:
        CalibrationError: No tissue has 200 places with evidence.
    """
    known = [
        evidence[(which == index) & np.isfinite(evidence)]
        for index in range(len(STRATA))
    ]
    commonest = max(known, key=len)
    if len(commonest) < _MIN_PLACES:
        raise CalibrationError(
            f"{len(commonest)} genuine places with learned evidence are too few: at "
            f"least {_MIN_PLACES} of one tissue are needed",
            hint="add genuine scans",
            code="too_few",
        )
    solid, mixed, air = (
        fit_surprise(_log_evidence(own if len(own) >= _MIN_PLACES else commonest))
        for own in known
    )
    return solid, mixed, air


def _fit_view(
    centred: NDArray[np.float64],
    which: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> View | None:
    """Densities over some features; None when no tissue has enough places."""
    fitted: list[Stratum | None] = []
    for index, name in enumerate(STRATA):
        part = centred[np.ix_(which == index, columns)]
        fitted.append(_fit_stratum(name, part) if len(part) >= _MIN_PLACES else None)
    known = [s for s in fitted if s is not None]
    if not known:
        return None
    commonest = max(known, key=lambda stratum: stratum.n)
    solid, mixed, air = (s or commonest for s in fitted)
    return View(columns, (solid, mixed, air))


def _fit_stratum(name: TissueName, part: NDArray[np.float64]) -> Stratum:
    # Imported here: only calibrating needs it, not reading a profile.
    from sklearn.covariance import LedoitWolf

    estimate = LedoitWolf().fit(part)
    # Rounded as in the profile's file: the scores are the same before and after it.
    mean = np.array(rounded(estimate.location_))
    precision = np.array([rounded(row) for row in estimate.precision_])
    scale = fit_surprise(_log_distance(part, mean, precision))
    return Stratum(name, len(part), mean, precision, scale.knots, scale.distances)


def _log_distance(
    features: NDArray[np.float64],
    mean: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Log squared Mahalanobis distance of features (N, K), shape (N,)."""
    delta = features - mean
    square = np.einsum("nk,kj,nj->n", delta, precision, delta)
    logs: NDArray[np.float64] = np.log(np.maximum(square, 1e-12))
    return logs
