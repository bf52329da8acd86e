"""Asks where to store the case and what it is about, before evidence is read."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QDialog, QLineEdit, QRadioButton, QWidget

from btd_desktop.gui.dialogs.form import (
    PathField,
    ProblemLine,
    button_box,
    form_layout,
    heading,
    muted,
    page_layout,
)
from btd_desktop.gui.presenters.opening import CaseChoice, CaseProposal
from btd_desktop.workflow.import_series import CaseDetails


class CaseDialog(QDialog):
    """Asks for a new case's folder and details, or adds to the open case."""

    def __init__(self, proposal: CaseProposal, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._proposal = proposal
        layout = page_layout(self, "Open evidence", 620, 0)
        count = len(proposal.paths)
        first = proposal.paths[0]
        what = str(first) if count == 1 else f"{count} items from {first.parent}"
        layout.addWidget(heading("Where should the case be stored?"))
        layout.addWidget(
            muted(
                f"Evidence: {what}. It is read, hashed and left as it is. The case is "
                "a folder of its own that keeps the account of every file, the scores, "
                "your findings and the reports."
            )
        )
        self._add = QRadioButton(f"Add to the open case “{proposal.open_case}”")
        self._new = QRadioButton("Make a new case")
        self._new.setChecked(True)
        if proposal.open_case:
            layout.addWidget(self._add)
            layout.addWidget(self._new)
        self._new.toggled.connect(self._on_toggled)
        form = form_layout()
        self._folder = PathField("Case folder")
        self._folder.set_path(proposal.folder)
        self._folder.changed.connect(self._check)
        self._title = QLineEdit(proposal.title)
        self._number = QLineEdit()
        self._client = QLineEdit()
        self._examiner = QLineEdit(proposal.examiner)
        self._question = QLineEdit()
        self._question.setPlaceholderText("What were you asked?")
        form.addRow("Case &folder", self._folder)
        form.addRow("&Title", self._title)
        form.addRow("Case &number", self._number)
        form.addRow("C&lient", self._client)
        form.addRow("&Examiner", self._examiner)
        form.addRow("&Question", self._question)
        layout.addLayout(form)
        layout.addWidget(muted("All of this can be changed before the report."))
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        box, self._accept = button_box(self, "Import")
        layout.addWidget(box)
        self._fields = (
            self._folder,
            self._title,
            self._number,
            self._client,
            self._examiner,
            self._question,
        )
        self._check()
        self._accept.setFocus()

    @property
    def choice(self) -> CaseChoice:
        """The answer."""
        if not self._new.isChecked():
            return CaseChoice(self._proposal.paths, None)
        return CaseChoice(
            self._proposal.paths,
            self._folder.path,
            CaseDetails(
                self._title.text(),
                self._number.text(),
                self._client.text(),
                self._examiner.text(),
                self._question.text(),
            ),
        )

    def _on_toggled(self, wanted: bool) -> None:
        for field in self._fields:
            field.setEnabled(wanted)
        self._check()

    def _check(self) -> None:
        problem = ""
        if self._new.isChecked():
            problem = _problem(self._folder.path, self._proposal.paths)
        self._problem.show_problem(problem)
        self._accept.setEnabled(not problem)


def _problem(folder: Path | None, evidence: tuple[Path, ...]) -> str:
    if folder is None:
        return "Name a folder for the case."
    if not folder.is_absolute():
        return "Name the whole path of the folder."
    if folder.is_file():
        return "That is a file. Name a folder that does not exist yet, or an empty one."
    if folder.is_dir() and any(folder.iterdir()):
        return "That folder is not empty. Name a new or an empty one."
    resolved = folder.resolve()
    for path in evidence:
        if path.is_dir() and resolved.is_relative_to(path.resolve()):
            return "The case must not lie inside the evidence, which is never written."
    return ""
