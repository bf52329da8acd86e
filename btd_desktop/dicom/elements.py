"""Every element of a header as short text: what may tell two images apart.

Runs in the parsing process, on the elements as they were read: converting each of them
would take longer than decoding the pixels.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from typing import Any, Final

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.tag import BaseTag

# What pydicom raises where elements, items or text are broken. Running out of memory is
# not among them: it ends the file.
PYDICOM_ERRORS: Final = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(NotImplementedError, RecursionError, OSError, EOFError, struct.error),
    *(BytesLengthException, InvalidDicomError),
)
_MAX_ELEMENTS: Final = 600
_MAX_TEXT: Final = 64
_MAX_DEPTH: Final = 4
_MAX_ITEMS: Final = 8
_NUMBERS: Final = {
    "US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d",
    "UV": "Q", "SV": "q",
}  # fmt: skip
_BINARY: Final = frozenset(("OB", "OW", "OF", "OD", "OL", "OV", "SQ"))
_OF_FRAMES: Final = 0x52009230  # PerFrameFunctionalGroupsSequence
_PIXELS: Final = 0x7FE0
_META: Final = 0x0002


def read_elements(dataset: Dataset) -> dict[str, str]:
    """Elements of a data set by keyword, those of sequences by their path.

    Private elements are named by group, element and creator. Values that are long or
    not text stand as a digest. Pixels, file meta and groups of frames are left out.
    """
    found: dict[str, str] = {}
    _read(dataset, "", 0, found)
    return found


def varying(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same rows without what all of them share."""
    if not rows:
        return []
    shared = {
        name
        for name, value in rows[0].items()
        if all(row.get(name) == value for row in rows[1:])
    }
    return [{k: v for k, v in row.items() if k not in shared} for row in rows]


def _read(dataset: Dataset, path: str, depth: int, found: dict[str, str]) -> None:
    creators: dict[int, str] = {}
    for key, element in list(dataset.items()):
        if len(found) >= _MAX_ELEMENTS:
            return
        # Whole numbers: the properties of a tag take most of the time of this loop.
        tag = int(key)
        group, number = tag >> 16, tag & 0xFFFF
        if group in (_META, _PIXELS) or tag == _OF_FRAMES:
            continue
        if group & 1 and number <= 0xFF:
            continue  # reserves a private block
        if group & 1:
            block = tag >> 8
            if block not in creators:
                creators[block] = _creator(dataset, group, number >> 8)
            private = f"({group:04X},xx{number & 0xFF:02X}) {creators[block]}"
            name = path + private.strip()
        else:
            name = path + _keyword(tag)
        vr = element.VR or _vr_of(tag)
        if vr == "SQ":
            if depth < _MAX_DEPTH:
                _read_items(dataset, key, name, depth, found)
        elif isinstance(element, RawDataElement):
            found[name] = _raw_text(element, vr)
        else:
            found[name] = _short(str(element.value))


def _read_items(
    dataset: Dataset, tag: BaseTag, name: str, depth: int, found: dict[str, str]
) -> None:
    try:
        items = list(dataset[tag].value or [])[:_MAX_ITEMS]
    except PYDICOM_ERRORS:  # a broken sequence tells nothing apart
        return
    for index, item in enumerate(items):
        mark = f"{name}." if index == 0 else f"{name}[{index + 1}]."
        if isinstance(item, Dataset):
            _read(item, mark, depth + 1, found)


@functools.lru_cache(maxsize=4096)
def _keyword(tag: int) -> str:
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _creator(dataset: Dataset, group: int, block: int) -> str:
    element = dataset.get_item((group, block), keep_deferred=True)
    value = getattr(element, "value", None)
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    return "".join(c for c in text if c.isprintable()).strip()[:32]


def _raw_text(element: RawDataElement, vr: str) -> str:
    value: Any = element.value
    if not isinstance(value, bytes):
        return ""
    code = _NUMBERS.get(vr)
    if code is not None and len(value) <= 8 * _MAX_TEXT:
        size = struct.calcsize(code)
        order = "<" if element.is_little_endian else ">"
        numbers = struct.unpack_from(f"{order}{len(value) // size}{code}", value)
        return _short("\\".join([f"{number:.9g}" for number in numbers]))
    text = value.decode("latin-1").rstrip("\0 ").lstrip(" ")
    if vr in _BINARY or not text.isprintable():
        return _digest(value)
    return text if len(text) <= _MAX_TEXT else _digest(text.encode("utf-8", "replace"))


@functools.lru_cache(maxsize=4096)
def _vr_of(tag: int) -> str:
    try:
        return dictionary_VR(tag)
    except KeyError:
        return "UN"


def _short(text: str) -> str:
    if len(text) <= _MAX_TEXT and text.isprintable():
        return text
    return _digest(text.encode("utf-8", "replace"))


def _digest(value: bytes) -> str:
    return "sha256:" + hashlib.sha256(value).hexdigest()[:16] if value else ""
