"""Progress and cancellation, the only thing long work knows about who watches it.

The core takes a `TaskContext`; the CLI hangs a progress bar on it, the GUI a queued
signal. `report` must be called at least once per batch: that is where cancelling
takes effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from btd_desktop.errors import Cancelled


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    Attributes:
        done: Units finished, >= 0.
        total: Units in all; 0 when not known yet.
        stage: What is being done, in the examiner's words ("Scoring slices").
        detail: Optional further text (loss, file name without path).
        left: Time left in words, "" while not known, where the work knows better than
            who watches it; else None.
    """

    done: int
    total: int
    stage: str
    detail: str = ""
    left: str | None = None

    @property
    def fraction(self) -> float:
        """Share done in [0, 1]; 0 while the total is unknown."""
        return min(1.0, self.done / self.total) if self.total > 0 else 0.0


@dataclass(slots=True)
class TaskContext:
    """Where long work reports to, and how it learns that it shall stop or wait.

    Attributes:
        listener: Called with each `Progress`, on the worker's own thread.
    """

    listener: Callable[[Progress], None] | None = None
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _running: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._running.set()

    def report(
        self,
        done: int,
        total: int,
        stage: str,
        detail: str = "",
        *,
        left: str | None = None,
    ) -> None:
        """Tell the listener, wait while paused, and raise `Cancelled` if asked to."""
        self.check()
        if self.listener is not None:
            self.listener(Progress(done, total, stage, detail, left))

    def check(self) -> None:
        """Wait while paused; raise `Cancelled` when cancelling was asked for."""
        while not self._running.wait(timeout=0.1):
            if self._cancelled.is_set():
                break
        if self._cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """Ask the work to stop at its next report; safe from any thread."""
        self._cancelled.set()

    def pause(self) -> None:
        """Ask the work to wait at its next report; safe from any thread."""
        self._running.clear()

    def resume(self) -> None:
        """Let paused work go on; safe from any thread."""
        self._running.set()

    @property
    def is_paused(self) -> bool:
        """True between `pause` and `resume`."""
        return not self._running.is_set()
