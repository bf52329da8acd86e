"""How the noise of a place hangs together: in the slice, and from slice to slice.

Two numbers that no ratio of powers holds. Within a slice, the correlation of F with
its next pixels is the texture that kernel and interpolation give; tissue redrawn at
another resolution has another. Between slices, genuine noise shares what the
reconstruction took from the same rays; noise drawn slice by slice, or fetched from
another place one slice at a time, does not. Each is the correlation in a zone minus
that in the surroundings of the same slice: what a scanner does everywhere cancels.
(Our own extension; the paper scores slices alone.)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["correlation_channels", "zone_correlations"]

_MIN_ZONE_PIXELS = 40.0  # fewer say nothing: the zone then counts as ordinary
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
        neighbours: Those of the adjacent slices, none to two, each (L, H, W).
        tissue: Tissue classes of the slice, 0 outside, shape (H, W).

    Returns:
        Shape (1 + L * (2 + 2 * len(neighbours)), H, W): pixels inside; then, for each
        level, energy and product with the mean of the four next pixels; then, for
        each neighbour and level, its energy and the product with it. 0 outside.
    """
    inside = (tissue > 0).astype(np.float64)
    f = maps.astype(np.float64)
    padded = np.pad(f, ((0, 0), (1, 1), (1, 1)))
    around = (
        padded[:, :-2, 1:-1]
        + padded[:, 2:, 1:-1]
        + (padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:])
    ) * 0.25
    parts = [inside[None], f * f * inside, f * around * inside]
    for other in neighbours:
        g = other.astype(np.float64)
        parts += [g * g * inside, f * g * inside]
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
        slice_sums: Channel sums of the whole slice, shape (channels,): what a place
            with hardly any surroundings is compared with.
        n_levels: L.

    Returns:
        Shape (4 * L, N): in-slice disc and ring of each level, then from slice to
        slice likewise; the latter NaN when there is no neighbour.
    """
    n_neighbours = (len(slice_sums) - 1 - 2 * n_levels) // (2 * n_levels)
    pixels, energy, product, pairs = _split(sums, n_levels, n_neighbours)
    _, all_energy, all_product, all_pairs = _split(
        slice_sums[None, :, None], n_levels, n_neighbours
    )
    thin = pixels[2] < _MIN_AROUND_PIXELS

    def less_surroundings(
        zone: NDArray[np.float64], whole: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        reference = np.where(thin, whole[0], zone[2])
        known = pixels[:2, None] >= _MIN_ZONE_PIXELS
        return np.where(known, zone[:2] - reference[None], 0.0)

    inside = less_surroundings(
        product / (energy + _FLOOR), all_product / (all_energy + _FLOOR)
    )
    if n_neighbours:
        across = less_surroundings(
            _mean_correlation(energy, pairs), _mean_correlation(all_energy, all_pairs)
        )
    else:
        across = np.full_like(inside, np.nan)
    # (zone, level, N) to level by level, disc before ring.
    return np.concatenate(
        [
            part.transpose(1, 0, 2).reshape(2 * n_levels, part.shape[-1])
            for part in (inside, across)
        ]
    )


_Pairs = list[tuple[NDArray[np.float64], NDArray[np.float64]]]


def _split(
    sums: NDArray[np.float64], n_levels: int, n_neighbours: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], _Pairs]:
    """Pixels (Z, N), energy and product (Z, L, N), and the like of each neighbour."""
    blocks = [
        sums[:, 1 + k * n_levels : 1 + (k + 1) * n_levels]
        for k in range(2 + 2 * n_neighbours)
    ]
    pairs = [(blocks[2 + 2 * k], blocks[3 + 2 * k]) for k in range(n_neighbours)]
    return sums[:, 0], blocks[0], blocks[1], pairs


def _mean_correlation(
    energy: NDArray[np.float64], pairs: _Pairs
) -> NDArray[np.float64]:
    found = [product / (np.sqrt(energy * other) + _FLOOR) for other, product in pairs]
    mean: NDArray[np.float64] = np.mean(found, axis=0)
    return mean
