"""Stored values to modality values (PS3.3 C.11.1): HU for CT.

Whole numbers stay whole numbers: with a whole slope and intercept nothing passes
through floating point.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.volume import VoxelArray, integral_or_float


def modality_values(
    stored: NDArray[Any], slope: float | None, intercept: float | None
) -> VoxelArray:
    """Modality values of one slice, int16 where that is exact, else float32.

    Args:
        stored: Stored values, shape (H, W), any integer or float type.
        slope: RescaleSlope; None, 0 and non-finite count as 1.
        intercept: RescaleIntercept; None counts as 0.
    """
    factor = slope if slope else 1.0
    offset = intercept if intercept is not None else 0.0
    is_whole = factor == int(factor) and offset == int(offset)
    if is_whole and stored.dtype.kind in "iu" and abs(factor) < 2**15:
        # 32 bits, where no value can leave them: half of the memory and time.
        top = abs(factor) * 2.0 ** (8 * stored.dtype.itemsize) + abs(offset)
        wide: NDArray[Any] = stored.astype(np.int32 if top < 2.0**31 else np.int64)
        if factor != 1:
            wide *= int(factor)
        wide += int(offset)
        return integral_or_float(wide)
    return integral_or_float(stored.astype(np.float64) * factor + offset)


def padding_mask(
    stored: NDArray[Any], padding: tuple[float, ...] | None
) -> NDArray[np.bool_] | None:
    """True where the stored value means "not measured"; None when none does.

    Padding written with the wrong sign (63536 for -2000, a common slip in implicit
    VR) is taken as the same bits.
    """
    if padding is None:
        return None
    low, high = sorted(_same_bits(value, stored.dtype) for value in padding)
    mask: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return mask if bool(mask.any()) else None


def _same_bits(value: float, dtype: np.dtype[Any]) -> float:
    if dtype.kind not in "iu":
        return value
    info, span = np.iinfo(dtype), 2.0 ** (8 * dtype.itemsize)
    if value > info.max:
        return value - span
    return value + span if value < info.min else value


def stack_slices(
    slices: Iterable[VoxelArray], shape: tuple[int, int, int]
) -> VoxelArray:
    """Slices as one array: float32 as soon as one of them is.

    Args:
        slices: One by one, so that the whole series lies in memory once.
        shape: (S, H, W).
    """
    stack: VoxelArray = np.empty(shape, dtype=np.int16)
    for index, values in enumerate(slices):
        if values.dtype == np.float32 and stack.dtype == np.int16:
            stack = stack.astype(np.float32)
        stack[index] = values
    return stack
