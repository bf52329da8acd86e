"""Values out of a case's rows, checked: whoever wrote the file, types and ranges hold.

SQLite stores any kind of value in any column, and a case may come from the other
party. What is read here is of the kind that its column promises and small enough to
work with; anything else ends in a sentence that names the row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from btd_desktop.cases.text import dict_from_json, list_from_json
from btd_desktop.errors import CaseError

__all__ = ["MOST_PIXELS", "MOST_SLICES", "Columns"]

MOST_SLICES = 100_000
MOST_PIXELS = 65_536  # rows and columns are 16-bit in DICOM (PS3.3, C.7.6.3)
_MOST_LETTERS = 1_000_000
_HUGE = 1e300
_LARGEST = (1 << 63) - 1
_SCORES = ("anomaly", "injection", "removal", "slice")
_LEVELS = ("place", "patch", "slice", "series")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one row.

    Attributes:
        row: As SQLite gave it.
        what: Names the row in a sentence, such as "finding 3".
    """

    row: sqlite3.Row
    what: str

    def text(self, name: str, *, most: int = _MOST_LETTERS) -> str:
        """A text of at most `most` characters."""
        value = self.row[name]
        if not isinstance(value, str):
            raise self.wrong(name, "is no text")
        if len(value) > most:
            raise self.wrong(name, f"has {len(value):,} characters")
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text, or None where the column is empty."""
        return None if self.row[name] is None else self.text(name)

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

    def tables(self, name: str) -> tuple[dict[str, Any], ...]:
        """A JSON array of objects."""
        values = list_from_json(self.row[name])
        if not all(isinstance(value, dict) for value in values):
            raise self.wrong(name, "holds something else than objects")
        return tuple(values)

    def digests(self, name: str) -> dict[str, str]:
        """A JSON object of names and digests."""
        values = self.table(name)
        if not all(isinstance(value, str) for value in values.values()):
            raise self.wrong(name, "holds something else than digests")
        return values

    def numbers(self, name: str) -> dict[str, Any]:
        """The numbers of a finding: what of them this program knows has its kind."""
        values = self.table(name)
        for kind in _SCORES:
            if kind in values:
                self._check_score(name, kind, values[kind])
        copy = values.get("copy")
        if copy is not None and not isinstance(copy, dict):
            raise self.wrong(name, "holds a copy that is none")
        for key, value in (copy or {}).items():
            if not (value is None or isinstance(value, bool) or _is_number(value)):
                raise self.wrong(name, f"holds {key[:40]!r} that is no number")
        return values

    def _check_score(self, name: str, kind: str, score: object) -> None:
        if not isinstance(score, Mapping):
            raise self.wrong(name, f"holds {kind} that is no score")
        for key in ("score", "p_value", "threshold", "tail_p"):
            value = score.get(key)
            if value is not None and not _is_number(value):
                raise self.wrong(name, f"holds {kind} whose {key} is no number")
        for key in ("p_value", "tail_p"):
            value = score.get(key)
            if value is not None and not 0.0 <= value <= 1.0:
                raise self.wrong(name, f"holds {kind} whose {key} is not in 0 to 1")
        for key in ("n", "n_patients"):
            value = score.get(key, 0)
            if not isinstance(value, int) or not 0 <= value <= _LARGEST:
                raise self.wrong(name, f"holds {kind} whose {key} is no count")
        if score.get("flagged") not in (None, True, False):
            raise self.wrong(name, f"holds {kind} whose flag is none")
        if score.get("level", "patch") not in _LEVELS:
            raise self.wrong(name, f"holds {kind} of a level that there is not")

    def wrong(self, name: str, why: str) -> CaseError:
        """What is told of a column that holds what this program never writes."""
        return CaseError(
            f"{self.what} of the case was altered: its {name} {why}",
            hint="Verify the case and go back to an unaltered copy.",
            code="case-damaged",
        )


def _is_number(value: object) -> bool:
    # Finite, and not a truth value, which Python counts among the numbers.
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -_HUGE < value < _HUGE
    )
