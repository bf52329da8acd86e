"""Asks for a new case before evidence is read, and what is to be tested in it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QLineEdit,
    QRadioButton,
    QWidget,
)

from btd_desktop.errors import SettingsError
from btd_desktop.examination.declared import (
    DOMAINS,
    Declared,
    Mandate,
    declared_lines,
    places_from,
)
from btd_desktop.gui.dialogs.form import (
    PathField,
    ProblemLine,
    button_box,
    form_layout,
    heading,
    muted,
    page_layout,
    pin_buttons,
)
from btd_desktop.gui.presenters.opening import CaseChoice, CaseProposal
from btd_desktop.workflow.import_series import CaseDetails


class MandateFields(QObject):
    """Two fields of a form: what is searched, and places that the mandate names.

    Signals:
        changed(): Either was edited.
    """

    changed = Signal()

    def __init__(self, form: QFormLayout, mandate: Mandate, parent: QObject) -> None:
        super().__init__(parent)
        self.domain = QComboBox()
        for domain in DOMAINS:
            self.domain.addItem(domain.capitalize(), domain)
        self.domain.setCurrentIndex(DOMAINS.index(mandate.domain))
        self.places = QLineEdit(" ".join(place.text for place in mandate.places))
        self.places.setPlaceholderText("x,y,slice in pixels, the first slice is 1")
        form.addRow("&Search in", self.domain)
        form.addRow("Named &places", self.places)
        self.domain.currentIndexChanged.connect(self.changed)
        self.places.textChanged.connect(self.changed)

    @property
    def mandate(self) -> Mandate:
        """What is to be tested.

        Raises:
            SettingsError: What was typed is no place.
        """
        places = places_from(self.places.text())
        return Mandate(DOMAINS[self.domain.currentIndex()], places)

    @property
    def problem(self) -> str:
        """What is wrong with it; "" when nothing is."""
        try:
            self.mandate  # noqa: B018 - reading it checks it
        except SettingsError as error:
            return f"{error.detail}: {error.hint}" if error.hint else error.detail
        return ""


class MandateDialog(QDialog):
    """What is to be tested in the open case.

    Signals:
        declared(Mandate): The examiner declares this.
    """

    declared = Signal(object)

    def __init__(self, declared: Declared, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = page_layout(self, "What is tested", 560, 0)
        layout.addWidget(heading("What is to be tested?"))
        for line in declared_lines(declared):
            layout.addWidget(muted(line))
        layout.addWidget(
            muted(
                "What is declared before scoring decides the conclusion. A change is "
                "written to the log and printed in the report, with both answers."
            )
        )
        form = form_layout()
        self.fields = MandateFields(form, declared.now.mandate, self)
        layout.addLayout(form)
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        box, self._accept = button_box(self, "Declare")
        pin_buttons(self, box)
        self.fields.changed.connect(self._check)
        self.accepted.connect(self._on_accepted)
        self._check()

    def _on_accepted(self) -> None:
        self.declared.emit(self.fields.mandate)

    def _check(self) -> None:
        problem = self.fields.problem
        self._problem.show_problem(problem)
        self._accept.setEnabled(not problem)


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
        self._tested = MandateFields(form, Mandate(), self)
        self._tested.changed.connect(self._check)
        layout.addLayout(form)
        layout.addWidget(
            muted(
                "All of this can be changed before the report. What is tested decides "
                "the conclusion as it stands when scoring begins; a later change is "
                "printed with both answers."
            )
        )
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        box, self._accept = button_box(self, "Import")
        pin_buttons(self, box)
        self._fields = (
            self._folder,
            self._title,
            self._number,
            self._client,
            self._examiner,
            self._question,
            self._tested.domain,
            self._tested.places,
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
            self._tested.mandate,
        )

    def _on_toggled(self, wanted: bool) -> None:
        for field in self._fields:
            field.setEnabled(wanted)
        self._check()

    def _check(self) -> None:
        problem = ""
        if self._new.isChecked():
            problem = _problem(self._folder.path, self._proposal.paths)
            problem = problem or self._tested.problem
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
