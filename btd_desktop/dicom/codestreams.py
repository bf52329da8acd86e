"""One compressed frame to stored values: JPEG, JPEG-LS, JPEG 2000, run lengths.

Runs in the parsing process. What a frame holds is read from its first bytes; a header
that says otherwise is remarked on. Dimensions in the header and in the codestream are
compared before anything is decoded, because the decoder allocates what the codestream
says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from btd_desktop.dicom.parsed import damaged

StoredArray = NDArray[Any]

_STEM: Final = "1.2.840.10008.1.2."
_KINDS: Final = {
    "JPEG": [f"4.{n}" for n in (50, 51, 52, 53, 54, 55, 56, 57, 70)],
    "JPEG-LS": ["4.80", "4.81"],
    "JPEG 2000": [f"4.{n}" for n in (90, 91, 201, 202, 203)],
    "RLE": ["5"],
}
_KIND_OF: Final = {_STEM + t: kind for kind, tails in _KINDS.items() for t in tails}
_MOST_COUNTED: Final = 100
_J2K: Final = b"\xff\x4f\xff\x51"
_J2K_REACH: Final = 4096  # boxes of a JP2 file come before the codestream


def kind_of_syntax(transfer_syntax_uid: str) -> str:
    """JPEG, JPEG-LS, JPEG 2000 or RLE in words; "" for any other transfer syntax."""
    return _KIND_OF.get(transfer_syntax_uid, "")


def codestream_kind(frame: bytes) -> str:
    """What the first bytes of a frame make it, in words of `kind_of_syntax`; or ""."""
    if frame.find(_J2K, 0, _J2K_REACH) >= 0:
        return "JPEG 2000"
    for marker, _ in _jpeg_markers(frame):
        if marker == 0xF7:
            return "JPEG-LS"
        if _is_frame_header(marker):
            return "JPEG"
    return ""


def is_lossy_jpeg(frame: bytes) -> bool:
    """True for a JPEG process that always loses (DCT: any but SOF3)."""
    markers = (marker for marker, _ in _jpeg_markers(frame) if _is_frame_header(marker))
    return next(markers, 0xC3) not in (0xC3, 0xC7, 0xCB, 0xCF, 0xF7)


def n_codestreams(frame: bytes) -> int:
    """Codestreams that lie one behind the other in a frame, at least one."""
    if frame.find(_J2K, 0, _J2K_REACH) >= 0:
        return max(1, frame.count(_J2K))
    count = 1
    while count < _MOST_COUNTED:
        *_, (marker, at) = [(0, 0), *_jpeg_markers(frame)]
        # Within a scan no end of an image can occur (ISO 10918-1 B.1.1.5).
        end = frame.find(b"\xff\xd9", at) if marker == 0xDA else -1
        frame = frame[end + 2 :].lstrip(b"\0") if end >= 0 else b""
        if not frame.startswith(b"\xff\xd8"):
            break
        count += 1
    return count


def _is_frame_header(marker: int) -> bool:
    return marker == 0xF7 or (
        0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)
    )


def _jpeg_markers(frame: bytes) -> list[tuple[int, int]]:
    """Markers of a JPEG up to the first scan, each with its offset."""
    found: list[tuple[int, int]] = []
    if not frame.startswith(b"\xff\xd8"):
        return found
    offset = 2
    while offset + 4 <= len(frame) and frame[offset] == 0xFF:
        marker = frame[offset + 1]
        if marker == 0xFF:
            offset += 1
            continue
        found.append((marker, offset))
        if marker == 0xDA:
            break
        offset += 2 + int.from_bytes(frame[offset + 2 : offset + 4], "big")
    return found


def codestream_size(frame: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 codestream declares."""
    start = frame.find(_J2K, 0, _J2K_REACH)
    if start >= 0 and len(frame) >= start + 24:
        x, y, x0, y0 = np.frombuffer(frame[start + 8 : start + 24], dtype=">u4")
        return int(y) - int(y0), int(x) - int(x0)
    for marker, offset in _jpeg_markers(frame):
        if _is_frame_header(marker) and offset + 9 <= len(frame):
            rows = int.from_bytes(frame[offset + 5 : offset + 7], "big")
            return rows, int.from_bytes(frame[offset + 7 : offset + 9], "big")
    return None


def decode_frame(
    frame: bytes, transfer_syntax_uid: str, shape: tuple[int, int], n_bytes: int
) -> StoredArray:
    """Stored values of one frame, shape (rows, columns).

    Args:
        frame: As stored.
        transfer_syntax_uid: What the header says; what the frame says goes before.
        shape: Rows and columns that the header states.
        n_bytes: Bytes of one stored value.

    Raises:
        RejectedFileError: It cannot be decoded, or has another size.
    """
    kind = codestream_kind(frame)
    is_rle = kind_of_syntax(transfer_syntax_uid) == "RLE"
    if not kind and (is_rle or _looks_run_length(frame, n_bytes)):
        return _decode_rle(frame, shape, n_bytes)
    declared = codestream_size(frame)
    if declared is None:
        raise damaged("A frame holds no readable codestream.")
    if declared != shape:
        raise damaged(
            f"The codestream holds {declared[0]} x {declared[1]} pixels, the header "
            f"says {shape[0]} x {shape[1]}."
        )
    decoders: tuple[Callable[[bytes], StoredArray], ...]
    if kind == "JPEG-LS":
        decoders = (imagecodecs.jpegls_decode,)
    elif kind == "JPEG 2000":
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
        if decoded.shape == shape:
            return decoded
        reason = f"decoded to shape {decoded.shape}"
    raise damaged(f"A frame cannot be decoded ({reason}).")


def _looks_run_length(frame: bytes, n_bytes: int) -> bool:
    """True for the header that a run-length frame of such values has (PS3.5 G.5)."""
    table = np.frombuffer(frame[:64], dtype="<u4") if len(frame) >= 64 else None
    return table is not None and int(table[0]) == n_bytes and int(table[1]) == 64


def _decode_rle(frame: bytes, shape: tuple[int, int], n_bytes: int) -> StoredArray:
    """One frame of PackBits segments, most significant byte first (PS3.5 annex G)."""
    if len(frame) < 64:
        raise damaged("A run-length frame has no header.")
    table = np.frombuffer(frame[:64], dtype="<u4")
    n_pixels = shape[0] * shape[1]
    if table[0] != n_bytes:
        raise damaged(f"A run-length frame has {table[0]} segments, not {n_bytes}.")
    bounds = [*(int(offset) for offset in table[1 : n_bytes + 1]), len(frame)]
    planes = np.empty((n_bytes, n_pixels), dtype=np.uint8)
    for index in range(n_bytes):
        segment = frame[bounds[index] : bounds[index + 1]]
        # PackBits turns 2 bytes into at most 128; check before it is unpacked.
        if len(segment) * 64 < n_pixels:
            raise damaged("A run-length segment is too short.")
        plane = _unpacked(segment)
        if plane.size < n_pixels:
            raise damaged("A run-length segment is cut short.")
        planes[index] = plane[:n_pixels]
    big_endian = np.ascontiguousarray(planes.T).view(f">u{n_bytes}")
    return big_endian.reshape(shape).astype(f"u{n_bytes}")


def _unpacked(segment: bytes) -> StoredArray:
    try:
        return np.frombuffer(imagecodecs.packbits_decode(segment), dtype=np.uint8)
    except imagecodecs.PackbitsError as error:
        raise damaged("A run-length segment cannot be unpacked.") from error
