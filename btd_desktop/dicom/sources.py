"""Regular files below what the examiner chose: listed, hashed, never written.

Links, devices, pipes and unreadable entries are listed with a reason and not
followed. Names are for display: nothing is ever opened by a name that came out of a
file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from btd_desktop.dicom.limits import Limits
from btd_desktop.dicom.series import Fate
from btd_desktop.dicom.sniff import HEAD_BYTES, Kind, sniff
from btd_desktop.errors import EvidenceError
from btd_desktop.handles import open_folder, open_without_links

_CHUNK: Final = 1 << 20
# All but the first come from damaged archive members.
_READ_ERRORS: Final = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)
# On a copied disc the name may be in lower case, and end in a dot and a version.
_DICOMDIR: Final = re.compile(r"DICOMDIR\.?(;\d+)?", re.IGNORECASE)
_REPARSE_POINT: Final = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT: links and junctions


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a member of an archive, that an import has to account for.

    Attributes:
        name: As in `FileRecord.name`.
        path: Absolute path of the file or of the archive.
        size_bytes: As the directory says.
        open: Opens it for reading; None when it is rejected already.
        fate: Why it is not read; ACCEPTED when it will be.
        reason: One sentence for a rejected one.
        is_member: True inside an archive.
    """

    name: str
    path: str
    size_bytes: int
    open: Callable[[], BinaryIO] | None
    fate: Fate = Fate.ACCEPTED
    reason: str = ""
    is_member: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """A file's bytes as read, once.

    Attributes:
        sha256: Digest of all bytes; "" when they could not be read.
        size_bytes: Number of bytes read.
        kind: What the first bytes make it.
        looks_like: For `Kind.OTHER`: in words.
        data: The bytes, for kinds that are parsed; else empty.
        fate: ACCEPTED, or why it ends here.
        reason: One sentence for a rejected one.
    """

    sha256: str
    size_bytes: int
    kind: Kind
    looks_like: str
    data: bytes
    fate: Fate = Fate.ACCEPTED
    reason: str = ""


def unread(fate: Fate, reason: str, size_bytes: int = 0) -> Received:
    """A file that ends before its bytes are known."""
    return Received("", size_bytes, Kind.OTHER, "", b"", fate, reason)


def list_sources(paths: Sequence[Path], limits: Limits) -> list[Source]:
    """Everything below the given files and folders, sorted, each file once.

    A DICOMDIR is only a hint: the folder that it lies in is listed in its place.

    Raises:
        EvidenceError: A path does not exist, or there are too many files.
    """
    roots = _distinct_roots(paths)
    labels = _labels(roots)
    sources: dict[str, Source] = {}
    for root, label in zip(roots, labels, strict=True):
        for source in _list_root(root, label, limits):
            sources.setdefault(source.path, source)
            if len(sources) > limits.max_files:
                raise EvidenceError(
                    f"More than {limits.max_files:,} files below {root}.",
                    hint="Choose the folder of one study.",
                    code="too_many_files",
                )
    return list(sources.values())


def open_evidence(path: str) -> BinaryIO:
    """A regular file, opened for reading, with no link anywhere on the way to it.

    Raises:
        OSError: It cannot be opened, is not a regular file, or a link is in the way.
    """
    descriptor = open_without_links(path)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file")
    return os.fdopen(descriptor, "rb")


def listed_file(path: str, name: str) -> Source:
    """One entry of a folder as a source.

    Raises:
        OSError: It is not there any more.
    """
    return _entry_source(path, name, Path(path).lstat())


def receive(source: Source, limits: Limits, *, keep: bool = False) -> Received:
    """Read a source once: its digest and, where it will be parsed, its bytes.

    Args:
        source: The file or member.
        limits: Ceilings.
        keep: Give the bytes whatever their kind, as of the values of a volume.
    """
    if source.open is None:
        return unread(source.fate, source.reason, source.size_bytes)
    try:
        with source.open() as stream:
            return _read(stream, source, limits, keep=keep)
    except _READ_ERRORS as error:
        words = str(getattr(error, "strerror", None) or error).split("\n", 1)[0][:120]
        reason = f"The file cannot be read ({words or type(error).__name__})."
        fate = Fate.DAMAGED if source.is_member else Fate.REFUSED
        return unread(fate, reason, source.size_bytes)


