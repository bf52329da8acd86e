"""Stored pixel values of one DICOM instance, from any permissively decoded syntax.

Runs in the parsing process. Decoders are named here and never picked by pydicom's
plug-in search: an installed gdcm aborts the process on 2.6 kB of JPEG 2000.
Dimensions in the header and in the codestream are compared before anything is
decoded, because the decoder allocates what the codestream says.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import RejectedFileError
from btd_desktop.dicom.safe_dataset import PYDICOM_ERRORS, SafeDataset
from btd_desktop.dicom.series import Fate

__all__ = ["PixelLayout", "decode_pixels", "read_layout"]

StoredArray = NDArray[Any]

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
RLE: Final = "1.2.840.10008.1.2.5"
_NATIVE: Final = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED)
_JPEG: Final = tuple(
    "1.2.840.10008.1.2.4." + tail
    for tail in ("50", "51", "52", "53", "54", "55", "56", "57", "70")
)
_JPEG_LS: Final = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81")
_JPEG_2000: Final = tuple(
    "1.2.840.10008.1.2.4." + tail for tail in ("90", "91", "201", "202", "203")
)
_MAX_SIDE: Final = 65535
_UNDEFINED_LENGTH: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Image Pixel Module (PS3.3 C.7.6.3) of a monochrome image, checked."""

    rows: int
    columns: int
    n_frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    transfer_syntax_uid: str

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored values in memory."""
        return np.dtype(f"{'i' if self.is_signed else 'u'}{self.bits_allocated // 8}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one decoded frame."""
        return self.rows * self.columns * self.bits_allocated // 8


def read_layout(
    dataset: SafeDataset, transfer_syntax_uid: str, limits: Limits
) -> PixelLayout:
    """Layout of the pixels as declared.

    Raises:
        RejectedFileError: It is impossible, not supported or above a limit.
    """
    if transfer_syntax_uid not in (*_NATIVE, RLE, *_JPEG, *_JPEG_LS, *_JPEG_2000):
        raise RejectedFileError(
            Fate.UNSUPPORTED,
            f"No decoder for transfer syntax {transfer_syntax_uid or 'unknown'}.",
        )
    rows, columns = dataset.integer("Rows"), dataset.integer("Columns")
    allocated = dataset.integer("BitsAllocated")
    if not (rows and columns and 0 < rows <= _MAX_SIDE and 0 < columns <= _MAX_SIDE):
        raise RejectedFileError(
            Fate.DAMAGED, f"Rows and Columns are not usable ({rows} x {columns})."
        )
    n_frames = dataset.integer("NumberOfFrames") or 1
    if allocated is None or allocated not in (8, 16, 32):
        fate = Fate.UNSUPPORTED if allocated in (1, 12, 24, 64) else Fate.DAMAGED
        raise RejectedFileError(fate, f"{allocated} bits per pixel are not read.")
    declared = rows * columns * n_frames * allocated // 8
    if n_frames < 1 or declared > limits.max_pixel_bytes:
        raise RejectedFileError(
            Fate.REFUSED,
            f"Declares {rows} x {columns} pixels in {n_frames} frames, {declared:,} "
            f"bytes; the limit is {limits.max_pixel_bytes:,}.",
        )
    stored = dataset.integer("BitsStored")
    stored = allocated if stored is None else stored
    high_bit = dataset.integer("HighBit")
    high_bit = stored - 1 if high_bit is None else high_bit
    if not 1 <= stored <= allocated or not stored - 1 <= high_bit < allocated:
        raise RejectedFileError(
            Fate.DAMAGED,
            f"Bits do not fit: {allocated} allocated, {stored} stored, high bit "
            f"{high_bit}.",
        )
    return PixelLayout(
        rows=rows,
        columns=columns,
        n_frames=n_frames,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        is_signed=dataset.integer("PixelRepresentation") == 1,
        transfer_syntax_uid=transfer_syntax_uid,
    )


