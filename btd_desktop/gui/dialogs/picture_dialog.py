"""Saving the slice on screen as a picture, with or without patient data."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QWidget

from btd_desktop.gui.dialogs.form import (
    PathField,
    ProblemLine,
    button_box,
    form_layout,
    muted,
    page_layout,
    pin_buttons,
)

_NOTE = (
    "Without patient data, the picture shows the body only, with overlay, patches and "
    "scale, but no name, number, date or scanner. Text burned into the body itself "
    "cannot be told from anatomy: look at the picture before you pass it on."
)


class PictureDialog(QDialog):
    """Asks for the file and whether patient data may be seen.

    Signals:
        picture_wanted(Path, bool): Write the picture there, without patient data or
            with it.
    """

    picture_wanted = Signal(object, bool)

    def __init__(self, suggested: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = page_layout(self, "Save picture of the slice", 560, 260)
        self._out = PathField("Picture file", kind="save", pattern="Pictures (*.png)")
        self._out.set_path(suggested)
        self._out.changed.connect(self._check)
        self._redacted = QCheckBox("&Without patient data")
        self._redacted.setChecked(True)
        form = form_layout()
        form.addRow("&File", self._out)
        form.addRow("", self._redacted)
        layout.addLayout(form)
        layout.addWidget(muted(_NOTE))
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        layout.addStretch(1)
        box, self._save = button_box(self, "&Save")
        pin_buttons(self, box)
        self._check()

    def accept(self) -> None:
        """Ask for the picture."""
        path = self._out.path
        if path is not None:
            self.picture_wanted.emit(path, self._redacted.isChecked())
            super().accept()

    def _check(self) -> None:
        problem = _problem_of(self._out.path)
        self._problem.show_problem(problem)
        self._save.setEnabled(not problem)


def _problem_of(path: Path | None) -> str:
    if path is None:
        return "Name a file to write."
    if path.suffix.lower() != ".png":
        return "The name must end in .png."
    try:
        if path.exists():
            return "This file exists already. Choose another name."
        if not path.parent.is_dir():
            return "This folder does not exist."
    except (OSError, ValueError):
        return "No file can have this name."
    return ""
