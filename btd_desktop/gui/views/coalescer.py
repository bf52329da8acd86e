"""Signals of a fast hand, thinned to one per turn of the event loop.

A mouse reports up to a thousand positions a second, far more than can be painted. Each
kind of intent keeps its latest value and is sent once Qt has nothing else to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer


class Coalescer(QObject):
    """Holds back calls and makes the latest of each kind when the loop is idle."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self.flush)

    def post(self, kind: str, call: Callable[..., Any], *values: object) -> None:
        """Make this call soon, instead of an earlier one of the same kind."""
        self._waiting[kind] = (call, values)
        self._start()

    def add(self, kind: str, call: Callable[[int], Any], step: int) -> None:
        """Like `post`, but steps that wait are summed up."""
        _, values = self._waiting.get(kind, (call, (0,)))
        self._waiting[kind] = (call, (values[0] + step,))
        self._start()

    def drop(self, kind: str) -> None:
        """Forget a call that waits."""
        self._waiting.pop(kind, None)

    def flush(self) -> None:
        """Make all calls that wait, now."""
        self._timer.stop()
        waiting, self._waiting = self._waiting, {}
        for call, values in waiting.values():
            call(*values)

    def _start(self) -> None:
        if not self._timer.isActive():
            self._timer.start()
