"""The few files that the parsing process may write: opened before it is locked.

SimpleITK reads from paths only. The process may open no file for writing, so the
names it needs exist, empty, in its own folder, and are filled through descriptors.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Self

__all__ = ["SCRATCH_NAMES", "ScratchFiles"]

SCRATCH_NAMES: Final = tuple(
    f"volume{suffix}" for suffix in (".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".raw")
)
_CHUNK: Final = 64 << 20


class ScratchFiles:
    """Files of one folder, by name; each is written whole and emptied after use."""

    def __init__(self, folder: Path, descriptors: dict[str, int]) -> None:
        self._folder, self._descriptors = folder, descriptors

    @classmethod
    def open_in(cls, folder: Path) -> Self:
        """Make the files in a folder of this process's own.

        Raises:
            OSError: A file cannot be made.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        names = SCRATCH_NAMES
        return cls(folder, {n: os.open(folder / n, flags, 0o600) for n in names})

    def write(self, name: str, data: bytes) -> Path:
        """Fill one file and return where it lies.

        Args:
            name: One of `SCRATCH_NAMES`.
            data: Its whole content.

        Raises:
            OSError: The disk is full, or the file would be too long.
        """
        descriptor = self._descriptors[name]
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                done += os.write(descriptor, view[done : done + _CHUNK])
        return self._folder / name

    def clear(self) -> None:
        """Empty every file."""
        for descriptor in self._descriptors.values():
            os.ftruncate(descriptor, 0)
