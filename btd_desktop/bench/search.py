"""The place is not known: is a tampered series flagged, and is the place found?

One place of a series is tampered with, the changed slices are scored again, and the
largest score of the series (the scan statistic by which the program flags) says where.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import ATTACKS, Attack, why_unavailable
from btd_desktop.bench.metrics import auc
from btd_desktop.bench.places import draw_pairs
from btd_desktop.bench.shift import AS_IF
from btd_desktop.calibration.apply import CalibratedSeries, calibrate_series
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.errors import BtdError
from btd_desktop.preprocess.presets import fit_scale
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import grid_of, neighbours_of, score_volume
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.tampering.result import TamperResult
from btd_desktop.volume import Volume

HIT_MM = 24.0
"""The highest place has found the true centre when it is no farther away than this: the
program merges places so near to each other into one finding."""


@dataclass(frozen=True, slots=True)
class Searched:
    """One tampered series.

    Attributes:
        patient: Whose scan.
        attack: Name of the attack.
        series_score: Largest anomaly score of the tampered series.
        genuine_score: The same of the series before.
        distance_mm: Distance from the true centre to the highest place of the series.
        slice_distance_mm: The same to the highest place in the true centre's slice.
        pixel_auc: In that slice, chance that a place inside the touched region scores
            higher than one outside; NaN where either has no scored place.
        slices_flagged: Share of slices through the inner half of the region that
            exceed the profile's slice threshold; None without threshold.
    """

    patient: str
    attack: str
    series_score: float
    genuine_score: float
    distance_mm: float
    slice_distance_mm: float
    pixel_auc: float
    slices_flagged: float | None


@dataclass(frozen=True, slots=True)
class SearchRow:
    """The searches for one attack in figures; distances in mm, shares in [0, 1]."""

    attack: str
    n: int
    n_patients: int
    series_auc: float
    hit_share: float
    slice_hit_share: float
    median_distance_mm: float
    pixel_auc: float
    slices_flagged: float | None


def search_series(
    series: Iterable[tuple[Volume, str]],
    detector: Detector,
    profile: CalibrationProfile,
    *,
    attacks: Sequence[str],
    n_places: int,
    seed: int,
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> list[Searched]:
    """Tamper with one place at a time and search the whole series for it.

    Args:
        series: Genuine series with their patients, unseen by model and profile.
        detector: The model.
        profile: Its calibration.
        attacks: Names of `attacks.registry.ATTACKS`.
        n_places: Tampered copies per series and attack.
        seed: Everything random follows from it.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.
    """
    found: list[Searched] = []
    for number, (volume, patient) in enumerate(series, start=1):
        rng = np.random.default_rng([seed, number])
        possible = [
            ATTACKS[a] for a in attacks if not why_unavailable(ATTACKS[a], volume)
        ]
        pairs = draw_pairs(
            volume,
            n_places * len(possible),
            rng,
            patch=grid_of(detector.info.preset).patch,
        )
        if not pairs:
            continue
        before = _features(volume, detector, range(volume.n_slices), context)
        genuine = _highest(profile, before)
        if genuine is None:
            continue
        for k, pair in enumerate(pairs):
            attack = possible[k % len(possible)]
            context.report(k, len(pairs), "Searching", f"{patient}: {attack.name}")
            made = _made(
                attack, volume, pair.tampered.centre, pair.seed, donors, patient
            )
            if made is None:
                continue
            features = list(before)
            for s, own in _rescored(volume, made.volume, detector, context).items():
                features[s] = own
            result = calibrate_series(profile, AS_IF, features)["anomaly"]
            found.append(
                _judged(
                    result,
                    features,
                    made,
                    pair.tampered.centre,
                    (patient, attack.name, genuine),
                )
            )
    return found


def search_rows(found: Sequence[Searched]) -> list[SearchRow]:
    """One row per attack, in the order of the registry."""
    rows = []
    for name in ATTACKS:
        own = [f for f in found if f.attack == name]
        if not own:
            continue
        flagged = [f.slices_flagged for f in own if f.slices_flagged is not None]
        areas = [f.pixel_auc for f in own if np.isfinite(f.pixel_auc)]
        rows.append(
            SearchRow(
                name,
                len(own),
                len({f.patient for f in own}),
                auc(
                    np.array([f.series_score for f in own]),
                    np.array([f.genuine_score for f in own]),
                ),
                float(np.mean([f.distance_mm <= HIT_MM for f in own])),
                float(np.mean([f.slice_distance_mm <= HIT_MM for f in own])),
                float(np.median([f.distance_mm for f in own])),
                float(np.mean(areas)) if areas else float("nan"),
                float(np.mean(flagged)) if flagged else None,
            )
        )
    return rows


def _features(
    volume: Volume, detector: Detector, slices: Iterable[int], context: TaskContext
) -> list[GridFeatures]:
    scale = fit_scale(volume, detector.info.preset)
    wanted = set(slices)
    skip = [s for s in range(volume.n_slices) if s not in wanted]
    scored = score_volume(
        detector, volume, scale, grid_of(detector.info.preset), context, skip=skip
    )
    return [s.features for s in scored]


def _rescored(
    before: Volume, after: Volume, detector: Detector, context: TaskContext
) -> dict[int, GridFeatures]:
    """Features of the slices that an attack changed, and of those next to them."""
    changed = {
        s
        for s in range(before.n_slices)
        if not np.array_equal(before.voxels[s], after.voxels[s])
    }
    wanted = sorted(changed | {n for s in changed for n in neighbours_of(before, s)})
    return dict(zip(wanted, _features(after, detector, wanted, context), strict=True))


def _made(
    attack: Attack,
    volume: Volume,
    centre: tuple[int, int, int],
    seed: int,
    donors: Sequence[Donor],
    patient: str,
) -> TamperResult | None:
    others = [d for d in donors if d.patient != patient]
    try:
        return attack.apply(volume, centre, np.random.default_rng(seed), others)
    except BtdError:
        return None  # no room for it here


def _highest(
    profile: CalibrationProfile, features: Sequence[GridFeatures]
) -> float | None:
    value = calibrate_series(profile, AS_IF, features)["anomaly"].series
    return None if value is None else value.score


def _judged(
    result: CalibratedSeries,
    features: Sequence[GridFeatures],
    made: TamperResult,
    centre: tuple[int, int, int],
    label: tuple[str, str, float],
) -> Searched:
    patient, attack, genuine = label
    volume = made.volume
    s, r, c = centre
    peaks: list[tuple[float, int, int, int]] = []
    for z, scores in enumerate(result.patch_scores):
        if np.isfinite(scores).any():
            i, j = divmod(int(np.nanargmax(scores)), scores.shape[1])
            peaks.append((float(scores[i, j]), z, i, j))

    def distance(peak: tuple[float, int, int, int]) -> float:
        _, z, i, j = peak
        offsets = (
            (float(features[z].rows[i]) - r) * volume.spacing_mm[1],
            (float(features[z].columns[j]) - c) * volume.spacing_mm[2],
            volume.slice_positions_mm[z] - volume.slice_positions_mm[s],
        )
        return float(np.linalg.norm(offsets))

    highest = max(peaks)
    in_slice = [peak for peak in peaks if peak[1] == s]
    return Searched(
        patient,
        attack,
        highest[0],
        genuine,
        distance(highest),
        distance(in_slice[0]) if in_slice else float("inf"),
        _pixel_auc(result.patch_scores[s], features[s], made.mask[s]),
        _slices_flagged(result, made, s),
    )


def _pixel_auc(
    scores: NDArray[np.float64], grid: GridFeatures, mask: NDArray[np.bool_]
) -> float:
    """AUC of pixels inside the mask against others, by the score of their cell."""
    rows, columns = np.indices(mask.shape)
    step = int(grid.rows[1] - grid.rows[0]) if len(grid.rows) > 1 else 1
    at = (
        np.clip((rows + step // 2) // step, 0, len(grid.rows) - 1),
        np.clip((columns + step // 2) // step, 0, len(grid.columns) - 1),
    )
    values = scores[at]
    known = np.isfinite(values)
    return auc(values[known & mask], values[known & ~mask])


def _slices_flagged(
    result: CalibratedSeries, made: TamperResult, s: int
) -> float | None:
    """Share flagged of slices whose region is at least half as large as that of s."""
    area = made.mask.sum(axis=(1, 2))
    inner = np.flatnonzero(area >= 0.5 * area[s])
    flags = [value.flagged for z in inner if (value := result.slices[z]) is not None]
    if not flags or any(f is None for f in flags):
        return None
    return float(np.mean([bool(f) for f in flags]))
