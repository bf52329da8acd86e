"""The first slice of evidence, read on its own before the import proper.

So that something is on the screen while hundreds of files are still being hashed. The
process that parses it is started while the examiner is still asked where the case
shall live; it is given no evidence before the answer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from btd_desktop.errors import EvidenceError
from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.presenter import JobOwner
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext
from btd_desktop.volume import Volume

if TYPE_CHECKING:
    from btd_desktop.dicom.sandbox import Sandbox


_MAX_LOOKED_AT = 400
_LARGEST_PREVIEW = 64 << 20


class FirstSlice(JobOwner):
    """Reads the first slice on the io lane, in front of the import that follows."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, parent)
        self._session = session
        self._ready: Sandbox | None = None
        self._closed = False

    def get_ready(self) -> None:
        """Start the parsing process, once."""
        if self._ready is None and not self.is_busy:
            self._begin("io", "Starting the reader", self._warm_up, urgent=True)

    def show(self, given: Sequence[Path]) -> None:
        """Show the first slice found while nothing else is shown."""
        if self._session.record is not None:
            return

        def work(context: TaskContext, tell: Tell) -> Volume | None:
            sandbox, self._ready = self._ready, None
            if sandbox is None:
                return first_slice(given, context)
            try:
                return first_slice(given, context, (sandbox,))
            finally:
                # Not used where nothing looks like an image.
                sandbox.close()

        job = self._session.jobs.submit("io", "First slice", work, urgent=True)
        job.finished.connect(self._on_read)

    def close(self) -> None:
        """End the parsing process; it may be starting just now."""
        self._closed = True
        ready, self._ready = self._ready, None
        if ready is not None:
            ready.close()

    def _warm_up(self, context: TaskContext, tell: Tell) -> None:
        from btd_desktop.dicom.limits import DEFAULT_LIMITS
        from btd_desktop.dicom.sandbox import Sandbox

        sandbox = Sandbox(DEFAULT_LIMITS)
        self._ready = sandbox
        if self._closed:
            sandbox.close()
        # Nothing is read, but what parsing needs is loaded: most of a second.
        sandbox.parse("dicom", b"")

    def _on_read(self, volume: Volume | None) -> None:
        if volume is not None:
            self._session.show_preview(volume)


def first_slice(
    given: Sequence[Path], context: TaskContext, ready: Sequence[Sandbox] = ()
) -> Volume | None:
    """One slice of the evidence, or None when none is found quickly.

    The middle one of the files that lie beside each other, since the first ones of a
    series often show little.

    Args:
        given: Files and folders.
        context: Cancellation.
        ready: Parsing processes started before; closed when the first file is read.
    """
    from btd_desktop.dicom.load import import_evidence

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
