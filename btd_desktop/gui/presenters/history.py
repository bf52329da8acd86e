"""What the examiner did, step by step, to be taken back.

Nothing is erased: taking a step back does the opposite, which the audit log keeps like
any other change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was done.

    Attributes:
        words: What, as in "Undo: note of finding 3".
        back: Does the opposite; False when it could not.
        again: Does it once more; False when it could not.
    """

    words: str
    back: Callable[[], bool]
    again: Callable[[], bool]


class History(QObject):
    """Steps of the open case, the last one first to be taken back.

    Signals:
        changed(): There is another step to take back or to do again.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._done: list[Step] = []
        self._undone: list[Step] = []

    @property
    def back_words(self) -> str:
        """What would be taken back; "" when there is nothing."""
        return self._done[-1].words if self._done else ""

    @property
    def again_words(self) -> str:
        """What would be done again; "" when there is nothing."""
        return self._undone[-1].words if self._undone else ""

    def did(self, step: Step) -> None:
        """Remember a step."""
        self._done.append(step)
        self._undone.clear()
        self.changed.emit()

    def forget(self) -> None:
        """Another case is open."""
        self._done.clear()
        self._undone.clear()
        self.changed.emit()

    def on_undo(self) -> None:
        """Take the last step back."""
        if self._done and self._done[-1].back():
            self._undone.append(self._done.pop())
            self.changed.emit()

    def on_redo(self) -> None:
        """Do the step again that was taken back last."""
        if self._undone and self._undone[-1].again():
            self._done.append(self._undone.pop())
            self.changed.emit()
