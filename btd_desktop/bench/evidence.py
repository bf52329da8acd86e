"""What a learned evidence map is worth: nobody points, and somebody does.

The map of every slice of a genuine series gives its scan statistic and the evidence at
genuine solid structures and at random places of the lung. Then one place at a time is
tampered with, and the map of the changed slices is made again: does the place come
first, does the series stand out, and is the place told from genuine ones?

The map is measured only. It is no part of an examination.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from btd_desktop.bench.attacks.donors import Donor
from btd_desktop.bench.attacks.registry import Attack
from btd_desktop.bench.observe import Maps, maps_after
from btd_desktop.bench.places import draw_places
from btd_desktop.bench.search import HIT_MM
from btd_desktop.bench.structures import draw_structures
from btd_desktop.bench.tampering import TamperedPlace, judged_slices, tampered_places
from btd_desktop.digest import array_digest
from btd_desktop.preprocess.presets import IntensityScale, fit_scale, scaled_slice
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import NoiseMaps, grid_of, tissue_of
from btd_desktop.scoring.scan_statistic import (
    EvidencePlace,
    disc_means,
    evidence_at,
    highest_places,
    pooled,
    self_referenced,
)
from btd_desktop.tampering.result import Kind
from btd_desktop.volume import Volume
from btd_desktop.workflow.calibrate import patient_key

Evidence = NDArray[np.float32]
EvidenceOf = Callable[[Maps, NDArray[np.float32]], Evidence]
"""Takes noise maps (L, H, W) and the scaled slice (H, W), gives logits (H, W)."""

_N_GENUINE = 16  # structures, and places of the lung, of each series
_STRUCTURES_EVERY = 3  # slices
_KEPT_MM = 20.0  # around judged slices; an attack reaches 16 mm


@dataclass(frozen=True, slots=True)
class GenuineSeries:
    """What the map says of a genuine series.

    Attributes:
        series: SHA-256 of its voxels.
        patient: Key of the patient.
        scanner: Manufacturer and model.
        kernel: Reconstruction kernel, "" where it is not stated.
        n_slices: Slices that were mapped.
        places: Its highest places, pooled over slices.
        statistic: `self_referenced` of them.
        structures: Evidence at genuine solid structures of the lung.
        lung: Evidence at random places of the lung (CT) or of tissue (MR).
    """

    series: str
    patient: str
    scanner: str
    kernel: str
    n_slices: int
    places: tuple[EvidencePlace, ...]
    statistic: float | None
    structures: tuple[float, ...]
    lung: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TamperedSeries:
    """What the map says of a series in which one place was tampered with.

    Attributes:
        series: SHA-256 of the voxels before.
        patient: Key of the patient.
        attack: Name of the attack.
        kind: Of the attack.
        centre: (slice, row, column) of the place.
        seed: Of the attack.
        rank: First of the series' highest places that lies within 24 mm of the place,
            counted from 1; None when none of twelve does.
        rank_before: The same in the genuine series: what chance finds.
        slice_rank: As `rank`, in the map of the place's slice alone.
        statistic: `self_referenced` of the tampered series.
        at_place: Evidence at the place.
        at_partner: Evidence at its genuine partner, in the series as it was.
    """

    series: str
    patient: str
    attack: str
    kind: Kind
    centre: tuple[int, int, int]
    seed: int
    rank: int | None
    rank_before: int | None
    slice_rank: int | None
    statistic: float | None
    at_place: float | None
    at_partner: float | None


Measured = tuple[GenuineSeries, list[TamperedSeries]]


@dataclass(slots=True, eq=False)
class _Mapped:
    """A genuine series as the map sees it."""

    volume: Volume
    scale: IntensityScale
    discs: NDArray[np.float32]  # (S, R, C)
    maps: dict[int, Maps] = field(default_factory=dict)  # near judged slices
    evidence: dict[int, Evidence] = field(default_factory=dict)  # of judged slices


def measure_series(
    volume: Volume,
    patient: str,
    detector: Detector,
    evidence_of: EvidenceOf,
    *,
    attacks: Sequence[Attack],
    n_places: int,
    seed: Sequence[int],
    context: TaskContext,
    donors: Sequence[Donor] = (),
) -> Measured:
    """Map a genuine series, then tamper with one place at a time and map it again.

    Places and attacks depend on the seed alone, as in `tampering.tampered_places`.

    Args:
        volume: A genuine series.
        patient: Whose it is.
        detector: The model whose noise maps the evidence map reads.
        evidence_of: The evidence map.
        attacks: What to try; none measures the genuine series only.
        n_places: Tampered places per attack.
        seed: Everything random follows from it and from the attacks' names.
        context: Progress and cancel.
        donors: Blobs of other patients for splicing.

    Raises:
        Cancelled: The user asked to stop.
        ModelError: The model gives maps that no working model gives.
    """
    patch = grid_of(detector.info.preset).patch
    drawn = draw_structures(
        volume,
        _N_GENUINE // 2,  # it takes twice as many
        patch=patch,
        slices=range(0, volume.n_slices, _STRUCTURES_EVERY),
        seed=seed,
    )
    rng = np.random.default_rng([*seed, 29])
    random = draw_places(volume, _N_GENUINE, rng, patch=patch)
    wanted = [[place.centre for place in places] for places in (drawn, random)]
    mapped, values = _mapped(
        volume, detector, evidence_of, wanted, keeps=bool(attacks), context=context
    )
    places, statistic = _scanned(mapped.discs, volume)
    digest, key = array_digest(volume.voxels), patient_key(patient)
    genuine = GenuineSeries(
        digest,
        key,
        volume.source.scanner,
        volume.source.kernel or "",
        volume.n_slices,
        places,
        statistic,
        *values,
    )
    places_tampered = tampered_places(
        volume,
        patient,
        attacks=attacks,
        n_places=n_places,
        patch=patch,
        seed=seed,
        context=context,
        donors=donors,
    )
    return genuine, [
        _tampered(mapped, place, genuine, detector, evidence_of)
        for place in places_tampered
    ]


def measure_each(
    series: Iterator[tuple[Volume, str]],
    detector: Detector,
    evidence_of: EvidenceOf,
    *,
    attacks: Sequence[Attack],
    n_places: int,
    seed: int,
    context: TaskContext,
    donors: Sequence[Donor] = (),
    known: Collection[str] = (),
    made: Collection[tuple[str, str]] = (),
) -> Iterator[Measured]:
    """`measure_series` of one series after the other.

    Args:
        series: Genuine series with their patients.
        detector: As in `measure_series`, like the others.
        evidence_of: The evidence map.
        attacks: What to try.
        n_places: Tampered places per attack.
        seed: With the number of the series, the seed of its places.
        context: Progress and cancel.
        donors: Blobs of other patients.
        known: `GenuineSeries.series` of those measured before: passed over unless an
            attack is left to make. The numbers of the others stay.
        made: Series and names of attacks that were measured before and are left out.
    """
    for number, (volume, patient) in enumerate(series):
        digest = array_digest(volume.voxels)
        left = [attack for attack in attacks if (digest, attack.name) not in made]
        if left or digest not in known:
            yield measure_series(
                volume,
                patient,
                detector,
                evidence_of,
                attacks=left,
                n_places=n_places,
                seed=(seed, number),
                context=context,
                donors=donors,
            )


def rank_of(
    places: Sequence[EvidencePlace], centre: tuple[int, int, int], volume: Volume
) -> int | None:
    """Number, from 1, of the first place within 24 mm of a point; None without one.

    Args:
        places: Highest places of a series or slice, in order.
        centre: (slice, row, column) of the point.
        volume: Its geometry.
    """
    positions = volume.slice_positions_mm
    for rank, place in enumerate(places, start=1):
        offsets = (
            positions[place.slice_index] - positions[centre[0]],
            (place.row - centre[1]) * volume.spacing_mm[1],
            (place.column - centre[2]) * volume.spacing_mm[2],
        )
        if float(np.linalg.norm(offsets)) <= HIT_MM:
            return rank
    return None


def _mapped(
    volume: Volume,
    detector: Detector,
    evidence_of: EvidenceOf,
    wanted: Sequence[Sequence[tuple[int, int, int]]],
    *,
    keeps: bool,
    context: TaskContext,
) -> tuple[_Mapped, list[tuple[float, ...]]]:
    """The series mapped, and its evidence at each group of places wanted."""
    scale = fit_scale(volume, detector.info.preset)
    noise = NoiseMaps(detector, volume, scale)
    judged = judged_slices(volume.n_slices) if keeps else []
    positions = volume.slice_positions_mm
    near = {
        s
        for s in range(volume.n_slices)
        if any(abs(positions[s] - positions[j]) <= _KEPT_MM for j in judged)
    }
    discs = []
    values: list[list[float]] = [[] for _ in wanted]
    kept = _Mapped(volume, scale, np.empty((0, 0, 0), np.float32))
    for s in range(volume.n_slices):
        context.report(s, volume.n_slices, "Mapping the genuine series")
        maps, tissue = noise.with_tissue(s)
        own = evidence_of(maps, scaled_slice(np.asarray(volume.voxels[s]), scale))
        discs.append(disc_means(own, tissue))
        for centres, found in zip(wanted, values, strict=True):
            for _, row, column in (c for c in centres if c[0] == s):
                value = evidence_at(own, tissue, (row, column))
                if value is not None:
                    found.append(value)
        if s in near:
            kept.maps[s] = maps
        if s in judged:
            kept.evidence[s] = own
    kept.discs = np.stack(discs)
    return kept, [tuple(found) for found in values]


def _tampered(
    mapped: _Mapped,
    place: TamperedPlace,
    genuine: GenuineSeries,
    detector: Detector,
    evidence_of: EvidenceOf,
) -> TamperedSeries:
    before, after = mapped.volume, place.volume
    centre = place.pair.tampered.centre
    s, *at = centre
    discs, own = mapped.discs.copy(), mapped.evidence[s]
    for n in range(before.n_slices):
        plane = np.asarray(after.voxels[n])
        if np.array_equal(plane, np.asarray(before.voxels[n])):
            continue
        scaled = scaled_slice(plane, mapped.scale)
        maps = (
            maps_after(mapped.maps[n], scaled, (at[0], at[1]), detector)
            if n in mapped.maps
            else detector.predict_noise(scaled)
        )
        evidence = evidence_of(maps, scaled)
        discs[n] = disc_means(evidence, tissue_of(after, n))
        if n == s:
            own = evidence
    places, statistic = _scanned(discs, before)
    alone = np.full_like(discs, np.nan)
    alone[s] = discs[s]
    in_slice = highest_places(alone, before.slice_positions_mm, before.spacing_mm[1:])
    z, *beside = place.pair.genuine.centre
    return TamperedSeries(
        genuine.series,
        genuine.patient,
        place.attack.name,
        place.attack.kind,
        centre,
        place.pair.seed,
        rank_of(places, centre, before),
        rank_of(genuine.places, centre, before),
        rank_of(in_slice, centre, before),
        statistic,
        evidence_at(own, tissue_of(after, s), (at[0], at[1])),
        evidence_at(mapped.evidence[z], tissue_of(before, z), (beside[0], beside[1])),
    )


def _scanned(
    discs: NDArray[np.float32], volume: Volume
) -> tuple[tuple[EvidencePlace, ...], float | None]:
    positions = volume.slice_positions_mm
    places = highest_places(pooled(discs, positions), positions, volume.spacing_mm[1:])
    return places, self_referenced(places)
