"""The layout of the published BTD test sets: a table of labelled places and slices.

Known only from loaders, not from the data itself: so extra and missing columns and
any spelling of the label are tolerated.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from btd_desktop.dicom.series import SeriesFinding

_MAX_ROWS = 1_000_000
_MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One row of an index.

    Attributes:
        path: File of the slice, relative to the unzipped root, `/` between parts.
        x: Column of the place, in pixels; None when not given.
        y: Row of the place, in pixels; None when not given.
        label: As spelt in the file, "" when not given.
    """

    path: str
    x: int | None
    y: int | None
    label: str


def read_index(data: bytes) -> tuple[IndexRow, ...]:
    """Rows of a CSV that has a `path` column; empty for any other table."""
    text = data.decode("utf-8-sig", "replace")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    rows = []
    try:
        columns = {str(n).strip().lower(): n for n in reader.fieldnames or () if n}
        if "path" not in columns:
            return ()
        for row in reader:
            if (parsed := _row(row, columns)) is not None:
                rows.append(parsed)
            if len(rows) >= _MAX_ROWS:
                break
    except csv.Error:
        return ()
    return tuple(rows)


class LabelledPlaces:
    """Rows of all indexes of an import, by the file that they name."""

    def __init__(self, indexes: Sequence[tuple[str, Sequence[IndexRow]]]) -> None:
        self._by_tail: dict[str, list[tuple[str, IndexRow]]] = {}
        for index_name, rows in indexes:
            for row in rows:
                tail = row.path.rpartition("/")[2]
                self._by_tail.setdefault(tail, []).append((index_name, row))

    def findings(self, record_name: str) -> list[SeriesFinding]:
        """One note per row that names this file."""
        plain = record_name.replace("!", "/")
        found = []
        for index_name, row in self._by_tail.get(plain.rpartition("/")[2], []):
            # The table's paths begin at the unzipped root, ours where it was opened.
            if not (f"/{plain}".endswith(f"/{row.path}") or row.path.endswith(plain)):
                continue
            place = "" if row.x is None else f" at x {row.x}, y {row.y}"
            label = f" as {row.label}" if row.label else ""
            sentence = f"{index_name} lists this slice{place}{label}."
            found.append(SeriesFinding("published_label", "note", sentence))
        return found


def _row(
    row: dict[str | None, str | list[str] | None], columns: dict[str, str]
) -> IndexRow | None:
    def cell(name: str) -> str:
        value = row.get(columns[name]) if name in columns else None
        return value.strip()[:_MAX_TEXT] if isinstance(value, str) else ""

    path = cell("path").replace("\\", "/").lstrip("./")
    if not path:
        return None
    return IndexRow(
        path=path,
        x=_whole(cell("x")),
        y=_whole(cell("y")),
        label=cell("type") or cell("label"),
    )


def _whole(text: str) -> int | None:
    try:
        return round(float(text))
    except (ValueError, OverflowError):
        return None
