"""Attacks at random places of genuine series, and how the scores rank them.

A tampered place and its genuine partner are judged exactly as a click in the program
judges them: features of the place with its neighbouring slices, the series as its own
reference, the search for copied noise over the whole series. Only maps near the place
are predicted anew after an attack: no map looks further than 32 px.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.bench import tables
from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import ATTACKS, Attack, why_unavailable
from btd_desktop.bench.places import PlacePair, draw_pairs, rematched
from btd_desktop.calibration.apply import calibrate_place
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.errors import BtdError
from btd_desktop.preprocess.presets import (
    IntensityScale,
    fit_scale,
    preset_named,
    scaled_slice,
)
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import CopyMatch, find_copies
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import (
    NoiseMaps,
    grid_of,
    neighbours_of,
    scored_slice,
    tissue_of,
)
from btd_desktop.scoring.features import GridFeatures, grid_features
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.volume import Volume

__all__ = ["judge_series", "measure"]

_JUDGED_SLICES = 4  # of a series: others are its reference only
_CROP = 256  # holds the patch and the receptive field around it
_RIM = 32  # of a crop, where its maps lack what lies outside
_SCOPE = Scope(Coverage.COVERED, ())

Maps = NDArray[np.float32]


@dataclass(slots=True, eq=False)
class _Scanned:
    """A genuine series as the detector sees it."""

    volume: Volume
    scale: IntensityScale
    grid: PatchGrid
    level: int
    maps: dict[int, Maps]  # of judged slices and their neighbours
    features: list[GridFeatures]
    residuals: list[NDArray[np.float16]]
    inside: list[NDArray[np.bool_]]


def measure(
    series: Iterable[tuple[Volume, str]],
    detector: Detector,
    profile: CalibrationProfile,
    *,
    attacks: Sequence[str],
    n_places: int,
    seed: int,
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> list[tables.Row]:
    """Rows of the table: attacks against the scores of one detector.

    Args:
        series: Genuine series with their patients, none of whom model or profile
            have seen.
        detector: The model.
        profile: Its calibration.
        attacks: Names of `attacks.registry.ATTACKS`.
        n_places: Tampered places per series and attack.
        seed: Everything random follows from it.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.
    """
    judged: list[tables.Judged] = []
    for number, (volume, patient) in enumerate(series, start=1):
        context.report(number - 1, 0, "Measuring", f"series {number}")
        judged += judge_series(
            volume,
            patient,
            detector,
            profile,
            attacks=[ATTACKS[name] for name in attacks],
            n_places=n_places,
            rng=np.random.default_rng([seed, number]),
            context=context,
            donors=donors,
        )
    kinds: dict[str, str] = {name: ATTACKS[name].kind for name in attacks}
    return tables.rows_of(judged, kinds, seed=seed)


def judge_series(
    volume: Volume,
    patient: str,
    detector: Detector,
    profile: CalibrationProfile,
    *,
    attacks: Sequence[Attack],
    n_places: int,
    rng: np.random.Generator,
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> list[tables.Judged]:
    """Tampered places of one series and their genuine partners, scored.

    Attacks that the series cannot carry (too few slices) and places at which an attack
    gives up are left out.
    """
    possible = [a for a in attacks if not why_unavailable(a, volume)]
    grid = grid_of(detector.info.preset)
    slices = _judged_slices(volume.n_slices)
    pairs = draw_pairs(
        volume, n_places * len(possible), rng, patch=grid.patch, slices=slices
    )
    if not pairs:
        return []
    scanned = _scan(volume, detector, grid, slices, context)
    if not any(f.scored.any() for f in scanned.features):
        return []
    touched = [pair.tampered for pair in pairs]
    others = [d for d in donors if d.patient != patient]
    found: list[tables.Judged] = []
    genuine: list[tuple[PlacePair, Attack]] = []
    for k, pair in enumerate(pairs):
        attack = possible[k % len(possible)]
        context.report(k, len(pairs), "Measuring", f"{patient}: {attack.name}")
        attack_rng = np.random.default_rng(pair.seed)
        try:
            result = attack.apply(volume, pair.tampered.centre, attack_rng, others)
        except BtdError:
            continue  # no room for it here
        after = result.volume
        if attack.kind == "removal":
            plane = np.asarray(after.voxels[pair.tampered.slice_index])
            pair = rematched(volume, pair, plane, touched, rng, patch=grid.patch)
        scores = _tampered_scores(scanned, after, pair, detector, profile)
        if scores is None:
            continue
        facts = {**pair.to_json(), "series": str(volume.source.get("series_uid", ""))}
        found.append(
            tables.Judged(patient, volume.modality, attack.name, scores, facts)
        )
        genuine.append((pair, attack))
    found += _genuine(scanned, genuine, patient, detector, profile)
    return found


def _judged_slices(n_slices: int) -> list[int]:
    if n_slices <= _JUDGED_SLICES:
        return list(range(n_slices))
    # Away from the ends, where an attack has no room.
    spread = np.linspace(0, n_slices - 1, _JUDGED_SLICES + 2)[1:-1]
    return sorted({round(float(s)) for s in spread})


def _scan(
    volume: Volume,
    detector: Detector,
    grid: PatchGrid,
    slices: Sequence[int],
    context: TaskContext,
) -> _Scanned:
    scale = fit_scale(volume, preset_named(str(detector.info.preset["name"])))
    level = detector.info.paper_level
    wanted = {n for s in slices for n in (s, *neighbours_of(volume, s))}
    own = _Scanned(volume, scale, grid, level, {}, [], [], [])
    maps = NoiseMaps(detector, volume, scale)
    for s in range(volume.n_slices):
        context.report(s, volume.n_slices, "Scoring the genuine series")
        scores = scored_slice(maps, s, grid)
        own.features.append(scores.features)
        own.residuals.append(scores.residual.astype(np.float16))
        own.inside.append(tissue_of(volume, s) > 0)
        if s in wanted:
            own.maps[s] = maps.of(s)
    return own


def _tampered_scores(
    scanned: _Scanned,
    after: Volume,
    pair: PlacePair,
    detector: Detector,
    profile: CalibrationProfile,
) -> dict[str, float] | None:
    s, r, c = pair.tampered.centre
    neighbours = neighbours_of(scanned.volume, s)
    maps = {n: _joined(scanned, after, n, (r, c), detector) for n in (s, *neighbours)}
    residuals = {n: m[scanned.level].astype(np.float16) for n, m in maps.items()}
    [copy] = find_copies(
        lambda n: residuals.get(n, scanned.residuals[n]),
        lambda n: scanned.inside[n],
        after.n_slices,
        [(s, r, c)],
    )
    return _scores(scanned, after, (s, r, c), maps, copy, profile)


def _joined(
    scanned: _Scanned,
    after: Volume,
    s: int,
    at: tuple[int, int],
    detector: Detector,
) -> Maps:
    """Maps of a tampered slice: only those near the place differ from before."""
    maps = scanned.maps[s]
    plane = np.asarray(after.voxels[s])
    if np.array_equal(plane, np.asarray(scanned.volume.voxels[s])):
        return maps
    h, w = plane.shape
    size = min(_CROP, h, w)
    # Corners on multiples of 4: the network's own grid.
    r0 = int(np.clip((at[0] - size // 2) // 4 * 4, 0, h - size))
    c0 = int(np.clip((at[1] - size // 2) // 4 * 4, 0, w - size))
    part = detector.predict_noise(
        scaled_slice(plane, scanned.scale)[r0 : r0 + size, c0 : c0 + size]
    )
    top, left = (0 if r0 == 0 else _RIM), (0 if c0 == 0 else _RIM)
    bottom = size if r0 + size == h else size - _RIM
    right = size if c0 + size == w else size - _RIM
    joined = maps.copy()
    joined[:, r0 + top : r0 + bottom, c0 + left : c0 + right] = part[
        :, top:bottom, left:right
    ]
    return joined


def _genuine(
    scanned: _Scanned,
    pairs: Sequence[tuple[PlacePair, Attack]],
    patient: str,
    detector: Detector,
    profile: CalibrationProfile,
) -> Iterator[tables.Judged]:
    copies = find_copies(
        lambda n: scanned.residuals[n],
        lambda n: scanned.inside[n],
        scanned.volume.n_slices,
        [pair.genuine.centre for pair, _ in pairs],
    )
    for (pair, attack), copy in zip(pairs, copies, strict=True):
        scores = _scores(
            scanned, scanned.volume, pair.genuine.centre, scanned.maps, copy, profile
        )
        if scores is not None:
            yield tables.Judged(
                patient,
                scanned.volume.modality,
                "",
                scores,
                pair.to_json(),
                genuine_for=(attack.name,),
            )


def _scores(
    scanned: _Scanned,
    volume: Volume,
    place: tuple[int, int, int],
    maps: dict[int, Maps],
    copy: CopyMatch | None,
    profile: CalibrationProfile,
) -> dict[str, float] | None:
    s, r, c = place
    own = grid_features(
        maps[s],
        tissue_of(volume, s),
        scanned.grid,
        paper_level=scanned.level,
        at=(r, c),
        neighbours=[maps[n] for n in neighbours_of(volume, s)],
    )
    if not own.scored.all():
        return None
    with_copy = calibrate_place(profile, _SCOPE, own, scanned.features, copy)
    without = calibrate_place(profile, _SCOPE, own, scanned.features)
    return {
        "paper_injection": float(own.injection[0, 0]),
        "paper_removal": float(own.removal[0, 0]),
        "ours": with_copy["anomaly"].score,
        "ours_features": without["anomaly"].score,
        "high_pass": _high_pass(np.asarray(volume.voxels[s]), r, c),
    }


def _high_pass(plane: NDArray[Any], r: int, c: int) -> float:
    """The trivial detector: mean square of what a 3x3 mean leaves, over 32x32."""
    part = plane[max(0, r - 24) : r + 24, max(0, c - 24) : c + 24].astype(np.float32)
    residual = part - ndimage.uniform_filter(part, 3)
    return float(np.mean(residual[8:-8, 8:-8] ** 2))
