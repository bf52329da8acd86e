"""Genuine series as flat lists of places, each patient scored by the others.

Cross-fitting: a patient is scored with a density fitted on the other patients, so that
distributions describe patients whom the density has not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from btd_desktop.calibration.density import BenignDensity, fit_density
from btd_desktop.calibration.paper_rule import PaperRule, fit_rule
from btd_desktop.calibration.reference import (
    Spreads,
    centred_on,
    ordinary_spreads,
    series_reference,
)
from btd_desktop.calibration.surprise import counted_copies
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.volume import SeriesFacts

GridPlace = tuple[int, int, int]
SeriesScores = Mapping[str, Sequence[NDArray[np.float64]]]
"""kind -> scores of all places of each series."""
SearchedLevel = Literal["place", "structure"]
SEARCHED_LEVELS: tuple[SearchedLevel, ...] = ("place", "structure")
_DENSITY_PER_PATIENT = 4000


@dataclass(frozen=True, slots=True, eq=False)
class BenignSeries:
    """One genuine series with its features.

    Attributes:
        patient: Key of the patient.
        slices: Grid features of each slice.
        facts: Scanner facts, as a case keeps them.
        voxel_digest: Digest of the series' voxels.
        copies: Some places as (slice, row and column of the grid), each with the
            surprise at which its noise is found again elsewhere in the series
            (`scoring.copies.NoiseCopy`); none when that was not searched.
        structures: The same for places on solid structures of the lung
            (`preprocess.solid_structures.structure_near`).
    """

    patient: str
    slices: tuple[GridFeatures, ...]
    facts: SeriesFacts
    voxel_digest: str
    copies: tuple[tuple[GridPlace, float], ...] = ()
    structures: tuple[tuple[GridPlace, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """Places of one series whose noise was searched for, as that of clicked places is.

    Attributes:
        at: Their indices among all places of the series.
        surprise: How rarely noise is found again as strongly.
    """

    at: NDArray[np.int64]
    surprise: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """All scored places of one series, flat."""

    patient: str
    slice_index: NDArray[np.int64]
    centred: NDArray[np.float64]
    aerated: NDArray[np.float32]
    injection: NDArray[np.float32]
    removal: NDArray[np.float32]
    searched: Mapping[SearchedLevel, Searched]


def flatten(
    series: BenignSeries,
    spreads: Spreads = UNSET,
    *,
    learned: bool = False,
    centred: bool = True,
) -> Places:
    """All scored places of a series, relative to the series' own reference.

    Args:
        series: A series with at least one scored place.
        spreads: As in `reference.series_reference`.
        learned: As there.
        centred: False leaves the features as they are, to measure what centring gives.
    """
    index, features, aerated, injection, removal = [], [], [], [], []
    for s, grid in enumerate(series.slices):
        scored = grid.scored
        index.append(np.full(int(scored.sum()), s))
        features.append(grid.features[scored])
        aerated.append(grid.aerated[scored])
        injection.append(grid.injection[scored])
        removal.append(grid.removal[scored])
    air, numbers = np.concatenate(aerated), np.concatenate(features)
    reference = series_reference(numbers, air, spreads, learned=learned)
    own = centred_on(reference, numbers, air)
    return Places(
        series.patient,
        np.concatenate(index),
        own if centred else numbers.astype(np.float64),
        air,
        np.concatenate(injection),
        np.concatenate(removal),
        {
            "place": _searched(series, series.copies),
            "structure": _searched(series, series.structures),
        },
    )


def spreads_of(series: Iterable[BenignSeries]) -> NDArray[np.float64]:
    """`reference.ordinary_spreads` of series with at least one scored place."""
    return ordinary_spreads(
        (
            np.concatenate([g.features[g.scored] for g in own.slices]),
            np.concatenate([g.aerated[g.scored] for g in own.slices]),
        )
        for own in series
    )


def _searched(
    series: BenignSeries, places: Sequence[tuple[GridPlace, float]]
) -> Searched:
    numbering = []
    start = 0
    for grid in series.slices:
        flat = np.full(grid.scored.shape, -1, dtype=np.int64)
        n = int(grid.scored.sum())
        flat[grid.scored] = np.arange(start, start + n)
        start += n
        numbering.append(flat)
    at = [numbering[s][row, column] for (s, row, column), _ in places]
    surprise = [surprise for _, surprise in places]
    return Searched(np.array(at, dtype=np.int64), np.array(surprise, dtype=np.float64))


def evenly(n: int, wanted: int) -> NDArray[np.int64]:
    """Indices of at most `wanted` of n items, evenly spread."""
    if n <= wanted:
        return np.arange(n)
    return np.linspace(0, n - 1, wanted).round().astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """The places that a density is fitted on."""

    places: Sequence[Places]
    background: Sequence[Places]
    alone: tuple[int, ...]  # features that need no neighbouring slice
    spreads: Spreads = UNSET  # that they were divided by
    learned: bool = False  # the last feature is learned evidence
    paper: bool = False  # ranked by the paper's rule

    def fit(
        self, centred: list[NDArray[np.float64]], aerated: list[NDArray[np.float32]]
    ) -> BenignDensity | PaperRule:
        """Density of the given places and those of the background."""
        for patient in sorted({p.patient for p in self.background}):
            more = _of_patient(self.background, patient)
            centred, aerated = [*centred, more[0]], [*aerated, more[1]]
        if self.paper:
            return fit_rule(np.concatenate(centred))
        return fit_density(
            np.concatenate(centred),
            np.concatenate(aerated),
            self.alone,
            self.spreads,
            learned=self.learned,
        )


def _of_patient(
    places: Sequence[Places], patient: str
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    own = [p for p in places if p.patient == patient]
    features = np.concatenate([p.centred for p in own])
    chosen = evenly(len(features), _DENSITY_PER_PATIENT)
    return features[chosen], np.concatenate([p.aerated for p in own])[chosen]


def density_of(fitting: Fitting, patients: Sequence[str]) -> BenignDensity | PaperRule:
    """Density of some patients, at most 4,000 places of each, and of the background."""
    found = [_of_patient(fitting.places, patient) for patient in patients]
    return fitting.fit([f for f, _ in found], [a for _, a in found])


def cross_fitted(fitting: Fitting, patients: Sequence[str]) -> SeriesScores:
    """Scores of every series, by a density without its patient."""
    found = [dict[str, NDArray[np.float64]]() for _ in fitting.places]
    for patient in patients:
        density = density_of(fitting, [p for p in patients if p != patient])
        for i, own in enumerate(fitting.places):
            if own.patient == patient:
                found[i] = scores_by_kind(density, own)
    return {kind: [own[kind] for own in found] for kind in found[0]}


def scores_by_kind(
    density: BenignDensity | PaperRule, places: Places
) -> dict[str, NDArray[np.float64]]:
    """Scores of all places of a series by kind, each of shape (N,)."""
    found = {
        "anomaly": density.scores(places.centred, places.aerated),
        "injection": places.injection.astype(np.float64),
        "removal": places.removal.astype(np.float64),
    }
    if density.learned is not UNSET:
        found["untaught"] = density.untaught(places.centred, places.aerated)
    return found


def place_scores(
    places: Sequence[Places],
    anomaly: Sequence[NDArray[np.float64]],
    level: SearchedLevel,
) -> dict[str, NDArray[np.float64]]:
    """Scores of the places whose noise was searched for, by patient.

    The score is the larger of anomaly score and copy surprise, where the latter counts.

    Args:
        places: All series.
        anomaly: Their anomaly scores, one array each.
        level: "place", or "structure" for those on solid structures of the lung.
    """
    found: dict[str, list[NDArray[np.float64]]] = {}
    for own, scores in zip(places, anomaly, strict=True):
        searched = own.searched[level]
        if searched.at.size:
            both = np.maximum(scores[searched.at], counted_copies(searched.surprise))
            found.setdefault(own.patient, []).append(both)
    return {patient: np.concatenate(parts) for patient, parts in found.items()}
