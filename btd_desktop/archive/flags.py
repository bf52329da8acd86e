"""Which of many series are flagged, so that few of those flagged are genuine.

Benjamini and Hochberg (1995) on the p-values of the series; conformal p-values that
share their calibration keep its guarantee (Bates et al. 2023, Testing for outliers with
conformal p-values, theorem 2). K patients give no p-value below 1/(K+1): among m series
at rate q a single altered one can be flagged only where 1/(K+1) <= q/m. Where that
fails, and the archive's own earlier series cannot stand in, nothing is flagged and the
reason is told. Series are ranked all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.archive.rows import SeriesRow
from btd_desktop.calibration.ecdf import clopper_pearson
from btd_desktop.strict_json import Count, Rate

# p-values of earlier series up to here are counted in the check for contamination:
# low enough to catch altered series, and above the floor of any profile in use.
_LOW_P: Final = 0.2


@dataclass(frozen=True, slots=True)
class Flags:
    """Series that are flagged, or why none can be.

    Attributes:
        rate: Wanted share of genuine series among those flagged (q).
        n_series: Series with a p-value (m).
        basis: "patients of the profile", "the archive's own series", or "" where
            nothing carries flags.
        flagged: Digests of the series flagged.
        reason: In sentences: what carries the flags, or why nothing does.
    """

    rate: Rate
    n_series: Count
    basis: str = ""
    flagged: tuple[str, ...] = ()
    reason: str = ""


def flag(rows: Iterable[SeriesRow], rate: float, sweep: int) -> Flags:
    """Flag series, by the profile's patients or by the archive's earlier series.

    Args:
        rows: All of the archive.
        rate: Wanted false discovery rate q.
        sweep: Number of the last sweep: its series are tested where earlier ones stand
            in for the profile's patients.
    """
    known = [row for row in rows if row.p_value is not None and row.score is not None]
    if not known:
        return Flags(rate, 0, reason="No series has a p-value.")
    m = len(known)
    if min(row.floor or 0.0 for row in known) <= rate / m:
        reason = (
            f"Among {m} series a p-value of {rate / m:.2g} is needed; the profiles' "
            "patients can give it."
        )
        return Flags(rate, m, "patients of the profile", _discoveries(known, rate),
                     reason)  # fmt: skip
    most = max(row.patients for row in known)
    why = (
        f"Among {m} series one altered series can be flagged at a rate of {rate:g} "
        f"only by a p-value of at most {rate / m:.2g}, for which {_needed(m, rate)} "
        f"patients are needed; the profile has {most}, whose smallest p-value is "
        f"{min(row.floor or 0.0 for row in known):.2g}."
    )
    new = [row for row in known if row.sweep == sweep]
    earlier = [row for row in known if row.sweep < sweep]
    ranked, own = _ranked_among(new, earlier, rate)
    if not ranked:
        return Flags(rate, m, reason=f"{why} {own}")
    return Flags(
        rate, len(new), "the archive's own series", _discoveries(ranked, rate),
        f"{why} {own}",
    )  # fmt: skip


def _needed(n_series: int, rate: float) -> int:
    return int(np.ceil(n_series / rate)) - 1


def _discoveries(rows: Sequence[SeriesRow], rate: float) -> tuple[str, ...]:
    """Digests that Benjamini and Hochberg's step-up procedure rejects."""
    p = np.array([row.p_value for row in rows], dtype=np.float64)
    order = np.argsort(p, kind="stable")
    below = p[order] <= rate * np.arange(1, p.size + 1) / p.size
    if not below.any():
        return ()
    threshold = p[order][np.flatnonzero(below)[-1]]
    return tuple(
        sorted(r.series_digest for r, value in zip(rows, p, strict=True)
               if value <= threshold)
    )  # fmt: skip


def _ranked_among(
    new: Sequence[SeriesRow], earlier: Sequence[SeriesRow], rate: float
) -> tuple[list[SeriesRow], str]:
    """New series ranked among earlier ones of the same scanner and profile.

    Earlier patients take the place of the profile's patients only where a stated check
    allows it: the share of them whose p-value by the profile is low bounds from above
    how many may be altered, and even if all these scored highest, the smallest rank
    must be small enough. Altered series among the earlier ones make ranks larger: they
    cost flags and make none false.

    Returns:
        The new series with these ranks as p-values, none where the check fails; and
        what was checked, in sentences.
    """
    if not earlier:
        return [], "There are no earlier series of this archive to rank them among."
    ranked: list[SeriesRow] = []
    told = ""
    for row in new:
        scores, low = _patients(earlier, row)
        k = scores.size
        altered = _most_altered(low, k) if k else 1.0
        smallest = (1 + altered * k) / (k + 1)
        if smallest > rate / len(new):
            told = (
                f"The archive's own earlier series ({k} patients of the same scanner "
                f"and profile) cannot stand in: {low} of them have p ≤ {_LOW_P:g}, so "
                f"up to {100 * altered:.2g} % may be altered, and the smallest rank "
                f"is {smallest:.2g} where {rate / len(new):.2g} is needed."
            )
            return [], told
        p_value = (1 + int(np.sum(scores >= (row.score or 0.0)))) / (k + 1)
        ranked.append(replace(row, p_value=p_value, floor=1 / (k + 1), patients=k))
        told = (
            f"The {len(new)} series of this sweep were ranked among earlier series of "
            f"the same scanner and profile ({k} patients), of which at most "
            f"{100 * altered:.2g} % may be altered by the share of low p-values."
        )
    return ranked, told


def _patients(
    earlier: Sequence[SeriesRow], row: SeriesRow
) -> tuple[NDArray[np.float64], int]:
    """Highest score of each earlier patient, and how many have a low p-value.

    Patients of whom nothing tells them apart, and the series' own, do not count.
    """
    scores: dict[str, float] = {}
    lowest: dict[str, float] = {}
    for one in earlier:
        same = (one.profile_digest, one.scanner) == (row.profile_digest, row.scanner)
        if not same or not one.patient or one.patient == row.patient:
            continue
        scores[one.patient] = max(one.score or 0.0, scores.get(one.patient, -np.inf))
        lowest[one.patient] = min(one.p_value or 1.0, lowest.get(one.patient, 1.0))
    n_low = sum(p <= _LOW_P for p in lowest.values())
    return np.array(list(scores.values()), dtype=np.float64), n_low


def _most_altered(n_low: int, n: int) -> float:
    """Upper bound of the share altered, from the share of low p-values.

    Genuine series have p <= _LOW_P with at most that probability, altered ones with any
    (95 % Clopper-Pearson; Storey 2002 for the estimate).
    """
    upper = clopper_pearson(n_low, n)[1]
    return float(min(1.0, max(0.0, (upper - _LOW_P) / (1.0 - _LOW_P))))
