"""Crops that teach the learned evidence map: genuine slices, most with altered spots.

A crop is 160 px wide, so that the middle 96 px of its noise maps are what the whole
slice would give (the network looks 32 px far). Crop number i depends on the seed and i
alone: processes can share the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.diffusion.evidence import evidence_channels, n_channels
from btd_desktop.digest import array_digest, json_digest
from btd_desktop.errors import EvidenceError
from btd_desktop.preprocess.foreground import Tissue
from btd_desktop.preprocess.presets import fit_scale, scaled_slice
from btd_desktop.preprocess.solid_structures import solid_structures
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.engine import tissue_of
from btd_desktop.tampering.teaching import FAMILIES, IN_LUNG, random_mask, tamper
from btd_desktop.volume import Volume

CROP_PX, KEPT_PX = 160, 96
_MARGIN = (CROP_PX - KEPT_PX) // 2
_TAMPERED = 0.7  # share of crops
_SECOND = 0.3  # of them with a second spot
_LUNG = 0.5  # share of places in aerated lung, where a slice has it
_RIM_PX = 10  # least distance of a spot from the edge of what is kept
_DONORS = 48  # places of another slice that the likest is taken from
_LIKE_PX = 8  # half the side of what is compared

GENUINE, STRUCTURE = "genuine", "structure"


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceCrops:
    """Crops in memory.

    Attributes:
        channels: `evidence_channels` of the middle 96 px, float16, (N, C, 96, 96).
        altered: True where content was altered, shape (N, 96, 96).
        kinds: Family of each crop's first spot; "genuine", or "structure" for a
            genuine crop around a solid structure of the lung.
        spots: Row and column of the middle of the first spot or of the place that the
            crop was drawn around, within the 96 px, int16, shape (N, 2).
        second: Family of each crop's second spot, "" where there is none.
    """

    channels: NDArray[np.float16]
    altered: NDArray[np.bool_]
    kinds: tuple[str, ...]
    spots: NDArray[np.int16]
    second: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over all that is learnt from, and the first spots."""
        arrays = (self.channels, self.altered, self.spots)
        return json_digest([*map(array_digest, arrays), list(self.kinds)])

    def taken(self, chosen: NDArray[np.bool_]) -> EvidenceCrops:
        """The crops where `chosen`, shape (N,), is true."""
        return EvidenceCrops(
            self.channels[chosen],
            self.altered[chosen],
            tuple(kind for kind, own in zip(self.kinds, chosen, strict=True) if own),
            self.spots[chosen],
            tuple(kind for kind, own in zip(self.second, chosen, strict=True) if own),
        )

    def without(self, families: Sequence[str]) -> EvidenceCrops:
        """The crops with no spot of these families."""
        spots = zip(self.kinds, self.second, strict=True)
        return self.taken(np.array([not {*families} & {*own} for own in spots]))


@dataclass(slots=True, eq=False)
class _Slices:
    """Slices by patient, with what was found in them."""

    patients: list[list[tuple[Volume, int]]]
    _tissue: dict[tuple[int, int], NDArray[np.uint8]] = field(default_factory=dict)
    _solid: dict[tuple[int, int], list[tuple[int, int]]] = field(default_factory=dict)

    def drawn(self, rng: np.random.Generator) -> tuple[Volume, int]:
        own = self.patients[int(rng.integers(len(self.patients)))]
        return own[int(rng.integers(len(own)))]

    def tissue(self, volume: Volume, s: int) -> NDArray[np.uint8]:
        key = (id(volume), s)
        if key not in self._tissue:
            self._tissue[key] = tissue_of(volume, s)
        return self._tissue[key]

    def solid(self, volume: Volume, s: int) -> list[tuple[int, int]]:
        key = (id(volume), s)
        if key not in self._solid:
            spacing = volume.spacing_mm[1], volume.spacing_mm[2]
            found = solid_structures(np.asarray(volume.voxels[s]), spacing)
            self._solid[key] = [(own.row, own.column) for own in found]
        return self._solid[key]


def make_crops(
    series: Iterable[tuple[Volume, str]],
    detector: Detector,
    numbers: Sequence[int],
    *,
    families: Sequence[str],
    seed: int,
    context: TaskContext,
) -> EvidenceCrops:
    """The crops of these numbers.

    Args:
        series: Genuine CT volumes with their patients; each patient is drawn as often.
        detector: Predicts the noise maps.
        numbers: Which crops.
        families: Names of `teaching.FAMILIES` to teach with.
        seed: Of every choice.
        context: Progress and cancellation.

    Raises:
        EvidenceError: No slice is as large as a crop.
        SettingsError: A series is of another modality than the model.
    """
    slices = _slices_of(series)
    n = len(numbers)
    n_levels = len(detector.info.levels)
    channels = np.empty((n, n_channels(n_levels), KEPT_PX, KEPT_PX), np.float16)
    altered = np.zeros((n, KEPT_PX, KEPT_PX), np.bool_)
    spots = np.zeros((n, 2), np.int16)
    kinds, second = [], []
    kept = slice(_MARGIN, _MARGIN + KEPT_PX)
    for i, number in enumerate(numbers):
        context.report(i, n, "Making crops")
        rng = np.random.default_rng([seed, 5, number])
        volume, crop, label, names, spot = _one_crop(slices, families, rng)
        image = scaled_slice(crop, fit_scale(volume, detector.info.preset))
        # A detector that has learned evidence already gives it after the noise.
        noise = detector.predict_noise(image)[:n_levels]
        full = evidence_channels(noise, image)
        channels[i] = full[:, kept, kept]
        altered[i] = label[kept, kept]
        spots[i] = np.clip(np.array(spot) - _MARGIN, 0, KEPT_PX - 1)
        kinds.append(names[0])
        second.append("".join(names[1:]))
    context.report(n, n, "Making crops")
    return EvidenceCrops(channels, altered, tuple(kinds), spots, tuple(second))


