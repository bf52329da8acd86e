"""Tables that the window shows, written as CSV for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from btd_desktop.errors import ReportError

_NUMBER = frozenset("0123456789.,e+-−")


def write_table(
    path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Write a table as CSV (RFC 4180) in UTF-8; an existing file is left alone.

    Cells are as in the tables that a report attaches, but numbers stay numbers.

    Raises:
        ReportError: The file exists, or cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([plain_cell(value) for value in row] for row in rows)
    write_new(path, text.getvalue().encode())


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet.

    Raises:
        ReportError: It exists, or cannot be written.
    """
    try:
        with path.open("xb") as stream:
            stream.write(data)
    except FileExistsError as error:
        raise ReportError(
            f"{path.name} exists already",
            hint="choose another name: nothing is written over",
            code="exists",
        ) from error
    except (OSError, ValueError) as error:
        raise ReportError(
            f"{path.name} could not be written",
            hint="choose another folder, or make room",
            code="write",
        ) from error


def plain_cell(value: object) -> str:
    """A value as a cell; see `write_table`."""
    from btd_desktop.report.csv_tables import cell_text

    text = "" if value is None else str(value)
    return text if text and set(text) <= _NUMBER else cell_text(text)
