"""Stage, bar, time left, pause and cancel in one row."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from btd_desktop.gui.plain_text import plain_label
from btd_desktop.gui.presenters.wording import duration_text
from btd_desktop.progress import Progress


class ProgressRow(QWidget):
    """Shows how far long work in a dialog is.

    Signals:
        pause_toggled(): Pause or go on.
        cancel_wanted(): Stop.
    """

    pause_toggled = Signal()
    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stage = plain_label("")
        self._stage.setMinimumWidth(170)
        self._bar = QProgressBar()
        self._left = plain_label("")
        self._pause = QPushButton("Pause")
        self._pause.clicked.connect(self.pause_toggled)
        self._cancel = QPushButton("Stop")
        self._cancel.clicked.connect(self.cancel_wanted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stage)
        layout.addWidget(self._bar, 1)
        layout.addWidget(self._left)
        layout.addWidget(self._pause)
        layout.addWidget(self._cancel)

    def show_progress(
        self,
        progress: Progress | None,
        left_s: float | None,
        *,
        busy: bool,
        paused: bool,
        waiting: str = "Waiting for other work to end",
    ) -> None:
        """Show how far it is; hidden while nothing is done."""
        self.setVisible(busy)
        if not busy:
            return
        self._pause.setText("Go on" if paused else "Pause")
        if progress is None or progress.total <= 0:
            self._stage.setText(progress.stage if progress else waiting)
            self._bar.setRange(0, 0)
            self._left.setText("paused" if paused else "")
            return
        detail = f" · {progress.detail}" if progress.detail else ""
        self._stage.setText(f"{progress.stage}{detail}")
        self._bar.setRange(0, progress.total)
        self._bar.setValue(progress.done)
        self._bar.setFormat(f"{progress.done:,} of {progress.total:,}")
        known = left_s is not None
        self._left.setText(
            "paused" if paused else duration_text(left_s) if known else ""
        )
