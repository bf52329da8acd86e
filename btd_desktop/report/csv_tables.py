"""Tables of a report that are attached to the PDF as CSV instead of filling pages."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from btd_desktop.errors import ReportError
from btd_desktop.report.document import (
    AS_PRINTED,
    Block,
    Cell,
    Document,
    Record,
    Table,
    text_of,
)
from btd_desktop.report.visible import visible_text

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a cell that spreadsheets would carry out."""


def cell_text(value: object) -> str:
    """A value as the cell of a CSV file: nothing hidden, nothing to be carried out.

    What a spreadsheet would carry out as a formula gets an apostrophe before it; what
    the eye would not see is written as ⟨U+XXXX⟩.
    """
    # As pages.json keeps it, so that the same table comes of it: decision 39.
    kept = str("" if value is None else value).encode("utf-8", "backslashreplace")
    text = visible_text(kept.decode())
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def csv_files(document: Document) -> dict[str, bytes]:
    """The attached tables, by name of the file, as CSV (RFC 4180) in UTF-8.

    A column is named by its key; columns without one are for print alone.

    Raises:
        ReportError: Two tables have one name.
    """
    files: dict[str, bytes] = {}
    numbers = document.numbers()
    for table in _attached(b for s in document.sections for b in s.blocks):
        if table.attached in files:
            raise ReportError(f"two tables are attached as {table.attached}")
        shown = [i for i, column in enumerate(table.columns) if column.key]
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([table.columns[i].key for i in shown])
        writer.writerows([_text(row[i], numbers) for i in shown] for row in table.rows)
        files[table.attached] = text.getvalue().encode()
    return files


def _attached(blocks: Iterable[Block]) -> Iterator[Table]:
    for block in blocks:
        if isinstance(block, Record):
            yield from _attached(block.blocks)
        elif isinstance(block, Table) and block.attached:
            yield block


def _text(cell: Cell, numbers: dict[str, str]) -> str:
    return cell_text(text_of(cell, numbers) if cell.value is AS_PRINTED else cell.value)
