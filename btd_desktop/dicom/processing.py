"""Traces that processing of a whole series leaves in noise and grey values.

A reconstruction leaves noise whose spectrum falls with frequency and knows no preferred
axis, grey values that are used evenly, and slices that are no mixture of their
neighbours. Each measure here is one number that is small for a reconstruction and
grows with one kind of later processing; `checks.processing` decides what is large.

Sources: periodic traces of interpolation after Gallagher (2005) and Mahdian and Saic
(2008); noise power spectrum after IEC 61223-3-5 and Siewerdsen et al. (2002).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.volume import Volume

_MOST_SLICES: Final = 12
_TILE: Final = 32
_TILE_STEP: Final = 16  # half a tile, so that a tile is two blocks by two
_MIN_TILES: Final = 20
_MOST_TILES: Final = 120
# Power of rounding to whole numbers: a variance of 1/12, evenly over all frequencies.
_ROUNDING: Final = 1.0 / 12.0
_TISSUE_HU: Final = (-300.0, 400.0)
_AIR_HU: Final = -990.0
_HISTOGRAM_HU: Final = (-1000.0, 400.0)
_FILLED: Final = 100.0
_MIN_LEVELS: Final = 100
_LEVEL_OFF: Final = 0.2
_LEVEL_DEVIATIONS: Final = 8.0
_MIN_COUNT: Final = 200
# Coarse interpolation in the back-projection leaves an even floor of some 10 HU².
_WHITE_FLOOR_HU2: Final = 20.0
_MIN_SIDE: Final = 128
_PADDING_HU: Final = -1100.0
_PADDING_SPREAD: Final = 40.0
_TRIPLES: Final = 8
# Slices that overlap by a quarter share noise; so may those of unknown thickness.
_APART: Final = 0.75
_OVERLAP_ALLOWANCE: Final = 4.0
_MIN_PIXELS: Final = 1000
_SPECTRUM: Final = 2048
_LOWEST_FREQUENCY: Final = 0.03
_AROUND: Final = 122
_MOVED: Final = 16

Floats = NDArray[np.float64]

_F_ROW: Final = np.fft.fftfreq(_TILE)[:, np.newaxis]
_F_COLUMN: Final = np.fft.fftfreq(_TILE)[np.newaxis, :]
_RADIUS: Final = np.hypot(_F_ROW, _F_COLUMN)
_ALONG_ROW: Final = (np.abs(_F_COLUMN) == 0.5) & (np.abs(_F_ROW) <= 0.2)
_ALONG_COLUMN: Final = _ALONG_ROW.T
_OFF_AXES: Final = (
    (_RADIUS >= 0.5)
    & (_RADIUS <= 0.54)
    & (np.abs(_F_ROW) <= 0.44)
    & (np.abs(_F_COLUMN) <= 0.44)
)
_CORNER: Final = _RADIUS >= 0.6
_FAR_CORNER: Final = _RADIUS >= 0.64
# Of half a spectrum: frequencies above 0.1, those twice that stand for two.
_TWICE: Final = np.r_[1.0, np.full(_TILE // 2 - 1, 2.0), 1.0]
_WEIGHT: Final = np.ravel((_RADIUS[:, : _TILE // 2 + 1] > 0.1) * _TWICE)
_MIDDLE: Final = (_RADIUS >= 0.5) & (_RADIUS < 0.56)


def measure_processing(volume: Volume) -> dict[str, float]:
    """Strength of each trace, by the code of its finding.

    At most twelve slices, evenly spread, are looked at, and the middle ten for the
    comparison of neighbours. Tissue is -300 to 400 HU.

    Returns:
        Only what could be measured; nothing for an empty or tiny picture:
        `resampled_grid`: highest peak of a regular rise and fall of the fine detail
        along rows or columns, over the median of the spectrum around it.
        `smoothed_noise`: rounding noise over the noise left at the highest
        frequencies; 1 when nothing but rounding is left.
        `directional_noise`: log of the power at the limit frequency off the axes over
        that on the weaker axis.
        `white_noise`: power in the corner of the spectrum over that at its middle; 0
        where it is weaker than 20 HU².
        `repeated_values`: log of neighbours with equal values over the number expected
        from those that differ by one and two.
        `odd_levels`: share of grey values far more or less frequent than the next.
        `soft_border`: pixels between padding and air, over the root of those padded.
        `interpolated_slices`: share of a slice's fine detail that its two neighbours
        explain, at most 1; where slices overlap, one less four times the rest.
        The spectrum and the border are measured in HU only.
    """
    if min(volume.shape[1:]) < _MIN_SIDE or volume.is_constant:
        return {}
    planes = [volume.voxels[index] for index in _picked(volume.n_slices)]
    is_hu = volume.unit == "HU"
    low, high = _TISSUE_HU if is_hu else _range(planes)
    found: dict[str, float | None] = {
        "resampled_grid": _periodicity(planes, _AIR_HU if is_hu else low),
        "interpolated_slices": _between(volume, low, high),
    }
    if volume.voxels.dtype == np.int16:
        found["repeated_values"] = _repeats(planes, low, high)
        bottom, top = _HISTOGRAM_HU if is_hu else (low, high)
        found["odd_levels"] = _odd_levels(planes, bottom, top)
    if is_hu:
        found["soft_border"] = _border(planes)
        found |= _spectral(planes, low, high)
    return {code: value for code, value in found.items() if value is not None}


def _picked(n_slices: int) -> list[int]:
    spread = np.linspace(0, n_slices - 1, min(_MOST_SLICES, n_slices))
    return sorted({int(index) for index in np.rint(spread)})


def _range(planes: Sequence[NDArray[Any]]) -> tuple[float, float]:
    """Values of the object where there is no unit."""
    top = float(np.quantile([plane[::4, ::4] for plane in planes], 0.98))
    return 0.2 * top, 2.0 * top


def _spectral(
    planes: Sequence[NDArray[Any]], low: float, high: float
) -> dict[str, float | None]:
    power = _noise_power(planes, low, high)
    if power is None:
        return {}
    corner = float(np.median(power[_CORNER]))
    lines = [float(np.median(power[part])) for part in (_ALONG_ROW, _ALONG_COLUMN)]
    on_axis = min(float(power[part].mean()) for part in (_ALONG_ROW, _ALONG_COLUMN))
    off_axes = max(float(power[_OFF_AXES].mean()), 1e-9)
    is_raised = corner >= _WHITE_FLOOR_HU2
    flatness = float(power[_FAR_CORNER].mean() / max(power[_MIDDLE].mean(), 1e-9))
    return {
        "smoothed_noise": _ROUNDING / max(min(corner, *lines), 1e-3),
        "directional_noise": float(np.log(off_axes / max(on_axis, 1e-9))),
        "white_noise": flatness if is_raised else 0.0,
    }


def _noise_power(
    planes: Sequence[NDArray[Any]], low: float, high: float
) -> Floats | None:
    """Mean power of the quieter half of all tiles of tissue, (32, 32), HU²."""
    window = np.outer(np.hanning(_TILE + 2)[1:-1], np.hanning(_TILE + 2)[1:-1])
    window /= np.sqrt(np.mean(window**2))
    line = np.arange(_TILE) - (_TILE - 1) / 2
    one = np.ones((_TILE, _TILE))
    slopes = np.stack([one, one * line, one * line[:, np.newaxis]]).reshape(3, -1)
    slopes = (slopes / np.linalg.norm(slopes, axis=1, keepdims=True)).astype(np.float32)
    window = window.astype(np.float32)
    spectra = []
    for plane in planes:
        tiles = _tiles(plane, low, high).reshape(-1, _TILE * _TILE)
        level = tiles - (tiles @ slopes.T) @ slopes
        waves = np.fft.rfft2(level.reshape(-1, _TILE, _TILE) * window)
        spectra.append((waves.real**2 + waves.imag**2) / _TILE**2)
    power = np.concatenate(spectra)
    if len(power) < 2 * _MIN_TILES:
        return None
    strength = power.reshape(len(power), -1) @ _WEIGHT.astype(np.float32)
    half = power[strength <= np.median(strength)].mean(axis=0, dtype=np.float64)
    rows = -np.arange(_TILE) % _TILE
    columns = np.arange(_TILE // 2 - 1, 0, -1)
    quiet: Floats = np.concatenate([half, half[rows][:, columns]], axis=1)
    return quiet


def _tiles(plane: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """Squares of 32 pixels that hold tissue only, (n, 32, 32)."""
    n = _TILE_STEP
    rows, columns = (side // n for side in plane.shape)
    inside = (plane > low) & (plane < high)
    blocks = inside[: rows * n, : columns * n].reshape(rows, n, columns, n)
    whole: NDArray[np.bool_] = np.asarray(blocks.all(axis=(1, 3)))
    pairs = whole[1:] & whole[:-1]
    starts = np.argwhere(pairs[:, 1:] & pairs[:, :-1]) * n
    starts = starts[:: 1 + len(starts) // _MOST_TILES]
    squares = [plane[r : r + _TILE, c : c + _TILE] for r, c in starts]
    return np.array(squares, dtype=np.float32).reshape(-1, _TILE, _TILE)


def _repeats(planes: Sequence[NDArray[Any]], low: float, high: float) -> float | None:
    """Differences of neighbours are Gaussian near 0: h(0) follows from h(1), h(2)."""
    worst = []
    for axis in (0, 1):
        counts = np.zeros(3, np.int64)
        for plane in planes:
            turned = plane if axis == 0 else plane.T
            inside = (turned > low) & (turned < high)
            steps = np.subtract(turned[1:], turned[:-1], dtype=np.int32)
            steps = np.where(inside[1:] & inside[:-1], np.abs(steps), 3)
            counts += [np.count_nonzero(steps == size) for size in range(3)]
        same, one, two = counts[0], counts[1] / 2, counts[2] / 2
        if min(same, one, two) < _MIN_COUNT:
            return None
        expected = (4.0 * np.log(one) - np.log(two)) / 3.0
        worst.append(float(np.log(same) - expected))
    return max(worst)


def _odd_levels(
    planes: Sequence[NDArray[Any]], bottom: float, top: float
) -> float | None:
    """A parabola through two values on either side says how frequent one should be."""
    start, end = int(np.ceil(bottom)) + 1, int(top)
    counts = np.zeros(max(end - start, 0))
    for plane in planes:
        inside = plane[(plane >= start) & (plane < end)].astype(np.int64)
        counts += np.bincount(inside - start, minlength=counts.size)
    if counts.size < _MIN_LEVELS:
        return None
    near, far = counts[1:-3] + counts[3:-1], counts[:-4] + counts[4:]
    expected = (4.0 * near - far) / 6.0
    filled = expected >= _FILLED
    if filled.sum() < _MIN_LEVELS:
        return None
    off = np.abs(counts[2:-2] - expected)
    sure = off > _LEVEL_DEVIATIONS * np.sqrt(2.0 * np.maximum(expected, 1.0))
    odd = filled & sure & (off > _LEVEL_OFF * expected)
    return float(odd.sum() / filled.sum())


def _periodicity(planes: Sequence[NDArray[Any]], floor: float) -> float | None:
    """Interpolated pixels lie at a regular changing distance from measured ones."""
    peaks = []
    for turned in (False, True):
        total, number = _second_differences(planes, floor, turned=turned)
        known = np.flatnonzero(number > 0.1 * number.max())
        if not number.any() or known.size < _MIN_SIDE // 2:
            continue
        part = slice(known[0], known[-1] + 1)
        course = np.log(np.maximum(total[part] / np.maximum(number[part], 1), 1e-3))
        peaks.append(_highest_peak(course))
    return max(peaks, default=None)


def _second_differences(
    planes: Sequence[NDArray[Any]], floor: float, *, turned: bool
) -> tuple[Floats, Floats]:
    """Sum of the capped second differences along an axis, and their number."""
    n = planes[0].shape[0 if turned else 1] - 2
    total, number = np.zeros(n), np.zeros(n)
    for plane in planes:
        rows = (plane.T if turned else plane).astype(np.float32)
        bend = 2.0 * rows[:, 1:-1]
        bend -= rows[:, :-2]
        bend -= rows[:, 2:]
        np.abs(bend, out=bend)
        inside = rows[:, 1:-1] > floor
        if not inside.any():
            continue
        # Edges of organs must not outweigh the noise.
        cap = float(np.quantile(bend[inside][::7], 0.9))
        np.minimum(bend, cap, out=bend)
        bend *= inside
        total += bend.sum(axis=0)
        number += inside.sum(axis=0)
    return total, number


def _highest_peak(course: Floats) -> float:
    kernel = np.hanning(33)[1:-1]
    smooth = np.convolve(
        np.pad(course, kernel.size // 2, mode="reflect"), kernel / kernel.sum(), "valid"
    )
    rest = course - smooth
    limit = 4.0 * float(np.median(np.abs(rest))) + 1e-9
    waves = np.fft.rfft(np.clip(rest, -limit, limit) * np.hanning(rest.size), _SPECTRUM)
    frequency = np.fft.rfftfreq(_SPECTRUM)
    power = (np.abs(waves) ** 2)[frequency >= _LOWEST_FREQUENCY]
    return _highest_over_median(power)


def _highest_over_median(power: Floats) -> float:
    """Highest value over the median of those around it.

    A window that is moved by k values has a median of at least the k-th value below
    that of the window it came from. So few windows can hold the highest ratio.
    """
    padded = np.pad(power, _AROUND, mode="reflect")
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    rank = _AROUND - _MOVED
    bound = np.partition(around[::_MOVED], rank, axis=1)[:, rank]
    least = np.maximum(np.repeat(bound, _MOVED)[: power.size], 1e-12)

    def ratios(chosen: NDArray[np.intp]) -> Floats:
        middle = np.median(around[chosen], axis=1)
        return np.asarray(power[chosen] / np.maximum(middle, 1e-12))

    first = ratios(np.array([int((power / least).argmax())]))[0]
    return float(ratios(np.flatnonzero(power / least >= first)).max())


def _border(planes: Sequence[NDArray[Any]]) -> float | None:
    """Nothing lies between padding and air unless the border was interpolated."""
    shares = []
    for plane in planes:
        corners = np.array([plane[r, c] for r in (0, -1) for c in (0, -1)], np.float64)
        padding = float(corners.mean())
        if padding > _PADDING_HU or np.ptp(corners) > _PADDING_SPREAD:
            continue
        between = (plane > padding + _PADDING_SPREAD) & (plane < _PADDING_HU)
        padded = np.abs(plane - padding) <= _PADDING_SPREAD
        shares.append(float(between.sum() / np.sqrt(padded.sum())))
    return float(np.median(shares)) if shares else None


def _between(volume: Volume, low: float, high: float) -> float | None:
    """Highest share of a slice's fine detail that its neighbours explain together."""
    if volume.n_slices < 3:
        return None
    start = max(1, (volume.n_slices - _TRIPLES) // 2)
    middle = range(start, min(start + _TRIPLES, volume.n_slices - 1))
    fine = {
        index: _fine(volume.voxels[index])
        for index in range(middle[0] - 1, middle[-1] + 2)
    }
    shares = []
    for index in middle:
        inside = np.ones(fine[index].shape, np.bool_)
        for near in (index - 1, index, index + 1):
            plane = volume.voxels[near][1:-1, 1:-1]
            inside &= (plane > low) & (plane < high)
        own = fine[index][inside]
        if own.size < _MIN_PIXELS:
            continue
        limit = 5.0 * float(np.median(np.abs(own)))
        both = np.stack([fine[index - 1][inside], fine[index + 1][inside]])
        small = (np.abs(own) < limit) & (np.abs(both) < limit).all(axis=0)
        own, both = own[small].astype(np.float64), both[:, small].astype(np.float64)
        if not own.any():
            continue
        weights = np.linalg.lstsq(both @ both.T, both @ own, rcond=None)[0]
        shares.append(
            1.0 - float(np.mean((own - weights @ both) ** 2 / np.mean(own**2)))
        )
    if not shares:
        return None
    thickness = volume.source.thickness_mm
    is_apart = thickness and volume.spacing_mm[0] >= _APART * float(thickness)
    return 1.0 - (1.0 - max(shares)) * (1.0 if is_apart else _OVERLAP_ALLOWANCE)


def _fine(plane: NDArray[Any]) -> NDArray[np.float32]:
    p = plane.astype(np.float32)
    around = p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:]
    fine: NDArray[np.float32] = p[1:-1, 1:-1] - 0.25 * around
    return fine
