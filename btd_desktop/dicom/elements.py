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

__all__ = ["PYDICOM_ERRORS", "read_elements", "varying"]

# What pydicom raises where elements, items or text are broken. Want of memory is not
# among them: it ends the file.
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
    for tag in list(dataset.keys()):
        if len(found) >= _MAX_ELEMENTS:
            return
        # Whole numbers: the properties of a tag take most of the time of this loop.
        group, number = int(tag) >> 16, int(tag) & 0xFFFF
        if group in (_META, _PIXELS) or int(tag) == _OF_FRAMES:
            continue
        if group & 1 and number <= 0xFF:
            continue  # reserves a private block
        element: Any = dataset.get_item(tag, keep_deferred=True)
        name = path + (_private_name(dataset, tag) if group & 1 else _keyword(int(tag)))
        if (element.VR or _vr_of(tag)) == "SQ":
            if depth < _MAX_DEPTH:
                _read_items(dataset, tag, name, depth, found)
        elif isinstance(element, RawDataElement):
            found[name] = _raw_text(element)
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


def _private_name(dataset: Dataset, tag: BaseTag) -> str:
    block = dataset.get_item((tag.group, tag.element >> 8), keep_deferred=True)
    value = getattr(block, "value", None)
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value or "")
    creator = "".join(c for c in text if c.isprintable()).strip()[:32]
    return f"({tag.group:04X},xx{tag.element & 0xFF:02X}) {creator}".strip()


def _raw_text(element: RawDataElement) -> str:
    value: Any = element.value
    if not isinstance(value, bytes):
        return ""
    vr = element.VR or _vr_of(element.tag)
    code = _NUMBERS.get(vr)
    if code is not None and len(value) <= 8 * _MAX_TEXT:
        size = struct.calcsize(code)
        order = "<" if element.is_little_endian else ">"
        numbers = struct.unpack_from(f"{order}{len(value) // size}{code}", value)
        return _short("\\".join(f"{number:.9g}" for number in numbers))
    text = value.decode("latin-1").rstrip("\0 ").lstrip(" ")
    is_text = (
        vr not in ("OB", "OW", "OF", "OD", "OL", "OV", "SQ") and text.isprintable()
    )
    return _short(text) if is_text else _digest(value)


@functools.lru_cache(maxsize=4096)
def _vr_of(tag: BaseTag) -> str:
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
