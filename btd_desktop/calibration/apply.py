"""Stored features and a profile to scores with p-values.

Features are stored, p-values are derived: another profile needs no new run of the
model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from btd_desktop.calibration.level import Domain, LevelCalibration, domain_text
from btd_desktop.calibration.place import CalibratedValue, PlaceLevel
from btd_desktop.calibration.profile import UNTAUGHT, CalibrationProfile
from btd_desktop.calibration.reference import centred_on, in_domain
from btd_desktop.calibration.scope import Scope
from btd_desktop.calibration.surprise import counted_copies
from btd_desktop.errors import CalibrationError
from btd_desktop.scoring.copies import COPY_SHARE, NoiseCopy
from btd_desktop.scoring.features import GridFeatures


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedSeries:
    """Scores of one kind over a series.

    Attributes:
        kind: "anomaly", "injection", "removal" or, where evidence is learned,
            "untaught".
        patch_scores: One (R, C) array per slice; NaN where not scored.
        patch_p: p-values of the same shapes; all NaN when not covered.
        slices: Value of each slice's maximum; None for a slice without scored patches.
        series: Value of the series' maximum; None when nothing was scored.
    """

    kind: str
    patch_scores: tuple[NDArray[np.float64], ...]
    patch_p: tuple[NDArray[np.float64], ...]
    slices: tuple[CalibratedValue | None, ...]
    series: CalibratedValue | None

    @property
    def flagged(self) -> tuple[int, ...]:
        """Slices that are flagged, from 0."""
        return tuple(i for i, v in enumerate(self.slices) if v and v.flagged)

    @property
    def flagged_share(self) -> float | None:
        """Share of scored slices that are flagged; None without threshold or scores."""
        scored = [v for v in self.slices if v is not None]
        if not scored or any(v.flagged is None for v in scored):
            return None
        return len(self.flagged) / len(scored)


def calibrate_series(
    profile: CalibrationProfile, scope: Scope, slices: Sequence[GridFeatures]
) -> dict[str, CalibratedSeries]:
    """All kinds of scores of a series with their p-values, by kind.

    Args:
        profile: The calibration.
        scope: Result of the scope check; without coverage no p-value and no flag.
        slices: Grid features of every slice, in order.

    Raises:
        CalibrationError: The series was scored with other features.
    """
    maps = {
        **_anomaly_maps(profile, slices),
        "injection": [s.injection.astype(np.float64) for s in slices],
        "removal": [s.removal.astype(np.float64) for s in slices],
    }
    return {
        kind: _calibrate(levels, scope, kind, maps[kind])
        for kind, levels in profile.levels.items()
    }


def search_part(
    profile: CalibrationProfile,
    scope: Scope,
    anomaly: CalibratedSeries,
    slices: Sequence[GridFeatures],
    domain: Domain,
) -> CalibratedSeries:
    """The anomaly scores of a series within the domain of a search.

    Args:
        profile: The calibration.
        scope: Result of the scope check.
        anomaly: Scores of the whole body, from `calibrate_series`.
        slices: Grid features of every slice, in order.
        domain: Domain of the search; places outside it get no score.

    Raises:
        CalibrationError: The profile has no calibration of that domain.
    """
    search = profile.search(domain)
    if search is None:
        raise CalibrationError(
            f"profile {profile.name} holds no calibration of a search of "
            f"{domain_text(domain)} alone",
            hint="search the whole body, or calibrate again on scans that show it",
            code="domain",
        )
    maps = [
        np.where(in_domain(grid.aerated, domain), scores, np.nan)
        for grid, scores in zip(slices, anomaly.patch_scores, strict=True)
    ]
    levels = {**profile.levels[anomaly.kind], **search.levels}
    return _calibrate(levels, scope, anomaly.kind, maps)


def calibrate_place(
    profile: CalibrationProfile,
    scope: Scope,
    place: GridFeatures,
    slices: Sequence[GridFeatures],
    copy: NoiseCopy | None = None,
    *,
    on_structure: bool = False,
    chosen: bool = False,
) -> dict[str, CalibratedValue]:
    """Scores of one place, by kind.

    Where the place's noise was searched for and the profile has a level of such places,
    the anomaly score is the larger of two surprises, that of the features and that of
    the copy (which counts where the place is called copied), and is ranked among places
    judged in the same way; else among patches. A place on a solid structure of the lung
    is ranked among solid structures: they are rarer than lung and score higher, genuine
    or not.

    Args:
        profile: The calibration.
        scope: Result of the scope check.
        place: Features of the place, R = C = 1.
        slices: Grid features of the whole series, its reference.
        copy: Where its noise is found again best, if it was searched for.
        on_structure: True when a solid structure of the lung lies at the place.
        chosen: True when the program's search chose the place for its score: then it is
            neither ranked nor flagged by itself.

    Raises:
        CalibrationError: The series was scored with other features.
        ValueError: The place holds no tissue to score (its features are NaN).
    """
    if not bool(place.scored.all()):
        raise ValueError("the place holds no tissue to score")
    air = place.aerated.reshape(1)
    every = _all_places(profile, slices)
    reference = profile.ranking.reference(*every)
    centred = centred_on(reference, place.features.reshape(1, -1), air)
    scores = {
        "anomaly": float(profile.ranking.scores(centred, air)[0]),
        "injection": float(place.injection[0, 0]),
        "removal": float(place.removal[0, 0]),
    }
    if UNTAUGHT in profile.levels:
        scores[UNTAUGHT] = float(profile.ranking.untaught(centred, air)[0])
    levels: dict[str, PlaceLevel] = dict.fromkeys(scores, "patch")
    searched: PlaceLevel = "place"
    if on_structure and "structure" in profile.levels["anomaly"]:
        searched = "structure"
    if copy is not None and searched in profile.levels["anomaly"]:
        surprise, share = copy_surprise(profile, copy)
        copied = float(counted_copies(np.array([surprise]), share)[0])
        scores["anomaly"] = max(scores["anomaly"], copied)
        levels["anomaly"] = searched
    values = {
        kind: _value(profile.levels[kind][levels[kind]], scope, score)
        for kind, score in scores.items()
    }
    if chosen:
        values = {
            kind: replace(
                value, p_value=None, tail_p=None, threshold=None, flagged=None,
                chosen=True,
            )
            for kind, value in values.items()
        }  # fmt: skip
    return {kind: replace(v, level=levels[kind]) for kind, v in values.items()}


def copy_surprise(profile: CalibrationProfile, copy: NoiseCopy) -> tuple[float, float]:
    """How rare a copy is, and below which share a place is called copied.

    Returns:
        -log10 of the share of genuine places whose noise is found again as strongly, 0
        when not known; and that share.
    """
    if profile.copies is None:
        return copy.surprise or 0.0, COPY_SHARE
    logs = np.log([max(copy.strength, 1e-6)])
    return float(profile.copies.surprise(logs)[0]), profile.target_fpr


def _all_places(
    profile: CalibrationProfile, slices: Sequence[GridFeatures]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    n_columns = profile.ranking.n_columns
    if any(s.features.shape[-1] != n_columns for s in slices):
        raise CalibrationError(
            f"profile {profile.name} ranks {n_columns} features of a place, the "
            "series was scored with others",
            hint="calibrate again with the model that scored the series",
            code="features",
        )
    none = np.empty((0, n_columns), dtype=np.float32)
    features = np.concatenate([none, *(s.features[s.scored] for s in slices)])
    aerated = np.concatenate([none[:, 0], *(s.aerated[s.scored] for s in slices)])
    return features, aerated


def _anomaly_maps(
    profile: CalibrationProfile, slices: Sequence[GridFeatures]
) -> dict[str, list[NDArray[np.float64]]]:
    """Anomaly scores of every slice, and the untaught ones where there are others."""
    kinds = [kind for kind in ("anomaly", UNTAUGHT) if kind in profile.levels]
    density = profile.ranking
    maps = {k: [np.full(s.injection.shape, np.nan) for s in slices] for k in kinds}
    features, aerated = _all_places(profile, slices)
    if not len(features):
        return maps
    reference = density.reference(features, aerated)
    centred = centred_on(reference, features, aerated)
    for kind in kinds:
        of = density.untaught if kind == UNTAUGHT else density.scores
        scores, start = of(centred, aerated), 0
        for target, own in zip(maps[kind], slices, strict=True):
            n = int(own.scored.sum())
            target[own.scored] = scores[start : start + n]
            start += n
    return maps


def _calibrate(
    levels: Mapping[str, LevelCalibration],
    scope: Scope,
    kind: str,
    maps: list[NDArray[np.float64]],
) -> CalibratedSeries:
    patch = levels["patch"].ecdf
    maxima = [float(np.nanmax(m)) if np.isfinite(m).any() else None for m in maps]
    known = [m for m in maxima if m is not None]
    return CalibratedSeries(
        kind,
        tuple(maps),
        tuple(
            patch.p_values(m) if scope.p_values_allowed else np.full_like(m, np.nan)
            for m in maps
        ),
        tuple(None if m is None else _value(levels["slice"], scope, m) for m in maxima),
        _series_value(levels["series"], scope, known) if known else None,
    )


def _series_value(
    level: LevelCalibration, scope: Scope, maxima: list[float]
) -> CalibratedValue:
    """The series' maximum; its p-value is multiplied for a series longer than `block`.

    The maximum of more slices is higher by chance (Bonferroni); a threshold holds only
    for series of the profile's length.
    """
    value = _value(level, scope, max(maxima))
    n = 1 if level.block is UNSET else -(-len(maxima) // level.block)
    if n == 1 or value.p_value is None:
        return value
    return replace(
        value,
        p_value=min(1.0, n * value.p_value),
        smallest_p=min(1.0, n * level.ecdf.smallest_p),
        threshold=None,
        flagged=None,
    )


def _value(level: LevelCalibration, scope: Scope, score: float) -> CalibratedValue:
    allowed, ecdf = scope.p_values_allowed, level.ecdf
    threshold = level.threshold if allowed else None
    return CalibratedValue(
        score=score,
        p_value=ecdf.p_value(score) if allowed else None,
        tail_p=level.tail.p_value(score) if allowed and level.tail else None,
        n=ecdf.n,
        n_patients=level.n_patients,
        threshold=threshold,
        flagged=None if threshold is None else score > threshold,
        smallest_p=UNSET if level.patients is UNSET else ecdf.smallest_p,
    )
