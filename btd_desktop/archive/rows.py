"""The index of a sweep: one row a series, in one SQLite file.

Whoever shows, sorts or exports what a sweep found reads it here. The sweep alone adds
rows; a review is kept beside them, and outlives a row that is written again. No row
holds a name, a number or a UID of a patient: digests separate them.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from btd_desktop.digest import bytes_digest, canonical_json
from btd_desktop.errors import CaseError
from btd_desktop.strict_json import Count, Rate, Real, plain_json

INDEX_NAME: Final = "index.sqlite"
_FORMAT: Final = 1
_WAIT_S: Final = 30.0  # for another writer: the sweep, or a reviewer beside it
# What may differ between two sweeps of the same evidence that found the same.
_NOT_FOUND: Final = ("seconds", "patient", "evidence", "sweep")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS series (
    series_digest TEXT PRIMARY KEY,
    sweep INTEGER NOT NULL,
    state TEXT NOT NULL,
    modality TEXT NOT NULL,
    body_part TEXT NOT NULL,
    scanner TEXT NOT NULL,
    slices INTEGER NOT NULL,
    p_value REAL,
    score REAL,
    row TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS review (
    series_digest TEXT PRIMARY KEY,
    reviewed_utc TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    note TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS ranked ON series (p_value, score DESC);
"""
_COLUMNS: Final = ("series_digest", "sweep", "state", "modality", "body_part",
                   "scanner", "slices", "p_value", "score")  # fmt: skip


@dataclass(frozen=True, slots=True)
class LookAt:
    """A place of a series to look at first.

    Attributes:
        slice: From 0, like y and x.
        y: Row of its centre in pixels.
        x: Column of its centre in pixels.
        evidence: Its anomaly score: higher is less like genuine.
    """

    slice: Count
    y: Count
    x: Count
    evidence: Real


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """What a sweep found of one series.

    Attributes:
        series_digest: SHA-256 over the digests of the series' files: the key. Further
            stacks of slices under one Series Instance UID are `<digest>-2`, `-3`.
        study_digest: SHA-256 of the Study Instance UID; "" where there is none.
        uid_digest: SHA-256 of the Series Instance UID; "" where there is none.
        patient: Pseudonym that separates patients inside this index; "" where the
            files name none.
        modality: "CT", "MR" or "OT"; "" where nothing could be read.
        body_part: As the files state it, "" where they do not.
        scanner: Manufacturer and model; "" where neither is stated.
        slices: Number of slices S; 0 where nothing could be read.
        state: "examined", "not covered", "not examined", "not calibrated" or "not
            scored", as `examination.series.State`.
        reason: Why it is not examined; "" when it is.
        score: Highest anomaly score of the series; None when nothing was scored.
        p_value: Of that score, for the whole series; None: not established.
        p_reason: Why there is no p-value; "" when there is one.
        floor: The smallest p-value that the profile's patients can give; None
            without a profile.
        patients: Patients behind the p-value, K; 0 without a profile.
        coverage: "covered", "partly covered", "not covered"; "" without a profile.
        scope: Reasons of that, as sentences.
        places: Where to look first, the highest first.
        seconds: Wall-clock seconds by stage: "read", "score", "search".
        model, model_digest: Model that scored; "" for none.
        profile, profile_digest: Profile that calibrates; "" for none.
        software: Version of this program.
        evidence: Folders and archives that hold the series' files, or where else it
            came from.
        sweep: Number of the sweep that examined it, from 1.
    """

    series_digest: str
    study_digest: str = ""
    uid_digest: str = ""
    patient: str = ""
    modality: str = ""
    body_part: str = ""
    scanner: str = ""
    slices: Count = 0
    state: str = "not scored"
    reason: str = ""
    score: Real | None = None
    p_value: Rate | None = None
    p_reason: str = ""
    floor: Rate | None = None
    patients: Count = 0
    coverage: str = ""
    scope: tuple[str, ...] = ()
    places: tuple[LookAt, ...] = ()
    seconds: dict[str, Real] = field(default_factory=dict)
    model: str = ""
    model_digest: str = ""
    profile: str = ""
    profile_digest: str = ""
    software: str = ""
    evidence: tuple[str, ...] = ()
    sweep: Count = 1

    @property
    def p_words(self) -> str:
        """The p-value, or "not established" with the reason, floor and patients."""
        ranked = "" if self.floor is None else f"floor {self.floor:.3g}"
        behind = ", ".join(filter(None, (ranked, f"{self.patients} patients")))
        if self.p_value is None:
            told = f"not established ({self.p_reason or 'no profile'})"
            return told if self.floor is None else f"{told}; {behind}"
        sign = "≤" if self.floor is not None and self.p_value <= self.floor else "="
        return f"p {sign} {self.p_value:.3g} ({behind})"


@dataclass(frozen=True, slots=True)
class Review:
    """Somebody looked at a series.

    Attributes:
        reviewed_utc: ISO 8601, UTC.
        reviewer: Who.
        note: The reviewer's words; may be empty.
    """

    reviewed_utc: str
    reviewer: str
    note: str = ""


