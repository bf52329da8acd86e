"""What goes to the terminal: text for people, one JSON object for scripts.

Standard output carries the result, standard error everything else. Every line of text
is made visible first; JSON is pure ASCII, so that no character in a tag can do
anything to a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TextIO

from rich.cells import cell_len

from btd_desktop.strict_json import printed_json

_MAX_CELL = 60


class OutputClosedError(Exception):
    """The reader of our output went away (`btd … | head`); nothing is wrong."""


def prepare_streams() -> None:
    """Let no character that the terminal cannot show end the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def say(*lines: str) -> None:
    """Write lines to standard output, each made visible."""
    _write(sys.stdout, lines)


def warn(*lines: str) -> None:
    """Write lines to standard error, each made visible."""
    _write(sys.stderr, lines)


def _write(stream: TextIO, lines: Sequence[str]) -> None:
    from btd_desktop.report.visible import visible_text

    _send(stream, "".join(visible_text(line) + "\n" for line in lines))


def _send(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError as error:
        raise OutputClosedError from error


def print_json(value: object) -> None:
    """Write one JSON object to standard output; numbers that JSON lacks become null."""
    _send(sys.stdout, printed_json(value))


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table whose columns are as wide as their longest cell.

    Cells are made visible before they are measured; longer ones than 60 characters are
    shortened in the middle, except in the last column.
    """
    from btd_desktop.report.visible import visible_text

    last = len(header) - 1
    table = [
        [
            _shortened(visible_text(cell)) if i < last else visible_text(cell)
            for i, cell in enumerate(row)
        ]
        for row in (header, *rows)
    ]
    widths = [max(cell_len(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        padded = [
            cell + " " * (width - cell_len(cell))
            for cell, width in zip(row, widths, strict=True)
        ]
        yield ("  " + "  ".join(padded)).rstrip()


def fields(*pairs: tuple[str, str]) -> Iterator[str]:
    """Lines of names and values, values below one another."""
    width = max((len(name) for name, _ in pairs), default=0) + 1
    for name, value in pairs:
        yield f"{name + ':':<{width + 1}} {value}"


def _shortened(cell: str) -> str:
    if len(cell) <= _MAX_CELL:
        return cell
    half = (_MAX_CELL - 1) // 2
    return f"{cell[:half]}…{cell[-half:]}"
