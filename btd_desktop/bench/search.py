"""The place is not known: is a tampered series flagged, and is the place found?

One place of a series is tampered with, the changed slices are scored again, and the
highest places of the series say where. The same places of the series as it was say what
chance finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import ATTACKS, Attack
from btd_desktop.bench.metrics import PatientRate, auc, rate_of_shares
from btd_desktop.bench.shift import AS_IF
from btd_desktop.bench.tampering import TamperedPlace, tampered_places
from btd_desktop.calibration.apply import CalibratedSeries, calibrate_series
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.preprocess.presets import fit_scale
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import grid_of, neighbours_of, score_volume
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.scoring.peaks import APART_MM, Peak, distinct_peaks
from btd_desktop.volume import Volume

HIT_MM = APART_MM
"""A place has found the true centre when it is no farther away than this: the program
merges places so near to each other into one finding."""
SMALL_P = 0.05


@dataclass(frozen=True, slots=True)
class Searched:
    """One tampered series.

    Attributes:
        patient: Whose scan.
        attack: Name of the attack.
        kind: Kind of score that was searched by.
        series_score: Highest score of the tampered series.
        genuine_score: The same of the series before.
        rank: First of the twelve highest distinct places that lies within 24 mm of the
            true centre, from 1; None where none does.
        rank_before: The same in the series as it was: what chance finds.
        slice_rank: As `rank`, in the true centre's slice alone.
        series_p: p-value of the tampered series; None where the profile gives none.
        slice_flagged: The true centre's slice exceeds the profile's threshold; None
            without threshold.
    """

    patient: str
    attack: str
    kind: str
    series_score: float
    genuine_score: float
    rank: int | None
    rank_before: int | None
    slice_rank: int | None
    series_p: float | None
    slice_flagged: bool | None


@dataclass(frozen=True, slots=True)
class SearchRow:
    """The searches for one attack in figures; shares with patients alike.

    Attributes:
        attack: Name of the attack.
        kind: Kind of score that was searched by.
        n: Tampered copies.
        n_patients: Patients.
        series_auc: Highest score of a tampered series against that of genuine ones.
        first_1: Share in which the right place is the highest of its series.
        first_5: Share in which it is among the first five.
        first_12: Share in which it is among the first twelve.
        before_5: As `first_5`, at the same places of the series as they were: chance.
        slice_1: Share in which it is the highest of its slice.
        slices_flagged: Share of the tampered slices that are flagged; None without
            threshold.
        p_small: Share of the series with a p-value of at most 0.05.
    """

    attack: str
    kind: str
    n: int
    n_patients: int
    series_auc: float
    first_1: PatientRate
    first_5: PatientRate
    first_12: PatientRate
    before_5: PatientRate
    slice_1: PatientRate
    slices_flagged: PatientRate | None
    p_small: PatientRate


@dataclass(frozen=True, slots=True)
class _Scored:
    """A series as the profile sees it, by one kind of score."""

    result: CalibratedSeries
    peaks: tuple[Peak, ...]
    stride: int


def search_series(
    series: Iterable[tuple[Volume, str]],
    detector: Detector,
    profile_for: Callable[[str], CalibrationProfile],
    *,
    attacks: Sequence[Attack],
    n_places: int,
    seed: int,
    context: TaskContext,
    donors: Sequence[Donor] = (),
    kinds: Sequence[str] = ("anomaly",),
) -> list[Searched]:
    """Tamper with one place at a time and search the whole series for it.

    Args:
        series: Genuine series with their patients, unseen by the model.
        detector: The model.
        profile_for: Its calibration for a patient: one that has not seen the patient.
        attacks: What to try.
        n_places: Tampered copies per series and attack.
        seed: Everything random follows from it.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.
        kinds: Kinds of score to search by; one that the profile lacks is passed over.

    Raises:
        Cancelled: The user asked to stop.
    """
    found: list[Searched] = []
    for number, (volume, patient) in enumerate(series):
        profile = profile_for(patient)
        before = _features(volume, detector, range(volume.n_slices), context)
        genuine = _scored(profile, before, volume, kinds)
        places = tampered_places(
            volume,
            patient,
            attacks=attacks,
            n_places=n_places,
            patch=grid_of(detector.info.preset).patch,
            seed=(seed, number),
            context=context,
            donors=donors,
        )
        for place in places:
            features = list(before)
            rescored = _rescored(volume, place.volume, detector, context)
            for s, own in rescored.items():
                features[s] = own
            after = _scored(profile, features, volume, kinds)
            found += [
                _judged(place, patient, kind, genuine[kind], own)
                for kind, own in after.items()
                if kind in genuine
            ]
    return found


def search_rows(found: Sequence[Searched]) -> list[SearchRow]:
    """One row per attack and kind, attacks in the order of the registry."""
    order = list(ATTACKS)
    named = sorted(
        {(own.attack, own.kind) for own in found}, key=lambda n: (order.index(n[0]), n)
    )
    return [
        _row([own for own in found if (own.attack, own.kind) == name]) for name in named
    ]


def rank_of(
    peaks: Sequence[Peak], centre: tuple[int, int, int], volume: Volume
) -> int | None:
    """Number, from 1, of the first place within 24 mm of a point; None without one.

    Args:
        peaks: Highest places, in order.
        centre: (slice, row, column) of the point.
        volume: Its geometry.
    """
    positions = volume.slice_positions_mm
    for rank, peak in enumerate(peaks, start=1):
        offsets = (
            positions[peak.slice_index] - positions[centre[0]],
            (peak.row - centre[1]) * volume.spacing_mm[1],
            (peak.column - centre[2]) * volume.spacing_mm[2],
        )
        if float(np.linalg.norm(offsets)) <= HIT_MM:
            return rank
    return None


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


def _scored(
    profile: CalibrationProfile,
    features: Sequence[GridFeatures],
    volume: Volume,
    kinds: Sequence[str],
) -> dict[str, _Scored]:
    """The series by kind of score; none where it has no scored place."""
    results = calibrate_series(profile, AS_IF, features)
    stride = profile.grid.stride
    return {
        kind: _Scored(own, _peaks(own.patch_scores, stride, volume), stride)
        for kind in kinds
        if (own := results.get(kind)) is not None and own.series is not None
    }


def _peaks(
    maps: Sequence[NDArray[np.float64]], stride: int, volume: Volume
) -> tuple[Peak, ...]:
    return distinct_peaks(
        maps, stride, volume.slice_positions_mm, volume.spacing_mm[1:]
    )


def _judged(
    place: TamperedPlace, patient: str, kind: str, genuine: _Scored, after: _Scored
) -> Searched:
    volume, centre = place.volume, place.pair.tampered.centre
    s = centre[0]
    series, own = after.result.series, after.result.slices[s]
    alone = [np.full_like(m, np.nan) for m in after.result.patch_scores]
    alone[s] = after.result.patch_scores[s]
    return Searched(
        patient,
        place.attack.name,
        kind,
        after.peaks[0].score,
        genuine.peaks[0].score,
        rank_of(after.peaks, centre, volume),
        rank_of(genuine.peaks, centre, volume),
        rank_of(_peaks(alone, after.stride, volume), centre, volume),
        None if series is None else series.p_value,
        None if own is None else own.flagged,
    )


def _row(own: Sequence[Searched]) -> SearchRow:
    def rate(is_so: Callable[[Searched], bool]) -> PatientRate:
        shares: dict[str, list[float]] = {}
        for one in own:
            shares.setdefault(one.patient, []).append(float(is_so(one)))
        return rate_of_shares(shares, len(own))

    has_threshold = all(one.slice_flagged is not None for one in own)
    return SearchRow(
        own[0].attack,
        own[0].kind,
        len(own),
        len({one.patient for one in own}),
        auc(
            np.array([one.series_score for one in own]),
            np.array([one.genuine_score for one in own]),
        ),
        first_1=rate(lambda one: _is_among(one.rank, 1)),
        first_5=rate(lambda one: _is_among(one.rank, 5)),
        first_12=rate(lambda one: _is_among(one.rank, 12)),
        before_5=rate(lambda one: _is_among(one.rank_before, 5)),
        slice_1=rate(lambda one: one.slice_rank == 1),
        slices_flagged=rate(lambda one: one.slice_flagged is True)
        if has_threshold
        else None,
        p_small=rate(lambda one: one.series_p is not None and one.series_p <= SMALL_P),
    )


def _is_among(rank: int | None, n: int) -> bool:
    return rank is not None and rank <= n
