"""A file of evidence that holds a descriptor only while somebody reads it.

A folder may hold thousands of archives; a process may hold about a thousand files
open. Archives are read member by member long after they were listed, so each is
opened again when its turn comes and must still be what it was.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections import OrderedDict
from typing import BinaryIO, Final

from btd_desktop.dicom.sources import open_evidence

_MAX_OPEN: Final = 32


class FilePool:
    """The few files that are open at a time; the longest unused one is closed first.

    Usable by several threads, one read at a time.
    """

    def __init__(self, max_open: int = _MAX_OPEN) -> None:
        self.lock = threading.RLock()
        self._max_open = max_open
        self._open: OrderedDict[ArchiveFile, BinaryIO] = OrderedDict()

    def stream(self, file: ArchiveFile) -> BinaryIO:
        """The open file; to be called and used under `lock`.

        Raises:
            OSError: It cannot be opened, or is not the file that it was.
        """
        stream = self._open.get(file)
        if stream is None:
            stream = open_evidence(file.path)
            try:
                file.recognise(os.fstat(stream.fileno()))
            except OSError:
                stream.close()
                raise
            while len(self._open) >= self._max_open:
                self._open.popitem(last=False)[1].close()
            self._open[file] = stream
        self._open.move_to_end(file)
        return stream

    def release(self, file: ArchiveFile) -> None:
        """Close a file if it is open; it may be opened again."""
        with self.lock:
            stream = self._open.pop(file, None)
            if stream is not None:
                stream.close()


class ArchiveFile(io.RawIOBase):
    """Read-only seekable file below an archive, opened when it is read.

    Attributes:
        path: Where it lies.
        size: Bytes, as found when it was first opened.
    """

    def __init__(self, path: str, pool: FilePool) -> None:
        super().__init__()
        self.path = path
        self.size = 0
        self._pool = pool
        self._at = 0
        self._identity: tuple[int, ...] | None = None
        with pool.lock:
            pool.stream(self)

    def recognise(self, status: os.stat_result) -> None:
        """Remember the file, or compare it with what is remembered.

        Raises:
            OSError: It is another file, or was written to, since it was first opened.
        """
        found = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if self._identity is None:
            self._identity, self.size = found, status.st_size
        elif found != self._identity:
            raise OSError(errno.ESTALE, "the archive changed while it was being read")

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Offset of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the offset of the next read; behind the end is allowed, as for files.

        Raises:
            OSError: It lies before the start.
        """
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "an offset before the start of the archive")
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, all that are left when it is negative or None.

        Raises:
            OSError: The file cannot be read or has changed.
        """
        left = max(0, self.size - self._at)
        # Whatever a directory claims, no more is asked for than the file has.
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted == 0:
            return b""
        with self._pool.lock:
            stream = self._pool.stream(self)
            stream.seek(self._at)
            data = stream.read(wanted)
        self._at += len(data)
        return data

    def close(self) -> None:
        """Give up the descriptor, if there is one."""
        if not self.closed:
            self._pool.release(self)
        super().close()
