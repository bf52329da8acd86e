"""How the noise of a place correlates: in the slice, and from slice to slice.

Three numbers that no ratio of powers holds. Within a slice, the correlation of F with
its next pixels is the texture, which kernel and interpolation give; tissue redrawn at
another resolution has another texture. How much larger the correlation is along rows
than along columns is the direction, which the rays give at that place; tissue from
elsewhere has another direction. Between slices, genuine noise shares what the
reconstruction took from the same rays; noise drawn slice by slice, or fetched from
another place one slice at a time, does not. Each number is the correlation in a zone
minus that in the surroundings in the same slice: what a scanner does everywhere
cancels. (Our own extension; the paper scores slices alone.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MIN_ZONE_PIXELS = 64.0
"""Pixels of tissue that a zone needs, a quarter of the disc. With fewer the zone counts
as ordinary: at the skin a handful of pixels would stand out by chance.
"""

_MIN_AROUND_PIXELS = 200.0
_FLOOR = 1e-6


def correlation_channels(
    maps: NDArray[np.float32],
    neighbours: Sequence[NDArray[np.float32]],
    tissue: NDArray[np.uint8],
) -> NDArray[np.float64]:
    """Per-pixel products whose sums over a zone give its correlations.

    Args:
        maps: Noise predictions of the slice, shape (L, H, W).
        neighbours: Noise predictions of the adjacent slices, none to two, (L, H, W).
        tissue: Tissue classes of the slice, 0 outside, shape (H, W).

    Returns:
        Shape (1 + L * (3 + 2 * len(neighbours)), H, W): pixels inside; then energy of
        each level, product with the mean of the four next pixels, product with the
        mean of those in the row less that of those in the column; then, for each
        neighbour, its energy by level and the product with it. 0 outside.
    """
    inside = (tissue > 0).astype(np.float64)
    f = maps.astype(np.float64)
    padded = np.pad(f, ((0, 0), (1, 1), (1, 1)))
    above_below = padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
    left_right = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:]
    around = (above_below + left_right) * 0.25
    along = (left_right - above_below) * 0.5
    weighted = f * inside
    parts = [inside[None], f * weighted, around * weighted, along * weighted]
    for other in neighbours:
        g = other.astype(np.float64)
        parts += [g * g * inside, g * weighted]
    return np.concatenate(parts)


def zone_correlations(
    sums: NDArray[np.float64],
    slice_sums: NDArray[np.float64],
    n_levels: int,
) -> NDArray[np.float64]:
    """Correlations of disc and inner ring minus those of the surroundings.

    Args:
        sums: Channel sums of disc, inner ring and surroundings at N places, shape
            (3, channels, N), channels as `correlation_channels` orders them.
        slice_sums: Channel sums of the whole slice, shape (channels,): the reference
            of a place with hardly any surroundings.
        n_levels: L.

    Returns:
        Shape (5 * L, N): texture of disc and ring at each level, direction of the disc
        at each level, then the correlation across slices of disc and ring at each
        level, NaN when there is no neighbour.
    """
    n_neighbours = (len(slice_sums) - 1 - 3 * n_levels) // (2 * n_levels)
    own = _split(sums, n_levels, n_neighbours)
    whole = _split(slice_sums[None, :, None], n_levels, n_neighbours)
    pixels = own.pixels
    thin = pixels[2] < _MIN_AROUND_PIXELS

    def less_surroundings(
        zone: NDArray[np.float64], everywhere: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        reference = np.where(thin, everywhere[0], zone[2])
        known = pixels[:2, None] >= MIN_ZONE_PIXELS
        return np.where(known, zone[:2] - reference[None], 0.0)

    texture, direction = (
        less_surroundings(
            part / (own.energy + _FLOOR), everywhere / (whole.energy + _FLOOR)
        )
        for part, everywhere in (
            (own.around, whole.around),
            (own.along, whole.along),
        )
    )
    if n_neighbours:
        across = less_surroundings(_mean_correlation(own), _mean_correlation(whole))
    else:
        across = np.full_like(texture, np.nan)
    # (zone, level, N) to level by level, disc before ring.
    return np.concatenate(
        [
            part.transpose(1, 0, 2).reshape(len(part) * n_levels, part.shape[-1])
            for part in (texture, direction[:1], across)
        ]
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Sums of the channels over Z zones at N places; pixels (Z, N), else (Z, L, N)."""

    pixels: NDArray[np.float64]
    energy: NDArray[np.float64]
    around: NDArray[np.float64]
    along: NDArray[np.float64]
    neighbours: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]


def _split(sums: NDArray[np.float64], n_levels: int, n_neighbours: int) -> _Sums:
    blocks = [
        sums[:, 1 + k * n_levels : 1 + (k + 1) * n_levels]
        for k in range(3 + 2 * n_neighbours)
    ]
    pairs = [(blocks[3 + 2 * k], blocks[4 + 2 * k]) for k in range(n_neighbours)]
    return _Sums(sums[:, 0], blocks[0], blocks[1], blocks[2], tuple(pairs))


def _mean_correlation(sums: _Sums) -> NDArray[np.float64]:
    found = [
        product / (np.sqrt(sums.energy * other) + _FLOOR)
        for other, product in sums.neighbours
    ]
    mean: NDArray[np.float64] = np.mean(found, axis=0)
    return mean
