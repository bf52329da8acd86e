"""What is asked of an archive and what it answers, whichever protocol carries it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn, Protocol

from btd_desktop.errors import ArchiveError

_GIB: Final = 1 << 30
# PS3.5 9.1, without asking that a component begin with no zero: archives hold such.
_UID: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_DATE: Final = re.compile(r"[0-9]{8}")
_MODALITY: Final = re.compile(r"[A-Z0-9_]{1,16}")


@dataclass(frozen=True, slots=True)
class Ceilings:
    """What one archive may cost.

    Attributes:
        object_bytes: One object.
        series_bytes: One series as it arrives.
        answer_bytes: One answer to a search.
        studies: Studies listed.
        rows: Series of a study, objects of a series.
        free_bytes: Room on the disk that is left alone.
    """

    object_bytes: int = 2 * _GIB
    series_bytes: int = 32 * _GIB
    answer_bytes: int = 64 << 20
    studies: int = 10_000_000
    rows: int = 100_000
    free_bytes: int = 1 * _GIB


@dataclass(frozen=True, slots=True)
class SeriesFilter:
    """Which series are asked for.

    Attributes:
        modalities: Any of them.
        date_from: First date of the study, YYYYMMDD; "" for any.
        date_to: Last one.
        study_uid: That study alone; "" for any.
    """

    modalities: tuple[str, ...] = ("CT", "MR")
    date_from: str = ""
    date_to: str = ""
    study_uid: str = ""

    @property
    def date_range(self) -> str:
        """As both protocols write it (PS3.4 C.2.2.2.5); "" for any date."""
        if not (self.date_from or self.date_to):
            return ""
        return f"{self.date_from}-{self.date_to}"

    def covers_date(self, date: str) -> bool:
        """An archive may ignore a range; a study without a date is in none."""
        if not self.date_range:
            return True
        return bool(date) and (self.date_from <= date <= (self.date_to or "99999999"))


@dataclass(frozen=True, slots=True)
class SeriesEntry:
    """A series as the archive lists it.

    Attributes:
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        modality: "" where the archive names none.
    """

    study_uid: str
    series_uid: str
    modality: str = ""


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """An object of a series as the archive lists it.

    Attributes:
        uid: SOP Instance UID.
        sop_class: SOP Class UID.
    """

    uid: str
    sop_class: str


Take = Callable[[bytes, str], bool]
"""Is given each object (file with preamble, SOP Instance UID announced or ""), and says
whether it is kept."""


class Pacs(Protocol):
    """An archive that is spoken to."""

    def close(self) -> None:
        """Close every connection."""

    def find_studies(self, wanted: SeriesFilter) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each study."""

    def find_series(self, study_uid: str, modality: str) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each series of a study."""

    def find_objects(self, entry: SeriesEntry) -> Iterator[Mapping[str, str]]:
        """Keywords and values of each object of a series."""

    def retrieve(
        self,
        entry: SeriesEntry,
        objects: tuple[ObjectEntry, ...],
        take: Take,
        *,
        is_whole: bool,
    ) -> None:
        """Have objects sent, one by one or the whole series; all go to `take`."""

    def store(self, path: Path, entry: ObjectEntry) -> None:
        """Store an object as it lies in its file, or say why that failed."""


@dataclass(slots=True)
class Meter:
    """Counts what arrives, and ends it where it is too much or too late.

    Attributes:
        object_bytes: Ceiling of what may arrive before `next_object` is called.
        all_bytes: Ceiling of all of it.
        end: `time.monotonic` at which it ends.
        reason: Why it was ended; "" while it was not.
    """

    object_bytes: int
    all_bytes: int
    end: float
    reason: str = ""
    _object: int = field(default=0, repr=False)
    _all: int = field(default=0, repr=False)

    def take(self, n_bytes: int) -> None:
        """Count bytes.

        Raises:
            OSError: It is too much, or too late.
        """
        self._object += n_bytes
        self._all += n_bytes
        if self._object > self.object_bytes:
            self.stop(f"one answer is longer than {self.object_bytes:,} bytes")
        if self._all > self.all_bytes:
            self.stop(f"it sends more than {self.all_bytes:,} bytes")
        if time.monotonic() > self.end:
            self.stop("it takes longer than is allowed")

    def stop(self, reason: str) -> NoReturn:
        """End it.

        Raises:
            OSError: Always.
        """
        self.reason = reason
        raise OSError(reason)

    def next_object(self) -> None:
        """Begin to count the next object."""
        self._object = 0


def is_uid(text: str) -> bool:
    """True for 1 to 64 characters of a UID; nothing else may name anything here."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def list_series(
    pacs: Pacs,
    wanted: SeriesFilter,
    ceilings: Ceilings,
    refuse: Callable[[str], None],
) -> Iterator[SeriesEntry]:
    """Series that match, study by study; each once.

    An archive may ignore what it is asked to filter by, so answers are filtered again.

    Args:
        pacs: The archive.
        wanted: Which series.
        ceilings: When an answer is too long.
        refuse: Is told of each row that cannot be used, in a sentence without a UID.

    Raises:
        ArchiveError: It cannot be reached, or an answer cannot be used at all.
    """
    for study in _limited(pacs.find_studies(wanted), ceilings.studies):
        uid = study.get("StudyInstanceUID", "")
        date = _fitting(_DATE, study.get("StudyDate", ""))
        if not is_uid(uid):
            refuse("a study is listed under what is no UID")
        elif wanted.study_uid in ("", uid) and wanted.covers_date(date):
            yield from _series_of(pacs, uid, wanted.modalities, ceilings, refuse)


