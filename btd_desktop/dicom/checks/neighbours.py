"""Findings about slices that differ from all their neighbours in noise or range."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.findings import counted, number_text, warning
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.volume import Volume

_MIN_SLICES: Final = 7
_REACH: Final = 3
_MIN_RATIO: Final = 1.35
_DEVIATIONS: Final = 8.0
_TISSUE_HU: Final = (-200.0, 250.0)
_MIN_PIXELS: Final = 500
_SHARED: Final = 0.9
_ROWS: Final = 128


def check_neighbours(volume: Volume) -> Iterator[SeriesFinding]:
    """Findings about single slices, from a comparison with three on either side."""
    if volume.n_slices < _MIN_SLICES:
        return
    levels = noise_levels(volume)
    odd = _outliers(levels)
    if odd:
        worst = max(odd, key=lambda index: abs(np.log(_ratio(levels, index))))
        yield warning(
            "noise_outlier",
            "Noisier or smoother than the neighbours on both sides: "
            f"{counted(len(odd), 'slice')} (slice {worst + 1}: "
            f"{_ratio(levels, worst):.2g} times their noise). Metal, motion or a "
            "change of dose can do this; so can slices that were filtered, re-encoded "
            "or generated.",
            [volume.instance_uids[index] for index in odd],
        )
    yield from _check_floor(volume)


def noise_levels(volume: Volume) -> NDArray[np.float64]:
    """Noise of each slice, shape (S,), NaN where there is too little tissue.

    Median size of the response to a mask that removes planes and edges of slow course
    (Immerkaer 1996), over soft tissue for CT and over the object for MR.
    """
    levels = np.full(volume.n_slices, np.nan)
    if min(volume.shape[1:]) < 3:
        return levels
    for index in range(volume.n_slices):
        middle, response = _responses(volume.voxels[index])
        inside = _inside(middle, volume.modality)
        if int(inside.sum()) >= _MIN_PIXELS:
            levels[index] = float(np.median(np.abs(response[inside])))
    return levels


def _responses(
    plane: NDArray[Any],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rows of the plane, and their response to [1 -2 1]ᵀ[1 -2 1]; shape (n, W - 2).

    Some hundred rows give the same median as all of them.
    """
    step = max(1, plane.shape[0] // _ROWS)
    above, middle, below = (
        plane[start : plane.shape[0] - 2 + start : step].astype(np.float32)
        for start in range(3)
    )
    rows = above - 2 * middle + below
    response: NDArray[np.float32] = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return middle[:, 1:-1], response


def _inside(core: NDArray[np.float32], modality: str) -> NDArray[np.bool_]:
    if modality == "CT":
        low, high = _TISSUE_HU
        return (core > low) & (core < high)
    return core > 0.2 * float(np.quantile(core[::4, ::4], 0.98))


def _near(levels: NDArray[np.float64], index: int) -> NDArray[np.float64]:
    """Noise of up to three slices on either side, where it is known."""
    near = np.r_[levels[max(0, index - _REACH) : index], levels[index + 1 :][:_REACH]]
    known: NDArray[np.float64] = near[np.isfinite(near)]
    return known


def _ratio(levels: NDArray[np.float64], index: int) -> float:
    """Noise of a slice over that of its neighbours (median of up to six)."""
    near = _near(levels, index)
    near = near[near > 0]
    level = levels[index]
    if near.size < _REACH or not np.isfinite(level):
        return 1.0
    return float(max(level, 1e-6) / np.median(near))


def _outliers(levels: NDArray[np.float64]) -> list[int]:
    logs = np.log([_ratio(levels, index) for index in range(levels.size)])
    spread = 1.4826 * float(np.median(np.abs(logs - np.median(logs))))
    limit = max(np.log(_MIN_RATIO), _DEVIATIONS * spread)
    # The first and the last have neighbours on one side only.
    return [
        index
        for index in range(1, levels.size - 1)
        if abs(logs[index]) > limit and _stands_out(levels, index)
    ]


def _stands_out(levels: NDArray[np.float64], index: int) -> bool:
    """True when it lies beyond every neighbour, not on a slope between them."""
    near = _near(levels, index)
    ratio = _ratio(levels, index)
    level = levels[index]
    if ratio > 1:
        return bool(np.sum(near >= level) <= near.size // 3)
    return bool(np.sum(near <= level) <= near.size // 3)


def _check_floor(volume: Volume) -> Iterator[SeriesFinding]:
    """Slices whose lowest value is not the one that nearly all slices share."""
    if volume.modality != "CT":
        return
    lowest = [_lowest(volume, index) for index in range(volume.n_slices)]
    known = [value for value in lowest if value is not None]
    if not known:
        return
    floor, count = Counter(known).most_common(1)[0]
    odd = [i for i, value in enumerate(lowest) if value is not None and value < floor]
    if count < _SHARED * len(known) or not odd:
        return
    yield warning(
        "range_outlier",
        f"{counted(len(odd), 'slice')} with values below {number_text(floor)} HU, the "
        f"lowest in all other slices (down to {number_text(min(known))}): a scanner "
        "cuts all slices of a series at one value. Interpolation and filters "
        "undershoot; so do slices with another history.",
        [volume.instance_uids[index] for index in odd],
    )


def _lowest(volume: Volume, index: int) -> float | None:
    plane: NDArray[Any] = volume.voxels[index]
    if volume.padding is not None:
        plane = plane[~volume.padding[index]]
    return float(plane.min()) if plane.size else None
