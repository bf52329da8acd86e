"""Figures of a learned evidence map: one row per attack, and the genuine series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from btd_desktop.bench.attacks.registry import ATTACKS
from btd_desktop.bench.evidence import GenuineSeries, TamperedSeries
from btd_desktop.bench.metrics import (
    Group,
    Interval,
    PatientRate,
    auc,
    mean_interval,
    rate_of_shares,
)

_LOUD_LUNG = 99.0  # percentile of the lung that genuine structures are held against
_SMALL_P = 0.05


@dataclass(frozen=True, slots=True)
class GenuineFigures:
    """The genuine series in figures.

    Attributes:
        n_series: Series that were mapped.
        n_patients: Their patients.
        n_slices: Fewest and most slices of a series.
        n_judged: Series with a statistic.
        n_patients_judged: Their patients: p-values of this run rest on them.
        median: Of the statistics, series alike; None without one.
        highest: Of the statistics; None without one.
        lung_loud: 99th percentile of the evidence at places of the lung; None without
            any. With fewer than a hundred it lies near their highest.
        structures_beyond: Share of genuine solid structures above it; None without any.
    """

    n_series: int
    n_patients: int
    n_slices: tuple[int, int]
    n_judged: int
    n_patients_judged: int
    median: float | None
    highest: float | None
    lung_loud: float | None
    structures_beyond: PatientRate | None


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One attack in figures; shares with patients alike and exact intervals.

    Attributes:
        attack: Name of the attack.
        kind: Its kind.
        n: Tampered copies.
        n_patients: Patients.
        first_1: Share in which the right place is the highest of its series.
        first_5: Share in which it is among the first five.
        first_12: Share in which it is among the first twelve.
        before_1: As `first_1`, at the same places of the series as they were: chance.
        before_5: As `first_5`, likewise.
        before_12: As `first_12`, likewise.
        slice_1: Share in which it is the highest of its slice.
        beyond: Share whose statistic exceeds that of every genuine series.
        beyond_right: Share of which that is so and the right place is the highest.
        p_median: Median of `series_p`; None where no p can be given.
        p_small: Share with p of at most 0.05.
        partners: AUC of the places against their genuine partners, by patient.
        structures: AUC of the places against genuine solid structures, by patient.
    """

    attack: str
    kind: str
    n: int
    n_patients: int
    first_1: PatientRate
    first_5: PatientRate
    first_12: PatientRate
    before_1: PatientRate
    before_5: PatientRate
    before_12: PatientRate
    slice_1: PatientRate
    beyond: PatientRate
    beyond_right: PatientRate
    p_median: float | None
    p_small: PatientRate
    partners: Interval
    structures: Interval


def series_p(
    statistic: float | None, patient: str, genuine: Sequence[GenuineSeries]
) -> float | None:
    """Conformal p of a series: (1 + patients who reach its statistic) / (K + 1).

    Over the K genuine patients other than its own. A patient with several series counts
    by the share of them that reach it (hierarchical conformal; Dunn, Wasserman and
    Ramdas 2022). It never falls below 1 / (K + 1), and holds as far as the series are
    alike, also in their number of slices.

    Args:
        statistic: Of the series; None (too little to judge by) has a p of 1.
        patient: Key of its patient.
        genuine: Genuine series.

    Returns:
        None without another patient.
    """
    reached: dict[str, list[bool]] = {}
    for own in genuine:
        if own.patient != patient and own.statistic is not None:
            reaches = statistic is None or own.statistic >= statistic
            reached.setdefault(own.patient, []).append(reaches)
    if not reached:
        return None
    total = sum(float(np.mean(shares)) for shares in reached.values())
    return (1.0 + total) / (len(reached) + 1.0)


def genuine_figures(genuine: Sequence[GenuineSeries]) -> GenuineFigures:
    """Figures of the genuine series, at least one."""
    judged = [own.statistic for own in genuine if own.statistic is not None]
    lung = [value for own in genuine for value in own.lung]
    loud = float(np.percentile(lung, _LOUD_LUNG)) if lung else None
    shares: dict[str, list[float]] = {}
    if loud is not None:
        for own in genuine:
            for value in own.structures:
                shares.setdefault(own.patient, []).append(float(value > loud))
    n_structures = sum(len(found) for found in shares.values())
    counts = [own.n_slices for own in genuine]
    return GenuineFigures(
        len(genuine),
        len({own.patient for own in genuine}),
        (min(counts), max(counts)),
        len(judged),
        len({own.patient for own in genuine if own.statistic is not None}),
        float(np.median(judged)) if judged else None,
        max(judged, default=None),
        loud,
        rate_of_shares(shares, n_structures) if shares else None,
    )


def rows_of_evidence(
    genuine: Sequence[GenuineSeries], tampered: Sequence[TamperedSeries]
) -> list[EvidenceRow]:
    """One row per attack, in the order of the registry.

    Args:
        genuine: The genuine series, those that were tampered with included.
        tampered: Tampered copies.
    """
    highest = max(
        (own.statistic for own in genuine if own.statistic is not None),
        default=float("inf"),
    )
    order = list(ATTACKS)
    names = sorted({own.attack for own in tampered}, key=order.index)
    return [
        _row([own for own in tampered if own.attack == name], genuine, highest)
        for name in names
    ]


def _row(
    own: Sequence[TamperedSeries], genuine: Sequence[GenuineSeries], highest: float
) -> EvidenceRow:
    ps = [series_p(t.statistic, t.patient, genuine) for t in own]
    known = [p for p in ps if p is not None]

    def rate(is_so: Callable[[TamperedSeries], bool]) -> PatientRate:
        shares: dict[str, list[float]] = {}
        for t in own:
            shares.setdefault(t.patient, []).append(float(is_so(t)))
        return rate_of_shares(shares, len(own))

    def is_beyond(t: TamperedSeries) -> bool:
        return t.statistic is not None and t.statistic > highest

    def is_small(t: TamperedSeries) -> bool:
        p = series_p(t.statistic, t.patient, genuine)
        return p is not None and p <= _SMALL_P

    places = [(t.at_place, t.patient) for t in own if t.at_place is not None]
    partners = [(t.at_partner, t.patient) for t in own if t.at_partner is not None]
    structures = [(value, g.patient) for g in genuine for value in g.structures]
    return EvidenceRow(
        own[0].attack,
        own[0].kind,
        len(own),
        len({t.patient for t in own}),
        first_1=rate(lambda t: _is_among(t.rank, 1)),
        first_5=rate(lambda t: _is_among(t.rank, 5)),
        first_12=rate(lambda t: _is_among(t.rank, 12)),
        before_1=rate(lambda t: _is_among(t.rank_before, 1)),
        before_5=rate(lambda t: _is_among(t.rank_before, 5)),
        before_12=rate(lambda t: _is_among(t.rank_before, 12)),
        slice_1=rate(lambda t: t.slice_rank == 1),
        beyond=rate(is_beyond),
        beyond_right=rate(lambda t: is_beyond(t) and t.rank == 1),
        p_median=float(np.median(known)) if known else None,
        p_small=rate(is_small),
        partners=_told_apart(places, partners),
        structures=_told_apart(places, structures),
    )


def _is_among(rank: int | None, n: int) -> bool:
    return rank is not None and rank <= n


def _told_apart(
    tampered: Sequence[tuple[float, str]], genuine: Sequence[tuple[float, str]]
) -> Interval:
    both = (*tampered, *genuine)
    group = Group(
        np.array([score for score, _ in both], np.float64),
        np.arange(len(both)) < len(tampered),
        np.array([patient for _, patient in both], np.str_),
    )
    return mean_interval(auc, [group])
