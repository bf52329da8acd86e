"""Writing the results of the case as DICOM objects."""

from __future__ import annotations

from pathlib import Path

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
from btd_desktop.gui.presenters.exporting import (
    ExportForm,
    ExportPresenter,
    ExportState,
)

_NOTE = (
    "Map, flagged regions, scores, pictures of the places and the newest report become "
    "objects of the study that the scan came from, in series of their own. All of them "
    "say that they are forensic and not for diagnostic use. Headers are read from the "
    "evidence, which must lie where it was imported from; nothing in it is changed."
)
_REDACTED_NOTE = (
    "Without patient data, pseudonyms of the case stand in place of patient, study and "
    "UIDs, and the redacted report is taken: an archive does not file these objects "
    "with the scan."
)


class ExportDialog(QDialog):
    """Asks for the folder and whether patient data may be seen, and shows the end."""

    def __init__(
        self, presenter: ExportPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
        presenter.setParent(self)
        layout = page_layout(self, "Export results to DICOM", 600, 380)
        self._out = PathField("Folder for the objects")
        self._out.changed.connect(self._check)
        self._redacted = QCheckBox("&Without patient data")
        self._report = QCheckBox("With the newest &report")
        self._report.setChecked(True)
        form = form_layout()
        form.addRow("&Folder", self._out)
        form.addRow("", self._redacted)
        form.addRow("", self._report)
        layout.addLayout(form)
        layout.addWidget(muted(_NOTE))
        layout.addWidget(muted(_REDACTED_NOTE))
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        layout.addStretch(1)
        box, self._write = button_box(self, "&Write")
        pin_buttons(self, box)
        presenter.changed.connect(self._on_state)
        self.finished.connect(presenter.on_closed)
        self._check()

    def accept(self) -> None:
        """Write the objects; the dialog closes when they are written."""
        if self._write.isEnabled():
            redacted, report = self._redacted.isChecked(), self._report.isChecked()
            self._presenter.on_export_wanted(
                ExportForm(self._out.path, redacted, report)
            )

    def _on_state(self, state: ExportState) -> None:
        if state.done is not None:
            super().accept()
            return
        self._write.setText("Writing …" if state.busy else "&Write")
        self._write.setEnabled(not state.busy)
        self._problem.show_problem(state.problem)

    def _check(self) -> None:
        problem = _problem_of(self._out.path)
        self._problem.show_problem(problem)
        self._write.setEnabled(not problem)


def _problem_of(path: Path | None) -> str:
    if path is None:
        return "Choose a new or empty folder."
    try:
        if path.exists() and not path.is_dir():
            return "This is a file. Choose a folder."
        if path.is_dir() and any(path.iterdir()):
            return "This folder is not empty. Choose a new or empty one."
    except (OSError, ValueError):
        return "This folder cannot be used."
    return ""