def decode_pixels(
    dataset: Dataset, layout: PixelLayout
) -> tuple[StoredArray, tuple[str, ...]]:
    """Stored values, shape (frames, rows, columns), and remarks' codes.

    Raises:
        RejectedFileError: Pixels are missing, cut short or not decodable.
    """
    try:
        element = dataset.get_item("PixelData")
    except NotImplementedError as error:
        raise RejectedFileError(
            Fate.DAMAGED, "The pixel data carry an unknown value representation."
        ) from error
    data = getattr(element, "value", None)
    if not isinstance(data, bytes | bytearray) or not data:
        raise RejectedFileError(Fate.DAMAGED, "The pixel data are missing.")
    declared = getattr(element, "length", len(data))
    if declared not in (len(data), _UNDEFINED_LENGTH):
        raise RejectedFileError(
            Fate.DAMAGED,
            f"The pixel data claim {declared:,} bytes, {len(data):,} are there.",
        )
    if layout.transfer_syntax_uid in _NATIVE:
        vr = getattr(element, "VR", None)
        return _finish(_native(bytes(data), layout, str(vr)), layout, is_native=True)
    frames = _encapsulated_frames(dataset, bytes(data), layout)
    if len(frames) < layout.n_frames:
        raise RejectedFileError(
            Fate.DAMAGED,
            f"{layout.n_frames} frames are declared, {len(frames)} are there.",
        )
    decoded = [_decode_frame(frame, layout) for frame in frames]
    return _finish(np.stack(decoded), layout, is_native=False)


def _encapsulated_frames(
    dataset: Dataset, data: bytes, layout: PixelLayout
) -> list[bytes]:
    try:
        extended = None
        if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
            extended = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
        frames = generate_frames(
            data, number_of_frames=layout.n_frames, extended_offsets=extended
        )
        # Not one more than declared: a hostile offset table lists as many as it likes.
        return list(itertools.islice(frames, layout.n_frames))
    except PYDICOM_ERRORS as error:
        words = str(error).split("\n", 1)[0][:120]
        raise RejectedFileError(
            Fate.DAMAGED, f"The pixel data are not items of frames ({words})."
        ) from error


def _native(data: bytes, layout: PixelLayout, vr: str) -> StoredArray:
    needed = layout.frame_bytes * layout.n_frames
    if len(data) < needed:
        raise RejectedFileError(
            Fate.DAMAGED,
            f"The pixel data are cut short: {len(data):,} of {needed:,} bytes.",
        )
    is_big = layout.transfer_syntax_uid == EXPLICIT_BIG
    shape = (layout.n_frames, layout.rows, layout.columns)
    if is_big and layout.bits_allocated == 8 and vr == "OW":
        # 8-bit pixels in OW are byte-swapped in pairs (PS3.5 A.2 and 8.1.1).
        padded = data[: needed + needed % 2]
        padded += b"\0" * (len(padded) % 2)
        swapped = np.frombuffer(padded, dtype=">u2").astype("<u2").tobytes()
        return np.frombuffer(swapped[:needed], dtype=layout.dtype).reshape(shape)
    stored = np.frombuffer(
        data,
        dtype=layout.dtype.newbyteorder(">" if is_big else "<"),
        count=needed // layout.dtype.itemsize,
    )
    return stored.reshape(shape).astype(layout.dtype, copy=False)


def _decode_frame(frame: bytes, layout: PixelLayout) -> StoredArray:
    syntax = layout.transfer_syntax_uid
    if syntax == RLE:
        return _decode_rle(frame, layout)
    declared = codestream_size(frame)
    if declared is None:
        raise RejectedFileError(Fate.DAMAGED, "A frame holds no readable codestream.")
    if declared != (layout.rows, layout.columns):
        raise RejectedFileError(
            Fate.DAMAGED,
            f"The codestream holds {declared[0]} x {declared[1]} pixels, the header "
            f"says {layout.rows} x {layout.columns}.",
        )
    decoders: tuple[Callable[[bytes], StoredArray], ...]
    if syntax in _JPEG_LS:
        decoders = (imagecodecs.jpegls_decode,)
    elif syntax in _JPEG_2000:
        decoders = (imagecodecs.jpeg2k_decode,)
    else:
        decoders = (imagecodecs.jpeg8_decode, imagecodecs.jpegsof3_decode)
    reason = ""
    for decode in decoders:
        try:
            decoded = np.asarray(decode(frame))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - each codec has its own error type
            reason = str(error).split("\n", 1)[0][:120]
            continue
        # Some decoders answer bad data with an empty array instead of an error.
        if decoded.shape == (layout.rows, layout.columns):
            return decoded
        reason = f"decoded to shape {decoded.shape}"
    raise RejectedFileError(Fate.DAMAGED, f"A frame cannot be decoded ({reason}).")


