"""Planes and maps into pictures.

A plane passes one look-up table that holds the whole display pipeline (window,
inversion, 8 bit, RGB), and lands in a buffer that the picture shares. So a new slice
costs one gather and no allocation. `RGB32` although the picture is grey, because Qt
scales that format by its fastest path.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtGui import QImage

Table = NDArray[np.uint32]

_INT16 = np.arange(-32768, 32768, dtype=np.float64)
_N_COLOURS = 256
# Floor of a p-value on the logarithmic scale; no calibration resolves less.
_SMALLEST_P = 1e-12


def grey_levels(
    values: NDArray[Any], centre: float, width: float, *, whole: bool = True
) -> NDArray[np.uint8]:
    """Grey level of modality values under a display window.

    Args:
        values: Any shape, real.
        centre: Window centre.
        width: Window width; at least 1 for whole numbers, above 0 else.
        whole: Whether the values are whole numbers: then DICOM's LINEAR function
            (PS3.3 C.11.2.1.2.1) is used, which centres the window between two
            integers, else LINEAR_EXACT (C.11.2.1.3.2).

    Returns:
        uint8 of the same shape.
    """
    if whole:
        span = max(width, 1.0) - 1.0
        shifted = values - (centre - 0.5)
        # A width of 1 is a threshold in the standard, not a division by zero.
        scaled = shifted / span + 0.5 if span > 0 else (shifted > 0).astype(float)
    else:
        scaled = (values - centre) / max(width, 1e-6) + 0.5
    return np.asarray(np.rint(np.clip(scaled, 0.0, 1.0) * 255.0), dtype=np.uint8)


def _grey_rgb(levels: NDArray[np.uint8], inverted: bool) -> Table:
    grey = (255 - levels if inverted else levels).astype(np.uint32)
    return np.asarray(0xFF000000 | grey << 16 | grey << 8 | grey, dtype=np.uint32)


def window_table(centre: float, width: float, *, inverted: bool = False) -> Table:
    """RGB32 colour of every int16 value, shape (65536,), indexed by its bits as uint16.

    Args:
        centre: Window centre.
        width: Window width.
        inverted: White for low values.
    """
    by_value = _grey_rgb(grey_levels(_INT16, centre, width), inverted)
    return np.roll(by_value, 32768)


class _Picture:
    """A picture whose pixels are written in place.

    Attributes:
        image: (columns, rows). Valid while this object lives; the next `show`
            overwrites it.
        size: (rows, columns).
    """

    def __init__(self, rows: int, columns: int, form: QImage.Format) -> None:
        self.size = rows, columns
        self._pixels = np.zeros(self.size, dtype=np.uint32)
        self.image = QImage(self._pixels.data, columns, rows, 4 * columns, form)


class GreyPicture(_Picture):
    """A picture of planes of one size, in format RGB32."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__(rows, columns, QImage.Format.Format_RGB32)
        self._levels = np.zeros(self.size, dtype=np.float32)
        self._window: tuple[float, float, bool] | None = None
        self._table: Table = np.zeros(0, dtype=np.uint32)

    def show(
        self, plane: NDArray[Any], window: tuple[float, float], *, inverted: bool
    ) -> QImage:
        """Write a plane into the picture.

        Args:
            plane: (rows, columns), int16 or float32; NaN is drawn as the lowest value.
            window: Centre and width.
            inverted: White for low values.
        """
        if plane.dtype == np.int16:
            self._show_whole(plane, window, inverted)
        else:
            self._show_real(plane, window, inverted)
        return self.image

    def _show_whole(
        self, plane: NDArray[np.int16], window: tuple[float, float], inverted: bool
    ) -> None:
        if self._window != (*window, inverted):
            self._table = window_table(*window, inverted=inverted)
            self._window = (*window, inverted)
        # "wrap" skips the bounds check, which a 16-bit index cannot fail.
        np.take(self._table, plane.view(np.uint16), out=self._pixels, mode="wrap")

    def _show_real(
        self, plane: NDArray[np.float32], window: tuple[float, float], inverted: bool
    ) -> None:
        self._window = None
        centre, width = window
        scale = 255.0 / max(width, 1e-6)
        levels = self._levels
        np.multiply(plane, np.float32(scale), out=levels)
        levels += np.float32(127.5 - centre * scale)
        np.nan_to_num(levels, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
        np.clip(levels, 0.0, 255.0, out=levels)
        np.rint(levels, out=levels)
        if inverted:
            np.subtract(255.0, levels, out=levels)
        np.copyto(self._pixels, levels, casting="unsafe")
        # Times 0x010101 writes one grey level into the three colours.
        self._pixels *= np.uint32(0x010101)
        self._pixels |= np.uint32(0xFF000000)


def remarkableness(
    values: ArrayLike, kind: str, limits: tuple[float, float]
) -> NDArray[np.float32]:
    """Place of values between the dull end 0 and the bright end 1 of the colours.

    Args:
        values: Any shape; NaN stays NaN.
        kind: "p-value" is spread by its logarithm, everything else evenly.
        limits: Values at the dull and at the bright end.
    """
    numbers = np.array(values, dtype=np.float32)
    dull, bright = limits
    if kind == "p-value":
        np.maximum(numbers, np.float32(_SMALLEST_P), out=numbers)
        np.log10(numbers, out=numbers)
        dull, bright = (float(np.log10(max(v, _SMALLEST_P))) for v in limits)
    span = bright - dull
    if span == 0.0:
        beyond = (numbers >= bright).astype(np.float32)
        return np.where(np.isnan(numbers), np.float32(np.nan), beyond)
    numbers -= np.float32(dull)
    numbers /= np.float32(span)
    return np.asarray(np.clip(numbers, 0.0, 1.0, out=numbers))


def overlay_table(
    colours: NDArray[np.uint8], opacity: float, first_shown: float = 0.0
) -> Table:
    """Premultiplied ARGB of 256 levels, shape (256,).

    Args:
        colours: Shape (256, 3), RGB.
        opacity: In [0, 1].
        first_shown: Place in [0, 1] below which nothing is drawn.
    """
    alpha = np.full(_N_COLOURS, round(255 * min(max(opacity, 0.0), 1.0)), np.uint32)
    alpha[np.arange(_N_COLOURS) < np.ceil(first_shown * (_N_COLOURS - 1) - 1e-9)] = 0
    red, green, blue = (
        (colours[:, k].astype(np.uint32) * alpha + 127) // 255 for k in range(3)
    )
    return np.asarray(alpha << 24 | red << 16 | green << 8 | blue, dtype=np.uint32)


class OverlayPicture(_Picture):
    """A map as a picture to be laid over a slice, in format ARGB32_Premultiplied."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__(rows, columns, QImage.Format.Format_ARGB32_Premultiplied)

    def show(
        self,
        values: NDArray[np.float32],
        kind: str,
        limits: tuple[float, float],
        table: Table,
    ) -> QImage:
        """Write a map into the picture; NaN stays transparent.

        Args:
            values: (rows, columns).
            kind: As in `remarkableness`.
            limits: As in `remarkableness`.
            table: From `overlay_table`.
        """
        levels = remarkableness(values, kind, limits)
        levels *= np.float32(_N_COLOURS - 1)
        # One level beyond the colours stands for NaN, which compares false.
        np.copyto(levels, np.float32(_N_COLOURS), where=~(levels >= 0))
        padded = np.append(table, np.uint32(0))
        np.take(padded, levels.astype(np.uint16), out=self._pixels, mode="clip")
        return self.image
