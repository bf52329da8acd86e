"""What a sweep looks at: series, each with the files that hold it.

Folders and ZIP archives are looked through by `dicom.discovery`. Whatever else brings
series (a PACS) makes `SeriesFiles` of what it put into a folder, and names in `origin`
where that came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from btd_desktop.dicom.discovery import FoundFile
from btd_desktop.dicom.series import Fate
from btd_desktop.digest import bytes_digest


@dataclass(frozen=True, slots=True)
class SeriesFiles:
    """One series before it is examined.

    Attributes:
        digest: SHA-256 over the digests of its files, a line each, ascending: the same
            for the same files wherever they lie.
        files: (path, member) of each; member is "" for a file outside archives.
        origin: Where it came from; empty for where the files lie.
    """

    digest: str
    files: tuple[tuple[str, str], ...]
    origin: tuple[str, ...] = ()

    @property
    def evidence(self) -> tuple[str, ...]:
        """Folders and archives that hold it, or where it came from."""
        holders = {
            path if member else str(PurePath(path).parent)
            for path, member in self.files
        }
        return self.origin or tuple(sorted(holders))


@dataclass(frozen=True, slots=True)
class Discovery:
    """What lies in an archive.

    Attributes:
        series: In the order of their digests.
        fates: Number of files by what became of them; a second copy of a file counts
            as a duplicate.
    """

    series: tuple[SeriesFiles, ...]
    fates: dict[str, int]


def gather(found: Iterable[FoundFile]) -> Discovery:
    """Files to series: by Series Instance UID, or each by itself without one."""
    fates: Counter[str] = Counter()
    by_series: dict[str, dict[str, tuple[str, str]]] = {}
    for file in found:
        fate = file.fate
        if fate is Fate.ACCEPTED:
            known = by_series.setdefault(file.series_uid or file.sha256, {})
            if file.sha256 in known:
                fate = Fate.DUPLICATE
            # Whichever worker looked first, one place stands for all copies.
            place = file.path, file.member
            known[file.sha256] = min(place, known.get(file.sha256, place))
        fates[fate.value.replace("_", " ")] += 1
    series = [
        SeriesFiles(series_digest(files), tuple(sorted(files.values())))
        for files in by_series.values()
    ]
    unique = {one.digest: one for one in series}
    return Discovery(tuple(unique[digest] for digest in sorted(unique)), dict(fates))


def series_digest(file_digests: Iterable[str]) -> str:
    """Digest of a series from those of its files, in any order."""
    return bytes_digest("".join(f"{d}\n" for d in sorted(file_digests)).encode())
