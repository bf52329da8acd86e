"""Where a slice is scored: a grid of patch centres, and sums over blocks of 4x4 px.

Every feature comes from sums over pixels of a patch. Sums over blocks of 4x4 px are
taken once per slice; a patch is then a window of 24x24 blocks (96 px) or 32x32
(128 px), which makes scoring a thousand overlapping patches as cheap as reading the
slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 4
_GRAIN = 2.0**24  # block sums are near 16, so this is finer than float32


@dataclass(frozen=True, slots=True)
class PatchGrid:
    """Patch centres of a slice.

    A centre (r, c) stands for the patch of rows [r - patch/2, r + patch/2) and the same
    range of columns, as the reference code cuts it. Centres are multiples of `stride`;
    where a patch reaches over the border, only its pixels inside count.

    Attributes:
        patch: Side of a patch in pixels, a multiple of 8.
        stride: Distance between centres in pixels, a multiple of 4.
        centre: Side of the central square, a multiple of 8.
    """

    patch: int
    stride: int = 16
    centre: int = 32

    def __post_init__(self) -> None:
        if self.patch % (2 * BLOCK) or self.centre % (2 * BLOCK):
            raise ValueError(f"patch and centre are multiples of 8: {self}")
        if self.stride < BLOCK or self.stride % BLOCK:
            raise ValueError(f"stride is a multiple of 4, got {self.stride}")

    def rows(self, height: int) -> NDArray[np.int64]:
        """Row of each centre in a slice of that height, ascending."""
        return np.arange(0, height + 1, self.stride)

    def columns(self, width: int) -> NDArray[np.int64]:
        """Column of each centre in a slice of that width, ascending."""
        return np.arange(0, width + 1, self.stride)


def block_sums(planes: NDArray[Any]) -> NDArray[np.float64]:
    """Sums over blocks of 4x4 pixels; the last blocks may hold fewer.

    Args:
        planes: Shape (..., H, W).

    Returns:
        float64, shape (..., ceil(H / 4), ceil(W / 4)), multiples of 2^-24: further
        sums below 2^29 are then exact, so they depend neither on their order nor on
        the number of threads, and a place alone gives the bits that the grid gives.
    """
    *lead, h, w = planes.shape
    pad = [(0, 0)] * len(lead) + [(0, -h % BLOCK), (0, -w % BLOCK)]
    padded = np.pad(planes, pad) if h % BLOCK or w % BLOCK else planes
    shape = (*lead, padded.shape[-2] // BLOCK, BLOCK, padded.shape[-1] // BLOCK, BLOCK)
    sums: NDArray[np.float64] = padded.reshape(shape).sum(
        axis=(-3, -1), dtype=np.float64
    )
    return np.rint(sums * _GRAIN) / _GRAIN


def windows_at(
    blocks: NDArray[np.float64],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    side: int,
) -> NDArray[np.float64]:
    """Windows of blocks around centres.

    Args:
        blocks: Block sums, shape (K, h, w).
        rows: Row of each centre in pixels, multiples of 4, shape (N,).
        columns: Column of each centre likewise, shape (N,).
        side: Side of a window in pixels, a multiple of 8.

    Returns:
        Shape (K, N, side / 4, side / 4); outside the slice it is 0.
    """
    half = side // 2 // BLOCK
    size = 2 * half
    framed = np.pad(blocks, ((0, 0), (half, half), (half, half)))
    view = np.lib.stride_tricks.sliding_window_view(framed, (size, size), axis=(1, 2))
    picked: NDArray[np.float64] = view[:, rows // BLOCK, columns // BLOCK]
    return picked
