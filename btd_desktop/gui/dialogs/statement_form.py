"""What the examiner states for a report, as pages of a form."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.examination.statement import (
    EXPLANATIONS,
    JUDGEMENTS,
    MOST_IN_LINE,
    Asked,
    Examiner,
    Explanation,
    Judgement,
    Received,
    Statement,
    Weighed,
)
from btd_desktop.gui.dialogs.form import form_layout, muted
from btd_desktop.gui.plain_text import PlainLabel


class StatementForm(QObject):
    """Fields of a statement, page by page.

    Attributes:
        pages: Title and widget of each page.

    Signals:
        changed(): A field was edited.
    """

    changed = Signal()

    def __init__(
        self, statement: Statement, tests: Sequence[str], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._given, self._tests = statement, tests
        examiner, asked, received = (
            statement.examiner,
            statement.mandate,
            statement.received,
        )
        self.number = self._line(asked.case_number)
        self.client = self._line(asked.client)
        self.question = self._box(asked.question, "What were you asked?", 84)
        self.not_asked = self._box(asked.not_asked, "What the report leaves open.", 60)
        self.name = self._line(examiner.name)
        self.role = self._line(examiner.role, "such as: court-appointed expert")
        self.qualification = self._box(
            examiner.qualification, "Training and experience.", 84
        )
        self.independence = self._box(
            examiner.independence, "Ties to the parties, or that there are none.", 60
        )
        self.reviewer = self._line(examiner.reviewer, "who reviewed the examination")
        self.from_whom = self._line(received.sender)
        self.how = self._box(received.how, "Medium, sealed or not, by whom handed.", 60)
        self.date = self._line(received.date)
        self._weighed: dict[Explanation, tuple[QComboBox, QLineEdit]] = {}
        self.pages = (
            ("Mandate", self._mandate_page()),
            ("Examiner", self._examiner_page()),
            ("Items", self._items_page()),
            ("Explanations", self._explanations_page()),
        )

    @property
    def statement(self) -> Statement:
        """As it is filled in."""
        given = self._given
        return Statement(
            Examiner(
                self.name.text().strip(),
                self.role.text().strip(),
                self.qualification.toPlainText().strip(),
                self.independence.toPlainText().strip(),
                self.reviewer.text().strip(),
            ),
            Asked(
                self.number.text().strip(),
                self.client.text().strip(),
                self.question.toPlainText().strip(),
                self.not_asked.toPlainText().strip(),
            ),
            Received(
                self.from_whom.text().strip(),
                self.how.toPlainText().strip(),
                self.date.text().strip(),
                given.received.digests,
            ),
            self._alternatives(),
            given.remarks,
            given.is_demonstration,
        )

    def _alternatives(self) -> dict[Explanation, Weighed]:
        found = {}
        for explanation, (choice, remark) in self._weighed.items():
            judgement: Judgement = choice.currentData()
            weighed = Weighed(judgement, remark.text().strip())
            if weighed != Weighed() or explanation in self._given.alternatives:
                found[explanation] = weighed
        return found

    def _mandate_page(self) -> QWidget:
        page, fields = QWidget(), form_layout()
        fields.addRow("Case &number", self.number)
        fields.addRow("C&lient", self.client)
        fields.addRow("&Question *", self.question)
        fields.addRow("Not as&ked", self.not_asked)
        return _filled(page, fields, muted("\n".join(self._tests)))

    def _examiner_page(self) -> QWidget:
        page, fields = QWidget(), form_layout()
        fields.addRow("Na&me *", self.name)
        fields.addRow("&Role *", self.role)
        fields.addRow("Q&ualification", self.qualification)
        fields.addRow("&Independence", self.independence)
        fields.addRow("Re&viewer", self.reviewer)
        note = (
            "Name, role, qualification and independence are kept for your next report."
        )
        return _filled(page, fields, muted(note))

    def _items_page(self) -> QWidget:
        page, fields = QWidget(), form_layout()
        fields.addRow("Received &from *", self.from_whom)
        fields.addRow("&How", self.how)
        fields.addRow("Whe&n", self.date)
        return _filled(page, fields)

    def _explanations_page(self) -> QWidget:
        page, grid = QWidget(), QGridLayout()
        grid.setVerticalSpacing(6)
        for row, (explanation, words) in enumerate(EXPLANATIONS.items()):
            weighed = self._given.alternatives.get(explanation, Weighed())
            choice = QComboBox()
            for judgement, said in JUDGEMENTS.items():
                choice.addItem(said, judgement)
            choice.setCurrentIndex(list(JUDGEMENTS).index(weighed.judgement))
            choice.setAccessibleName(f"Judgement: {words}")
            choice.currentIndexChanged.connect(self.changed)
            remark = self._line(weighed.remark, "Remark")
            remark.setAccessibleName(f"Remark: {words}")
            grid.addWidget(PlainLabel(words, wrap=True), 2 * row, 0, 1, 2)
            grid.addWidget(choice, 2 * row + 1, 0)
            grid.addWidget(remark, 2 * row + 1, 1)
            self._weighed[explanation] = (choice, remark)
        grid.setColumnStretch(1, 1)
        note = (
            "What else can make image noise look altered? No score decides it; you do."
        )
        return _filled(page, grid, muted(note), is_first=True)

    def _line(self, text: str, hint: str = "") -> QLineEdit:
        line = QLineEdit(text)
        line.setMaxLength(MOST_IN_LINE)
        line.setPlaceholderText(hint)
        line.textChanged.connect(self.changed)
        return line

    def _box(self, text: str, hint: str, height: int) -> QPlainTextEdit:
        box = text_box(text, hint, height)
        box.textChanged.connect(self.changed)
        return box


def text_box(text: str, hint: str, height: int) -> QPlainTextEdit:
    """A field for a paragraph; Tab leaves it."""
    box = QPlainTextEdit(text)
    box.setPlaceholderText(hint)
    box.setFixedHeight(height)
    box.setTabChangesFocus(True)
    return box


def _filled(
    page: QWidget,
    fields: QLayout,
    note: QWidget | None = None,
    *,
    is_first: bool = False,
) -> QWidget:
    layout = QVBoxLayout(page)
    if note is not None and is_first:
        layout.addWidget(note)
    layout.addLayout(fields)
    if note is not None and not is_first:
        layout.addWidget(note)
    layout.addStretch(1)
    return page
