"""The file beside a volume's header that holds its values, as evidence of its own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from btd_desktop.dicom.sniff import Kind
from btd_desktop.dicom.sources import Source, listed_file, open_evidence
from btd_desktop.dicom.volume_files.reading import companion_names

_HEADER_SUFFIXES: Final = (".mhd", ".mha", ".nhdr", ".nrrd", ".hdr", ".hdr.gz")
# A text header and the blank behind it, or a NIfTI header with its extensions.
_HEAD_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Companion:
    """The file of a volume's values, as it was read with its header.

    Attributes:
        name: `FileRecord.name`.
        sha256: Digest of the bytes that the values were taken from.
        kind: What it looks like on its own.
    """

    name: str
    sha256: str
    kind: Kind


class Neighbours:
    """The files of an import by the folder, or archive folder, that they lie in."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self._by_place: dict[tuple[str, str], Source] = {}
        self._by_folded: dict[tuple[str, str], list[Source]] = {}
        for source in sources:
            folder, name = _place(source)
            self._by_place.setdefault((folder, name), source)
            self._by_folded.setdefault((folder, name.casefold()), []).append(source)

    def of_header(self, source: Source, data: bytes) -> Source | None:
        """The file of the values that a header names; None when there is none."""
        folder, own = _place(source)
        for name in companion_names(own, data):
            found = self._by_place.get((folder, name))
            # Discs and archives that were made elsewhere change the case of names.
            folded = self._by_folded.get((folder, name.casefold()), [])
            if found is None and len(folded) == 1:
                found = folded[0]
            if found is not None and found is not source:
                return found
        return None


def with_companions(sources: Sequence[Source]) -> list[Source]:
    """The sources, and the file of values beside each header chosen on its own.

    Whoever chooses a header means the volume; its values become evidence too.
    """
    complete = list(sources)
    names, paths = {s.name for s in sources}, {s.path for s in sources}
    for source in sources:
        is_header = source.path.lower().endswith(_HEADER_SUFFIXES)
        if source.open is None or not is_header:
            continue
        folder = Path(source.path).parent
        for name in companion_names(folder.joinpath(source.path).name, _head(source)):
            path = str(folder / name)
            if path in paths or not os.path.lexists(path):
                continue
            label = source.name.rpartition("/")[0]
            label = f"{label}/{name}" if label else name
            found = listed_file(path, label if label not in names else path)
            complete.append(found)
            names.add(found.name)
            paths.add(path)
            break
    return complete


def _head(source: Source) -> bytes:
    try:
        with open_evidence(source.path) as stream:
            return stream.read(_HEAD_BYTES)
    except OSError:
        return b""


def _place(source: Source) -> tuple[str, str]:
    """Folder and file name: of the path on disk, of the record's name in an archive."""
    if not source.is_member:
        path = Path(source.path)
        return str(path.parent), path.name
    at = max(source.name.rfind("/"), source.name.rfind("!"), source.name.rfind("\\"))
    return source.name[: at + 1], source.name[at + 1 :]
