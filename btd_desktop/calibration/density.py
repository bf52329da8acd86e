"""Benign density of the features: one two-sided anomaly score from many features.

The density describes genuine places by mean and covariance of their features (Ledoit
and Wolf's shrunk estimate), separately for solid, mixed and aerated tissue. Content
that is too smooth and content that is too rough are both far from the mean: the
distance is two-sided in every feature.

The score of a place is -log10 of the share of genuine places of its own tissue that lie
as far out or farther: 2 means one in a hundred. So all tissues have one scale, and the
pleura, where genuine places scatter widely, does not hide places in the lung. Beyond
the genuine places the share is extrapolated as a power law of the distance.

Features are first centred on the series' own median and divided by its own spread: a
scan is its own best reference for scanner, kernel and dose.

A slice without neighbours lacks the features that compare it with them. Its places have
a density of their own, over the features they have; since both densities give a share
of genuine places, their scores have one scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import UNSET, Meta, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.level import WHOLE_BODY, Domain
from btd_desktop.calibration.surprise import SurpriseScale, fit_surprise, rounded
from btd_desktop.errors import CalibrationError

_Tissue = Literal["solid", "mixed", "aerated"]
_STRATA: tuple[_Tissue, ...] = ("solid", "mixed", "aerated")
_BOUNDS = (0.3, 0.7)  # share of aerated tissue that separates them
_SHRINK_N = 20.0  # weight, in places, of the assumption of an average series
_SPREAD_N = 100.0  # the same for the spread, which takes more places to know
_MOST_WIDER = 4.0  # times the ordinary spread, or a part of it
_MAD_TO_SD = 1.4826  # of normal scores
_MIN_PLACES = 200

Spreads = NDArray[np.float64] | UnsetType


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

    name: _Tissue
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


def _stratum_of(aerated: NDArray[np.floating]) -> NDArray[np.int64]:
    which: NDArray[np.int64] = np.digitize(aerated, _BOUNDS)
    return which


def in_domain(aerated: NDArray[np.floating], domain: Domain) -> NDArray[np.bool_]:
    """True for the places within the domain of a search, shape of `aerated`."""
    if domain == WHOLE_BODY:
        return np.full(aerated.shape, True)
    is_lung: NDArray[np.bool_] = np.asarray(aerated >= _BOUNDS[0])
    return is_lung if domain == "lung" else ~is_lung


@dataclass(frozen=True, slots=True, eq=False)
class SeriesReference:
    """The ordinary features of one series, by tissue: solid, mixed, aerated.

    Attributes:
        median: Shape (3, K); 0 where there is no such place.
        scale: How many times wider than ordinary its places scatter, shape (3, K).
    """

    median: NDArray[np.float64]
    scale: NDArray[np.float64]


def series_reference(
    features: NDArray[np.floating],
    aerated: NDArray[np.floating],
    spreads: Spreads = UNSET,
) -> SeriesReference:
    """What the places of a series are compared with.

    The median is shrunk towards 0 by N / (N + 20), so that a handful of places does not
    become its own reference, and the spread likewise, on a log scale, towards the
    ordinary one by N / (N + 100). A tampered place is a small part of a series and
    hardly moves either.

    Args:
        features: All scored places of the series, shape (N, K).
        aerated: Share of aerated tissue, shape (N,).
        spreads: Ordinary spreads (`ordinary_spreads`); not set, as in profiles before
            version 0.3, leaves the spread as it is.
    """
    median, spread, n = _robust(features, aerated, spread=spreads is not UNSET)
    centre = np.where(n > 0, median, 0.0) * (n / (n + _SHRINK_N))
    if spreads is UNSET:
        return SeriesReference(centre, np.ones_like(centre))
    wider = np.where(n > 0, spread, spreads) / spreads
    wider = np.clip(wider, 1.0 / _MOST_WIDER, _MOST_WIDER)
    return SeriesReference(centre, wider ** (n / (n + _SPREAD_N)))


def ordinary_spreads(
    series: Iterable[tuple[NDArray[np.floating], NDArray[np.floating]]],
) -> NDArray[np.float64]:
    """Median spread of the features over series, shape (3, K).

    Args:
        series: Features (N, K) and share of aerated tissue (N,) of each.

    Returns:
        By tissue; 1 where no series tells. Rounded as in the profile's file.
    """
    found = []
    for features, aerated in series:
        _, spread, n = _robust(features, aerated)
        found.append(np.where(n >= _SPREAD_N, spread, np.nan))
    spreads = np.ones(found[0].shape)
    every = np.array(found)
    told = np.isfinite(every).any(axis=0)
    spreads[told] = np.nanmedian(every[:, told], axis=0)
    spreads[spreads <= 0.0] = 1.0
    return np.array([rounded(row) for row in spreads])


def _robust(
    features: NDArray[np.floating],
    aerated: NDArray[np.floating],
    *,
    spread: bool = True,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Median, spread and number of known values by tissue, each of shape (3, K).

    The spread is the median absolute deviation, as a standard deviation. NaN where
    nothing is known, and the spread where it is not asked for.
    """
    which = _stratum_of(aerated)
    shape = (len(_STRATA), features.shape[1])
    median, width = np.full((2, *shape), np.nan)
    n: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
    for index in range(len(_STRATA)):
        part = features[which == index].astype(np.float64)
        # Features that compare slices have fewer places: some slices have no neighbour.
        n[index] = np.isfinite(part).sum(axis=0)
        some = np.flatnonzero(n[index])
        if some.size:
            own = part[:, some]
            median[index, some] = np.nanmedian(own, axis=0)
            if spread:
                away = np.abs(own - median[index, some])
                width[index, some] = _MAD_TO_SD * np.nanmedian(away, axis=0)
    return median, width, n


