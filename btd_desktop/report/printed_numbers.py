"""Numbers as printed against the values that stand beside them in the data.

Text and value of a cell are made from one number; who rewrites the data inside could
part them. A printed number agrees if it is within one unit of its last digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from btd_desktop.report.document import (
    AS_PRINTED,
    Cell,
    Document,
    cells_of,
    text_of,
)

_NUMBER: Final = re.compile(r"(-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)( %)?")


def contradictions(document: Document) -> list[str]:
    """Printed texts with numbers of which none is their value, in order."""
    blocks = (*document.cover, *(b for s in document.sections for b in s.blocks))
    return [text_of(cell) for cell in cells_of(blocks) if _contradicts(cell)]


def _contradicts(cell: Cell) -> bool:
    if cell.value is AS_PRINTED:
        return False
    printed = list(_NUMBER.finditer(text_of(cell).replace("−", "-")))
    if not printed:
        return False
    return not all(
        any(_agrees(value, match) for match in printed)
        for value in _numbers(cell.value)
    )


def _numbers(value: Any) -> Iterator[int | float]:  # noqa: ANN401 - JSON value
    if isinstance(value, list | tuple):
        for part in value:
            yield from _numbers(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def _agrees(value: float, match: re.Match[str]) -> bool:
    shown = Decimal(match[1].replace(",", ""))
    _, _, exponent = shown.as_tuple()
    unit = Decimal(1).scaleb(int(exponent))
    exact = Decimal(value) * (100 if match[2] else 1)
    return abs(exact - shown) <= unit