def _read(stream: BinaryIO, source: Source, limits: Limits, *, keep: bool) -> Received:
    before = _status(stream, source)
    if before is not None and before.st_size > limits.max_file_bytes:
        return _too_large(before.st_size, limits)
    head = stream.read(HEAD_BYTES)
    kind, words = sniff(head, source.name)
    digest, size = hashlib.sha256(head), len(head)
    kept: io.BytesIO | None = None
    is_parsed = kind not in (Kind.OTHER, Kind.ZIP) and source.fate is Fate.ACCEPTED
    if is_parsed or keep:
        kept = io.BytesIO()
        kept.write(head)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if size > limits.max_file_bytes:
            return _too_large(size, limits)
        if kept is not None:
            kept.write(chunk)
    after = _status(stream, source)
    fate, reason = source.fate, source.reason
    if before is not None and after is not None and _changed(before, after, size):
        fate, reason = Fate.REFUSED, "The file changed while it was being read."
    data = b"" if kept is None else kept.getvalue()
    return Received(digest.hexdigest(), size, kind, words, data, fate, reason)


def _too_large(size: int, limits: Limits) -> Received:
    reason = f"Larger than {limits.max_file_bytes:,} bytes, the limit for one file."
    return unread(Fate.REFUSED, reason, size)


def _status(stream: BinaryIO, source: Source) -> os.stat_result | None:
    return None if source.is_member else os.fstat(stream.fileno())


def _changed(before: os.stat_result, after: os.stat_result, size: int) -> bool:
    return (before.st_size, before.st_mtime_ns, size) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_size,
    )


def _distinct_roots(paths: Sequence[Path]) -> list[Path]:
    roots: list[Path] = []
    for path in paths:
        try:
            resolved = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise EvidenceError(
                f"{path} cannot be opened: {getattr(error, 'strerror', error)}.",
                hint="Check the path, and that the drive is connected.",
                code="not_found",
            ) from error
        is_directory = _DICOMDIR.fullmatch(resolved.name) is not None
        if is_directory and resolved.is_file():
            resolved = resolved.parent
        if resolved not in roots:
            roots.append(resolved)
    if not roots:
        raise EvidenceError("Nothing to import was given.", code="nothing_given")
    return roots


def _labels(roots: list[Path]) -> list[str]:
    """What names of each root begin with: nothing when there is only one."""
    if len(roots) == 1:
        return [""]
    labels: list[str] = []
    for root in roots:
        label, n = root.name or "root", 2
        while label in labels:
            label, n = f"{root.name} ({n})", n + 1
        labels.append(label)
    return labels


def _list_root(root: Path, label: str, limits: Limits) -> Iterator[Source]:
    if root.is_dir():
        prefix = f"{label}/" if label else ""
        yield from _walk(str(root), prefix, limits, 0, lambda: open_folder(root))
        return
    yield _entry_source(str(root), label or root.name, root.lstat())


def _walk(
    folder: str,
    prefix: str,
    limits: Limits,
    depth: int,
    open_it: Callable[[], int | str],
) -> Iterator[Source]:
    """Entries of a folder, each folder opened from the one that it was listed in."""
    with contextlib.ExitStack() as closing:
        try:
            handle = open_it()
            if isinstance(handle, int):
                closing.callback(os.close, handle)
            with os.scandir(handle) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            name = prefix.rstrip("/") or "."
            reason = f"The folder cannot be listed ({error.strerror})."
            yield Source(name, folder, 0, None, Fate.REFUSED, reason)
            return
        for entry in entries:
            name, path = prefix + entry.name, str(Path(folder) / entry.name)
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                reason = f"The entry cannot be examined ({error.strerror})."
                yield Source(name, path, 0, None, Fate.REFUSED, reason)
                continue
            if not stat.S_ISDIR(status.st_mode) or _is_reparse_point(status):
                yield _entry_source(path, name, status)
            elif depth >= limits.max_folder_depth:
                reason = "Folders are nested deeper than this program follows."
                yield Source(name, path, 0, None, Fate.REFUSED, reason)
            else:
                inside = _opener_below(handle, entry.name, path)
                yield from _walk(path, f"{name}/", limits, depth + 1, inside)


def _opener_below(handle: int | str, name: str, path: str) -> Callable[[], int | str]:
    if isinstance(handle, int):
        return lambda: open_folder(name, dir_fd=handle)
    return lambda: open_folder(path)


def _is_reparse_point(status: os.stat_result) -> bool:
    return bool(getattr(status, "st_file_attributes", 0) & _REPARSE_POINT)


def _entry_source(path: str, name: str, status: os.stat_result) -> Source:
    mode = status.st_mode
    if stat.S_ISLNK(mode) or _is_reparse_point(status):
        words = "A link; links are not followed."
    elif stat.S_ISREG(mode):
        return Source(name, path, status.st_size, lambda: open_evidence(path))
    elif stat.S_ISFIFO(mode):
        words = "A pipe, not a file."
    elif stat.S_ISSOCK(mode):
        words = "A socket, not a file."
    else:
        words = "A device, not a file."
    return Source(name, path, 0, None, Fate.REFUSED, words)
