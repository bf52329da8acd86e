"""Attacks at random places of genuine series, and what a detector sees there.

A tampered place and its genuine partner are seen exactly as a click in the program
sees them: features of the place with its neighbouring slices, the series as its own
reference, the search for copied noise over the whole series. Only maps near the place
are predicted anew after an attack: no map looks further than 32 px.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import Attack, why_unavailable
from btd_desktop.bench.places import PlacePair, draw_pairs, rematched
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

__all__ = ["Observed", "observe_series"]

_JUDGED_SLICES = 4  # of a series: others are its reference only
_CROP = 256  # holds the patch and the receptive field around it
_RIM = 32  # of a crop, where its maps lack what lies outside
Maps = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """One place as the detector sees it, before any calibration.

    Attributes:
        patient: Whose scan.
        modality: "CT" or "MR".
        attack: Name of the attack; "" for a genuine place.
        place: Features of the place, R = C = 1.
        series: Grid features of the whole genuine series, its reference: one spot
            that is tampered with hardly moves a median.
        copy: Where its noise is found again best, if that could be searched.
        high_pass: The trivial detector: mean square of what a 3x3 mean leaves, HU^2.
        plane: Intensities of the place's slice, shape (H, W).
        facts: What repeats it: places, seed; JSON values.
        genuine_for: Attacks whose genuine partner this is; empty means all.
    """

    patient: str
    modality: str
    attack: str
    place: GridFeatures
    series: Sequence[GridFeatures]
    copy: CopyMatch | None
    high_pass: float
    plane: NDArray[Any]
    facts: dict[str, Any]
    genuine_for: tuple[str, ...] = ()


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


def observe_series(
    volume: Volume,
    patient: str,
    detector: Detector,
    *,
    attacks: Sequence[Attack],
    n_places: int,
    rng: np.random.Generator,
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> list[Observed]:
    """Tampered places of one series and their genuine partners.

    Attacks that the series cannot carry (too few slices) and places at which an attack
    gives up are left out. Places and attacks do not depend on the detector, as long as
    it has the same patch size.

    Args:
        volume: A genuine series.
        patient: Whose it is.
        detector: The model.
        attacks: What to try.
        n_places: Tampered places per attack.
        rng: Everything random follows from it.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.

    Raises:
        Cancelled: The context said so.
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
    found: list[Observed] = []
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
        facts = {**pair.to_json(), "series": str(volume.source.get("series_uid", ""))}
        own = _tampered(scanned, after, pair, detector, (patient, attack.name, facts))
        if own is not None:
            found.append(own)
            genuine.append((pair, attack))
    found += _genuine(scanned, genuine, patient)
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


def _tampered(
    scanned: _Scanned,
    after: Volume,
    pair: PlacePair,
    detector: Detector,
    label: tuple[str, str, dict[str, Any]],
) -> Observed | None:
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
    return _observed(scanned, after, (s, r, c), maps, copy, label)


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
    scanned: _Scanned, pairs: Sequence[tuple[PlacePair, Attack]], patient: str
) -> Iterator[Observed]:
    volume = scanned.volume
    copies = find_copies(
        lambda n: scanned.residuals[n],
        lambda n: scanned.inside[n],
        volume.n_slices,
        [pair.genuine.centre for pair, _ in pairs],
    )
    for (pair, attack), copy in zip(pairs, copies, strict=True):
        label = (patient, "", pair.to_json())
        own = _observed(scanned, volume, pair.genuine.centre, scanned.maps, copy, label)
        if own is not None:
            yield replace(own, genuine_for=(attack.name,))


def _observed(
    scanned: _Scanned,
    volume: Volume,
    place: tuple[int, int, int],
    maps: dict[int, Maps],
    copy: CopyMatch | None,
    label: tuple[str, str, dict[str, Any]],
) -> Observed | None:
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
    plane = np.asarray(volume.voxels[s])
    patient, attack, facts = label
    return Observed(
        patient,
        volume.modality,
        attack,
        own,
        scanned.features,
        copy,
        _high_pass(plane, r, c),
        plane,
        facts,
    )


def _high_pass(plane: NDArray[Any], r: int, c: int) -> float:
    part = plane[max(0, r - 24) : r + 24, max(0, c - 24) : c + 24].astype(np.float32)
    residual = part - ndimage.uniform_filter(part, 3)
    return float(np.mean(residual[8:-8, 8:-8] ** 2))
