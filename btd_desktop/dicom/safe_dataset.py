"""Typed access to DICOM elements: a value, or None and a remark; never an exception.

pydicom raises from plain attribute access on hostile or sloppy files: unknown VRs
(`NotImplementedError`), text in numbers (`ValueError`), unknown character sets
(`LookupError`), deep sequences (`RecursionError`) and more. All of that ends here.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any, Final

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag

from btd_desktop.dicom.elements import PYDICOM_ERRORS, read_elements

_MAX_TEXT: Final = 4096
_DECIMAL: Final = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)([eE][+-]?\d+)?")
# Bytes that are a number in words, whatever binary VR stands before them.
_NUMBER_TEXT: Final = re.compile(rb"[\d+\-.,eE\\ \0]*\d[\d+\-.,eE\\ \0]*")
_MAX_CREATORS: Final = 60


class SafeDataset:
    """Read-only view of a dataset.

    Attributes:
        remarks: One (keyword, sentence) for each element that could not be read as
            what the standard says it is; shared with the items of its sequences.
    """

    __slots__ = ("_dataset", "remarks")

    def __init__(
        self, dataset: Dataset, remarks: list[tuple[str, str]] | None = None
    ) -> None:
        self._dataset = dataset
        self.remarks: list[tuple[str, str]] = [] if remarks is None else remarks

    def has(self, keyword: str) -> bool:
        """True when the element is there, empty or not."""
        tag = _tag(keyword)
        return tag is not None and tag in self._dataset

    def has_private_creator(self, creator: str) -> bool:
        """True when a private block of `creator` is reserved in group 0009."""
        if not self._may_reserve(0x0009, creator):
            return False
        try:
            return creator in self._dataset.private_creators(0x0009)
        except PYDICOM_ERRORS:  # a broken private group is not ours
            return False

    def private_creators(self) -> tuple[str, ...]:
        """Names that private blocks are reserved under, each once, in file order."""
        found: dict[str, None] = {}
        for tag in list(self._dataset.keys()):
            if not (tag >> 16) & 1 or not 0x10 <= tag & 0xFFFF <= 0xFF:
                continue
            try:
                creator = str(self._dataset[tag].value)
            except PYDICOM_ERRORS:  # a broken group names nobody
                continue
            found[creator.replace("\0", "").strip()[:64]] = None
        return tuple(name for name in found if name)[:_MAX_CREATORS]

    def private_number(self, group: int, creator: str, element: int) -> float | None:
        """A number in a private block; None where it is not there or no number."""
        if not self._may_reserve(group, creator):
            return None
        try:
            block = self._dataset.private_block(group, creator)
            value = as_list(block[element].value)[0]
            is_short = isinstance(value, bytes) and len(value) == 2  # US under VR UN
            number = float(int.from_bytes(value, "little") if is_short else value)
        except PYDICOM_ERRORS:  # a broken private group is not ours
            return None
        return number if math.isfinite(number) else None

    def _may_reserve(self, group: int, creator: str) -> bool:
        """A look at the bytes: pydicom copies the whole group before it looks."""
        first, name = (group << 16) + 0x10, creator.encode()
        return any(
            name in value if isinstance(value, bytes) else True
            for tag, element in list(self._dataset.items())
            if 0 <= int(tag) - first < 0xF0
            for value in [element.value]
        )

    def overlay_bits(self) -> int:
        """Bits of the stored values that overlays without data of their own claim.

        OverlayBitPosition of the groups 6000 to 601E without OverlayData
        (PS3.5 8.1.2, retired).
        """
        bits = 0
        for group in range(0x6000, 0x6020, 2):
            tag = group << 16
            try:
                if tag | 0x3000 in self._dataset or tag | 0x0102 not in self._dataset:
                    continue
                position = int(self._dataset[tag | 0x0102].value)
            except PYDICOM_ERRORS:  # a broken overlay claims nothing
                continue
            bits |= 1 << position if 0 <= position < 32 else 0
        return bits

    def elements(self) -> dict[str, str]:
        """Every element as short text, see `elements.read_elements`."""
        try:
            return read_elements(self._dataset)
        except PYDICOM_ERRORS:  # a broken group tells nothing apart
            return {}

    def text(self, keyword: str) -> str | None:
        """Text without padding; several values joined by a backslash."""
        value = self._value(keyword)
        if value is None:
            return None
        try:
            joined = "\\".join(str(item) for item in as_list(value))
        except PYDICOM_ERRORS as error:
            self._remark(keyword, error)
            return None
        cleaned = joined.replace("\0", "").strip()[:_MAX_TEXT]
        return cleaned or None

    def number(self, keyword: str) -> float | None:
        """First value as a finite float; several where one belongs are remarked on."""
        numbers = self.numbers(keyword)
        if numbers and len(set(numbers)) > 1 and dictionary_VM(keyword) == "1":
            shown = ", ".join(f"{number:g}" for number in numbers[:4])
            self._say(keyword, f"holds {len(numbers)} values ({shown}), not one")
        return numbers[0] if numbers else None

    def single(self, keyword: str) -> float | None:
        """The value, or None with a remark where several different ones stand."""
        number = self.number(keyword)
        return None if len(set(self.numbers(keyword) or ())) > 1 else number

    def integer(self, keyword: str) -> int | None:
        """First value as a whole number."""
        number = self.number(keyword)
        if number is None:
            return None
        if number != math.floor(number):
            self._remark(keyword, ValueError("not a whole number"))
            return None
        return int(number)

    def numbers(
        self, keyword: str, count: int | None = None
    ) -> tuple[float, ...] | None:
        """All values as finite floats; None unless there are exactly `count`.

        Numbers with a decimal comma, with words behind them or under another VR are
        read as what they say, with a remark.
        """
        text = self._number_text(keyword)
        value = self._value(keyword) if text is None else text
        if value is None or value == "":
            return None
        try:
            numbers = tuple(self._read_numbers(keyword, value))
        except PYDICOM_ERRORS as error:
            self._remark(keyword, error)
            return None
        if not all(math.isfinite(number) for number in numbers):
            self._remark(keyword, ValueError("not a finite number"))
            return None
        if count is not None and len(numbers) != count:
            self._remark(keyword, ValueError(f"{len(numbers)} values, not {count}"))
            return None
        return numbers

    def sides(self, keyword: str) -> tuple[float, ...] | None:
        """Two lengths; one alone stands for both, with a remark."""
        found = self.numbers(keyword)
        if found is None or len(found) != 1:
            return None if found is None else self.numbers(keyword, 2)
        self._say(keyword, "holds one value; it was taken for rows and columns alike")
        return found[0], found[0]

    def _read_numbers(self, keyword: str, value: object) -> list[float]:
        items: list[Any] = as_list(value)
        if isinstance(value, str):
            items = value.split("\\")
        numbers = []
        for item in items:
            if not isinstance(item, str):
                numbers.append(float(item))
            elif item.strip("\0 ") or len(items) == 1:
                numbers.append(self._decimal(keyword, item.strip("\0 ")))
        return numbers

    def _number_text(self, keyword: str) -> str | None:
        """A number in words as it stands in the file; None where it is none.

        The VR before it may be wrong: what the standard and the bytes say decides.
        """
        tag = _tag(keyword)
        raw = None if tag is None else self._dataset.get_item(tag, keep_deferred=True)
        if tag is None or raw is None:
            return None
        wanted, stated = _vr(tag), raw.VR
        if stated not in (None, "UN") and stated not in wanted:
            words = f"carries the VR {_visible_vr(stated)}, the standard says {wanted}"
            self._say(keyword, words)
        data = raw.value
        if wanted not in ("DS", "IS") or not isinstance(data, bytes):
            return None
        if len(data) > _MAX_TEXT:
            return None
        if stated in (None, "UN", wanted) or _NUMBER_TEXT.fullmatch(data):
            return data.decode("latin-1").strip("\0 ")
        return None

    def _decimal(self, keyword: str, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            found = _DECIMAL.match(text)
            rest = text[found.end() :] if found else ""
            if found is None or rest[:1].isdigit() or rest[:1] in (".", ","):
                raise
        if "," in found.group():
            self._say(keyword, "is written with a decimal comma; it was read as a dot")
        if rest:
            self._say(keyword, "has words behind its number; the number was read")
        return float(found.group().replace(",", "."))

    def items(self, keyword: str) -> list[SafeDataset]:
        """Items of a sequence, empty when there is none."""
        value = self._value(keyword)
        if value is None:
            return []
        try:
            return [
                SafeDataset(item, self.remarks)
                for item in value
                if isinstance(item, Dataset)
            ]
        except PYDICOM_ERRORS as error:
            self._remark(keyword, error)
            return []

    def item(self, keyword: str) -> SafeDataset | None:
        """First item of a sequence, or None."""
        items = self.items(keyword)
        return items[0] if items else None

    def _value(self, keyword: str) -> Any:  # noqa: ANN401 - as pydicom has it
        tag = _tag(keyword)
        found = None if tag is None else self._dataset.get_item(tag, keep_deferred=True)
        if tag is None or found is None:
            return None
        try:
            # One that was converted before needs no second look-up.
            is_raw = isinstance(found, RawDataElement)
            return (self._dataset[tag] if is_raw else found).value
        except PYDICOM_ERRORS as error:
            self._remark(keyword, error)
        return self._raw_text(tag)

    def _raw_text(self, tag: int) -> str | None:
        raw = self._dataset.get_item(tag, keep_deferred=True)
        value = getattr(raw, "value", None)
        if isinstance(value, bytes) and len(value) <= _MAX_TEXT:
            return value.decode("latin-1").rstrip("\0 ") or None
        return None

    def _remark(self, keyword: str, error: Exception) -> None:
        words = str(error).split("\n", 1)[0][:120] or type(error).__name__
        self._say(keyword, f"cannot be read as the standard says ({words})")

    def _say(self, keyword: str, words: str) -> None:
        entry = (keyword, f"{keyword} {words}.")
        if entry not in self.remarks and len(self.remarks) < 100:
            self.remarks.append(entry)


@functools.lru_cache(maxsize=1024)
def _tag(keyword: str) -> BaseTag | None:
    """Tag of a keyword as pydicom keeps it: it makes one of each number it is given."""
    tag = tag_for_keyword(keyword)
    return None if tag is None else BaseTag(tag)


@functools.lru_cache(maxsize=1024)
def _vr(tag: BaseTag) -> str:
    return dictionary_VR(tag)


def _visible_vr(vr: str) -> str:
    """A VR of a file as two letters, or as bytes where they are none."""
    return (
        vr if vr.isalpha() and vr.isascii() else vr.encode("latin-1", "replace").hex()
    )


def as_list(value: object) -> list[Any]:
    """The values of an element that may hold several; one value alone in a list."""
    if isinstance(value, MultiValue | list | tuple):
        return list(value)
    return [value]
