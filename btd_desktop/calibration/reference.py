"""The series' own measure: what its places are compared with before any density.

A scan is its own best reference for scanner, kernel and dose: from each feature the
series' own median is taken, and the difference is divided by the series' own spread
over the ordinary one, solid, mixed and aerated tissue apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.level import WHOLE_BODY, Domain
from btd_desktop.calibration.surprise import rounded

TissueName = Literal["solid", "mixed", "aerated"]
STRATA: tuple[TissueName, ...] = ("solid", "mixed", "aerated")
_BOUNDS = (0.3, 0.7)  # share of aerated tissue that separates them
_SHRINK_N = 20.0  # weight, in places, of the assumption of an average series
_SPREAD_N = 100.0  # the same for the spread, which takes more places to know
_MOST_WIDER = 4.0  # times the ordinary spread, or a part of it
_MAD_TO_SD = 1.4826  # of normal scores

Spreads = NDArray[np.float64] | UnsetType


def stratum_of(aerated: NDArray[np.floating]) -> NDArray[np.int64]:
    """Number of the tissue in `STRATA`, by the share of aerated tissue."""
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
    *,
    learned: bool = False,
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
        learned: The last feature is learned evidence. Its ordinary level is not 0, so
            that nothing is shrunk: with fewer than 20 places it is not known (NaN).
    """
    median, spread, n = _robust(features, aerated, spread=spreads is not UNSET)
    centre = np.where(n > 0, median, 0.0) * (n / (n + _SHRINK_N))
    if learned:
        centre[:, -1] = np.where(n[:, -1] >= _SHRINK_N, median[:, -1], np.nan)
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
    which = stratum_of(aerated)
    shape = (len(STRATA), features.shape[1])
    median, width = np.full((2, *shape), np.nan)
    n: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
    for index in range(len(STRATA)):
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
    which = stratum_of(aerated)
    centred: NDArray[np.float64] = features - reference.median[which]
    centred /= reference.scale[which]
    return centred
