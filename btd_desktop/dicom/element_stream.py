"""Data elements as they lie in a file: tag, VR, value bytes, items. Parsing process.

pydicom hands out values that it has interpreted, stripped or converted. A signature is
over the bytes, so they are read here as they are (PS3.5 chapter 7), little endian.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from pydicom.datadict import dictionary_VR
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

# Those with a 32-bit length in explicit VR (PS3.5 table 7.1-1).
LONG_VRS: Final = frozenset(vr.encode("ascii") for vr in EXPLICIT_VR_LENGTH_32)
UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
_ITEM_END: Final = 0xFFFEE00D
_SEQUENCE_END: Final = 0xFFFEE0DD
PIXEL_TAGS: Final = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_MAX_DEPTH: Final = 24
_MAX_ELEMENTS: Final = 200_000


class StreamError(ValueError):
    """The bytes are not data elements; the message says where."""


@dataclass(frozen=True, slots=True)
class Element:
    """One data element.

    Attributes:
        tag: Group and element number as one integer.
        vr: Two letters; b"UN" where neither file nor dictionary knows it.
        value: Value bytes; empty for a sequence.
        items: Elements of each item of a sequence; None for anything else.
        fragments: Fragments of encapsulated pixel data (PS3.5 A.4), offset table
            first; None for anything else.
    """

    tag: int
    vr: bytes
    value: memoryview
    items: tuple[tuple[Element, ...], ...] | None = None
    fragments: tuple[memoryview, ...] | None = None


def meta_length(data: bytes) -> int:
    """Offset of the dataset in a file with preamble: the end of group 0002.

    Raises:
        StreamError: The file has no preamble, or its meta group breaks off.
    """
    if data[128:132] != b"DICM":
        raise StreamError("no DICM prefix")
    reader = _Reader(memoryview(data), is_implicit=False)
    offset = 132
    while offset + 2 <= len(data) and data[offset : offset + 2] == b"\x02\x00":
        _, offset = reader.element(offset, 0)
    return offset


def read_elements(data: memoryview, *, is_implicit: bool) -> Iterator[Element]:
    """Elements of a dataset from its first byte to its end.

    Args:
        data: The dataset, little endian, without preamble and meta group.
        is_implicit: True when the VR is not written (PS3.5 A.1).

    Raises:
        StreamError: The bytes break off or are nested too deep.
    """
    reader, offset = _Reader(data, is_implicit=is_implicit), 0
    while offset < len(data):
        element, offset = reader.element(offset, 0)
        yield element


def read_sequences(
    data: memoryview, places: Iterable[tuple[int, int, int]], *, is_implicit: bool
) -> Iterator[tuple[int, tuple[tuple[Element, ...], ...]]]:
    """Tag and items of sequences; those that cannot be read are left out.

    Args:
        data: Little endian.
        places: Tag, offset of the value and its length of each sequence.
        is_implicit: No VRs in the data.
    """
    reader = _Reader(data, is_implicit=is_implicit)
    for tag, start, length in places:
        try:
            yield tag, reader.items(start, length, 0)[0]
        except StreamError:
            continue


class _Reader:
    def __init__(
        self, data: memoryview, *, is_implicit: bool, count: Iterator[int] | None = None
    ) -> None:
        self._data = data
        self._is_implicit = is_implicit
        self._count = itertools.count() if count is None else count

    def element(self, offset: int, depth: int) -> tuple[Element, int]:
        if depth > _MAX_DEPTH or next(self._count) >= _MAX_ELEMENTS:
            raise StreamError("nested too deep or too many elements")
        tag, vr, length, start = self._header(offset)
        if vr == b"SQ":
            items, end = self.items(start, length, depth)
            return Element(tag, vr, self._data[0:0], items), end
        if length == UNDEFINED:
            if tag in PIXEL_TAGS:
                fragments, end = self._fragments(start)
                return Element(tag, vr, self._data[0:0], None, fragments), end
            # Of unknown VR and length: a sequence in implicit VR (PS3.5 6.2.2).
            plain = _Reader(self._data, is_implicit=True, count=self._count)
            _, end = plain.items(start, length, depth)
            return Element(tag, b"UN", self._data[start:end]), end
        return Element(tag, vr, self._bytes(start, length)), start + length

    def _header(self, offset: int) -> tuple[int, bytes, int, int]:
        group, number = struct.unpack("<HH", self._bytes(offset, 4))
        tag = group << 16 | number
        if self._is_implicit or group == 0xFFFE:
            (length,) = struct.unpack("<I", self._bytes(offset + 4, 4))
            return tag, _dictionary_vr(tag), length, offset + 8
        vr = bytes(self._bytes(offset + 4, 2))
        if not vr.isalpha() or not vr.isupper():
            raise StreamError(f"no VR at ({group:04X},{number:04X})")
        if vr in LONG_VRS:
            (length,) = struct.unpack("<I", self._bytes(offset + 8, 4))
            return tag, vr, length, offset + 12
        (length,) = struct.unpack("<H", self._bytes(offset + 6, 2))
        return tag, vr, length, offset + 8

    def items(
        self, offset: int, length: int, depth: int
    ) -> tuple[tuple[tuple[Element, ...], ...], int]:
        items: list[tuple[Element, ...]] = []
        end = None if length == UNDEFINED else offset + length
        while end is None or offset < end:
            tag, size, offset = self._delimiter(offset)
            if tag == _SEQUENCE_END:
                return tuple(items), offset
            if tag != ITEM:
                raise StreamError("a sequence without items")
            item, offset = self._item(offset, size, depth)
            items.append(item)
        return tuple(items), offset

    def _item(
        self, offset: int, length: int, depth: int
    ) -> tuple[tuple[Element, ...], int]:
        elements: list[Element] = []
        end = None if length == UNDEFINED else offset + length
        while end is None or offset < end:
            if end is None and self._delimiter(offset)[0] == _ITEM_END:
                return tuple(elements), offset + 8
            element, offset = self.element(offset, depth + 1)
            elements.append(element)
        return tuple(elements), offset

    def _fragments(self, offset: int) -> tuple[tuple[memoryview, ...], int]:
        fragments: list[memoryview] = []
        while True:
            tag, length, offset = self._delimiter(offset)
            if tag == _SEQUENCE_END:
                return tuple(fragments), offset
            if tag != ITEM:
                raise StreamError("pixel data without fragments")
            fragments.append(self._bytes(offset, length))
            offset += length

    def _delimiter(self, offset: int) -> tuple[int, int, int]:
        group, number, length = struct.unpack("<HHI", self._bytes(offset, 8))
        return group << 16 | number, length, offset + 8

    def _bytes(self, offset: int, length: int) -> memoryview:
        if offset + length > len(self._data):
            raise StreamError(f"breaks off at byte {len(self._data):,}")
        return self._data[offset : offset + length]


def _dictionary_vr(tag: int) -> bytes:
    """VR by the data dictionary; b"UN" for private and unknown elements."""
    if tag & 0xFFFF == 0:
        return b"UL"
    if tag >> 16 & 1:
        return b"LO" if 0x10 <= tag & 0xFFFF <= 0xFF else b"UN"
    try:
        return dictionary_VR(tag).encode("ascii")
    except KeyError:
        return b"UN"
