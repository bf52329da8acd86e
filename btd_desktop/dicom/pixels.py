"""Stored pixel values of one DICOM instance, from any permissively decoded syntax.

Runs in the parsing process. Decoders are named by us and never picked by pydicom's
plug-in search: an installed gdcm aborts the process on 2.6 kB of JPEG 2000. Where
header and bytes disagree, in their number, kind or bits, a remark says so.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from btd_desktop.dicom.codestreams import (
    StoredArray,
    codestream_kind,
    decode_frame,
    is_lossy_jpeg,
    kind_of_syntax,
    n_codestreams,
)
from btd_desktop.dicom.element_stream import UNDEFINED
from btd_desktop.dicom.elements import PYDICOM_ERRORS
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import RejectedFileError, damaged, refused, unsupported
from btd_desktop.dicom.safe_dataset import SafeDataset
from btd_desktop.dicom.series import Fate

IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
EXPLICIT_BIG: Final = "1.2.840.10008.1.2.2"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_NATIVE: Final = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED)
_ITEM: Final = b"\xfe\xff\x00\xe0"
_MAX_FRAGMENTS: Final = 200_000
_MAX_SIDE: Final = 65535


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Image Pixel Module (PS3.3 C.7.6.3) of a monochrome image, checked.

    `overlay_bits` has the bits set that overlay elements claim (PS3.3 C.9.2).
    """

    rows: int
    columns: int
    n_frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    is_signed: bool
    transfer_syntax_uid: str
    overlay_bits: int = 0

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
    if transfer_syntax_uid not in _NATIVE and not kind_of_syntax(transfer_syntax_uid):
        raise unsupported(
            f"No decoder for transfer syntax {transfer_syntax_uid or 'unknown'}."
        )
    rows, columns = dataset.integer("Rows"), dataset.integer("Columns")
    allocated = dataset.integer("BitsAllocated")
    if not (rows and columns and 0 < rows <= _MAX_SIDE and 0 < columns <= _MAX_SIDE):
        raise damaged(f"Rows and Columns are not usable ({rows} x {columns}).")
    n_frames = dataset.integer("NumberOfFrames") or 1
    if allocated is None or allocated not in (8, 16, 32):
        fate = Fate.UNSUPPORTED if allocated in (1, 12, 24, 64) else Fate.DAMAGED
        raise RejectedFileError(fate, f"{allocated} bits per pixel are not read.")
    declared = rows * columns * n_frames * allocated // 8
    if n_frames < 1 or declared > limits.max_pixel_bytes:
        raise refused(
            f"Declares {rows} x {columns} pixels in {n_frames} frames, {declared:,} "
            f"bytes; the limit is {limits.max_pixel_bytes:,}."
        )
    stored = dataset.integer("BitsStored")
    stored = allocated if stored is None else stored
    high_bit = dataset.integer("HighBit")
    high_bit = stored - 1 if high_bit is None else high_bit
    if not 1 <= stored <= allocated or not stored - 1 <= high_bit < allocated:
        raise damaged(
            f"Bits do not fit: {allocated} allocated, {stored} stored, high bit "
            f"{high_bit}."
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
        overlay_bits=dataset.overlay_bits(),
    )


