"""What kind of file the first bytes make it; names and suffixes only as a last hint.

Runs in the application itself, so it looks at a few fixed offsets and parses nothing.
"""

from __future__ import annotations

import enum
from pathlib import PurePath
from typing import Literal

HEAD_BYTES = 4096
_PREAMBLE_BYTES = 128


class Kind(enum.StrEnum):
    """Which reader takes a file; OTHER kinds are not images that we examine."""

    DICOM = "dicom"
    DICOM_WITHOUT_PREAMBLE = "dicom_without_preamble"
    VOLUME = "volume"
    NPY = "npy"
    PNG = "png"
    CSV = "csv"
    ZIP = "zip"
    OTHER = "other"


# The size of an Analyze header, which has no other mark.
_ANALYZE = ((348).to_bytes(4, "little"), (348).to_bytes(4, "big"))
_TELLTALES: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\xfe\xed\xfa\xce", "a macOS program"),
    (b"\xfe\xed\xfa\xcf", "a macOS program"),
    (b"\xce\xfa\xed\xfe", "a macOS program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xca\xfe\xba\xbe", "a macOS or Java program"),
    (b"#!", "a script"),
    (b"SQLite format 3", "a database"),
    (b"\x93NUMPY", "a NumPy array"),
)


def sniff(head: bytes, name: str) -> tuple[Kind, str]:
    """Kind of a file, and for OTHER what it looks like in words.

    Args:
        head: First `HEAD_BYTES` bytes, or the whole file if shorter.
        name: File name; used for formats that have no magic number.
    """
    suffix = _suffix(name)
    if head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] == b"DICM":
        return Kind.DICOM, ""
    if is_zip(head):
        return Kind.ZIP, ""
    if head.startswith(b"\x93NUMPY"):
        return Kind.NPY, ""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Kind.PNG, ""
    if _is_volume(head, suffix):
        return Kind.VOLUME, ""
    if looks_like_dataset(head):
        return Kind.DICOM_WITHOUT_PREAMBLE, ""
    if suffix == ".csv" and _is_text(head):
        return Kind.CSV, ""
    return Kind.OTHER, _describe(head)


def is_zip(head: bytes) -> bool:
    """True for a local file header or an empty archive's end record."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06")) and (
        head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + 4] != b"DICM"
    )


def preamble_kind(head: bytes) -> str:
    """What the 128 bytes before `DICM` pretend to be; "" when they are empty.

    A DICOM file may carry a program or an archive there (CVE-2019-11687). TIFF is
    foreseen by the standard (PS3.10 7.1).
    """
    preamble = head[:_PREAMBLE_BYTES]
    return (_telltale(preamble) or "unknown data") if preamble.strip(b"\0") else ""


def looks_like_dataset(head: bytes) -> bool:
    """True when the file starts like a DICOM dataset without preamble and `DICM`.

    The first element must belong to group 0002 or 0008 and either carry a VR or a
    length that a first element can have; pydicom's `force` alone takes anything.
    """
    if len(head) < 8:
        return False
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    for order in orders:
        group = int.from_bytes(head[0:2], order)
        element = int.from_bytes(head[2:4], order)
        if group not in (0x0002, 0x0008) or element > 0x0120:
            continue
        vr = head[4:6]
        if vr in (b"UL", b"OB", b"UI", b"CS", b"SH", b"LO", b"DA", b"TM", b"SQ"):
            return True
        length = int.from_bytes(head[4:8], order)
        if length <= 256 and length % 2 == 0:
            return True
    return False


def _suffix(name: str) -> str:
    lower = name.lower()
    suffixes = PurePath(lower).suffixes
    return "".join(suffixes[-2:]) if lower.endswith(".gz") else PurePath(lower).suffix


def _is_volume(head: bytes, suffix: str) -> bool:
    if head.startswith(b"NRRD000") or head[344:348] in (b"n+1\0", b"ni1\0"):
        return True
    if head[4:8] in (b"n+2\0", b"ni2\0"):
        return True
    if suffix in (".nii.gz", ".hdr.gz") and head[:2] == b"\x1f\x8b":
        return True
    if suffix == ".hdr" and head[:4] in _ANALYZE:
        return True
    # MetaImage has no magic number; its header may be longer than what is seen here.
    return suffix in (".mha", ".mhd") or head.startswith(b"ObjectType = Image")


def _is_text(head: bytes) -> bool:
    return b"\0" not in head


def _describe(head: bytes) -> str:
    if not head:
        return "empty"
    unknown = "a text file" if _is_text(head) else "not a known image format"
    return _telltale(head) or unknown


def _telltale(head: bytes) -> str:
    return next((words for magic, words in _TELLTALES if head.startswith(magic)), "")
