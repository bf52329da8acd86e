"""The first slice of evidence, read on its own before the import proper.

It is on the screen while hundreds of files are still being hashed. The process that
parses it starts while the examiner is being asked for the folder of the case; it gets
no evidence before the answer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from btd_desktop.dicom.limits import DEFAULT_LIMITS
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.sandbox import Sandbox
from btd_desktop.errors import EvidenceError
from btd_desktop.progress import TaskContext
from btd_desktop.volume import Volume

_MAX_LOOKED_AT = 400
_LARGEST_PREVIEW = 64 << 20


class SliceReader:
    """A parsing process that waits for the first file; it is used once."""

    def __init__(self) -> None:
        self._sandbox = Sandbox(DEFAULT_LIMITS)

    def warm_up(self) -> None:
        """Load what parsing needs, which takes most of a second; reads no file."""
        self._sandbox.parse("dicom", b"")

    def first_slice(self, given: Sequence[Path], context: TaskContext) -> Volume | None:
        """`first_slice` in this process, which ends afterwards."""
        try:
            return first_slice(given, context, (self._sandbox,))
        finally:
            # The import closes it only where a file looks like an image.
            self.close()

    def close(self) -> None:
        """End the process."""
        self._sandbox.close()


def first_slice(
    given: Sequence[Path], context: TaskContext, ready: Sequence[Sandbox] = ()
) -> Volume | None:
    """One slice of the evidence, or None when none is found quickly.

    The file in the middle of the list is tried first, since the first slices of a
    series often show little.

    Args:
        given: Files and folders.
        context: Cancellation.
        ready: Parsing processes already started; the first import closes them.
    """
    for path in _candidates(given):
        try:
            found = import_evidence([path], context, ready=ready)
        except EvidenceError:
            continue
        finally:
            ready = ()
        if found.series:
            return found.series[0].volume
    return None


def _candidates(given: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in given:
        if path.is_file():
            files.append(path)
        elif path.is_dir():
            for folder, folders, names in os.walk(path, followlinks=False):
                folders.sort()
                files += [Path(folder) / name for name in sorted(names)]
                if len(files) >= _MAX_LOOKED_AT:
                    break
    images = [f for f in files if _may_be_image(f)]
    middle = len(images) // 2
    return [*images[middle : middle + 2], *images[:1]]


def _may_be_image(path: Path) -> bool:
    try:
        # Links are listed by the import, and not followed here either.
        if path.is_symlink() or not path.is_file():
            return False
        if path.stat().st_size > _LARGEST_PREVIEW:
            return False
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False
