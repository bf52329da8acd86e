"""NumPy and PNG files: values without a place."""

from __future__ import annotations

import io
import math
from tokenize import TokenError
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import ParsedFile
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.volume_files.layout import after_end

# Signature; then length, name, data and checksum of each chunk (PNG, 5.3).
_PNG_START: Final = 8
_CHUNK_FRAME: Final = 12


def parse_npy(data: bytes, limits: Limits) -> ParsedFile:
    """Array (1, S, H, W) of a `.npy` file with one slice or a stack of slices."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    except (ValueError, SyntaxError, TypeError, OSError, TokenError) as error:
        return ParsedFile(Fate.DAMAGED, f"The NumPy header is damaged ({error}).")
    if dtype.hasobject or dtype.kind not in "iufb":
        return ParsedFile(
            Fate.REFUSED, "A NumPy file that does not hold plain numbers."
        )
    if len(shape) not in (2, 3) or 0 in shape:
        return ParsedFile(Fate.UNSUPPORTED, f"A NumPy array of shape {shape}.")
    count = math.prod(shape)
    if count * dtype.itemsize > limits.max_pixel_bytes:
        return ParsedFile(Fate.REFUSED, f"Declares an array of shape {shape}.")
    body = data[stream.tell() :]
    if len(body) < count * dtype.itemsize:
        return ParsedFile(Fate.DAMAGED, "The NumPy file is cut short.")
    order = "F" if fortran else "C"
    values: NDArray[Any] = np.frombuffer(body, dtype=dtype, count=count)
    values = np.ascontiguousarray(values.reshape(shape, order=order))  # type: ignore[call-overload]
    if dtype.kind == "b":
        values = values.astype(np.uint8)
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    n_more = len(body) - count * dtype.itemsize
    return ParsedFile(
        Fate.ACCEPTED,
        "",
        pixels=values.reshape((1, -1, *shape[-2:])),
        remarks=tuple(after_end("values", n_more)),
    )


def parse_png(data: bytes, limits: Limits) -> ParsedFile:
    """Array (1, 1, H, W) of a grey PNG; colour with three equal channels counts."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        return ParsedFile(Fate.DAMAGED, "The PNG header is damaged.")
    width = int.from_bytes(data[16:20], "big")
    height = int.from_bytes(data[20:24], "big")
    if width < 1 or height < 1 or width * height * 8 > limits.max_pixel_bytes:
        return ParsedFile(Fate.REFUSED, f"Declares {height} x {width} pixels.")
    import imagecodecs

    try:
        values = np.asarray(imagecodecs.png_decode(data))
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the codec has its own error type
        words = str(error).split("\n", 1)[0][:120]
        return ParsedFile(Fate.DAMAGED, f"The PNG cannot be decoded ({words}).")
    if values.ndim == 3:
        if values.shape[2] >= 3 and np.ptp(values[..., :3], axis=2).any():
            return ParsedFile(Fate.UNSUPPORTED, "A colour PNG, not a grey slice.")
        values = values[..., 0]
    if values.shape != (height, width):
        return ParsedFile(Fate.DAMAGED, "The PNG cannot be decoded.")
    return ParsedFile(
        Fate.ACCEPTED,
        "",
        pixels=np.ascontiguousarray(values)[None, None],
        remarks=tuple(after_end("picture", len(data) - _png_end(data))),
    )


def _png_end(data: bytes) -> int:
    """Where the chunk IEND ends; the length of the data when there is none."""
    at = _PNG_START
    while at + _CHUNK_FRAME <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        is_last = data[at + 4 : at + 8] == b"IEND"
        at += _CHUNK_FRAME + length
        if is_last:
            return min(at, len(data))
    return len(data)
