"""Files of a case folder, opened so that a received case cannot reach other files.

A case may come from the other party. Nothing in its folder is opened through a link,
and only a regular file with this one name is opened: a device, a pipe, a socket or a
second name of a file elsewhere is refused before it is touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from btd_desktop.digest import stream_digest
from btd_desktop.errors import CaseError
from btd_desktop.handles import open_folder, open_without_links

Stamp = tuple[int, int, int, int]
_NOT_BLOCKING = getattr(os, "O_NONBLOCK", 0)
_BY_HANDLE = os.open in os.supports_dir_fd and os.unlink in os.supports_dir_fd


def check_part(path: Path) -> bool:
    """True when a file exists and may be opened, False when there is none.

    Args:
        path: A file of a case, or of its `arrays` folder.

    Raises:
        CaseError: It is no regular file, or has a second name.
        OSError: Its status cannot be read.
    """
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    _check_kind(path, status)
    return True


def check_folder(path: Path) -> None:
    """Refuse a folder of a case that is a link, or no folder.

    Raises:
        CaseError: It is one of these.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise _refused(path, "a link" if path.is_symlink() else "no folder")


def stamp_of(path: Path) -> Stamp | None:
    """Identity, size and time of change of a file; None when there is none.

    Raises:
        CaseError: As `check_part`.
    """
    if not check_part(path):
        return None
    status = path.lstat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def open_part(path: Path, folder: Path, *, flags: int | None = None) -> int:
    """Descriptor of a regular file below a case folder.

    Args:
        path: The file; no part of it below `folder` may be a link.
        folder: The case, which the examiner chose; it may be reached by a link.
        flags: As for `os.open`; None reads.

    Raises:
        CaseError: A link is in the way, or it is no regular file with one name.
        OSError: It cannot be opened.
    """
    # Checked before it is opened: opening a device may already act.
    check_part(path)
    if flags is not None:
        flags |= _NOT_BLOCKING
    try:
        descriptor = open_without_links(path, flags, 0o666, below=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR):
            raise _refused(path, "a link or no file at all") from error
        raise
    try:
        _check_kind(path, os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_part(path: Path, folder: Path) -> bytes:
    """All bytes of a file below a case folder; errors are those of `open_part`."""
    with os.fdopen(open_part(path, folder), "rb") as stream:
        return stream.read()


def part_digest(path: Path, folder: Path) -> str:
    """SHA-256 of a file below a case folder; errors are those of `open_part`."""
    with os.fdopen(open_part(path, folder), "rb") as stream:
        return stream_digest(stream)[0]


def remove_part(path: Path, folder: Path) -> None:
    """Remove a name from a folder of the case; the target of a link stays.

    Raises:
        CaseError: The folder is a link.
        OSError: It cannot be removed.
    """
    with _folder_of(path, folder) as handle, contextlib.suppress(FileNotFoundError):
        if handle is None:
            path.unlink()
        else:
            os.unlink(path.name, dir_fd=handle)


@contextlib.contextmanager
def replace_part(path: Path, folder: Path, meanwhile: str) -> Iterator[int]:
    """A new file that gets its name when it is complete and flushed.

    Args:
        path: Its name; replaces a file or link of that name.
        folder: The case, or another folder that the examiner chose.
        meanwhile: Its name until then; removes a file or link of that name.

    Yields:
        Its descriptor, for writing; closed here.

    Raises:
        CaseError: The folder of `path` is a link.
        OSError: It cannot be written; nothing is left.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    with _folder_of(path, folder) as handle:
        beside: str | Path = path.with_name(meanwhile) if handle is None else meanwhile
        target: str | Path = path if handle is None else path.name
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=handle)
        descriptor = os.open(beside, flags, 0o600, dir_fd=handle)
        try:
            try:
                yield descriptor
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(beside, target, src_dir_fd=handle, dst_dir_fd=handle)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside, dir_fd=handle)
            raise
        if handle is not None:
            _sync_handle(handle)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names, so that a rename survives a power loss.

    Windows cannot open folders and does not need it.
    """
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        _sync_handle(handle)
    finally:
        os.close(handle)


def _sync_handle(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network shares refuse to sync folders; the file itself is synced.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


@contextlib.contextmanager
def _folder_of(path: Path, folder: Path) -> Iterator[int | None]:
    """Handle of the folder that holds a file; None where folders have no handles."""
    inner = path.parent
    if inner != folder and inner.is_symlink():
        raise _refused(inner, "a link")
    if not _BY_HANDLE:
        # Windows: checked by path; a change between check and use does not show.
        open_folder(inner)
        yield None
        return
    flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
    try:
        if inner == folder:
            handle = os.open(folder, flags)
        else:
            handle = open_without_links(inner, flags, below=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _refused(inner, "a link") from error
        raise
    try:
        yield handle
    finally:
        os.close(handle)


def _check_kind(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise _refused(path, "a link")
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "no regular file")
    if status.st_nlink > 1:
        raise _refused(path, f"one of {status.st_nlink} names of one file")


def _refused(path: Path, why: str) -> CaseError:
    return CaseError(
        f"{path} is {why}; in a case only regular files are opened, each with one name",
        hint="Copy the case file by file, without links, and look at what it named.",
        code="unsafe-case",
    )
