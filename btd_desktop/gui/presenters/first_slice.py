"""The first slice of evidence on the screen, ahead of the import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.presenter import JobOwner
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext
from btd_desktop.volume import Volume

if TYPE_CHECKING:
    from btd_desktop.workflow.first_slice import SliceReader


class FirstSlice(JobOwner):
    """Reads the first slice on the io lane; the process that parses waits for it."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, parent)
        self._session = session
        self._ready: SliceReader | None = None
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
            from btd_desktop.workflow.first_slice import first_slice

            ready, self._ready = self._ready, None
            if ready is None:
                return first_slice(given, context)
            return ready.first_slice(given, context)

        job = self._session.jobs.submit("io", "First slice", work, urgent=True)
        job.finished.connect(self._on_read)

    def close(self) -> None:
        """End the parsing process; it may be starting just now."""
        self._closed = True
        ready, self._ready = self._ready, None
        if ready is not None:
            ready.close()

    def _warm_up(self, context: TaskContext, tell: Tell) -> None:
        from btd_desktop.workflow.first_slice import SliceReader

        reader = SliceReader()
        self._ready = reader
        if self._closed:
            reader.close()
        reader.warm_up()

    def _on_read(self, volume: Volume | None) -> None:
        if volume is not None:
            self._session.show_preview(volume)
