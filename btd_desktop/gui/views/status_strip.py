"""The line at the bottom: what goes on, how long it takes, which device computes."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from btd_desktop.examination.wording import DeviceLine
from btd_desktop.gui.plain_text import plain_label
from btd_desktop.gui.presenters.presenter import ProgressState
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.progress_row import ProgressRow

_NOTICE_MS = 8000


class StatusStrip(QWidget):
    """Notice, pointer, progress with pause and cancel, device.

    Signals:
        pause_toggled(): Pause or go on.
        cancel_wanted(): Stop.
    """

    pause_toggled = Signal()
    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._notice = plain_label("")
        self._notice.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self._pointer = plain_label("")
        self._pointer.setMinimumWidth(190)
        self._progress = ProgressRow()
        self._progress.setMaximumWidth(620)
        self._progress.pause_toggled.connect(self.pause_toggled)
        self._progress.cancel_wanted.connect(self.cancel_wanted)
        self._device = plain_label("", role="muted")
        self._device_help = HelpButton("device")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_NOTICE_MS)
        self._timer.timeout.connect(self._clear_notice)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 3, 6, 3)
        layout.setSpacing(8)
        layout.addWidget(self._notice, 1)
        layout.addWidget(self._pointer)
        layout.addWidget(self._progress)
        layout.addWidget(self._device)
        layout.addWidget(self._device_help)
        self.show_device(None)

    @property
    def notice(self) -> str:
        """The sentence shown."""
        return self._notice.text()

    @property
    def progress_text(self) -> str:
        """Stage and time left as shown; "" when nothing goes on."""
        return self._progress.text

    def show_notice(self, text: str) -> None:
        """Show a sentence for some seconds."""
        self._notice.setText(text)
        self._notice.setToolTip(text)
        self._timer.start()

    def show_pointer(self, text: str) -> None:
        """Show what lies under the pointer."""
        self._pointer.setText(text)

    def show_device(self, line: DeviceLine | None) -> None:
        """Show the device in use, or that none is yet."""
        self._device.setText("Device: not in use yet" if line is None else line.name)
        self._device.setToolTip("" if line is None else line.reason)
        why = line is not None and not line.is_gpu
        if line is not None and why:
            self._device.setText(f"{line.name} (no GPU)")

    def show_progress(self, state: ProgressState) -> None:
        """Show how far a job is; nothing when there is none."""
        self._progress.show_progress(state)

    def _clear_notice(self) -> None:
        self._notice.setText("")
