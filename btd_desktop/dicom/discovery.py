"""Which series lie where, without keeping a pixel: the first look at an archive.

Every file is read and parsed as an import does, in the same contained process; what
stays is its digest and the series that it belongs to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from btd_desktop.dicom.limits import DEFAULT_LIMITS, Limits
from btd_desktop.dicom.load import expand_archives
from btd_desktop.dicom.reading import read_all
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sources import Source, list_sources
from btd_desktop.progress import TaskContext

# Files of an archive; one import looks at fewer.
_MOST_FILES = 100_000_000


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file or member of an archive at which a sweep looked.

    Attributes:
        path: Absolute path of the file or of the archive.
        member: Name inside the archive; "" for a file.
        sha256: Digest of its bytes; "" when it could not be read.
        fate: What became of it, as far as the file alone tells.
        series_uid: Series Instance UID; "" when it has none.
    """

    path: str
    member: str
    sha256: str
    fate: Fate
    series_uid: str


def list_folders(paths: Sequence[Path], limits: Limits = DEFAULT_LIMITS) -> list[str]:
    """Folders below the given ones that hold files, and files given by themselves.

    Each is then looked at by itself (`look_into`).

    Raises:
        EvidenceError: A path does not exist, or holds far too many files.
    """
    alone = [str(path.resolve()) for path in paths if path.is_file()]
    below = [path for path in paths if not path.is_file()]
    sources = list_sources(below, replace(limits, max_files=_MOST_FILES))
    folders = [str(PurePath(source.path).parent) for source in sources] if below else []
    return list(dict.fromkeys([*alone, *folders]))


def look_into(
    places: Sequence[str], context: TaskContext, limits: Limits = DEFAULT_LIMITS
) -> Iterator[FoundFile]:
    """The files of folders, not of those below them, and files by themselves.

    Many at once share the parsing process, whose start costs as much as some slices.

    Raises:
        EvidenceError: One does not exist any more, or holds far too many files.
        Cancelled: The examiner asked to stop.
    """
    flat = replace(limits, max_folder_depth=0)
    # One after the other: names of archives' members then begin with the archive's.
    sources = [s for place in places for s in list_sources([Path(place)], flat)]
    # Deeper folders are listed as refused here, and looked at by themselves.
    own = [source for source in sources if not Path(source.path).is_dir()]
    with contextlib.ExitStack() as closing:
        opened, _ = expand_archives(own, limits, closing, context)
        reading = read_all(opened, limits, context, keep=False)
        for source, outcome in zip(opened, reading.outcomes, strict=True):
            record = outcome.record
            yield FoundFile(
                source.path,
                member_of(source),
                record.sha256,
                record.fate,
                record.series_uid,
            )


def member_of(source: Source) -> str:
    """Name of a source inside its archive; "" for a file."""
    if not source.is_member:
        return ""
    # "archive.zip!member"; either may hold "!".
    n_own = PurePath(source.path).name.count("!")
    return source.name.split("!", n_own + 1)[-1]
