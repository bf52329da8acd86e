"""ZIP archives read as streams of members, with ceilings checked beforehand.

Nothing is extracted, and member names are only shown. `zipfile` never returns more
than the directory declares for a member, so declared sizes are enough to bound the
work; members that overlap (a bomb's way round the ratio) add up to more packed bytes
than the archive has, and many members that each keep to the ratio's floor add up to
too high a ratio of the whole.
"""

from __future__ import annotations

import contextlib
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Final, cast

from btd_desktop.dicom.archive_file import ArchiveFile, FilePool
from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import damaged, refused
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sniff import is_zip
from btd_desktop.dicom.sources import Source

_ENTRY_BYTES: Final = 46  # fixed part of a central directory entry (APPNOTE 4.3.12)
_END_MARK: Final = b"PK\x05\x06"
_SHORT_END_BYTES: Final = 22
_WIDE_LOCATOR_BYTES: Final = 20
_WIDE_END_BYTES: Final = 20 + 56  # locator and record, which lie before the end record
_END_BYTES: Final = _WIDE_END_BYTES + _SHORT_END_BYTES + 65535
_ENCRYPTED: Final = 0x1
_BROKEN: Final = (
    *(zipfile.BadZipFile, ValueError, NotImplementedError, struct.error),
    *(IndexError, OverflowError, EOFError),
)
_EMPTY_BYTES: Final = 2  # of a deflated stream that holds nothing
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True, eq=False)
class OpenArchive:
    """An archive and its members.

    Attributes:
        archive: The open archive.
        stream: The file below it, from its start.
        members: One source each, folders left out.
    """

    archive: zipfile.ZipFile
    stream: ArchiveFile
    members: tuple[Source, ...]

    def close(self) -> None:
        """Close archive and file; the members cannot be read any more."""
        self.archive.close()
        self.stream.close()


def is_archive(source: Source) -> bool:
    """True when a source on disk starts like a ZIP archive."""
    if source.open is None:
        return False
    try:
        with source.open() as stream:
            return is_zip(stream.read(132))
    except OSError:
        return False


def open_archive(
    source: Source, limits: Limits, pool: FilePool | None = None
) -> OpenArchive:
    """Members of an archive.

    Args:
        source: The archive.
        limits: Ceilings.
        pool: Open files of this import; None for an archive on its own.

    Raises:
        RejectedFileError: It is damaged, or above a ceiling.
        OSError: It cannot be read.
    """
    with contextlib.ExitStack() as undoing:
        stream = ArchiveFile(source.path, FilePool() if pool is None else pool)
        undoing.callback(stream.close)
        _check_directory_size(stream, limits)
        try:
            archive = zipfile.ZipFile(cast(BinaryIO, stream))
        except _BROKEN as error:
            raise damaged(f"The archive cannot be opened ({error}).") from error
        undoing.callback(archive.close)
        _check_totals(archive, stream.size, limits)
        undoing.pop_all()
    stream.seek(0)
    return OpenArchive(archive, stream, tuple(_members(archive, source, limits)))


def _check_directory_size(stream: ArchiveFile, limits: Limits) -> None:
    """Refuse a directory of millions of entries before `zipfile` builds them."""
    stream.seek(max(0, stream.size - _END_BYTES))
    tail = stream.read()
    stream.seek(0)
    claims = [_claimed_directory_bytes(tail, end) for end in _ends(tail)]
    if not claims:
        raise damaged("The archive has no directory: cut short.")
    directory_bytes = min(max(claims), stream.size)
    if directory_bytes > limits.max_zip_members * 8 * _ENTRY_BYTES:
        raise refused(f"The archive lists more than {limits.max_zip_members} files.")


def _ends(tail: bytes) -> set[int]:
    """Where `zipfile` may see the end record: at the very end, or the last one."""
    found = {tail.rfind(_END_MARK), len(tail) - _SHORT_END_BYTES}
    return {
        at
        for at in found
        if at >= 0 and tail[at:].startswith(_END_MARK)
        if at + 20 <= len(tail)
    }


def _claimed_directory_bytes(tail: bytes, end: int) -> int:
    """Size of the directory by the end record and by the ZIP64 record before it.

    `zipfile` believes the ZIP64 record whenever there is one, so it is looked at even
    where the short record claims a small directory.
    """
    (size,) = struct.unpack_from("<I", tail, end + 12)
    locator, record = end - _WIDE_LOCATOR_BYTES, end - _WIDE_END_BYTES
    has_wide = record >= 0 and tail[locator:].startswith(b"PK\x06\x07")
    if has_wide and tail[record:].startswith(b"PK\x06\x06"):
        return int(max(size, *struct.unpack_from("<Q", tail, record + 40)))
    return int(size)


def _check_totals(archive: zipfile.ZipFile, size: int, limits: Limits) -> None:
    infos = archive.infolist()
    if len(infos) > limits.max_zip_members:
        raise refused(
            f"The archive lists {len(infos):,} files; the limit is "
            f"{limits.max_zip_members:,}."
        )
    total = sum(info.file_size for info in infos)
    if total > limits.max_zip_total_bytes:
        raise refused(
            f"The archive unpacks to {total:,} bytes; the limit is "
            f"{limits.max_zip_total_bytes:,}."
        )
    if total > limits.max_zip_ratio * max(size, limits.zip_ratio_from_bytes):
        raise refused(
            f"The archive unpacks to {total / max(size, 1):,.0f} times its size, as a "
            "decompression bomb does."
        )
    if sum(info.compress_size for info in infos) > size:
        raise refused("Members of the archive overlap, as in a decompression bomb.")


def _members(archive: zipfile.ZipFile, source: Source, limits: Limits) -> list[Source]:
    members: list[Source] = []
    seen: set[str] = set()
    for index, info in enumerate(archive.infolist()):
        # What is named like a folder but holds bytes is a file that hides.
        is_empty = info.file_size == 0 and info.compress_size <= _EMPTY_BYTES
        if info.filename.endswith("/") and is_empty:
            continue
        name = f"{source.name}!{info.filename}"
        if name in seen:
            name = f"{name} (entry {index + 1})"
        seen.add(name)
        fate, reason = _judge(info, limits)
        # By its directory entry, not its name: names may repeat.
        opener = cast(Callable[[], BinaryIO], partial(archive.open, info))
        members.append(
            Source(
                name=name,
                path=source.path,
                size_bytes=info.file_size,
                open=opener if fate is Fate.ACCEPTED else None,
                fate=fate,
                reason=reason,
                is_member=True,
            )
        )
    return members


def _judge(info: zipfile.ZipInfo, limits: Limits) -> tuple[Fate, str]:
    if info.flag_bits & _ENCRYPTED:
        return Fate.REFUSED, "The archive member is encrypted."
    if stat.S_ISLNK(info.external_attr >> 16):
        return Fate.REFUSED, "The archive member is a link; links are not followed."
    if info.compress_type not in _METHODS:
        return Fate.UNSUPPORTED, "The archive member uses a rare compression method."
    if info.file_size > limits.max_file_bytes:
        return Fate.REFUSED, f"Larger than {limits.max_file_bytes:,} bytes, the limit."
    ratio = info.file_size / max(info.compress_size, 1)
    is_large = info.file_size > limits.zip_ratio_from_bytes
    if is_large and ratio > limits.max_zip_ratio:
        return (
            Fate.REFUSED,
            f"Unpacks to {ratio:,.0f} times its size, as a decompression bomb does.",
        )
    return Fate.ACCEPTED, ""
