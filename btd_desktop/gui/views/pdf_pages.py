"""Pages of a PDF that this program made, to look at before signing.

Qt's own PDF module is not part of PySide6-Essentials. Where pypdfium2 is installed
pages are shown here; else they are written to a file that is shown by the system's
viewer and deleted when the dialog closes.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import tempfile
from pathlib import Path
from typing import Any  # pypdfium2 is optional and has no types here

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage, QPixmap
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from btd_desktop.gui.plain_text import PlainLabel

_INVITATION = (
    "“Preview pages” lays the report out as a draft. Nothing is signed or recorded "
    "by that."
)


class PdfPages(QWidget):
    """Pages one below the other, or a button that opens them elsewhere."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file: Path | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._words = PlainLabel(_INVITATION, wrap=True, role="muted")
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        layout.addWidget(self._words)
        self._open = QPushButton("Open preview")
        self._open.clicked.connect(self._open_outside)
        self._open.hide()
        layout.addWidget(self._open, 0, Qt.AlignmentFlag.AlignHCenter)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.hide()
        layout.addWidget(self._scroll, 1)

    def show_pdf(self, pdf: bytes) -> None:
        """Show other pages."""
        if importlib.util.find_spec("pypdfium2") is not None:
            self._words.hide()
            self._show_pages(pdf)
            self._scroll.show()
            return
        self.forget_file()
        with tempfile.NamedTemporaryFile(
            prefix="btd-preview-", suffix=".pdf", delete=False
        ) as stream:
            stream.write(pdf)
        self._file = Path(stream.name)
        self._words.setText(
            "The draft is ready. It is shown by the PDF viewer of this computer and "
            "deleted when this dialog is closed."
        )
        self._open.show()

    def forget_file(self) -> None:
        """Delete the preview's file, which holds patient data."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.unlink()
            self._file = None

    def _show_pages(self, pdf: bytes) -> None:
        pdfium: Any = importlib.import_module("pypdfium2")
        content = QWidget()
        column = QVBoxLayout(content)
        column.setSpacing(12)
        # As wide as there is room, and a little less for the scroll bar.
        room = max(self.width() - 40, 300)
        document = pdfium.PdfDocument(pdf)
        try:
            for number in range(len(document)):
                page_width = document[number].get_width()
                scale = max(room / page_width, 0.5) * self.devicePixelRatio()
                bitmap = document[number].render(scale=scale)
                array = bitmap.to_numpy()
                height, width, n_channels = array.shape
                form = (
                    QImage.Format.Format_BGR888
                    if n_channels == 3
                    else QImage.Format.Format_RGB32
                )
                image = QImage(array.data, width, height, array.strides[0], form)
                pixmap = QPixmap.fromImage(image.copy())
                pixmap.setDevicePixelRatio(self.devicePixelRatio())
                page = PlainLabel()
                page.setPixmap(pixmap)
                page.setAccessibleName(f"Page {number + 1}")
                column.addWidget(page, 0, Qt.AlignmentFlag.AlignHCenter)
        finally:
            document.close()
        self._scroll.setWidget(content)  # which deletes the one before

    def _open_outside(self) -> None:
        if self._file is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._file)))
