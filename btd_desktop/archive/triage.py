"""What a sweep found, to be looked through: rows in ranks, filters, reviews, pictures.

No word here is of a patient's: rows hold digests. Pictures are drawn from the evidence
as it lies now, and only where it is still what was swept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from btd_desktop.archive.rows import (
    INDEX_NAME,
    Review,
    SeriesRow,
    mark_reviewed,
    read_facts,
    read_reviews,
    read_rows,
)
from btd_desktop.archive.sources import series_digest
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import Fate, Import
from btd_desktop.errors import EvidenceError
from btd_desktop.examination.wording import number_text
from btd_desktop.progress import TaskContext
from btd_desktop.volume import Volume
from btd_desktop.workflow.table_file import write_table


@dataclass(frozen=True, slots=True)
class TriageRow:
    """A series as it is looked through.

    Attributes:
        rank: From 1, the least like genuine first.
        row: What the sweep found.
        is_flagged: The sweep flagged it among all.
        review: Who looked at it; None: nobody yet.
    """

    rank: int
    row: SeriesRow
    is_flagged: bool = False
    review: Review | None = None


@dataclass(frozen=True, slots=True)
class Triage:
    """What an index holds.

    Attributes:
        index: The file.
        rows: In ranks.
        flag_reason: What the flags mean, or why there are none; "" for neither.
    """

    index: Path
    rows: tuple[TriageRow, ...]
    flag_reason: str = ""

    @property
    def words(self) -> str:
        """How many series, and how far the review is."""
        n_flagged = sum(row.is_flagged for row in self.rows)
        n_reviewed = sum(row.review is not None for row in self.rows)
        n_examined = sum(row.row.state == "examined" for row in self.rows)
        return (
            f"{len(self.rows):,} series, {n_examined:,} examined, {n_flagged:,} "
            f"flagged, {n_reviewed:,} reviewed"
        )

    @property
    def states(self) -> tuple[str, ...]:
        """States that occur, each once."""
        return tuple(sorted({row.row.state for row in self.rows}))


@dataclass(frozen=True, slots=True)
class TriageFilter:
    """Which rows are shown.

    Attributes:
        words: All of them stand in a row's texts, whatever their case.
        state: That state alone; "" for any.
        flagged_only: Those flagged.
        open_only: Those that nobody has reviewed.
    """

    words: str = ""
    state: str = ""
    flagged_only: bool = False
    open_only: bool = False


@dataclass(frozen=True, slots=True)
class TriageColumn:
    """A column of the table and of the export.

    Attributes:
        title: Its name.
        text: What a row says there.
        key: What rows are ordered by; None stands for nothing and comes last.
    """

    title: str
    text: Callable[[TriageRow], str]
    key: Callable[[TriageRow], Any]


def _p_text(row: TriageRow) -> str:
    p_value = row.row.p_value
    return "not established" if p_value is None else f"{p_value:.3g}"


def _score_text(row: TriageRow) -> str:
    return "" if row.row.score is None else f"{row.row.score:.3f}"


def _told(name: str) -> tuple[Callable[[TriageRow], str], Callable[[TriageRow], Any]]:
    def text(row: TriageRow) -> str:
        return str(getattr(row.row, name))

    return text, lambda row: text(row).casefold() or None


COLUMNS: Final = (
    TriageColumn("Rank", lambda r: str(r.rank), lambda r: r.rank),
    TriageColumn("p-value", _p_text, lambda r: r.row.p_value),
    TriageColumn("Score", _score_text, lambda r: r.row.score),
    TriageColumn(
        "Flagged",
        lambda r: "flagged" if r.is_flagged else "",
        lambda r: not r.is_flagged,
    ),
    TriageColumn(
        "Reviewed",
        lambda r: "" if r.review is None else r.review.reviewed_utc[:10],
        lambda r: None if r.review is None else r.review.reviewed_utc,
    ),
    TriageColumn("State", *_told("state")),
    TriageColumn("Kind", *_told("modality")),
    TriageColumn("Body part", *_told("body_part")),
    TriageColumn("Scanner", *_told("scanner")),
    TriageColumn("Slices", lambda r: str(r.row.slices), lambda r: r.row.slices),
    TriageColumn(
        "Series", lambda r: r.row.series_digest[:12], lambda r: r.row.series_digest
    ),
)
"""Columns of the table, in order."""

_FURTHER: Final[tuple[tuple[str, Callable[[TriageRow], str]], ...]] = (
    ("p", lambda r: r.row.p_words),
    ("reason", lambda r: r.row.reason),
    ("scope", lambda r: "; ".join(r.row.scope)),
    ("places", lambda r: "; ".join(place_words(r.row))),
    ("model", lambda r: f"{r.row.model} {r.row.model_digest}".strip()),
    ("profile", lambda r: f"{r.row.profile} {r.row.profile_digest}".strip()),
    ("series digest", lambda r: r.row.series_digest),
    ("reviewer", lambda r: "" if r.review is None else r.review.reviewer),
    ("note", lambda r: "" if r.review is None else r.review.note),
)


def read_triage(path: Path) -> Triage:
    """Rows, flags and reviews of an index.

    Args:
        path: The index, or the folder of the results.

    Raises:
        CaseError: There is no index, or it cannot be read.
    """
    index = path / INDEX_NAME if path.is_dir() else path
    rows, reviews, facts = read_rows(index), read_reviews(index), read_facts(index)
    found = facts.get("flags", {})
    flags = found if isinstance(found, dict) else {}
    flagged = {key for key in flags.get("flagged", ()) if isinstance(key, str)}
    return Triage(
        index,
        tuple(
            TriageRow(
                rank, row, row.series_digest in flagged, reviews.get(row.series_digest)
            )
            for rank, row in enumerate(rows, start=1)
        ),
        str(flags.get("reason", "")),
    )


def shown_rows(
    rows: Iterable[TriageRow],
    wanted: TriageFilter,
    column: int = 0,
    *,
    down: bool = False,
) -> tuple[TriageRow, ...]:
    """Rows that pass a filter, ordered by a column; what says nothing comes last."""
    words = wanted.words.casefold().split()
    passed = [row for row in rows if _passes(row, wanted, words)]
    key = COLUMNS[column].key
    told = [row for row in passed if key(row) is not None]
    silent = [row for row in passed if key(row) is None]
    return (*sorted(told, key=key, reverse=down), *silent)


def _passes(row: TriageRow, wanted: TriageFilter, words: Sequence[str]) -> bool:
    if wanted.state and row.row.state != wanted.state:
        return False
    if wanted.flagged_only and not row.is_flagged:
        return False
    if wanted.open_only and row.review is not None:
        return False
    if not words:
        return True
    told = [column.text(row) for column in COLUMNS]
    told += [row.row.series_digest, row.row.reason, *row.row.evidence]
    text = " ".join(told).casefold()
    return all(word in text for word in words)


def place_words(row: SeriesRow) -> tuple[str, ...]:
    """The places to look at and their scores; slices count from 1, pixels from 0."""
    return tuple(
        f"slice {place.slice + 1}, x {place.x}, y {place.y}: "
        f"score {number_text(place.evidence)}"
        for place in row.places
    )


def reviewed(triage: Triage, series_digest: str, review: Review | None) -> Triage:
    """Keep in the index that somebody looked at a series, or take it back.

    Raises:
        CaseError: The index cannot be written.
    """
    mark_reviewed(triage.index, series_digest, review)
    rows = tuple(
        replace(row, review=review) if row.row.series_digest == series_digest else row
        for row in triage.rows
    )
    return replace(triage, rows=rows)


def export_rows(rows: Iterable[TriageRow], path: Path) -> int:
    """Write rows as CSV; the number of them.

    Raises:
        ReportError: The file exists, or cannot be written.
    """
    told = [
        [
            *(column.text(row) for column in COLUMNS),
            *(further(row) for _, further in _FURTHER),
        ]
        for row in rows
    ]
    head = [*(column.title for column in COLUMNS), *(title for title, _ in _FURTHER)]
    write_table(path, head, told)
    return len(told)


def reachable_evidence(row: SeriesRow) -> tuple[Path, ...]:
    """Folders and archives of a series that are there now."""
    return tuple(path for path in map(Path, row.evidence) if path.exists())


def volume_of(row: SeriesRow, context: TaskContext) -> Volume:
    """The slices of a series, read from the evidence as it lies now.

    Raises:
        EvidenceError: It cannot be reached, or is not what was swept.
        Cancelled: Nobody wants to see it any more.
    """
    places = reachable_evidence(row)
    if not places:
        raise EvidenceError(
            "the evidence cannot be reached from here",
            hint="connect the disk or the share that was swept",
            code="no_evidence",
        )
    limits = replace(DEFAULT_LIMITS, max_folder_depth=0)
    found = import_evidence(places, context, limits=limits)
    digest, _, number = row.series_digest.partition("-")
    for uid in dict.fromkeys(series.series_uid for series in found.series):
        if _digest_of_series(found, uid) == digest:
            parts = [one.volume for one in found.series if one.series_uid == uid]
            return parts[min(int(number or 1), len(parts)) - 1]
    raise EvidenceError(
        "the evidence is not what was swept: files changed, are missing or were added",
        hint="sweep it again",
        code="other_evidence",
    )


def _digest_of_series(found: Import, series_uid: str) -> str:
    return series_digest(
        {
            record.sha256
            for record in found.files
            if record.fate is Fate.ACCEPTED and record.series_uid == series_uid
        }
    )