def _series_of(
    pacs: Pacs,
    study_uid: str,
    modalities: tuple[str, ...],
    ceilings: Ceilings,
    refuse: Callable[[str], None],
) -> Iterator[SeriesEntry]:
    seen: set[str] = set()
    for modality in modalities:
        for row in _limited(pacs.find_series(study_uid, modality), ceilings.rows):
            uid = row.get("SeriesInstanceUID", "")
            stated = _fitting(_MODALITY, row.get("Modality", ""))
            if not is_uid(uid):
                refuse("a series is listed under what is no UID")
            elif row.get("StudyInstanceUID", study_uid) != study_uid:
                refuse("a series is listed that belongs to another study")
            elif stated == modality and uid not in seen:
                seen.add(uid)
                yield SeriesEntry(study_uid, uid, modality)


def list_objects(
    pacs: Pacs, entry: SeriesEntry, ceilings: Ceilings
) -> tuple[ObjectEntry, ...]:
    """Objects of a series, ordered by their UID; each once.

    Raises:
        ArchiveError: It cannot be reached, or an answer cannot be used.
    """
    found: dict[str, ObjectEntry] = {}
    for row in _limited(pacs.find_objects(entry), ceilings.rows):
        uid, sop_class = row.get("SOPInstanceUID", ""), row.get("SOPClassUID", "")
        if not is_uid(uid):
            raise odd_answer("an object is listed under what is no UID")
        if row.get("SeriesInstanceUID", entry.series_uid) != entry.series_uid:
            raise odd_answer("an object is listed that belongs to another series")
        found[uid] = ObjectEntry(uid, sop_class if is_uid(sop_class) else "")
    return tuple(found[uid] for uid in sorted(found))


def _limited(
    rows: Iterable[Mapping[str, str]], most: int
) -> Iterator[Mapping[str, str]]:
    for number, row in enumerate(rows):
        if number >= most:
            raise odd_answer(f"more than {most:,} rows answer one search")
        yield row


def _fitting(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""


def odd_answer(why: str) -> ArchiveError:
    """The archive answered what cannot be used; asking again would not help."""
    return ArchiveError(
        f"the archive's answer is refused: {why}",
        hint="look at the archive itself before you go on",
        code="archive_answer",
    )


def unreachable(address: object, why: str) -> ArchiveError:
    """The archive is silent or away; asking again may help."""
    return ArchiveError(
        f"{address} cannot be reached or broke off: {why}",
        hint="check address, network, certificates and the archive's own list of peers",
        code="archive_unreachable",
    )
