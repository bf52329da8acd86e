"""How well a score separates tampered from genuine: AUC, EER, TPR at a fixed FPR.

Higher scores mean tampered. Intervals come from a bootstrap over patients: places of
one scan are alike, so counting them as independent would make intervals too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from btd_desktop.calibration.ecdf import CONFIDENCE, clopper_pearson

Scores = NDArray[np.float64]
Metric = Callable[[Scores, Scores], float]
"""Takes scores of tampered and of genuine places."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Scores of one attack.

    Attributes:
        scores: One per place, shape (N,), finite.
        is_tampered: True for tampered places, shape (N,).
        patients: Patient of each place, shape (N,).
    """

    scores: Scores
    is_tampered: NDArray[np.bool_]
    patients: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the interval that it lies in.

    Attributes:
        value: The figure on all data.
        low: Lower end; NaN when no interval can be given.
        high: Upper end; NaN when no interval can be given.
    """

    value: float
    low: float
    high: float


def auc(tampered: Scores, genuine: Scores) -> float:
    """Chance that a tampered place scores higher than a genuine one; ties count half.

    The Mann-Whitney statistic, which is the area under the ROC curve.

    Args:
        tampered: Scores of tampered places, shape (M,), finite.
        genuine: Scores of genuine places, shape (N,), finite.

    Returns:
        In [0, 1]; NaN when either is empty.
    """
    if not len(tampered) or not len(genuine):
        return float("nan")
    ordered = np.sort(genuine)
    below = np.searchsorted(ordered, tampered, side="left")
    up_to = np.searchsorted(ordered, tampered, side="right")
    return float((below + up_to).sum() / (2.0 * len(tampered) * len(genuine)))


def tpr_at_fpr(tampered: Scores, genuine: Scores, fpr: float) -> float:
    """Share of tampered places found at a threshold that few genuine ones exceed.

    It is the lowest threshold that at most a share `fpr` of the genuine scores exceeds;
    nothing is interpolated, so with fewer than 1/fpr genuine places none exceeds it.

    Args:
        tampered: Scores of tampered places, shape (M,).
        genuine: Scores of genuine places, shape (N,).
        fpr: False-positive rate allowed, in [0, 1].
    """
    if not len(tampered) or not len(genuine):
        return float("nan")
    allowed = int(np.floor(fpr * len(genuine) + 1e-9))
    if allowed >= len(genuine):
        return 1.0
    threshold = np.sort(genuine)[len(genuine) - 1 - allowed]
    return float(np.mean(tampered > threshold))


def eer(tampered: Scores, genuine: Scores) -> float:
    """Rate at which as many genuine places are flagged as tampered ones missed.

    Found on the ROC curve's corners, straight lines between them, in [0, 1].
    """
    if not len(tampered) or not len(genuine):
        return float("nan")
    levels = np.unique(np.concatenate([tampered, genuine]))[::-1]
    ordered_t, ordered_g = np.sort(tampered), np.sort(genuine)
    hit = 1.0 - np.searchsorted(ordered_t, levels, side="left") / len(tampered)
    false = 1.0 - np.searchsorted(ordered_g, levels, side="left") / len(genuine)
    miss = np.concatenate([[1.0], 1.0 - hit])
    false = np.concatenate([[0.0], false])
    # Along the curve `false` rises and `miss` falls: where they cross is the EER.
    gap = false - miss
    after = int(np.argmax(gap >= 0.0))
    if gap[after] == 0.0 or after == 0:
        return float(false[after])
    t = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(false[after - 1] + t * (false[after] - false[after - 1]))


@dataclass(frozen=True, slots=True)
class PatientRate:
    """A share of places, patients counting the same.

    Attributes:
        value: Mean over the patients of each one's share, in [0, 1].
        low: Lower end of the exact interval with patients as the unit.
        high: Upper end of it.
        n: Places.
        n_patients: Patients.
    """

    value: float
    low: float
    high: float
    n: int
    n_patients: int