@dataclass(slots=True, eq=False)
class DecodedPixels:
    """Stored values and what is odd about how they lie in the file.

    Attributes:
        stored: Shape (frames, rows, columns).
        remarks: (code, sentence), as in `InstanceFacts`.
        number: Ranges of stored values with and without the bits that BitsStored
            leaves out: `whole_low`, `whole_high`, `cut_low`, `cut_high`; else empty.
        flags: `bits_kept` (those bits were taken as part of the values),
            `overlay_bits` (an overlay element claims them), `lossy`.
    """

    stored: StoredArray
    remarks: list[tuple[str, str]] = field(default_factory=list)
    number: dict[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


def decode_pixels(dataset: Dataset, layout: PixelLayout) -> DecodedPixels:
    """Stored values, and what is odd about them.

    Raises:
        RejectedFileError: Pixels are missing, cut short or not decodable.
    """
    try:
        element = dataset.get_item("PixelData")
    except NotImplementedError as error:
        raise damaged(
            "The pixel data carry an unknown value representation."
        ) from error
    data = getattr(element, "value", None)
    if not isinstance(data, bytes | bytearray) or not data:
        raise damaged("The pixel data are missing.")
    declared = getattr(element, "length", len(data))
    if declared not in (len(data), UNDEFINED):
        raise damaged(
            f"The pixel data claim {declared:,} bytes, {len(data):,} are there."
        )
    says = kind_of_syntax(layout.transfer_syntax_uid)
    data = bytes(data)
    frames, remarks = _compressed_frames(dataset, data, layout)
    if frames is None:
        if says:
            remarks.append(_raw_under(says, data, layout))
        vr = str(getattr(element, "VR", None))
        stored, more = _native(data, layout, vr)
        return _finish(stored, layout, remarks + more, is_native=True)
    if len(frames) < layout.n_frames:
        raise damaged(
            f"{layout.n_frames} frames are declared, {len(frames)} are there."
        )
    shape, n_bytes = (layout.rows, layout.columns), layout.bits_allocated // 8
    syntax = layout.transfer_syntax_uid
    decoded = [decode_frame(frame, syntax, shape, n_bytes) for frame in frames]
    holds = codestream_kind(frames[0]) or "RLE"
    if holds != says:
        sentence = (
            f"The transfer syntax says {says or 'uncompressed'}, the pixel data hold "
            f"{holds}: read as that. Other readers may refuse or misread them."
        )
        remarks.append(("pixel_encoding", sentence))
    # A single one is not copied.
    stored = decoded[0][np.newaxis] if len(decoded) == 1 else np.stack(decoded)
    found = _finish(stored, layout, remarks, is_native=False)
    if any(is_lossy_jpeg(frame) for frame in frames):
        found.flags = (*found.flags, "lossy")
    return found


def _raw_under(says: str, data: bytes, layout: PixelLayout) -> tuple[str, str]:
    """Remark on raw pixels under a compressed transfer syntax.

    Raises:
        RejectedFileError: Their length is not that of raw pixels.
    """
    needed = layout.frame_bytes * layout.n_frames
    if len(data) not in (needed, needed + needed % 2):
        raise damaged(
            f"The transfer syntax says {says}, but the {len(data):,} bytes of pixel "
            f"data are neither compressed frames nor {needed:,} bytes of raw pixels."
        )
    return (
        "pixel_encoding",
        f"The transfer syntax says {says}, the pixel data are raw: they were read as "
        "that. Software that changes pixels and leaves the header does this.",
    )


def _compressed_frames(
    dataset: Dataset, data: bytes, layout: PixelLayout
) -> tuple[list[bytes] | None, list[tuple[str, str]]]:
    """Compressed frames, as many as declared, and remarks; None for raw pixels."""
    says = kind_of_syntax(layout.transfer_syntax_uid)
    is_raw_length = len(data) == layout.frame_bytes * layout.n_frames
    if not data.startswith(_ITEM) or (not says and is_raw_length):
        # Without items: one bare codestream, or raw pixels.
        is_bare = layout.n_frames == 1 and codestream_kind(data) and not is_raw_length
        return ([data] if is_bare else None), []
    frames = _encapsulated_frames(dataset, data, layout)
    return frames, _further_frames(data, frames, layout)


def _further_frames(
    data: bytes, frames: list[bytes], layout: PixelLayout
) -> list[tuple[str, str]]:
    """Remark on compressed pictures that the header does not count."""
    fragments = _fragments(data)
    n_found = sum(n_codestreams(frame) for frame in frames)
    in_frames = sum(len(frame) for frame in frames)
    n_listed = len(fragments[0]) // 4 if fragments else 0
    rest = fragments[1:]
    if kind_of_syntax(layout.transfer_syntax_uid) == "RLE" and not any(
        codestream_kind(fragment) for fragment in rest[:1]
    ):
        n_found = sum(1 for fragment in rest if fragment)  # one each (PS3.5 A.4.2)
    elif layout.n_frames > 1 or in_frames < sum(len(f) for f in rest) - len(rest):
        starts = sum(1 for fragment in rest if codestream_kind(fragment))
        n_found = max(n_found, starts)
    if max(n_found, n_listed) <= layout.n_frames:
        return []
    sentence = (
        f"The pixel data hold {max(n_found, n_listed)} compressed pictures, the "
        f"header counts {layout.n_frames}: the first were used. Two readers may see "
        "two images."
    )
    return [("frames_beyond", sentence)]


def _fragments(data: bytes) -> list[bytes]:
    """Items of encapsulated pixel data, offset table first, as far as they go."""
    found, offset = [], 0
    while data[offset : offset + 4] == _ITEM and offset + 8 <= len(data):
        length = int.from_bytes(data[offset + 4 : offset + 8], "little")
        found.append(data[offset + 8 : offset + 8 + length])
        offset += 8 + length
        if len(found) > _MAX_FRAGMENTS:
            break
    return found


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
        raise damaged(f"The pixel data are not items of frames ({words}).") from error


def _native(
    data: bytes, layout: PixelLayout, vr: str
) -> tuple[StoredArray, list[tuple[str, str]]]:
    needed = layout.frame_bytes * layout.n_frames
    if len(data) < needed:
        raise damaged(
            f"The pixel data are cut short: {len(data):,} of {needed:,} bytes."
        )
    remarks = []
    n_more = len(data) - needed
    if n_more > needed % 2:
        n_frames = n_more // layout.frame_bytes
        room = f", room for {n_frames} more frames" if n_frames else ""
        sentence = (
            f"The pixel data go on for {n_more:,} bytes beyond what Rows, Columns and "
            f"frames account for{room}: they were left out. Two readers may see two "
            "images."
        )
        remarks.append(("pixels_beyond", sentence))
    is_big = layout.transfer_syntax_uid == EXPLICIT_BIG
    shape = (layout.n_frames, layout.rows, layout.columns)
    if is_big and layout.bits_allocated == 8 and vr == "OW":
        # 8-bit pixels in OW are byte-swapped in pairs (PS3.5 A.2 and 8.1.1).
        padded = data[: needed + needed % 2]
        padded += b"\0" * (len(padded) % 2)
        swapped = np.frombuffer(padded, dtype=">u2").astype("<u2").tobytes()
        stored = np.frombuffer(swapped[:needed], dtype=layout.dtype)
        return stored.reshape(shape), remarks
    stored = np.frombuffer(
        data,
        dtype=layout.dtype.newbyteorder(">" if is_big else "<"),
        count=needed // layout.dtype.itemsize,
    )
    return stored.reshape(shape).astype(layout.dtype, copy=False), remarks


def _finish(
    stored: StoredArray,
    layout: PixelLayout,
    remarks: list[tuple[str, str]],
    *,
    is_native: bool,
) -> DecodedPixels:
    """Stored values with the sign where it belongs and the bits that are theirs."""
    if stored.dtype.kind == "i" and not layout.is_signed:
        # A codestream with a sign under a header without one: believe the pixels.
        if not stored.min() < 0:
            return DecodedPixels(stored.astype(layout.dtype), remarks)
        sentence = "The codestream holds signed values, the header says unsigned."
        return DecodedPixels(stored, [*remarks, ("sign_mismatch", sentence)])
    values = stored.astype(layout.dtype, copy=False)
    unused = layout.bits_allocated - layout.bits_stored
    if unused == 0 or (stored.dtype.kind == "i" and not is_native):
        return DecodedPixels(values, remarks)
    shift = layout.high_bit - (layout.bits_stored - 1) if is_native else 0
    if not shift and _fits(values, layout):
        return DecodedPixels(values, remarks)
    cut = ((values >> shift) << unused) >> unused
    whole = values >> shift
    below = (1 << shift) - 1
    fits = np.array_equal(cut, whole) and not (shift and (values & below).any())
    # A sign that is not carried into the unused bits is the writer's right.
    may_be_short = not shift and layout.is_signed and not values.min() < 0
    if fits or (may_be_short and int(values.max()) < 1 << layout.bits_stored):
        return DecodedPixels(cut, remarks)
    is_kept, flags = _bits_kept(whole, cut, layout, shift)
    number = {
        "whole_low": float(values.min()),
        "whole_high": float(values.max()),
        "cut_low": float(cut.min()),
        "cut_high": float(cut.max()),
    }
    return DecodedPixels(whole if is_kept else cut, remarks, number, flags)


def _fits(values: StoredArray, layout: PixelLayout) -> bool:
    """True when no value has a bit beyond those stored, but for its sign."""
    low = -(1 << layout.bits_stored - 1) if layout.is_signed else 0
    top = low + (1 << layout.bits_stored)
    return bool(int(values.min()) >= low and int(values.max()) < top)


def _bits_kept(
    whole: StoredArray, cut: StoredArray, layout: PixelLayout, shift: int
) -> tuple[bool, tuple[str, ...]]:
    """Whether the bits above the stored ones belong to the values, and flags.

    Bits that an overlay element claims do not. Nor do bits far above the stored ones
    when the one next to them is never set: no range of numbers leaves that out.
    """
    unsigned = np.dtype(f"u{layout.dtype.itemsize}")
    odd = int(np.bitwise_or.reduce((whole ^ cut).view(unsigned), axis=None))
    claimed = layout.overlay_bits >> shift
    if odd and not odd & ~claimed:
        return False, ("overlay_bits",)
    is_kept = not shift and bool(odd >> layout.bits_stored & 1)
    return is_kept, (("bits_kept",) if is_kept else ())