def _decode_rle(frame: bytes, layout: PixelLayout) -> StoredArray:
    """One frame of PackBits segments, most significant byte first (PS3.5 annex G)."""
    if len(frame) < 64:
        raise RejectedFileError(Fate.DAMAGED, "A run-length frame has no header.")
    table = np.frombuffer(frame[:64], dtype="<u4")
    n_bytes, n_pixels = layout.bits_allocated // 8, layout.rows * layout.columns
    if table[0] != n_bytes:
        raise RejectedFileError(
            Fate.DAMAGED, f"A run-length frame has {table[0]} segments, not {n_bytes}."
        )
    bounds = [*(int(offset) for offset in table[1 : n_bytes + 1]), len(frame)]
    planes = np.empty((n_bytes, n_pixels), dtype=np.uint8)
    for index in range(n_bytes):
        segment = frame[bounds[index] : bounds[index + 1]]
        # PackBits turns 2 bytes into at most 128; check before it is unpacked.
        if len(segment) * 64 < n_pixels:
            raise RejectedFileError(Fate.DAMAGED, "A run-length segment is too short.")
        plane = _unpacked(segment)
        if plane.size < n_pixels:
            raise RejectedFileError(Fate.DAMAGED, "A run-length segment is cut short.")
        planes[index] = plane[:n_pixels]
    big_endian = np.ascontiguousarray(planes.T).view(f">u{n_bytes}")
    return big_endian.reshape(layout.rows, layout.columns).astype(f"u{n_bytes}")


def _unpacked(segment: bytes) -> StoredArray:
    try:
        return np.frombuffer(imagecodecs.packbits_decode(segment), dtype=np.uint8)
    except imagecodecs.PackbitsError as error:
        raise RejectedFileError(
            Fate.DAMAGED, "A run-length segment cannot be unpacked."
        ) from error


def _finish(
    stored: StoredArray, layout: PixelLayout, *, is_native: bool
) -> tuple[StoredArray, tuple[str, ...]]:
    """Stored values with unused bits cleared and the sign where it belongs."""
    if stored.dtype.kind == "i" and not layout.is_signed:
        # A codestream with a sign under a header without one: believe the pixels.
        has_negative = bool(stored.min() < 0)
        kept = stored if has_negative else stored.astype(layout.dtype)
        return kept, (("sign_mismatch",) if has_negative else ())
    if stored.dtype.kind == "i" and not is_native:
        return stored.astype(layout.dtype, copy=False), ()
    unused = layout.bits_allocated - layout.bits_stored
    shift = layout.high_bit - (layout.bits_stored - 1)
    values = stored.astype(layout.dtype, copy=False)
    if unused == 0:
        return values, ()
    cleaned = values >> shift if shift and is_native else values
    cleaned = (cleaned << unused) >> unused
    changed = is_native and not np.array_equal(cleaned, values)
    return cleaned, (("high_bits",) if changed else ())


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 codestream declares."""
    start = frame.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start >= 0 and len(frame) >= start + 24:
        x, y, x0, y0 = np.frombuffer(frame[start + 8 : start + 24], dtype=">u4")
        return int(y) - int(y0), int(x) - int(x0)
    if not frame.startswith(b"\xff\xd8"):
        return None
    offset = 2
    while offset + 9 <= len(frame):
        if frame[offset] != 0xFF:
            return None
        marker = frame[offset + 1]
        if marker == 0xFF:
            offset += 1
            continue
        is_frame = 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
        if is_frame or marker == 0xF7:
            rows = int.from_bytes(frame[offset + 5 : offset + 7], "big")
            return rows, int.from_bytes(frame[offset + 7 : offset + 9], "big")
        offset += 2 + int.from_bytes(frame[offset + 2 : offset + 4], "big")
    return None
