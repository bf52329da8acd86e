"""Attacks at random places of genuine series, and what a detector measures there.

A tampered place and its genuine partner are measured exactly as by a click in the
program: features of the place with its neighbouring slices, the series as its own
reference, the search for copied noise over the whole series. Only maps near the place
are predicted again after an attack: a map depends on no pixel farther than 32 px.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import Attack
from btd_desktop.bench.detectors.registry import looked_at
from btd_desktop.bench.place import Observed, Shown, Site
from btd_desktop.bench.places import content_at
from btd_desktop.bench.structures import draw_structures
from btd_desktop.bench.tampering import (
    TamperedPlace,
    judged_slices,
    series_of,
    tampered_places,
)
from btd_desktop.examination.place import is_on_structure
from btd_desktop.preprocess.presets import (
    IntensityScale,
    fit_scale,
    scaled_slice,
)
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import NoiseCopy, find_copies
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
from btd_desktop.strict_json import plain_json
from btd_desktop.volume import SeriesFacts, Volume
from btd_desktop.workflow.kept_series import facts_of

_KEPT = 192  # px around a place whose maps are predicted again: an attack reaches 60
_RIM = 32  # receptive field of the networks, on every side of it
_LEARNED_RIM = 96  # the same with the learned evidence map, which reads their maps

Maps = NDArray[np.float32]


@dataclass(slots=True, eq=False)
class _Scanned:
    """A genuine series as the detector sees it."""

    volume: Volume
    scale: IntensityScale
    grid: PatchGrid
    level: int
    learned: bool
    maps: dict[int, Maps]  # of judged slices and their neighbours
    features: list[GridFeatures]
    residuals: list[NDArray[np.float16]]
    inside: list[NDArray[np.bool_]]
    facts: SeriesFacts


@dataclass(frozen=True, slots=True)
class _Label:
    """What an observed place is, besides what is seen there."""

    patient: str
    attack: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    genuine_for: tuple[str, ...] = ()
    structure: bool = False


def observe_series(
    volume: Volume,
    patient: str,
    detector: Detector,
    *,
    attacks: Sequence[Attack],
    n_places: int,
    seed: Sequence[int],
    context: TaskContext,
    donors: Sequence[Donor] = (),
    click_error_px: float = 0.0,
) -> list[Observed]:
    """Tampered places of one series, their genuine partners, and solid structures.

    Genuine solid structures are measured where an attack injects: `tables.rows_of`
    chooses partners among them once all series are known.

    Attacks that the series cannot carry (too few slices) and places at which an attack
    gives up are left out. Places and attacks do not depend on the detector, as long as
    it has the same patch size.

    Args:
        volume: A genuine series.
        patient: Whose it is.
        detector: The model.
        attacks: What to try.
        n_places: Tampered places per attack.
        seed: Everything random follows from it and from the attacks' names.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.
        click_error_px: Standard deviation, per axis, of where somebody clicks around
            the middle of a place, genuine ones included; 0 clicks the middle.

    Raises:
        Cancelled: The user asked to stop.
    """
    grid = grid_of(detector.info.preset)
    places = tampered_places(
        volume,
        patient,
        attacks=attacks,
        n_places=n_places,
        patch=grid.patch,
        seed=seed,
        context=context,
        donors=donors,
    )
    first = next(places, None)
    if first is None:
        return []
    slices = judged_slices(volume.n_slices)
    scanned = _scan(volume, detector, grid, slices, context)
    if not any(f.scored.any() for f in scanned.features):
        return []
    found: list[Observed] = []
    genuine: list[TamperedPlace] = []
    for place in itertools.chain([first], places):
        at = clicked(place.pair.tampered.centre, click_error_px, volume, seed)
        own = _tampered(scanned, place, at, detector, patient)
        if own is not None:
            found.append(own)
            genuine.append(place)
    centres = [place.pair.genuine.centre for place in genuine]
    labels = [
        _Label(patient, facts=place.facts, genuine_for=(place.attack.name,))
        for place in genuine
    ]
    if any(attack.kind == "injection" for attack in attacks):
        for structure in draw_structures(
            volume, n_places, patch=grid.patch, slices=slices, seed=seed
        ):
            facts = {"genuine": plain_json(structure), "series": series_of(volume)}
            centres.append(structure.centre)
            labels.append(_Label(patient, facts=facts, structure=True))
    clicks = [clicked(centre, click_error_px, volume, seed) for centre in centres]
    found += _genuine(scanned, clicks, labels)
    return found


def clicked(
    centre: tuple[int, int, int],
    error_px: float,
    volume: Volume,
    seed: Sequence[int],
) -> tuple[int, int, int]:
    """Where somebody clicks who means a place: Gaussian around it, in its slice.

    Args:
        centre: (slice, row, column) of the place.
        error_px: Standard deviation per axis.
        volume: Its slices bound the click.
        seed: With the centre, decides the click.
    """
    s, r, c = centre
    rng = np.random.default_rng([*seed, 23, s, r, c])
    off = np.rint(error_px * rng.standard_normal(2)).astype(int)
    _, h, w = volume.voxels.shape
    return s, int(np.clip(r + off[0], 0, h - 1)), int(np.clip(c + off[1], 0, w - 1))


def _scan(
    volume: Volume,
    detector: Detector,
    grid: PatchGrid,
    slices: Sequence[int],
    context: TaskContext,
) -> _Scanned:
    scale = fit_scale(volume, detector.info.preset)
    level = detector.info.paper_level
    wanted = {n for s in slices for n in (s, *neighbours_of(volume, s))}
    own = _Scanned(
        volume,
        scale,
        grid,
        level,
        detector.info.learned,
        {}, [], [], [],
        facts_of(volume),
    )  # fmt: skip
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
    place: TamperedPlace,
    at: tuple[int, int, int],
    detector: Detector,
    patient: str,
) -> Observed | None:
    s, r, c = place.pair.tampered.centre
    after = place.volume
    neighbours = neighbours_of(scanned.volume, s)
    maps = {n: _joined(scanned, after, n, (r, c), detector) for n in (s, *neighbours)}
    residuals = {n: m[scanned.level].astype(np.float16) for n, m in maps.items()}
    [copy] = find_copies(
        lambda n: residuals.get(n, scanned.residuals[n]),
        lambda n: scanned.inside[n],
        after.n_slices,
        [at],
    )
    label = _Label(patient, place.attack.name, place.facts)
    return _observed(scanned, after, at, maps, copy, label)


def _joined(
    scanned: _Scanned,
    after: Volume,
    s: int,
    at: tuple[int, int],
    detector: Detector,
) -> Maps:
    """Maps of a slice of the tampered copy."""
    maps = scanned.maps[s]
    plane = np.asarray(after.voxels[s])
    if np.array_equal(plane, np.asarray(scanned.volume.voxels[s])):
        return maps
    return maps_after(maps, scaled_slice(plane, scanned.scale), at, detector)


def maps_after(
    before: Maps,
    scaled: NDArray[np.float32],
    at: tuple[int, int],
    detector: Detector,
) -> Maps:
    """Noise maps of a slice that was tampered with: only those near the place differ.

    A map depends on no pixel farther than 32 px, learned evidence on none farther than
    96 px but for a slice's mean loudness. What was changed must lie within 60 px of the
    place, as the cube of 32 mm of the bench's attacks does where pixels are not smaller
    than 0.27 mm.

    Args:
        before: Maps of the slice as it was, shape (L, H, W).
        scaled: The slice afterwards, scaled intensities in [0, 1], shape (H, W).
        at: (row, column) of the place.
        detector: The model that gave `before`.

    Returns:
        A copy with the maps near the place predicted again, shape (L, H, W).
    """
    h, w = scaled.shape
    rim = _LEARNED_RIM if detector.info.learned else _RIM
    size = min(_KEPT + 2 * rim, h, w)
    # Corners on multiples of 8: the networks' own grid.
    r0 = int(np.clip((at[0] - size // 2) // 8 * 8, 0, h - size))
    c0 = int(np.clip((at[1] - size // 2) // 8 * 8, 0, w - size))
    part = detector.predict_noise(scaled[r0 : r0 + size, c0 : c0 + size])
    top, left = (0 if r0 == 0 else rim), (0 if c0 == 0 else rim)
    bottom = size if r0 + size == h else size - rim
    right = size if c0 + size == w else size - rim
    joined = before.copy()
    joined[:, r0 + top : r0 + bottom, c0 + left : c0 + right] = part[
        :, top:bottom, left:right
    ]
    return joined


def _genuine(
    scanned: _Scanned,
    centres: Sequence[tuple[int, int, int]],
    labels: Sequence[_Label],
) -> Iterator[Observed]:
    volume = scanned.volume
    copies = find_copies(
        lambda n: scanned.residuals[n],
        lambda n: scanned.inside[n],
        volume.n_slices,
        centres,
    )
    for label, centre, copy in zip(labels, centres, copies, strict=True):
        own = _observed(scanned, volume, centre, scanned.maps, copy, label)
        if own is not None:
            yield own


def _observed(
    scanned: _Scanned,
    volume: Volume,
    place: tuple[int, int, int],
    maps: dict[int, Maps],
    copy: NoiseCopy | None,
    label: _Label,
) -> Observed | None:
    s, r, c = place
    own = grid_features(
        maps[s],
        tissue_of(volume, s),
        scanned.grid,
        paper_level=scanned.level,
        at=(r, c),
        neighbours=[(maps[n], tissue_of(volume, n)) for n in neighbours_of(volume, s)],
        learned=scanned.learned,
    )
    if not own.scored.all():
        return None
    return Observed(
        label.patient,
        volume.modality,
        label.attack,
        own,
        scanned.features,
        copy,
        looked_at(Shown(volume, place, own)),
        label.facts,
        label.genuine_for,
        site_of(volume, place, label.patient, structure=label.structure),
        scanned.facts,
        is_on_structure(volume, place),
    )


def site_of(
    volume: Volume, place: tuple[int, int, int], patient: str, *, structure: bool
) -> Site:
    """Series, scanner and content of a place.

    Args:
        volume: The series, as it is at the place.
        place: (slice, row, column).
        patient: Whose it is.
        structure: Whether it was found as a solid structure.
    """
    s, r, c = place
    own = volume.source
    return Site(
        f"{patient} {series_of(volume)}",
        " ".join(v or "" for v in (own.manufacturer, own.model, own.kernel)),
        content_at(np.asarray(volume.voxels[s]), volume.modality, r, c),
        structure,
    )