def centred_on(
    reference: SeriesReference,
    features: NDArray[np.floating],
    aerated: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Features relative to their series' reference, tissue by tissue, shape (N, K)."""
    which = _stratum_of(aerated)
    centred: NDArray[np.float64] = features - reference.median[which]
    centred /= reference.scale[which]
    return centred


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
        spreads: Ordinary spread of each feature by tissue, shape (3, K); not set
            before version 0.3, where features were centred only.
    """

    n_features: int
    whole: View | None
    alone: View
    spreads: Spreads = UNSET

    def __post_init__(self) -> None:
        """Refuse densities that do not fit the number of features."""
        views = [view for view in (self.whole, self.alone) if view is not None]
        if any(view.columns[-1] >= self.n_features for view in views):
            raise ValueError("a density's columns are not those of its features")
        if self.whole is not None and self.whole.columns.size != self.n_features:
            raise ValueError("the whole density does not use every feature")
        if self.spreads is not UNSET:
            usable = np.isfinite(self.spreads).all() and (self.spreads > 0.0).all()
            if self.spreads.shape != (len(_STRATA), self.n_features) or not usable:
                raise ValueError("the ordinary spreads are not those of its features")

    def scores(
        self, centred: NDArray[np.float64], aerated: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Anomaly scores of centred features.

        Args:
            centred: From `centred_on`, shape (N, K); NaN where a place lacks the
                feature.
            aerated: Share of aerated tissue, shape (N,).

        Returns:
            Shape (N,), >= 0; higher is less like genuine.
        """
        which = _stratum_of(aerated)
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
) -> BenignDensity:
    """Density of genuine places, each already centred on its series.

    A tissue with fewer than 200 places (no lung in a head scan) takes the density of
    the tissue with most places: its places are judged as that tissue's.

    Args:
        centred: Shape (N, K); NaN in features that a slice without neighbours lacks.
        aerated: Share of aerated tissue, shape (N,).
        alone: Columns of the features that need no neighbouring slice.
        spreads: Ordinary spreads that they were divided by.

    Raises:
        CalibrationError: No tissue has 200 places.
    """
    which = _stratum_of(aerated)
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
    return BenignDensity(centred.shape[1], whole, lone, spreads)


def _fit_view(
    centred: NDArray[np.float64],
    which: NDArray[np.int64],
    columns: NDArray[np.int64],
) -> View | None:
    """Densities over some features; None when no tissue has enough places."""
    fitted: list[Stratum | None] = []
    for index, name in enumerate(_STRATA):
        part = centred[np.ix_(which == index, columns)]
        fitted.append(_fit_stratum(name, part) if len(part) >= _MIN_PLACES else None)
    known = [s for s in fitted if s is not None]
    if not known:
        return None
    commonest = max(known, key=lambda stratum: stratum.n)
    solid, mixed, air = (s or commonest for s in fitted)
    return View(columns, (solid, mixed, air))


def _fit_stratum(name: _Tissue, part: NDArray[np.float64]) -> Stratum:
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
