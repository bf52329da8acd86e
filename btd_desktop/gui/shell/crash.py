"""A bug in the program: say so, keep the trace, lose nothing.

Everything that counts is in the case the moment it is known, so there is nothing to
rescue; the dialog says that, and where the log lies.
"""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QMessageBox, QWidget

from btd_desktop import paths

_log = logging.getLogger(__name__)


class CrashGuard(QObject):
    """Tells the examiner of exceptions that nothing caught.

    Attributes:
        box: The dialog while it is shown.

    Signals:
        caught(Exception): From any thread; shown on the main thread.
    """

    caught = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._before = sys.excepthook
        self.box: QMessageBox | None = None
        self.caught.connect(self.show)

    def install(self) -> None:
        """Become the process's exception hook."""
        self._before = sys.excepthook
        sys.excepthook = self._hook

    def remove(self) -> None:
        """Restore the hook that was set before."""
        sys.excepthook = self._before

    def show(self, error: BaseException) -> None:
        """Tell the examiner; one dialog at a time."""
        if self.box is not None:
            return
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Critical)
        box.setWindowTitle("BTD Desktop")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText("The program made a mistake.")
        box.setInformativeText(
            "Nothing is lost: scores, findings and reports are in the case as soon as "
            "they are made. You can go on; if something looks wrong, close the program "
            "and open the case again.\n\n"
            f"The details are in the log in {paths.log_dir()}, without patient data."
        )
        # Names of files and values stay out; where it happened is what helps.
        frames = traceback.extract_tb(error.__traceback__)
        place = "\n".join(f"{f.name}, line {f.lineno}" for f in frames[-8:])
        box.setDetailedText(f"{type(error).__name__}\n{place}")
        box.destroyed.connect(self._forget)
        self.box = box
        box.open()

    def _hook(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before(kind, error, trace)
            return
        _log.critical("unexpected error", exc_info=(kind, error, trace))
        self.caught.emit(error)

    def _forget(self) -> None:
        self.box = None