def join_crops(parts: Sequence[EvidenceCrops]) -> EvidenceCrops:
    """Crops of several calls, one after the other."""
    return EvidenceCrops(
        np.concatenate([p.channels for p in parts]),
        np.concatenate([p.altered for p in parts]),
        tuple(kind for p in parts for kind in p.kinds),
        np.concatenate([p.spots for p in parts]),
        tuple(kind for p in parts for kind in p.second),
    )


def _slices_of(series: Iterable[tuple[Volume, str]]) -> _Slices:
    patients: dict[str, list[tuple[Volume, int]]] = {}
    for volume, patient in series:
        if min(volume.shape[1:]) >= CROP_PX:
            own = [(volume, s) for s in range(volume.n_slices)]
            patients.setdefault(patient, []).extend(own)
    if not patients:
        raise EvidenceError(
            f"there is no slice of {CROP_PX} px to learn from", code="no_slices"
        )
    return _Slices([patients[key] for key in sorted(patients)])


def _one_crop(
    slices: _Slices, families: Sequence[str], rng: np.random.Generator
) -> tuple[Volume, NDArray[Any], NDArray[np.bool_], list[str], tuple[int, int]]:
    """Volume, crop in HU, where it was altered, its kinds and the first spot in it."""
    volume, s = slices.drawn(rng)
    plane, tissue = np.asarray(volume.voxels[s]), slices.tissue(volume, s)
    n_spots = 1 + int(rng.random() < _SECOND) if rng.random() < _TAMPERED else 0
    names = [families[int(i)] for i in rng.integers(len(families), size=n_spots)]
    kind = names[0] if names else GENUINE
    place = _place(tissue, kind, rng)
    if not names and rng.random() < 0.5:
        found = slices.solid(volume, s)
        if found:
            place, kind = found[int(rng.integers(len(found)))], STRUCTURE
    reach = KEPT_PX // 2 - _RIM_PX
    corner = [
        int(np.clip(at - CROP_PX // 2 + move, 0, size - CROP_PX))
        for at, move, size in zip(
            place, rng.integers(-reach, reach + 1, 2), plane.shape, strict=True
        )
    ]
    window = tuple(slice(c, c + CROP_PX) for c in corner)
    crop, near = plane[window].copy(), tissue[window]
    spot = (place[0] - corner[0], place[1] - corner[1])
    label = np.zeros(crop.shape, np.bool_)
    at = spot
    for number, name in enumerate(names):
        if number > 0:
            inner = np.zeros_like(near)
            edge = _MARGIN + _RIM_PX
            inner[edge:-edge, edge:-edge] = near[edge:-edge, edge:-edge]
            at = _place(inner, name, rng)
        mask = random_mask(crop.shape, at, rng)
        mask[near == Tissue.OUTSIDE] = 0.0
        if mask.max() > 0.5:
            donor = _donor(slices, crop, at, rng)
            crop, changed = tamper(crop, mask, name, rng, donor)
            label |= changed
    return volume, crop, label, names or [kind], spot


def _place(
    tissue: NDArray[np.uint8], kind: str, rng: np.random.Generator
) -> tuple[int, int]:
    """A place in the body; in aerated lung at times, and for what belongs there."""
    lung = np.flatnonzero(tissue == Tissue.AERATED)
    wanted = kind in IN_LUNG or rng.random() < _LUNG
    pool = lung if wanted and lung.size else np.flatnonzero(tissue != Tissue.OUTSIDE)
    chosen = int(rng.choice(pool)) if pool.size else tissue.size // 2
    return chosen // tissue.shape[1], chosen % tissue.shape[1]


def _donor(
    slices: _Slices,
    crop: NDArray[Any],
    spot: tuple[int, int],
    rng: np.random.Generator,
) -> NDArray[Any]:
    """A crop of another slice with the likest tissue, of a few places, at the spot."""
    volume, s = slices.drawn(rng)
    plane, tissue = np.asarray(volume.voxels[s]), slices.tissue(volume, s)
    framed = np.pad(plane, CROP_PX, mode="edge")
    inside = np.flatnonzero(tissue != Tissue.OUTSIDE)
    pool = inside if inside.size else np.arange(tissue.size)
    wanted = float(_around(crop, *spot).mean())
    best, least = (0, 0), np.inf
    for chosen in rng.choice(pool, _DONORS):
        row, column = divmod(int(chosen), plane.shape[1])
        far = abs(float(_around(plane, row, column).mean()) - wanted)
        if far < least:
            best, least = (row, column), far
    top, left = best[0] + CROP_PX - spot[0], best[1] + CROP_PX - spot[1]
    return framed[top : top + CROP_PX, left : left + CROP_PX]


def _around(plane: NDArray[Any], row: int, column: int) -> NDArray[Any]:
    return plane[
        max(0, row - _LIKE_PX) : row + _LIKE_PX + 1,
        max(0, column - _LIKE_PX) : column + _LIKE_PX + 1,
    ]


def known_families(without: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of all families but those left out.

    Raises:
        EvidenceError: There is no family of a name left out, or none remains.
    """
    unknown = sorted(set(without) - FAMILIES.keys())
    if unknown:
        raise EvidenceError(
            f"there is no family “{unknown[0]}”",
            hint=f"use one of: {', '.join(FAMILIES)}",
            code="family",
        )
    kept = tuple(name for name in FAMILIES if name not in without)
    if not kept:
        raise EvidenceError("no family is left to teach with", code="family")
    return kept