@contextlib.contextmanager
def open_index(path: Path) -> Iterator[sqlite3.Connection]:
    """The index for writing, made when there is none.

    Raises:
        CaseError: It cannot be opened or written, or another version wrote it.
    """
    with index_errors(path), contextlib.closing(_connected(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
        if read_fact(connection, "format", _FORMAT) != _FORMAT:
            raise _unreadable(path, "another version of the program wrote it")
        write_fact(connection, "format", _FORMAT)
        yield connection


@contextlib.contextmanager
def index_errors(
    path: Path, *, more: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn SQLite's errors into `CaseError`, and where it is read those of rows too."""
    meant: tuple[type[Exception], ...] = (sqlite3.Error, *more)
    try:
        yield
    except meant as error:
        raise _unreadable(path, str(error)) from error


def write_rows(connection: sqlite3.Connection, rows: Iterable[SeriesRow]) -> None:
    """Keep rows, all or none; a row of the same series is replaced."""
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    with connection:
        connection.executemany(
            f"REPLACE INTO series ({', '.join(_COLUMNS)}, row) VALUES ({marks})",  # noqa: S608 - names of this module
            [
                (*(getattr(row, name) for name in _COLUMNS), _text(plain_json(row)))
                for row in rows
            ],
        )


def drop_rows(connection: sqlite3.Connection, digests: Iterable[str]) -> None:
    """Forget rows of series that are known under another digest now."""
    with connection:
        connection.executemany(
            "DELETE FROM series WHERE series_digest = ?", [(d,) for d in digests]
        )


def read_rows(path: Path, most: int | None = None) -> tuple[SeriesRow, ...]:
    """The rows, ranked: the smallest p-value first, then the highest score.

    Series without a p-value follow those with one, those without a score come last.

    Args:
        path: The index.
        most: How many, from the first; None for all.

    Raises:
        CaseError: There is no index, or it cannot be read.
    """
    with _reading(path) as connection:
        return tuple(islice(rows_of(connection), most))


def rows_of(connection: sqlite3.Connection) -> Iterator[SeriesRow]:
    """The rows of an open index as `read_rows` orders them, one at a time."""
    ranked = (
        "SELECT row FROM series ORDER BY p_value IS NULL, p_value, score IS NULL,"
        " score DESC, series_digest"
    )
    for (text,) in connection.execute(ranked):
        yield msgspec.json.decode(text, type=SeriesRow)


def is_known(connection: sqlite3.Connection, series_digest: str) -> bool:
    """True when the index has a row of that series."""
    found = "SELECT 1 FROM series WHERE series_digest = ?"
    return connection.execute(found, (series_digest,)).fetchone() is not None


def mark_reviewed(path: Path, series_digest: str, review: Review | None) -> None:
    """Note that somebody looked at a series, or take it back with None.

    Raises:
        CaseError: The index has no such series, or cannot be written.
    """
    with open_index(path) as connection, connection:
        if not is_known(connection, series_digest):
            raise _unreadable(path, f"it has no series {series_digest[:12]}…")
        connection.execute(
            "DELETE FROM review WHERE series_digest = ?", (series_digest,)
        )
        if review is not None:
            told = (review.reviewed_utc, review.reviewer, review.note)
            connection.execute(
                "INSERT INTO review VALUES (?, ?, ?, ?)", (series_digest, *told)
            )


def read_reviews(path: Path) -> dict[str, Review]:
    """Reviews by digest of the series.

    Raises:
        CaseError: There is no index, or it cannot be read.
    """
    with _reading(path) as connection:
        return {key: Review(*told) for key, *told in _all(connection, "review")}


def read_facts(path: Path) -> dict[str, Any]:
    """What the index says of the sweep as a whole, by name: "flags", "files", ...

    Raises:
        CaseError: There is no index, or it cannot be read.
    """
    with _reading(path) as connection:
        return {name: json.loads(value) for name, value in _all(connection, "fact")}


def read_fact(connection: sqlite3.Connection, name: str, default: Any) -> Any:  # noqa: ANN401 - any JSON value
    """One of `read_facts`, or the default."""
    asked = "SELECT value FROM fact WHERE name = ?"
    found = connection.execute(asked, (name,)).fetchone()
    return default if found is None else json.loads(found[0])


def write_fact(connection: sqlite3.Connection, name: str, value: object) -> None:
    """Keep a JSON value under a name."""
    with connection:
        connection.execute("REPLACE INTO fact VALUES (?, ?)", (name, _text(value)))


def results_digest(rows: Iterable[SeriesRow]) -> str:
    """Digest of what was found, whichever sweep, worker and second found it."""
    found = sorted(
        _text({k: v for k, v in plain_json(row).items() if k not in _NOT_FOUND})
        for row in rows
    )
    return bytes_digest("\n".join(found).encode())


def _text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return canonical_json(value).decode()


def _all(connection: sqlite3.Connection, table: str) -> sqlite3.Cursor:
    return connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - named here


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_WAIT_S)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise CaseError(
            f"{path} is no index of a sweep", hint="run `btd sweep` first", code="index"
        )
    damaged = index_errors(path, more=(ValueError,))
    with damaged, contextlib.closing(_connected(path)) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield connection


def _unreadable(path: Path, why: str) -> CaseError:
    return CaseError(
        f"the index {path} cannot be used: {why}",
        hint="check the folder's rights and its disk, or sweep into another folder",
        code="index",
    )
