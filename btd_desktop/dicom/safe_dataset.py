"""Typed access to DICOM elements: a value, or None and a remark; never an exception.

pydicom raises from plain attribute access on hostile or sloppy files: unknown VRs
(`NotImplementedError`), text in numbers (`ValueError`), unknown character sets
(`LookupError`), deep sequences (`RecursionError`) and more. All of that ends here.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Final

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue

__all__ = ["PYDICOM_ERRORS", "SafeDataset", "as_list"]

# What pydicom raises where elements, items or text are broken. Want of memory is not
# among them: it ends the file.
PYDICOM_ERRORS: Final = (
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
    *(NotImplementedError, RecursionError, OSError, EOFError, struct.error),
    *(BytesLengthException, InvalidDicomError),
)
_MAX_TEXT: Final = 4096
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
        tag = tag_for_keyword(keyword)
        return tag is not None and tag in self._dataset

    def has_private_creator(self, creator: str) -> bool:
        """True when a private block of `creator` is reserved in group 0009."""
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
        """First value as a finite float."""
        numbers = self.numbers(keyword)
        return numbers[0] if numbers else None

    def integer(self, keyword: str) -> int | None:
        """First value as a whole number."""
        number = self.number(keyword)
        if number is None:
            return None
        if number != math.floor(number):
            self._remark(keyword, ValueError("not a whole number"))
            return None
        return int(number)

    def numbers(self, keyword: str, count: int | None = None) -> list[float] | None:
        """All values as finite floats; None unless there are exactly `count`."""
        value = self._value(keyword)
        if value is None or value == "":
            return None
        try:
            numbers = [float(item) for item in as_list(value)]
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
        tag = tag_for_keyword(keyword)
        if tag is None or tag not in self._dataset:
            return None
        try:
            return self._dataset[tag].value
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
        entry = (keyword, f"{keyword} cannot be read as the standard says ({words}).")
        if entry not in self.remarks and len(self.remarks) < 100:
            self.remarks.append(entry)


def as_list(value: object) -> list[Any]:
    """The values of an element that may hold several; one value alone in a list."""
    if isinstance(value, MultiValue | list | tuple):
        return list(value)
    return [value]
