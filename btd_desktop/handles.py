"""Files and folders opened by their handles, without following links.

A path is a promise that anybody with write access can break: between listing and
opening, a folder on the way may become a link to somewhere else. So each part of a
path is opened from the handle of the part before it, and a link anywhere ends it.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final, NoReturn

_LINK: Final = "a link lies on the way; links are not followed"
_REPARSE_POINT: Final = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT: links and junctions
# Windows opens by path only.
_BY_HANDLE: Final = os.open in os.supports_dir_fd
# O_PATH: searching a folder on the way is enough, listing it need not be allowed.
_ON_THE_WAY: Final = (
    getattr(os, "O_PATH", getattr(os, "O_SEARCH", 0))
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_ALWAYS: Final = (
    _NO_LINK
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
)


def open_leaving_times(
    path: str | Path, *extra_flags: str, dir_fd: int | None = None
) -> int:
    """Descriptor for reading; the time of last access stays where that can be had.

    Args:
        path: The file.
        extra_flags: Names of further flags of `os.open`, used where they exist.
        dir_fd: Handle of the folder that a relative path begins at.

    Raises:
        OSError: It cannot be opened.
    """
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_CLOEXEC", *extra_flags):
        flags |= getattr(os, name, 0)
    try:
        # Linux lets only the owner ask so.
        return os.open(path, flags | getattr(os, "O_NOATIME", 0), dir_fd=dir_fd)
    except PermissionError:
        return os.open(path, flags, dir_fd=dir_fd)


def open_without_links(
    path: str | Path,
    flags: int | None = None,
    mode: int = 0o600,
    *,
    below: Path | None = None,
) -> int:
    """Descriptor of a file, or of a folder, with no link anywhere on the way to it.

    Args:
        path: What to open; relative paths begin at the working folder.
        flags: As for `os.open`, whose flags against links are added; None reads, and
            leaves the time of last access where that can be had.
        mode: Rights of a file that is made.
        below: A folder that may be reached through links, as one that the examiner
            chose may; only what follows it is checked. None checks the whole path.

    Raises:
        OSError: It cannot be opened; with `errno.ELOOP` when a link or `..` is in
            the way.
        ValueError: It does not lie below `below`, or the name cannot be one.
    """
    if below is None:
        place = Path(path).absolute()
        start, parts = Path(place.anchor), place.parts[1:]
    else:
        start, parts = below, Path(path).relative_to(below).parts
    if ".." in parts:
        raise OSError(errno.ELOOP, "a path that leads out of its folder", str(path))
    if not parts:
        return os.open(start, os.O_RDONLY if flags is None else flags | _ALWAYS, mode)
    if not _BY_HANDLE:
        return _open_by_path(start, parts, flags, mode)
    folder = os.open(start, _ON_THE_WAY)
    try:
        for part in parts[:-1]:
            inner = _open_part(part, _ON_THE_WAY | _NO_LINK, 0, folder, str(path))
            os.close(folder)
            folder = inner
        return _open_part(parts[-1], flags, mode, folder, str(path))
    finally:
        os.close(folder)


def open_folder(path: str | Path, *, dir_fd: int | None = None) -> int | str:
    """What `os.scandir` lists: the handle of a folder that is no link.

    Args:
        path: The folder; without `dir_fd` no part of it may be a link.
        dir_fd: Handle of the folder that `path`, then a single name, lies in.

    Returns:
        The handle, which the caller closes; the path itself where folders have none
        (Windows).

    Raises:
        OSError: It cannot be opened, is no folder, or a link is in the way.
    """
    if not _BY_HANDLE:
        _refuse_reparse_points(Path(path))
        return str(path)
    flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
    if dir_fd is None:
        return open_without_links(path, flags)
    return _open_part(str(path), flags | _ALWAYS, 0, dir_fd, str(path))


def _open_part(part: str, flags: int | None, mode: int, folder: int, path: str) -> int:
    try:
        if flags is None:
            return open_leaving_times(
                part, "O_NOFOLLOW", "O_NONBLOCK", "O_NOCTTY", dir_fd=folder
            )
        return os.open(part, flags | _ALWAYS, mode, dir_fd=folder)
    except OSError as error:
        _explain(error, part, folder, path)


def _explain(error: OSError, part: str, folder: int, path: str) -> NoReturn:
    """Say that it is a link where it is one; systems differ in what they call it."""
    try:
        is_link = stat.S_ISLNK(
            os.stat(part, dir_fd=folder, follow_symlinks=False).st_mode
        )
    except OSError:
        is_link = False
    if is_link:
        raise OSError(errno.ELOOP, _LINK, path) from error
    raise error


def _open_by_path(
    start: Path, parts: tuple[str, ...], flags: int | None, mode: int
) -> int:
    """Where nothing opens by handle: checked before, and again with the file held."""
    path = start.joinpath(*parts)
    _refuse_reparse_points(path, start)
    flags = (os.O_RDONLY if flags is None else flags) | _ALWAYS
    descriptor = os.open(path, flags, mode)
    try:
        _refuse_reparse_points(path, start)
        is_same = os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError:
        os.close(descriptor)
        raise
    if not is_same:
        os.close(descriptor)
        raise OSError(errno.ELOOP, _LINK, str(path))
    return descriptor


def _refuse_reparse_points(path: Path, start: Path | None = None) -> None:
    for place in (path, *path.parents):
        if place == start:
            return
        try:
            status = place.lstat()
        except FileNotFoundError:
            continue
        attributes = getattr(status, "st_file_attributes", 0)
        if stat.S_ISLNK(status.st_mode) or attributes & _REPARSE_POINT:
            raise OSError(errno.ELOOP, _LINK, str(path))
