"""The line at the bottom: what goes on, how long it takes, which device computes."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from btd_desktop.examination.wording import DeviceLine
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.progress_row import ProgressRow

_NOTICE_MS = 8000


class StatusStrip(QWidget):
    """Notice, pointer, progress with pause and cancel, device.

    Attributes:
        progress: How far long work is.
        jobs: Opens the list of jobs; there while there is more than one.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notice = PlainLabel("")
        self._notice.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self._pointer = PlainLabel("")
        self._pointer.setMinimumWidth(190)
        self.progress = ProgressRow()
        self.progress.setMaximumWidth(620)
        self.jobs = QPushButton("")
        self.jobs.setToolTip("All that goes on, with Pause and Stop.")
        self.jobs.hide()
        self._device = PlainLabel("", role="muted")
        self._device_help = HelpButton("device")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_NOTICE_MS)
        self._timer.timeout.connect(self._notice.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 3, 6, 3)
        layout.setSpacing(8)
        layout.addWidget(self._notice, 1)
        layout.addWidget(self._pointer)
        layout.addWidget(self.progress)
        layout.addWidget(self.jobs)
        layout.addWidget(self._device)
        layout.addWidget(self._device_help)
        self.show_device(None)

    def show_notice(self, text: str) -> None:
        """Show a sentence for some seconds."""
        self._notice.setText(text)
        self._notice.setToolTip(text)
        self._timer.start()

    def show_pointer(self, text: str) -> None:
        """Show what lies under the pointer."""
        self._pointer.setText(text)

    def show_jobs(self, n_running: int) -> None:
        """Show how many jobs go on or wait."""
        self.jobs.setText(f"Jobs: {n_running}")
        self.jobs.setVisible(n_running > 0)

    def show_device(self, line: DeviceLine | None) -> None:
        """Show the device in use, or that none is yet."""
        if line is None:
            self._device.setText("Device: not in use yet")
            return
        self._device.setText(line.name if line.is_gpu else f"{line.name} (no GPU)")
        self._device.setToolTip(line.reason)
