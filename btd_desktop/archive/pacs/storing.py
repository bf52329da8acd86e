"""Results stored back: the objects of `btd export-dicom`, each checked to be listed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from btd_desktop.archive.pacs.exchange import (
    ObjectEntry,
    SeriesEntry,
    is_uid,
    odd_answer,
)
from btd_desktop.archive.pacs.opening import OpenArchive
from btd_desktop.dicom.tags import list_tags
from btd_desktop.digest import file_digest
from btd_desktop.errors import ArchiveError, EvidenceError
from btd_desktop.progress import TaskContext

_STAGE: Final = "Storing in the archive"
_PATHS: Final = {
    "uid": "(0008,0018)",
    "sop_class": "(0008,0016)",
    "study_uid": "(0020,000D)",
    "series_uid": "(0020,000E)",
}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object that was sent.

    Attributes:
        name: File name.
        sha256: Digest of the file.
        problem: Why it is not in the archive; "" when it is, by the archive's own list.
    """

    name: str
    sha256: str
    problem: str = ""


def store_results(
    archive: OpenArchive, files: Iterable[Path], context: TaskContext
) -> tuple[StoredObject, ...]:
    """Send objects one by one, then compare them with what the archive lists.

    Storing the same object again changes nothing in an archive, so a call that was
    stopped is simply repeated. A refused object does not keep the next from being sent.

    Raises:
        EvidenceError: A file is no DICOM object; nothing was sent.
        ArchiveError: The archive cannot be reached.
    """
    found = [(path, *_entries(path, archive)) for path in files]
    problems: dict[Path, str] = {}
    for number, (path, entry, _) in enumerate(found):
        context.report(number, len(found), _STAGE)
        try:
            archive.attempt(partial(archive.pacs.store, path, entry), context)
        except ArchiveError as error:
            if error.code != odd_answer("").code:
                raise
            problems[path] = error.detail
    listed: dict[SeriesEntry, set[str]] = {}
    stored = []
    for path, entry, series in found:
        if series not in listed:
            listed[series] = {one.uid for one in archive.objects(series, context)}
        problem = problems.get(path, "")
        if not problem and entry.uid not in listed[series]:
            problem = "the archive took it and does not list it"
        stored.append(StoredObject(path.name, file_digest(path)[0], problem))
    return tuple(stored)


def _entries(path: Path, archive: OpenArchive) -> tuple[ObjectEntry, SeriesEntry]:
    listed = list_tags(path, sandbox=archive.sandbox)
    stated = {tag.path: tag.value for tag in listed.tags}
    named = {name: stated.get(place, "") for name, place in _PATHS.items()}
    if not all(map(is_uid, named.values())):
        raise EvidenceError(
            f"{path.name} cannot be stored in an archive: it is no DICOM object",
            hint="store the folder that btd export-dicom wrote",
            code="no_object",
        )
    return (
        ObjectEntry(named["uid"], named["sop_class"]),
        SeriesEntry(named["study_uid"], named["series_uid"]),
    )
