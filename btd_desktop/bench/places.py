"""Random places to tamper with, and genuine ones drawn by the same rule.

Both kinds come in pairs: same slice, same surroundings (deep, near a border, at a
vessel), the most similar content that can be found. A detector that only knows where in
the lung a place lies, or how much is in it, has an AUC of 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from btd_desktop.preprocess.foreground import Tissue, tissue_map
from btd_desktop.volume import Volume

Stratum = Literal["deep", "border", "vessel", "tissue", "structure"]

CENTRE_PX = 32
CUBE_MM = 32.0
_MIN_AERATED = 0.60  # of the central square
_MIN_TISSUE = 0.90
_BORDER_AERATED = 0.90  # less: pleura, heart or diaphragm reaches into the square
_VESSEL_SHARE = 0.05
_NOT_LUNG_HU = -965.0  # trachea, bowel gas
_NEAR_SHARE = 1.0 / 3.0
_N_MATCHES = 40
_MIN_SPOTS = 20  # candidates that make a slice worth drawing from

_SOLID_HU = -500.0

_DEEP, _BORDER, _VESSEL, _TISSUE = 1, 2, 3, 4
_CODES: dict[int, Stratum] = {
    _DEEP: "deep",
    _BORDER: "border",
    _VESSEL: "vessel",
    _TISSUE: "tissue",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One place that is tampered with or judged as genuine.

    Attributes:
        slice_index: Slice, from 0.
        row: Row of the patch's middle, from 0.
        column: Column of it, from 0.
        stratum: What surrounds it; "structure" for a genuine solid one.
        content: Solid share of the central 32x32 in [0, 1] for CT; for MR its
            standard deviation relative to the mean of the slice's tissue.
    """

    slice_index: int
    row: int
    column: int
    stratum: Stratum
    content: float

    @property
    def centre(self) -> tuple[int, int, int]:
        """(slice, row, column)."""
        return self.slice_index, self.row, self.column


@dataclass(frozen=True, slots=True)
class PlacePair:
    """A place to tamper with and its genuine partner in the same slice."""

    tampered: Place
    genuine: Place
    seed: int