def patient_rate(
    groups: Sequence[tuple[Sequence[bool], Sequence[str]]],
) -> PatientRate | None:
    """Share of places that are flagged, every patient counting the same.

    The interval is that of Clopper and Pearson with the patients as trials and the sum
    of their shares as successes: places of a patient are alike, so many places of one
    patient tell no more of the next patient than one place.

    Args:
        groups: For each attack, whether each place is flagged and whose it is. A
            patient's share is the mean of his shares over the attacks.

    Returns:
        None without a place.
    """
    shares: dict[str, list[float]] = {}
    n = 0
    for flags, patients in groups:
        own: dict[str, list[bool]] = {}
        for flag, patient in zip(flags, patients, strict=True):
            own.setdefault(patient, []).append(flag)
        for patient, found in own.items():
            n += len(found)
            shares.setdefault(patient, []).append(float(np.mean(found)))
    return rate_of_shares(shares, n) if shares else None


def rate_of_shares(shares: Mapping[str, Sequence[float]], n: int) -> PatientRate:
    """Mean over patients of their shares, with the interval of `patient_rate`.

    Args:
        shares: Shares of each patient, in [0, 1]; their mean counts.
        n: Number of places behind them.
    """
    k = float(sum(np.mean(found) for found in shares.values()))
    # Sums of shares may miss a whole number by their rounding.
    k = min(round(k, 9), float(len(shares)))
    low, high = clopper_pearson(k, len(shares))
    return PatientRate(k / len(shares), low, high, n, len(shares))


METRICS: Mapping[str, tuple[str, Metric]] = MappingProxyType(
    {
        "auc": ("AUC", auc),
        "eer": ("EER", eer),
        "tpr_1": ("TPR@1 %", partial(tpr_at_fpr, fpr=0.01)),
        "tpr_5": ("TPR@5 %", partial(tpr_at_fpr, fpr=0.05)),
    }
)
"""Heading and function of each metric by its name in JSON and CSV: a new one is a
function and a row. The first is printed with its interval.
"""


def mean_interval(
    metric: Metric,
    groups: Sequence[Group],
    *,
    seed: int = 0,
    n_draws: int = 1000,
) -> Interval:
    """Mean of a metric over attacks, with a 95 % percentile interval (bootstrap).

    A draw takes whole patients with replacement, and the same ones for every attack: a
    patient who is hard for all attacks widens the interval of the mean.

    Args:
        metric: Takes tampered and genuine scores.
        groups: One per attack, at least one.
        seed: Seed of the draws.
        n_draws: Number of bootstrap samples.

    Returns:
        Ends are NaN with fewer than two patients, or when less than half of the draws
        hold both kinds for every attack.

    Raises:
        ValueError: Lengths differ or a score is not finite.
    """
    for g in groups:
        if not len(g.scores) == len(g.is_tampered) == len(g.patients):
            raise ValueError("scores, labels and patients must have one entry a place")
        if not np.isfinite(g.scores).all():
            raise ValueError("scores must be finite")
    value = float(
        np.mean(
            [metric(g.scores[g.is_tampered], g.scores[~g.is_tampered]) for g in groups]
        )
    )
    known = np.unique(np.concatenate([g.patients for g in groups]))
    nothing = float("nan")
    if len(known) < 2:
        return Interval(value, nothing, nothing)
    own = [
        [
            (
                g.scores[(g.patients == k) & g.is_tampered],
                g.scores[(g.patients == k) & ~g.is_tampered],
            )
            for k in known
        ]
        for g in groups
    ]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_draws):
        drawn = rng.integers(len(known), size=len(known))
        values = []
        for parts in own:
            tampered = np.concatenate([parts[k][0] for k in drawn])
            genuine = np.concatenate([parts[k][1] for k in drawn])
            if not (len(tampered) and len(genuine)):
                break
            values.append(metric(tampered, genuine))
        else:
            found.append(float(np.mean(values)))
    if len(found) < 0.5 * n_draws:
        return Interval(value, nothing, nothing)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(found, [tail, 100.0 - tail])
    return Interval(value, float(low), float(high))
