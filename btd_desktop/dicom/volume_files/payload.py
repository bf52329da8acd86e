"""The values of a volume file: unpacked under a ceiling, counted, and put in order."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.findings import note
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import ParsedFile, damaged, refused, unsupported
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.volume_files.layout import GZIP_MAGIC, Layout, Remark, after_end

_CHUNK: Final = 1 << 16
_MAX_TIMES: Final = 1000


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


def parsed_volume(
    layout: Layout, data: bytes, companion: bytes | None, limits: Limits
) -> ParsedFile:
    """Array (times, S, H, W), grid and remarks of a volume file.

    Raises:
        RejectedFileError: The values are not there, too many, or not what is declared.
    """
    _check_size(layout, limits)
    if layout.detached is None:
        body = memoryview(data)[layout.start :]
    elif companion is None:
        raise damaged(
            "The data file that this header names is not among the evidence beside it."
        )
    else:
        body = memoryview(companion)[layout.start :]
    remarks = list(layout.remarks)
    n_before = len(body) - layout.n_bytes
    if layout.from_end and n_before > 0:
        body = body[n_before:]
        sentence = (
            f"The header says that the values are the end of their file: {n_before:,} "
            "bytes before them were not read."
        )
        remarks.append(note("hidden_bytes", sentence))
    packed = layout.packed_bytes
    if packed is not None and packed != len(body):
        raise damaged(
            f"The header declares {packed:,} packed bytes, the file holds "
            f"{len(body):,}."
        )
    if layout.encoding != "raw":
        body, more = _unpack(body, layout.encoding, layout.n_bytes)
        remarks += more
    if len(body) < layout.n_bytes:
        raise damaged(
            f"The volume is cut short: {len(body):,} of {layout.n_bytes:,} B."
        )
    n_extra = len(body) - layout.n_bytes
    if n_extra and layout.is_exact:
        raise refused(
            f"{n_extra:,} bytes more than the header declares: readers that count "
            "from the end see another image."
        )
    remarks += after_end("values", n_extra)
    stored = np.frombuffer(body, layout.dtype, layout.n_values)
    return ParsedFile(
        Fate.ACCEPTED,
        "",
        pixels=_rescaled(_ordered(stored, layout), layout),
        grid=layout.grid() if layout.has_place else None,
        modality=layout.modality,
        remarks=tuple(remarks),
    )


def gunzip(data: bytes, max_bytes: int) -> tuple[bytes, list[Remark]]:
    """A gzip file unpacked, all its members (RFC 1952, 2.2), and what follows them.

    Raises:
        RejectedFileError: It is damaged, cut short, or unpacks to more than
            `max_bytes`.
    """
    return _inflate(memoryview(data), "gzip", max_bytes)


def _check_size(layout: Layout, limits: Limits) -> None:
    if min(layout.sizes) < 1:
        raise damaged(f"The header declares sizes of {list(layout.sizes)}.")
    if layout.times is not None and layout.sizes[layout.times] > _MAX_TIMES:
        raise refused(f"Holds {layout.sizes[layout.times]:,} volumes.")
    # 4 bytes: what a value takes once it is rescaled.
    n_bytes = layout.n_values * max(4, layout.dtype.itemsize)
    if n_bytes > limits.max_pixel_bytes:
        raise refused(
            f"Declares {layout.n_values:,} values; the limit is "
            f"{limits.max_pixel_bytes:,} B."
        )


def _unpack(
    body: memoryview, encoding: str, n_bytes: int
) -> tuple[memoryview, list[Remark]]:
    is_zlib = encoding == "zlib" and bytes(body[:2]) != GZIP_MAGIC
    kind = "zlib" if is_zlib else "bzip2" if encoding == "bzip2" else "gzip"
    # One byte more than declared is enough to know that there is more.
    unpacked, remarks = _inflate(body, kind, n_bytes + _CHUNK)
    return memoryview(unpacked), remarks


def _inflate(body: memoryview, kind: str, max_bytes: int) -> tuple[bytes, list[Remark]]:
    """All streams of a kind that follow each other, and a remark on what is no stream.

    Fed in small pieces: what is left after a stream is copied, and there may be many.
    """
    unpacker, out = _new_unpacker(kind), bytearray()
    feed, pending, at = _pieces(body), b"", 0
    while True:
        piece = pending or next(feed, b"")
        pending = b""
        if not piece:
            break
        at += len(piece)
        try:
            out += unpacker.decompress(piece, max_bytes + 1 - len(out))
        except (zlib.error, OSError, EOFError, ValueError) as error:
            raise damaged(f"The {kind} stream is damaged ({error}).") from error
        if len(out) > max_bytes:
            raise refused(f"The {kind} stream unpacks to more than {max_bytes:,} B.")
        if not unpacker.eof:
            continue
        at -= len(unpacker.unused_data)
        rest = body[at:]
        if kind == "zlib" or not _starts_stream(rest, kind):
            return bytes(out), _what_follows(rest, kind)
        pending, unpacker = unpacker.unused_data, _new_unpacker(kind)
    raise damaged(f"The {kind} stream is cut short.")


def _new_unpacker(kind: str) -> _Unpacker:
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    return zlib.decompressobj(zlib.MAX_WBITS | (16 if kind == "gzip" else 0))


def _pieces(body: memoryview) -> Iterator[bytes]:
    for start in range(0, len(body), _CHUNK):
        yield bytes(body[start : start + _CHUNK])


def _starts_stream(rest: memoryview, kind: str) -> bool:
    magic = GZIP_MAGIC if kind == "gzip" else b"BZh"
    return bytes(rest[: len(magic)]) == magic


def _what_follows(rest: memoryview, kind: str) -> list[Remark]:
    # Tapes and some packers pad with zeros; gzip itself takes them for nothing.
    is_empty = not rest.tobytes().strip(b"\0")
    return [] if is_empty else after_end(f"{kind} stream", len(rest))


def _ordered(stored: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """(times, S, H, W) of values whose first axis is the fastest."""
    values = stored.reshape(layout.sizes[::-1])
    n_axes = len(layout.sizes)
    order = [n_axes - 1 - axis for axis in layout.spatial[::-1]]
    if layout.times is not None:
        order.insert(0, n_axes - 1 - layout.times)
    left_out = [axis for axis in range(n_axes) if axis not in order]
    if any(values.shape[axis] != 1 for axis in left_out):
        raise unsupported(f"Not a stack of slices: {list(layout.sizes)}.")
    values = values.transpose([*left_out, *order])
    n_times = 1 if layout.times is None else layout.sizes[layout.times]
    sides = [layout.sizes[axis] for axis in layout.spatial[::-1]]
    return values.reshape((n_times, *([1] * (3 - len(sides))), *sides))


def _rescaled(stored: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Values after slope and intercept, computed in 64 bits and kept in 32."""
    native = stored.dtype.newbyteorder("=")
    if layout.slope == 1.0 and layout.intercept == 0.0:
        return np.ascontiguousarray(stored, dtype=native)
    values = np.empty(stored.shape, np.float32)
    with np.errstate(all="ignore"):
        for time in range(stored.shape[0]):
            for index in range(stored.shape[1]):
                plane = stored[time, index].astype(np.float64)
                values[time, index] = plane * layout.slope + layout.intercept
    return values
