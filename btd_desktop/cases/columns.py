"""Values of a case's rows with their types and ranges checked.

SQLite stores any kind of value in any column, and a case may come from the other party.
A value read here is of the kind that its column promises and small enough to work with;
anything else ends in a sentence that names the row.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_args

from btd_desktop.cases.text import altered, dict_from_json, list_from_json
from btd_desktop.dicom.series import SeriesFinding
from btd_desktop.errors import CaseError
from btd_desktop.strict_json import record_from_json
from btd_desktop.volume import SeriesFacts

_Record = TypeVar("_Record")

MOST_SLICES = 100_000
MOST_PIXELS = 65_536  # rows and columns are 16-bit in DICOM (PS3.3, C.7.6.3)
_MOST_LETTERS = 1_000_000
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one row.

    Attributes:
        row: The row as SQLite gives it.
        what: Names the row in a sentence, such as "finding 3".
    """

    row: sqlite3.Row
    what: str

    def text(self, name: str) -> str:
        """A text of at most a million characters."""
        value = self.row[name]
        if not isinstance(value, str):
            raise self.wrong(name, "is no text")
        if len(value) > _MOST_LETTERS:
            raise self.wrong(name, f"has {len(value):,} characters")
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text, or None where the column is empty."""
        return None if self.row[name] is None else self.text(name)

    def texts_of(self, kind: type) -> dict[str, Any]:
        """The columns that are texts in a record of that kind, by name."""
        readers = {"str": self.text, "str | None": self.text_or_none}
        return {
            field.name: readers[str(field.type)](field.name)
            for field in fields(kind)
            if field.type in readers
        }

    def choice(self, name: str, choices: object) -> Any:  # noqa: ANN401 - a Literal
        """One of the words of a `Literal`."""
        value = self.text(name)
        if value not in get_args(choices):
            raise self.wrong(name, f"is {value[:40]!r}")
        return value

    def whole(self, name: str, low: int = 0, high: int = _LARGEST) -> int:
        """A whole number from `low` to `high`."""
        value = self.row[name]
        if not isinstance(value, int) or not low <= value <= high:
            raise self.wrong(name, f"is no whole number from {low} to {high}")
        return value

    def whole_or_none(self, name: str) -> int | None:
        """A whole number from 1, or None where the column is empty."""
        return None if self.row[name] is None else self.whole(name, 1)

    def real(self, name: str, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        value = self.row[name]
        if not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(name, f"is no number from {low:g} to {high:g}")
        return float(value)

    def table(self, name: str) -> dict[str, Any]:
        """A JSON object."""
        return dict_from_json(self.row[name])

    def texts(self, name: str) -> tuple[str, ...]:
        """A JSON array of texts."""
        values = list_from_json(self.row[name])
        if not all(isinstance(value, str) for value in values):
            raise self.wrong(name, "holds something else than texts")
        return tuple(values)

    def digests(self, name: str) -> dict[str, str]:
        """A JSON object of names and digests."""
        values = self.table(name)
        if not all(isinstance(value, str) for value in values.values()):
            raise self.wrong(name, "holds something else than digests")
        return values

    def record(self, name: str, kind: type[_Record]) -> _Record:
        """A JSON object as a record."""
        try:
            return record_from_json(kind, self.table(name))
        except ValueError as error:
            raise self.wrong(name, f"is damaged: {error}") from error

    def facts(self, name: str) -> SeriesFacts:
        """A JSON object as facts of a series."""
        try:
            return SeriesFacts.from_json(self.table(name))
        except ValueError as error:
            raise self.wrong(name, f"is damaged: {error}") from error

    def findings(self, name: str) -> tuple[SeriesFinding, ...]:
        """A JSON array of findings of the checks at import."""
        try:
            return tuple(
                record_from_json(SeriesFinding, value)
                for value in list_from_json(self.row[name])
            )
        except ValueError as error:
            raise self.wrong(name, f"are damaged: {error}") from error

    def wrong(self, name: str, why: str) -> CaseError:
        """Error for a column that holds what this program never writes."""
        return altered(f"{self.what} of the case was altered: its {name} {why}")
