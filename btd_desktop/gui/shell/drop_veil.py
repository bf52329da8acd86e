"""What covers the window while files are dragged over it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QWidget

from btd_desktop.gui.dialogs.form import dropped_paths

_TEXT = (
    "Drop to open\n\nEvidence (folder, files, ZIP, DICOMDIR, NIfTI, NRRD, MHA), a "
    "case, or a report to verify"
)


class DropVeil(QWidget):
    """A frame over the whole window that says what a drop will do.

    Signals:
        hovered(): Files or folders are over the window.
        dropped(list[Path]): They were let go.
    """

    hovered = Signal()
    dropped = Signal(object)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take files and folders anywhere in the window."""
        if isinstance(event, QDragEnterEvent):
            if dropped_paths(event.mimeData()):
                event.acceptProposedAction()
                self._cover()
                self.hovered.emit()
            return True
        if event.type() == QEvent.Type.DragLeave:
            self.hide()
            return True
        if isinstance(event, QDropEvent) and event.type() == QEvent.Type.Drop:
            self.hide()
            paths = dropped_paths(event.mimeData())
            if paths:
                event.acceptProposedAction()
                self.dropped.emit(paths)
            return True
        return super().eventFilter(watched, event)

    def _cover(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw frame and text."""
        painter = QPainter(self)
        palette = self.palette()
        ground = QColor(palette.color(QPalette.ColorRole.Window))
        ground.setAlpha(225)
        painter.fillRect(self.rect(), ground)
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Link), 3))
        painter.drawRoundedRect(self.rect().adjusted(16, 16, -16, -16), 12, 12)
        font = painter.font()
        font.setPixelSize(20)
        painter.setFont(font)
        painter.setPen(palette.color(QPalette.ColorRole.WindowText))
        painter.drawText(
            self.rect().adjusted(60, 60, -60, -60),
            Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
            _TEXT,
        )
        painter.end()
