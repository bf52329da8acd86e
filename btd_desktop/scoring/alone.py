"""The paper's method (3.3): each patch alone through the network, two scores, no more.

The grid is as wide as the central square, so that the squares tile the slice: their
residuals, side by side, are the map that is shown. Nothing outside the patch enters a
score; beyond the rim of the slice the patch holds the lowest intensity, as in the
authors' code (which puts a cut patch into the upper left corner instead).
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from btd_desktop.preprocess.foreground import Tissue
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.features import GridFeatures, is_enough_tissue
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.selfcheck import check_maps

_AT_ONCE = 4  # patches of a forward pass: small batches are the fastest on a CPU
_FLOOR = 1e-6  # of mean F^2: keeps the log finite where the window clips everything


class PatchDetector(Detector, Protocol):
    """A detector whose network takes patches by themselves."""

    def predict_patches(
        self, patches: NDArray[np.float32], level: float
    ) -> NDArray[np.float32]:
        """F(x_0) of patches of intensities in [0, 1], both of shape (N, P, P)."""
        ...


def alone_features(
    detector: Detector,
    scaled: NDArray[np.float32],
    tissue: NDArray[np.uint8],
    grid: PatchGrid,
    slice_index: int,
    at: tuple[int, int] | None = None,
) -> tuple[GridFeatures, NDArray[np.float32]]:
    """The paper's scores of a slice at all centres of the grid, or at one place.

    Args:
        detector: The model; it must take patches.
        scaled: Scaled intensities in [0, 1], shape (H, W).
        tissue: Tissue classes 0..3 (0 is outside), shape (H, W).
        grid: Patch geometry and stride.
        slice_index: From 0, for messages.
        at: One centre (row, column) in pixels instead of the grid.

    Returns:
        Scores, with their logarithms as the features (`method.PAPER_FEATURES`); and
        F(x_0), shape (H, W), of the central squares of the patches scored, else 0.

    Raises:
        ModelError: A map has values that no working model gives.
    """
    info = detector.info
    h, w = scaled.shape
    rows = grid.rows(h) if at is None else np.array([at[0]])
    columns = grid.columns(w) if at is None else np.array([at[1]])
    half, inner = grid.patch // 2, grid.centre // 2
    image, classes = np.pad(scaled, half), np.pad(tissue, half)
    shape = (rows.size, columns.size)
    numbers = np.full((3, *shape), np.nan, dtype=np.float32)
    chosen, patches = [], []
    for i, j in np.ndindex(shape):
        r, c = int(rows[i]), int(columns[j])
        square = _cut(classes, r + half - inner, c + half - inner, grid.centre)
        n = int((square > 0).sum())
        if not is_enough_tissue(n, grid):
            continue
        numbers[2, i, j] = float((square == Tissue.AERATED).sum()) / n
        chosen.append((i, j))
        patches.append(_cut(image, r, c, grid.patch))
    level = info.levels[info.paper_level]
    framed = np.zeros_like(image)
    take = cast("PatchDetector", detector)
    for start in range(0, len(chosen), _AT_ONCE):
        part = np.stack(patches[start : start + _AT_ONCE])
        maps = take.predict_patches(part, level)
        for own, patch in zip(maps, part, strict=True):
            check_maps(own[None], patch, info.name, slice_index)
        if info.method == "paper-clamped":
            maps = clamped(maps, part, level)
        low = half - inner
        centres = _cut(maps, low, low, grid.centre)
        for k, (i, j) in enumerate(chosen[start : start + _AT_ONCE]):
            numbers[0, i, j] = np.mean(np.square(centres[k], dtype=np.float64))
            numbers[1, i, j] = np.mean(np.square(maps[k], dtype=np.float64))
            top, left = rows[i] + half - inner, columns[j] + half - inner
            framed[top : top + grid.centre, left : left + grid.centre] = centres[k]
    injection, removal, aerated = numbers
    features = GridFeatures(
        rows,
        columns,
        injection,
        removal,
        np.log(np.stack([injection, removal], axis=-1) + np.float32(_FLOOR)),
        aerated,
    )
    return features, framed[half : half + h, half : half + w]


def clamped(
    maps: NDArray[np.float32], patches: NDArray[np.float32], level: float
) -> NDArray[np.float32]:
    """The residual of the authors' library in units of F(x_0).

    It clamps the predicted image to [-1, 1] before the difference is taken: a pixel
    that the window clips has no residual where the noise would lead further out.

    Args:
        maps: F(x_0), shape (N, P, P).
        patches: Scaled intensities in [0, 1], the same shape.
        level: Noise level sigma of t = 0; alpha-bar is 1 - sigma^2.
    """
    x = patches * np.float32(2.0) - np.float32(1.0)
    alpha = np.float32(np.sqrt(1.0 - level * level))
    image = np.clip((x - np.float32(level) * maps) / alpha, -1.0, 1.0)
    return ((x - image) / np.float32(level)).astype(np.float32)


def _cut(array: NDArray[Any], row: int, column: int, side: int) -> NDArray[Any]:
    return array[..., row : row + side, column : column + side]
