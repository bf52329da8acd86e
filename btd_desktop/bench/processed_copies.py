"""Copies of a whole series after one kind of processing, as an editor could make them.

Every copy keeps whole HU within the range of its source, and none of them says in its
header what was done.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft, ndimage

from btd_desktop.bench.attacks.noise_spectrum import fine_detail, random_noise
from btd_desktop.volume import Volume, integral_or_float

Array = NDArray[np.float32]
_AIR_PADDING: Final = -1100.0
_NOISE_SHARE: Final = 0.7
_LOSSY_RATIO: Final = 10
_MIDDLE: Final = 256


@dataclass(frozen=True, slots=True)
class Processing:
    """One way to process a whole series.

    Attributes:
        name: What tables call it.
        apply: Takes slices (S, H, W) in HU and a generator, and gives processed slices,
            of another shape where the grid changes.
        slice_factor: New slices per old slice.
    """

    name: str
    apply: Callable[[Array, np.random.Generator], Array]
    slice_factor: float = 1.0


def processed(volume: Volume, how: Processing, seed: int) -> Volume:
    """A processed copy; its header does not say so, its spacing follows the new grid.

    Args:
        volume: A CT series.
        how: The processing.
        seed: Seed of added noise.
    """
    before = volume.voxels.astype(np.float32)
    after = np.rint(how.apply(before, np.random.default_rng(seed)))
    after = np.clip(after, before.min(), before.max())
    n = len(after)
    step = volume.spacing_mm[0] / how.slice_factor
    source = volume.source
    if how.slice_factor != 1.0 and source.thickness_mm:
        # A careful editor states slices as thick as they are apart.
        thickness = source.thickness_mm / how.slice_factor
        source = source.with_facts(thickness_mm=thickness)
    spacing = [
        size * old / new
        for size, old, new in zip(
            volume.spacing_mm[1:], before.shape[1:], after.shape[1:], strict=True
        )
    ]
    return replace(
        volume,
        voxels=integral_or_float(after),
        spacing_mm=(step, spacing[0], spacing[1]),
        slice_positions_mm=tuple(index * step for index in range(n)),
        instance_uids=tuple(f"{volume.instance_uids[0]}/{i}" for i in range(n)),
        slice_origins_mm=None,
        padding=None,
        source=source,
    )


def _each(work: Callable[[Array], NDArray[Any]]) -> Callable[..., Array]:
    def apply(slices: Array, rng: np.random.Generator) -> Array:
        del rng
        return np.stack([np.asarray(work(plane), np.float32) for plane in slices])

    return apply


def _shifted(order: int, rows: float, columns: float) -> Callable[..., Array]:
    return _each(
        lambda p: ndimage.shift(p, (rows, columns), order=order, mode="nearest")
    )


def _fourier_shifted(plane: Array) -> NDArray[Any]:
    return np.asarray(fft.ifft2(ndimage.fourier_shift(fft.fft2(plane), 0.5)).real)


def _zoomed(plane: Array, rows: int, columns: int, order: int) -> Array:
    factors = (rows / plane.shape[0], columns / plane.shape[1])
    return np.asarray(
        ndimage.zoom(plane, factors, order=order, grid_mode=True, mode="nearest"),
        np.float32,
    )


def _there_and_back(order: int) -> Callable[..., Array]:
    def work(plane: Array) -> Array:
        rows, columns = plane.shape
        small = _zoomed(plane, rows * 15 // 16, columns * 15 // 16, order)
        return _zoomed(small, rows, columns, order)

    return _each(work)


def _other_grid(share: float, order: int) -> Callable[..., Array]:
    return _each(
        lambda p: _zoomed(
            p, round(p.shape[0] * share), round(p.shape[1] * share), order
        )
    )


def _bilateral(plane: Array) -> Array:
    total, weight = np.zeros_like(plane), np.zeros_like(plane)
    for down in range(-2, 3):
        for right in range(-2, 3):
            other = np.roll(plane, (down, right), (0, 1))
            near = np.exp(-(down**2 + right**2) / (2 * 1.5**2))
            like = near * np.exp(-((other - plane) ** 2) / (2 * 25.0**2))
            total += like * other
            weight += like
    return total / weight


def _non_local(plane: Array) -> Array:
    total, weight = np.zeros_like(plane), np.zeros_like(plane)
    for down in range(-4, 5):
        for right in range(-4, 5):
            other = np.roll(plane, (down, right), (0, 1))
            apart = ndimage.uniform_filter((other - plane) ** 2, 5)
            like = np.exp(-np.maximum(apart - 200.0, 0.0) / 400.0)
            total += like * other
            weight += like
    return total / weight


def _with_white_noise(hu: float) -> Callable[..., Array]:
    def apply(slices: Array, rng: np.random.Generator) -> Array:
        noise = hu * rng.standard_normal(slices.shape, np.float32)
        return np.where(slices > _AIR_PADDING, slices + noise, slices)

    return apply


def _with_own_noise(slices: Array, rng: np.random.Generator) -> Array:
    """Fresh noise with half the power and the spectrum of the series itself."""
    return np.where(
        slices > _AIR_PADDING, slices + _NOISE_SHARE * _own_noise(slices, rng), slices
    )


def _own_noise(slices: Array, rng: np.random.Generator) -> Array:
    side = min(_MIDDLE, *slices.shape[1:])
    top, left = ((n - side) // 2 for n in slices.shape[1:])
    middle = slices[:, top : top + side, left : left + side]
    detail = fine_detail(middle, np.abs(middle - 40.0) < 200.0, 40.0)
    if detail is None:
        return np.zeros_like(slices)
    rows, columns = slices.shape[1:]
    correlation = np.fft.fftshift(fft.ifft2(detail.spectrum).real)
    wide = np.zeros((rows, columns), np.float32)
    wide[:side, :side] = correlation
    wide = np.roll(wide, (-(side // 2), -(side // 2)), (0, 1))
    spectrum = np.maximum(fft.fft2(wide).real, 0.0).astype(np.float32)
    return random_noise(spectrum, detail.along_z, len(slices), rng)


def _shifted_with_noise(slices: Array, rng: np.random.Generator) -> Array:
    """Half a pixel, and the noise that the shift took away put back."""
    moved = _shifted(3, 0.5, 0.5)(slices, rng)
    fresh = _NOISE_SHARE * _own_noise(slices, rng)
    return np.where(moved > _AIR_PADDING, moved + fresh, moved)


def _lossy(plane: Array) -> Array:
    """JPEG 2000 at a tenth of its size."""
    low = float(plane.min())
    buffer = io.BytesIO()
    Image.fromarray((plane - low).astype(np.uint16)).save(
        buffer, "JPEG2000", irreversible=True, quality_layers=[_LOSSY_RATIO]
    )
    return np.asarray(Image.open(buffer), np.float32) + low


def _between_slices(factor: float) -> Callable[..., Array]:
    def apply(slices: Array, rng: np.random.Generator) -> Array:
        del rng
        places = np.arange(0.0, len(slices) - 1 + 1e-6, 1.0 / factor)
        below = np.minimum(places.astype(int), len(slices) - 2)
        share = (places - below).astype(np.float32)[:, np.newaxis, np.newaxis]
        mixed: Array = (1 - share) * slices[below] + share * slices[below + 1]
        return mixed

    return apply


def _in_steps(hu: float) -> Callable[..., Array]:
    return _each(lambda p: hu * np.rint(p / hu))


PROCESSINGS: Final[tuple[Processing, ...]] = (
    Processing("half a pixel, linear", _shifted(1, 0.5, 0.5)),
    Processing("half a pixel, cubic", _shifted(3, 0.5, 0.5)),
    Processing("half a pixel along rows, cubic", _shifted(3, 0.0, 0.5)),
    Processing("half a pixel, Fourier", _each(_fourier_shifted)),
    Processing("half a pixel, fresh noise of its spectrum", _shifted_with_noise),
    Processing("quarter of a pixel, cubic", _shifted(3, 0.25, 0.25)),
    Processing("Gaussian, 0.5 px", _each(lambda p: ndimage.gaussian_filter(p, 0.5))),
    Processing("Gaussian, 1 px", _each(lambda p: ndimage.gaussian_filter(p, 1.0))),
    Processing("median, 3 px", _each(lambda p: ndimage.median_filter(p, 3))),
    Processing("bilateral", _each(_bilateral)),
    Processing("non-local means", _each(_non_local)),
    Processing("to 15/16 and back, linear", _there_and_back(1)),
    Processing("to 15/16 and back, cubic", _there_and_back(3)),
    Processing("to 25/32 of the pixels, linear", _other_grid(25 / 32, 1)),
    Processing("to 25/32 of the pixels, cubic", _other_grid(25 / 32, 3)),
    Processing("to 5/4 of the pixels, cubic", _other_grid(5 / 4, 3)),
    Processing("white noise, 2 HU", _with_white_noise(2.0)),
    Processing("white noise, 5 HU", _with_white_noise(5.0)),
    Processing("fresh noise of its spectrum", _with_own_noise),
    Processing("steps of 2 HU", _in_steps(2.0)),
    Processing("steps of 4 HU", _in_steps(4.0)),
    Processing("steps of 8 HU", _in_steps(8.0)),
    Processing("times 1.02", _each(lambda p: 1.02 * p)),
    Processing("JPEG 2000, 1:10", _each(_lossy)),
    Processing("twice the slices, linear", _between_slices(2.0), 2.0),
    Processing("5/4 of the slices, linear", _between_slices(1.25), 1.25),
    Processing("4/5 of the slices, linear", _between_slices(0.8), 0.8),
)
