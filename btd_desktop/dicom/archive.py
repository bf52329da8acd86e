"""ZIP archives read as streams of members, with ceilings checked beforehand.

Nothing is extracted, and member names are only shown. `zipfile` never returns more
than the directory declares for a member, so declared sizes are enough to bound the
work; members that overlap (a bomb's way round the ratio) add up to more packed bytes
than the archive has.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final, cast

from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.parsed import RejectedFileError
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sniff import is_zip
from btd_desktop.dicom.sources import Source, open_evidence

__all__ = ["OpenArchive", "is_archive", "open_archive"]

_ENTRY_BYTES: Final = 46  # fixed part of a central directory entry (APPNOTE 4.3.12)
_END_BYTES: Final = 22 + 65535
_ENCRYPTED: Final = 0x1
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True, eq=False)
class OpenArchive:
    """An archive and its members.

    Attributes:
        archive: The open archive.
        stream: The file below it.
        members: One source each, folders left out.
    """

    archive: zipfile.ZipFile
    stream: BinaryIO
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


def open_archive(source: Source, limits: Limits) -> OpenArchive:
    """Members of an archive.

    Raises:
        RejectedFileError: It is damaged, or above a ceiling.
        OSError: It cannot be read.
    """
    stream = open_evidence(source.path)
    try:
        _check_directory_size(stream, limits)
        archive = zipfile.ZipFile(stream)
    except RejectedFileError:
        stream.close()
        raise
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        stream.close()
        raise RejectedFileError(
            Fate.DAMAGED, f"The archive cannot be opened ({error})."
        ) from error
    try:
        _check_totals(archive, source.size_bytes, limits)
    except RejectedFileError:
        archive.close()
        stream.close()
        raise
    stream.seek(0)
    return OpenArchive(archive, stream, tuple(_members(archive, source, limits)))


def _check_directory_size(stream: BinaryIO, limits: Limits) -> None:
    """Refuse a directory of millions of entries before `zipfile` builds them."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _END_BYTES))
    tail = stream.read()
    stream.seek(0)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 20 > len(tail):
        raise RejectedFileError(
            Fate.DAMAGED, "The archive has no directory: cut short."
        )
    (directory_bytes,) = struct.unpack_from("<I", tail, end + 12)
    if directory_bytes == 0xFFFFFFFF:
        wide = tail.rfind(b"PK\x06\x06")
        if wide < 0 or wide + 48 > len(tail):
            raise RejectedFileError(Fate.DAMAGED, "The archive's directory is damaged.")
        (directory_bytes,) = struct.unpack_from("<Q", tail, wide + 40)
    if directory_bytes > limits.max_zip_members * 8 * _ENTRY_BYTES:
        raise RejectedFileError(
            Fate.REFUSED, f"The archive lists more than {limits.max_zip_members} files."
        )


def _check_totals(archive: zipfile.ZipFile, size: int, limits: Limits) -> None:
    infos = archive.infolist()
    if len(infos) > limits.max_zip_members:
        raise RejectedFileError(
            Fate.REFUSED,
            f"The archive lists {len(infos):,} files; the limit is "
            f"{limits.max_zip_members:,}.",
        )
    total = sum(info.file_size for info in infos)
    if total > limits.max_zip_total_bytes:
        raise RejectedFileError(
            Fate.REFUSED,
            f"The archive unpacks to {total:,} bytes; the limit is "
            f"{limits.max_zip_total_bytes:,}.",
        )
    if sum(info.compress_size for info in infos) > size:
        raise RejectedFileError(
            Fate.REFUSED, "Members of the archive overlap, as in a decompression bomb."
        )


def _members(archive: zipfile.ZipFile, source: Source, limits: Limits) -> list[Source]:
    members: list[Source] = []
    seen: set[str] = set()
    for index, info in enumerate(archive.infolist()):
        if info.is_dir():
            continue
        name = f"{source.name}!{info.filename}"
        if name in seen:
            name = f"{name} (entry {index + 1})"
        seen.add(name)
        fate, reason = _judge(info, limits)
        is_readable = fate is Fate.ACCEPTED
        members.append(
            Source(
                name=name,
                path=source.path,
                size_bytes=info.file_size,
                open=_opener(archive, info) if is_readable else None,
                fate=fate,
                reason=reason,
                is_member=True,
            )
        )
    return members


def _opener(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], BinaryIO]:
    def open_member() -> BinaryIO:
        # By its directory entry, not its name: names may repeat.
        return cast(BinaryIO, archive.open(info))

    return open_member


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
