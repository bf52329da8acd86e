"""Means over discs of a slice, at any centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RADIUS_PX = 10.0


def disc_means(
    values: NDArray[np.float32],
    tissue: NDArray[np.uint8],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    radius_px: float = RADIUS_PX,
) -> NDArray[np.float32]:
    """Mean over the tissue in a disc around every centre.

    Args:
        values: Shape (H, W).
        tissue: Tissue classes, 0 outside the body, shape (H, W).
        rows: Rows of the centres, shape (R,); they may lie outside the slice.
        columns: Columns of the centres, shape (C,).
        radius_px: A pixel belongs to a disc up to this distance from its centre.

    Returns:
        Shape (R, C); NaN where less than half of the disc is tissue. What lies outside
        the slice is no tissue.
    """
    h, w = values.shape
    inside = tissue > 0
    reach = int(radius_px)
    # Sums along rows, so that a disc costs as many look-ups as it has rows.
    frame = ((0, 0), (1, 0))
    sums, counts = (
        np.pad(own, frame).cumsum(axis=1)
        for own in (
            np.where(inside, values, 0.0).astype(np.float64),
            inside.astype(np.int64),
        )
    )
    total = np.zeros((len(rows), len(columns)))
    n_tissue = np.zeros(total.shape, np.int64)
    n_disc = 0
    for dy in range(-reach, reach + 1):
        half = int(np.sqrt(radius_px * radius_px - dy * dy))
        n_disc += 2 * half + 1
        within = np.flatnonzero((rows + dy >= 0) & (rows + dy < h))
        own = (rows[within] + dy)[:, None]
        last = np.clip(columns + half + 1, 0, w)
        before = np.clip(columns - half, 0, w)
        total[within] += sums[own, last] - sums[own, before]
        n_tissue[within] += counts[own, last] - counts[own, before]
    means = total / np.maximum(n_tissue, 1)
    means[2 * n_tissue < n_disc] = np.nan
    return means.astype(np.float32)
