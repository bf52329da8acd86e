"""The JSON twin: every value of a report, attached to the PDF.

It keeps numbers exactly: whoever holds the case can compute the twin again and compare
it byte by byte through `digest.canonical_json`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from btd_desktop.digest import bytes_digest, canonical_json
from btd_desktop.errors import ReportError
from btd_desktop.report.document import (
    AS_PRINTED,
    Block,
    Bullets,
    Cell,
    Document,
    Facts,
    Record,
    Table,
    text_of,
)

TWIN_FORMAT: Final = "btd-report"
TWIN_FORMAT_VERSION: Final = 3
LAYOUT: Final = 4
"""How a document is laid out on pages; raised when the same one would look otherwise.

From version 4 on, a report holds all that its pages are drawn from ("pages.json"), has
one page a place, a forest plot, and lists in attached files. Version 3 states the
examiner, three propositions, the marks and the highest places.

Version 1, that of twins which do not say, is the layout of format version 1.
"""

_NONE: Final[Mapping[str, bytes]] = MappingProxyType({})


def twin_bytes(document: Document, files: Mapping[str, bytes] = _NONE) -> bytes:
    """Canonical bytes of the twin, as attached to the PDF.

    Raises:
        ReportError: As `twin_value` raises it.
    """
    return canonical_json(twin_value(document, files))


def twin_value(
    document: Document, files: Mapping[str, bytes] = _NONE
) -> dict[str, Any]:
    """The twin as JSON values, without the arrays of figures.

    Args:
        document: The report.
        files: The other files attached, by name; the twin names their digests.

    Raises:
        ReportError: A number is NaN or infinite, or two blocks give one key; the
            message names its place.
    """
    note = document.redaction
    return values_of(document) | {
        "format": TWIN_FORMAT,
        "format_version": TWIN_FORMAT_VERSION,
        "layout": LAYOUT,
        "redaction": None if note is None else {
            "of_report_id": note.of_report_id,
            "of_sha256": note.of_sha256,
            "replaced": list(note.replaced),
            "remark": note.remark,
        },
        "attachments": [
            {"name": name, "sha256": bytes_digest(data), "size_bytes": len(data)}
            for name, data in sorted(files.items())
        ],
    }  # fmt: skip


def values_of(document: Document) -> dict[str, Any]:
    """What the sections of a document give the twin.

    Raises:
        ReportError: As `twin_value` raises it.
    """
    twin: dict[str, Any] = {}
    numbers = document.numbers()
    _fill(twin, document.cover, numbers, "report")
    for section in document.sections:
        _fill(twin, section.blocks, numbers, "report")
    return twin


def _fill(
    target: dict[str, Any],
    blocks: Iterable[Block],
    numbers: Mapping[str, str],
    place: str,
) -> None:
    for block in blocks:
        match block:
            case Facts():
                holder = _child(target, block.key.split("."), dict)
                for row in block.rows:
                    if row.key:
                        at = ".".join(filter(None, (place, block.key, row.key)))
                        _set(holder, row.key, _value(row.cell, numbers, at), at)
            case Bullets() if block.key:
                *path, last = block.key.split(".")
                values = [
                    _value(cell, numbers, f"{place}.{block.key}[{i}]")
                    for i, cell in enumerate(block.cells)
                ]
                _set(_child(target, path, dict), last, values, f"{place}.{block.key}")
            case Table() if block.key:
                rows = _child(target, block.key.split("."), list)
                for cells in block.rows:
                    at = f"{place}.{block.key}[{len(rows)}]"
                    rows.append(_row(block, cells, numbers, at))
            case Record():
                items = _child(target, block.key.split("."), list)
                item: dict[str, Any] = {}
                at = f"{place}.{block.key}[{len(items)}]"
                _fill(item, block.blocks, numbers, at)
                items.append(item)
            case _:
                pass


def _row(
    table: Table, cells: Iterable[Cell], numbers: Mapping[str, str], place: str
) -> dict[str, Any]:
    return {
        column.key: _value(cell, numbers, f"{place}.{column.key}")
        for column, cell in zip(table.columns, cells, strict=True)
        if column.key
    }


def _child(target: dict[str, Any], path: list[str], kind: type) -> Any:  # noqa: ANN401 - dict or list
    """The dict or list at a path, made when it is not there."""
    *above, last = [part for part in path if part] or [""]
    for part in above:
        target = target.setdefault(part, {})
    return target.setdefault(last, kind()) if last else target


def _set(holder: dict[str, Any], key: str, value: object, place: str) -> None:
    if key in holder:
        raise ReportError(f"two sections of the report give {place}")
    holder[key] = value


def _value(cell: Cell, numbers: Mapping[str, str], place: str) -> object:
    as_printed = cell.value is AS_PRINTED
    return _json(text_of(cell, numbers) if as_printed else cell.value, place)


def _json(value: object, place: str) -> object:
    if isinstance(value, dict):
        return {key: _json(part, f"{place}.{key}") for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [_json(part, f"{place}[{i}]") for i, part in enumerate(value)]
    if isinstance(value, str):
        # A lone surrogate (an undecodable byte of a file name) has no UTF-8 form.
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ReportError(
            f"{place} is {value}, which a report cannot state",
            hint="Leave the value out (None) when it does not exist.",
        )
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise ReportError(f"{place} holds a {type(value).__name__}, not a JSON value")