def candidates(
    plane: NDArray[Any], modality: str, *, patch: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Where a patch may be centred in a slice, and what its middle holds.

    CT: the central 32x32 is at least 60 % aerated lung; MR: at least 90 % tissue. The
    whole patch lies inside the slice.

    Args:
        plane: Modality values (H, W).
        modality: "CT" or "MR".
        patch: Side of the patch, px.

    Returns:
        Stratum of each pixel, (H, W): 0 not allowed, 1 deep, 2 border, 3 vessel,
        4 tissue; and the content of the square around each pixel, (H, W).
    """
    tissue = tissue_map(plane, modality)
    values = plane.astype(np.float32)
    if modality == "CT":
        strata, content = _lung_candidates(values, tissue)
    else:
        strata, content = _tissue_candidates(values, tissue)
    half = patch // 2
    inside = np.zeros(plane.shape, np.bool_)
    inside[half : plane.shape[0] - half + 1, half : plane.shape[1] - half + 1] = True
    strata[~inside] = 0
    return strata, content


def draw_places(
    volume: Volume,
    n: int,
    rng: np.random.Generator,
    *,
    patch: int,
    slices: Sequence[int] | None = None,
) -> list[Place]:
    """Places of one series, drawn as those to tamper with are, without partners.

    Args:
        volume: The untouched series.
        n: How many to draw; fewer come back where the series has no room.
        rng: Source of everything.
        patch: Side of the scored patch, px.
        slices: Slices to draw from; all when None.
    """
    return _drawn(volume, n, rng, patch, slices)[0]


def draw_pairs(
    volume: Volume,
    n_pairs: int,
    rng: np.random.Generator,
    *,
    patch: int,
    slices: Sequence[int] | None = None,
) -> list[PlacePair]:
    """Pairs of places of one series, spread over its slices.

    About a third of the tampered places lie at a border or a vessel, where there are
    such. Genuine places keep 32 mm away, on at least one axis, from every tampered one.

    Args:
        volume: The untouched series.
        n_pairs: How many to draw; fewer come back where the series has no room.
        rng: Source of everything; each pair also gets a seed for its attack.
        patch: Side of the scored patch, px.
        slices: Slices to draw from; all when None.
    """
    tampered, maps = _drawn(volume, n_pairs, rng, patch, slices)
    pairs = []
    for place in tampered:
        strata, content = maps[place.slice_index]
        partner = _partner(volume, place, strata, content, tampered, rng)
        if partner is not None:
            pairs.append(PlacePair(place, partner, int(rng.integers(2**31))))
    return pairs


_Maps = dict[int, tuple[NDArray[np.uint8], NDArray[np.float32]]]


def _drawn(
    volume: Volume,
    n: int,
    rng: np.random.Generator,
    patch: int,
    slices: Sequence[int] | None,
) -> tuple[list[Place], _Maps]:
    """Places, and the candidates of the slices that were looked at."""
    given = list(range(volume.n_slices) if slices is None else slices)
    maps: _Maps = {}
    places: list[Place] = []
    empty: set[int] = set()
    while len(places) < n and len(empty) < len(given):
        for s in (int(s) for s in rng.permutation(given)):
            if s not in maps:
                plane = np.asarray(volume.voxels[s])
                maps[s] = candidates(plane, volume.modality, patch=patch)
            if np.count_nonzero(maps[s][0]) < _MIN_SPOTS:
                empty.add(s)
            else:
                places.append(_draw_tampered(s, *maps[s], rng))
            if len(places) >= n:
                break
    return places, maps


def rematched(
    volume: Volume,
    pair: PlacePair,
    after: NDArray[Any],
    touched: Sequence[Place],
    rng: np.random.Generator,
    *,
    patch: int,
) -> PlacePair:
    """The pair with a partner that resembles what the attack has left.

    For removals: they leave quiet lung, and a partner full of vessels would differ from
    it without any trace of tampering.

    Args:
        volume: The untouched series.
        pair: A pair of `draw_pairs`.
        after: The tampered slice of the place, shape (H, W).
        touched: All places of the series that are tampered with.
        rng: Source of the partner.
        patch: Side of the scored patch, px.

    Returns:
        The pair itself where no other partner is more alike.
    """
    place = pair.tampered
    left = content_at(after, volume.modality, place.row, place.column)
    plane = np.asarray(volume.voxels[place.slice_index])
    strata, content = candidates(plane, volume.modality, patch=patch)
    # Without its vessels a place at a vessel is like one deep in the lung.
    strata[strata == _VESSEL] = _DEEP
    wanted = replace(place, content=left)
    found = _partner(volume, wanted, strata, content, touched, rng)
    if found is None or abs(found.content - left) > abs(pair.genuine.content - left):
        return pair
    return replace(pair, genuine=found)


def content_at(plane: NDArray[Any], modality: str, row: int, column: int) -> float:
    """What the central square around a pixel holds, as in `Place.content`.

    Args:
        plane: Modality values (H, W).
        modality: "CT" or "MR".
        row: Row of the pixel.
        column: Column of the pixel.
    """
    values = plane.astype(np.float32)
    if modality == "CT":
        content = _mean((values > _SOLID_HU).astype(np.float32))
    else:
        content = _tissue_candidates(values, tissue_map(plane, modality))[1]
    return float(content[row, column])


def _draw_tampered(
    s: int,
    strata: NDArray[np.uint8],
    content: NDArray[np.float32],
    rng: np.random.Generator,
) -> Place:
    near = np.argwhere(np.isin(strata, (_BORDER, _VESSEL)))
    far = np.argwhere(np.isin(strata, (_DEEP, _TISSUE)))
    wants_near = rng.random() < _NEAR_SHARE
    pool = near if (wants_near and len(near)) or not len(far) else far
    r, c = pool[int(rng.integers(len(pool)))]
    return _place(s, int(r), int(c), strata, content)


def _partner(
    volume: Volume,
    place: Place,
    strata: NDArray[np.uint8],
    content: NDArray[np.float32],
    touched: Sequence[Place],
    rng: np.random.Generator,
) -> Place | None:
    """A genuine place of the same slice and stratum, of the most similar content."""
    code = int(strata[place.row, place.column])
    free = strata == code
    for other in touched:
        _block_out(free, volume, place.slice_index, other)
    spots = np.argwhere(free)
    if not len(spots):
        return None
    some = spots[rng.permutation(len(spots))[:_N_MATCHES]]
    gaps = np.abs(content[some[:, 0], some[:, 1]] - place.content)
    r, c = some[int(np.argmin(gaps))]
    return _place(place.slice_index, int(r), int(c), strata, content)


def _block_out(free: NDArray[np.bool_], volume: Volume, s: int, other: Place) -> None:
    """Forbid centres whose central square could meet another place's touched cube."""
    positions = volume.slice_positions_mm
    if abs(positions[s] - positions[other.slice_index]) > 0.5 * CUBE_MM:
        return
    tall, wide = (
        int(0.5 * CUBE_MM / step) + CENTRE_PX // 2 for step in volume.spacing_mm[1:]
    )
    free[
        max(0, other.row - tall) : other.row + tall + 1,
        max(0, other.column - wide) : other.column + wide + 1,
    ] = False


def _place(
    s: int,
    row: int,
    column: int,
    strata: NDArray[np.uint8],
    content: NDArray[np.float32],
) -> Place:
    return Place(
        s, row, column, _CODES[int(strata[row, column])], float(content[row, column])
    )


def _lung_candidates(
    values: NDArray[np.float32], tissue: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    aerated = (tissue == Tissue.AERATED).astype(np.float32)
    share = _mean(aerated)
    solid = _mean((values > _SOLID_HU).astype(np.float32))
    level = _mean(np.where(aerated > 0, values, 0.0)) / np.maximum(share, 1e-3)
    allowed = (share >= _MIN_AERATED) & (level > _NOT_LUNG_HU)
    # Body around the square decides; vessels inside the lung do not make a border.
    border = _mean((_filled_lung(aerated > 0) == 0).astype(np.float32))
    strata = np.where(allowed, np.uint8(_DEEP), np.uint8(0))
    strata[allowed & (solid >= _VESSEL_SHARE)] = _VESSEL
    strata[allowed & (border > 1.0 - _BORDER_AERATED)] = _BORDER
    return strata, solid


def _filled_lung(aerated: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Aerated pixels with vessels of up to about 12 px filled in."""
    reach = 6
    grown = ndimage.distance_transform_edt(~aerated) <= reach
    return np.asarray(ndimage.distance_transform_edt(grown) > reach, np.bool_) | aerated


def _tissue_candidates(
    values: NDArray[np.float32], tissue: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    inside = tissue != Tissue.OUTSIDE
    allowed = _mean(inside.astype(np.float32)) >= _MIN_TISSUE
    level = float(values[inside].mean()) if inside.any() else 1.0
    centred = values - level
    variance = _mean(centred * centred) - _mean(centred) ** 2
    spread = np.sqrt(np.maximum(variance, 0.0)) / max(abs(level), 1e-6)
    return np.where(allowed, np.uint8(_TISSUE), np.uint8(0)), np.asarray(
        spread, np.float32
    )


def _mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(
        ndimage.uniform_filter(values, CENTRE_PX, mode="nearest"), np.float32
    )
