"""Stage, bar, time left, pause and cancel in one row."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.presenter import ProgressState
from btd_desktop.gui.presenters.wording import duration_text


class ProgressRow(QWidget):
    """Shows how far long work is; hidden while nothing is done.

    Signals:
        pause_toggled(): Pause or resume.
        cancel_wanted(): Stop.
    """

    pause_toggled = Signal()
    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._stage = PlainLabel("")
        self._bar = QProgressBar()
        self._left = PlainLabel("")
        self._pause = QPushButton("Pause")
        self._pause.clicked.connect(self.pause_toggled)
        self._cancel = QPushButton("Stop")
        self._cancel.setToolTip("Stop. What is done is kept, and can be resumed.")
        self._cancel.clicked.connect(self.cancel_wanted)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self._stage)
        layout.addWidget(self._bar, 1)
        for widget in (self._left, self._pause, self._cancel):
            layout.addWidget(widget)
        self.hide()

    @property
    def text(self) -> str:
        """Stage and time left as shown; "" while nothing is done."""
        if self.isHidden():
            return ""
        return f"{self._stage.text()} {self._left.text()}".strip()

    def show_progress(self, state: ProgressState) -> None:
        """Show how far it is."""
        self.setVisible(state.is_busy)
        self._pause.setVisible(state.can_pause)
        self._pause.setText("Resume" if state.paused else "Pause")
        self._left.setVisible(state.can_pause)
        self._left.setText("paused" if state.paused else duration_text(state.left_s))
        progress = state.progress
        self._stage.setToolTip(state.title)
        if progress is None:
            self._stage.setText(state.title)
        else:
            detail = f" · {progress.detail}" if progress.detail else ""
            step = "Step {} of {}: ".format(*state.step) if state.step else ""
            self._stage.setText(f"{step}{progress.stage}{detail}")
        if progress is None or progress.total <= 0:
            self._bar.setRange(0, 0)
            self._bar.setFormat("")
        else:
            self._bar.setRange(0, progress.total)
            self._bar.setValue(progress.done)
            self._bar.setFormat(f"{progress.done:,} of {progress.total:,}")
