"""An archive by its address, and what is done with it: list, fetch, store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

from btd_desktop.archive.pacs.address import Address, address_from
from btd_desktop.archive.pacs.connection import Connection, read_connection
from btd_desktop.archive.pacs.exchange import (
    Ceilings,
    ObjectEntry,
    Pacs,
    SeriesEntry,
    SeriesFilter,
    list_objects,
    list_series,
)
from btd_desktop.archive.pacs.receiving import Delivery, Intake, kept_delivery
from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.errors import ArchiveError, MissingPartError
from btd_desktop.progress import TaskContext

_STAGE: Final = "Fetching from the archive"
_TRIED_AGAIN: Final = "archive_unreachable"
# What leaves a part of a series, which is named; anything else is an error as it is.
_WHILE_SENDING: Final = (_TRIED_AGAIN, "archive_answer")
_LONGEST_PAUSE_S: Final = 30.0
_T = TypeVar("_T")


@dataclass(slots=True)
class OpenArchive:
    """An archive that was asked for; connections are opened as they are needed.

    Use as a context manager: it closes connections and the process that parses.

    Attributes:
        address: Where it answers.
        pacs: What speaks to it.
        connection: How.
        ceilings: What it may cost.
        sandbox: Parses what arrives.
        pause: Waits between two attempts, in seconds.
    """

    address: Address
    pacs: Pacs
    connection: Connection
    ceilings: Ceilings
    sandbox: Sandbox
    pause: Callable[[float], None] = time.sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.pacs.close()
        self.sandbox.close()

    def series(
        self, wanted: SeriesFilter, refuse: Callable[[str], None]
    ) -> Iterator[SeriesEntry]:
        """Series that match; `refuse` is told of rows that cannot be used.

        Raises:
            ArchiveError: The archive cannot be reached, refuses, or answers oddly.
        """
        return list_series(self.pacs, wanted, self.ceilings, refuse)

    def objects(
        self, entry: SeriesEntry, context: TaskContext
    ) -> tuple[ObjectEntry, ...]:
        """Objects of a series as the archive lists them.

        Raises:
            ArchiveError: As for `series`.
        """
        return self.attempt(
            lambda: list_objects(self.pacs, entry, self.ceilings), context
        )

    def fetch(self, entry: SeriesEntry, folder: Path, context: TaskContext) -> Delivery:
        """Receive one series into a folder, which keeps it as it came.

        What lies there complete from an earlier time, and is still what the archive
        lists, is not fetched again. What a broken transfer left out is asked for again,
        object by object; what is missing in the end is named in the delivery.

        Raises:
            ArchiveError: Nothing of it arrived, the archive refuses the login, or there
                is no room.
        """
        listed = self.objects(entry, context)
        earlier = kept_delivery(folder, listed)
        if earlier is not None:
            return earlier
        intake = Intake(
            folder, str(self.address), entry, listed, self.ceilings, self.sandbox
        )
        by_uid = {one.uid: one for one in listed}

        def take(data: bytes, announced: str) -> bool:
            is_kept = intake.take(data, announced)
            context.report(len(listed) - len(intake.missing), len(listed), _STAGE)
            return is_kept

        problem = ""
        try:
            for attempt in range(self.connection.attempts):
                wanted = tuple(by_uid[uid] for uid in intake.missing)
                if not wanted:
                    break
                self._wait(attempt, context)
                try:
                    self.pacs.retrieve(entry, wanted, take, is_whole=attempt == 0)
                    problem = ""
                except ArchiveError as error:
                    problem = error.detail
                    if error.code not in _WHILE_SENDING:
                        raise
                    has_some = len(intake.missing) < len(listed)
                    is_last = attempt + 1 == self.connection.attempts
                    if not has_some and (is_last or error.code != _TRIED_AGAIN):
                        raise
        finally:
            done = intake.delivery(problem)
        return done

    def attempt(self, work: Callable[[], _T], context: TaskContext) -> _T:
        """Do something that may fail for a while, as often as the connection says.

        Raises:
            ArchiveError: It failed each time, or for good.
        """
        for attempt in range(self.connection.attempts):
            self._wait(attempt, context)
            try:
                return work()
            except ArchiveError as error:
                if error.code != _TRIED_AGAIN:
                    raise
                last = error
        raise ArchiveError(
            f"{last.detail} ({self.connection.attempts} attempts)",
            hint=last.hint,
            code=last.code,
        ) from last

    def _wait(self, attempt: int, context: TaskContext) -> None:
        context.check()
        if attempt:
            self.pause(min(_LONGEST_PAUSE_S, 2.0 ** (attempt - 1)))


def open_archive(
    source: str, connection_file: Path | None = None, ceilings: Ceilings | None = None
) -> OpenArchive:
    """The archive that an address names; nothing is sent yet.

    Raises:
        SettingsError: Address or connection file cannot be used.
        MissingPartError: The extra `archive` is not installed.
    """
    address = address_from(source)
    connection = read_connection(connection_file, address)
    ceilings = ceilings or Ceilings()
    return OpenArchive(
        address,
        _spoken_to(address, connection, ceilings),
        connection,
        ceilings,
        Sandbox(DEFAULT_LIMITS),
    )


def _spoken_to(address: Address, connection: Connection, ceilings: Ceilings) -> Pacs:
    try:
        if address.protocol == "dicomweb":
            from btd_desktop.archive.pacs.dicomweb import DicomWeb

            return DicomWeb(address, connection, ceilings)
        from btd_desktop.archive.pacs.dimse import Dimse

        return Dimse(address, connection, ceilings)
    except ModuleNotFoundError as error:
        raise MissingPartError(
            "speaking to an archive needs a part that is not installed",
            hint='install it with: pip install "btd-desktop[archive]"',
            code="archive",
        ) from error
