"""Series of archives on the network, received into the folder of a sweep's results.

What arrived whole is swept like any folder; what did not becomes a row that says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from btd_desktop.archive.pacs.exchange import SeriesEntry, SeriesFilter
from btd_desktop.archive.pacs.opening import OpenArchive, open_archive
from btd_desktop.archive.pacs.receiving import OBJECTS, Delivery
from btd_desktop.archive.pacs.storing import StoredObject, store_results
from btd_desktop.archive.rows import SeriesRow
from btd_desktop.digest import bytes_digest
from btd_desktop.errors import ArchiveError
from btd_desktop.examination.series import State
from btd_desktop.examination.wording import reason_of
from btd_desktop.progress import TaskContext

RECEIVED: Final = "received"
_STAGE: Final = "Receiving series"


@dataclass(frozen=True, slots=True)
class Received:
    """What archives sent.

    Attributes:
        folders: Of series that arrived whole.
        rows: One for each series that did not.
        arrived: Keys that such rows would have had of those that did.
        problems: Rows of the archives' lists that cannot be used, a sentence each.
        n_listed: Series that the archives list.
    """

    folders: tuple[Path, ...]
    rows: tuple[SeriesRow, ...]
    arrived: tuple[str, ...]
    problems: tuple[str, ...]
    n_listed: int


def receive_series(
    sources: Sequence[str],
    connection: Path | None,
    wanted: SeriesFilter,
    out: Path,
    context: TaskContext,
) -> Received:
    """Receive every series that matches; what lies there whole is not fetched again.

    Args:
        sources: Addresses.
        connection: Connection file, or None.
        wanted: Which series.
        out: Folder of the sweep's results.
        context: Progress and cancellation.

    Raises:
        SettingsError: An address or the connection file cannot be used.
        MissingPartError: The extra `archive` is not installed.
        ArchiveError: An archive cannot be searched, or there is no room.
    """
    folders: list[Path] = []
    rows: list[SeriesRow] = []
    arrived: list[str] = []
    problems: dict[str, None] = {}
    n_listed = 0
    with contextlib.ExitStack() as closing:
        for source in sources:
            archive = closing.enter_context(open_archive(source, connection))
            for entry in archive.series(
                wanted, lambda why: problems.update({why: None})
            ):
                n_listed += 1
                context.report(n_listed, 0, _STAGE)
                name = bytes_digest(entry.series_uid.encode())[:24]
                folder = out / RECEIVED / name
                told = _problem_of(archive, entry, folder, context)
                if told:
                    rows.append(_row_of(archive, entry, told))
                else:
                    arrived.append(row_key(entry))
                    folders.append((folder / OBJECTS).resolve())
    return Received(
        tuple(folders), tuple(rows), tuple(arrived), tuple(problems), n_listed
    )


def _problem_of(
    archive: OpenArchive, entry: SeriesEntry, folder: Path, context: TaskContext
) -> str:
    """Why a series is not there whole; "" when it is."""
    try:
        delivery: Delivery = archive.fetch(entry, folder, context)
    except ArchiveError as error:
        if error.code in ("archive_room", "archive_login", "archive_tls"):
            raise
        return reason_of(error)
    return "" if delivery.is_complete else delivery.words


def _row_of(archive: OpenArchive, entry: SeriesEntry, told: str) -> SeriesRow:
    return SeriesRow(
        row_key(entry),
        study_digest=bytes_digest(entry.study_uid.encode()),
        uid_digest=bytes_digest(entry.series_uid.encode()),
        modality=entry.modality,
        state=State.NOT_SCORED.value,
        reason=f"it did not arrive whole: {told}",
        p_reason="the series was not scored",
        evidence=(str(archive.address),),
    )


def row_key(entry: SeriesEntry) -> str:
    """Key of the row of a series without files: of its UID, not of what it holds."""
    return bytes_digest(f"not received: {entry.series_uid}".encode())


def store_back(
    source: str, connection: Path | None, results: Path, context: TaskContext
) -> Iterator[StoredObject]:
    """Store the results of a sweep, a folder a series as `btd export-dicom` writes.

    Raises:
        ArchiveError: The archive cannot be reached.
    """
    if not results.is_dir():
        return
    with open_archive(source, connection) as archive:
        for folder in sorted(path for path in results.iterdir() if path.is_dir()):
            yield from store_results(archive, sorted(folder.iterdir()), context)
