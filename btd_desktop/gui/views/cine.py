"""Cine: slices that run by themselves."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

FPS_RANGE = (1, 60)


class CineTimer(QObject):
    """Asks for the next slice at a steady pace while it runs.

    A tick that comes while the last slice is still being painted is skipped by Qt, so a
    slow machine shows fewer slices instead of falling behind.

    Signals:
        slice_step_requested(int): Go one slice on; whoever listens wraps at the end.
        running_changed(bool): Started or stopped.
    """

    slice_step_requested = Signal(int)
    running_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)

    @property
    def is_running(self) -> bool:
        """Whether slices run."""
        return self._timer.isActive()

    def start(self, fps: int = 15) -> None:
        """Run at this many slices per second, held within `FPS_RANGE`."""
        low, high = FPS_RANGE
        was_running = self.is_running
        self._timer.start(round(1000 / min(max(fps, low), high)))
        if not was_running:
            self.running_changed.emit(True)

    def stop(self) -> None:
        """Stop where it is."""
        if self.is_running:
            self._timer.stop()
            self.running_changed.emit(False)

    def toggle(self, fps: int = 15) -> None:
        """Start if stopped, stop if running."""
        if self.is_running:
            self.stop()
        else:
            self.start(fps)

    def _tick(self) -> None:
        self.slice_step_requested.emit(1)
