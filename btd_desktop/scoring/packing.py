"""Pack the features of a slice into one array, as a case keeps them, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from btd_desktop.scoring.features import GridFeatures

_EXTRA = 3  # injection, removal and aerated stand before the features


def packed_features(features: GridFeatures) -> NDArray[np.float32]:
    """Injection, removal, aerated and the K features, shape (R, C, 3 + K)."""
    front = np.stack([features.injection, features.removal, features.aerated], axis=-1)
    packed: NDArray[np.float32] = np.concatenate(
        [front, features.features], axis=-1
    ).astype(np.float32)
    return packed


def unpacked_features(
    packed: NDArray[np.float32], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> GridFeatures:
    """Inverse of `packed_features`, for centres at these rows and columns.

    Raises:
        ValueError: The array does not have the grid's shape.
    """
    if packed.ndim != 3 or packed.shape[:2] != (rows.size, columns.size):
        raise ValueError(
            f"{packed.shape} is no grid of {rows.size} x {columns.size} places"
        )
    if packed.shape[2] <= _EXTRA:
        raise ValueError(f"{packed.shape[2]} numbers a place are too few")
    return GridFeatures(
        rows,
        columns,
        injection=packed[..., 0],
        removal=packed[..., 1],
        features=packed[..., _EXTRA:],
        aerated=packed[..., 2],
    )
