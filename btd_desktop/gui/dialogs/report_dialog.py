"""The report: form on the left, pages on the right, then sign."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.examination.statement import missing_text
from btd_desktop.gui.dialogs.form import (
    PathField,
    ProblemLine,
    form_layout,
    heading,
    muted,
    page_layout,
    pin_buttons,
)
from btd_desktop.gui.dialogs.statement_form import StatementForm, text_box
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.reporting import (
    ReportForm,
    ReportPresenter,
    ReportState,
)
from btd_desktop.gui.views.pdf_pages import PdfPages

_KINDS = {
    "final": "Final report",
    "draft": "Draft",
    "demonstration": "Report of the demonstration",
}


class ReportDialog(QDialog):
    """Form, preview and signature.

    Signals:
        verify_wanted(Path): Verify the report that was just written.
    """

    verify_wanted = Signal(object)

    def __init__(
        self, presenter: ReportPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
        presenter.setParent(self)
        layout = page_layout(self, "Report", 1180, 680)
        splitter = QSplitter()
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self._form_side(presenter.state))
        self._pages = PdfPages()
        splitter.addWidget(self._pages)
        splitter.setSizes([480, 680])
        layout.addWidget(splitter, 1)
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        self._done = QFrame()
        self._done.setProperty("role", "card")
        self._done.hide()
        layout.addWidget(self._done)
        self._build_done()
        self._busy = muted("")
        self._preview = QPushButton("&Preview pages")
        self._preview.clicked.connect(self._on_preview)
        self._issue = QPushButton("&Sign and write report")
        self._issue.setDefault(True)
        self._issue.clicked.connect(self._on_issue)
        close = QPushButton("Close")
        close.clicked.connect(self.reject)
        pin_buttons(self, self._busy, self._preview, self._issue, close)
        presenter.changed.connect(self.show_state)
        self.finished.connect(self._on_finished)
        self.finished.connect(presenter.on_closed)
        self.finished.connect(self._pages.forget_file)
        self.show_state(presenter.state)

    @property
    def form(self) -> ReportForm:
        """What the examiner filled in."""
        return ReportForm(
            statement=replace(
                self._stated.statement, remarks=self._remarks.toPlainText().strip()
            ),
            is_draft=self._draft.isChecked(),
            certificate=self._certificate.path,
            passphrase=self._passphrase.text(),
            out=self._out.path,
            redacted=self._redacted.isChecked(),
            adopt_reason=self._adopt.toPlainText(),
        )

    def show_state(self, state: ReportState) -> None:
        """Show how far it is; the form stays as it was filled in."""
        self._busy.setText(f"{state.busy} …" if state.busy else "")
        self._problem.show_problem(state.problem)
        free = not state.busy
        self._preview.setEnabled(free)
        self._issue.setEnabled(free and state.issued is None)
        if state.preview is not None:
            self._pages.show_pdf(state.preview)
        issued = state.issued
        self._done.setVisible(issued is not None)
        if issued is not None:
            variant = issued.redacted
            claim = " (own claim: the key is self-signed)" if issued.self_signed else ""
            self._done_text.setText(
                f"{_KINDS[issued.standing]} written to {issued.path}, signed by "
                f"{issued.signer}{claim}.\n"
                f"SHA-256 {issued.sha256}"
                + (f"\nRedacted variant: {variant.path}" if variant else "")
            )
            self._issue.setDefault(False)

    def _form_side(self, state: ReportState) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 12, 0)
        layout.setSpacing(10)
        self._stated = StatementForm(state.form.statement, state.tests, self)
        self._tabs = QTabWidget()
        self._tabs.setUsesScrollButtons(False)
        self._tabs.addTab(_scrolled(self._opinion_page(state)), "Opinion")
        for title, page in self._stated.pages:
            self._tabs.addTab(_scrolled(page), title)
        self._tabs.addTab(_scrolled(self._signature_page(state)), "Signature")
        layout.addWidget(self._tabs, 1)
        self._missing = PlainLabel("", wrap=True, role="warning")
        layout.addWidget(self._missing)
        self._complete = muted("Everything that a final report needs is stated.")
        layout.addWidget(self._complete)
        self._stated.changed.connect(self._show_missing)
        self._draft.toggled.connect(self._show_missing)
        self._show_missing()
        return side

    def _show_missing(self) -> None:
        """Say what the report will be, and what it lacks to be a final one."""
        statement = self._stated.statement
        told = ""
        if statement.is_demonstration:
            told = "A demonstration: the report is marked as no examination."
        elif lacking := missing_text(statement):
            told = f"DRAFT. {lacking} They are marked with *."
        elif self._draft.isChecked():
            told = "DRAFT, as you chose under Signature."
        self._missing.setText(told)
        self._missing.setVisible(bool(told))
        self._complete.setVisible(not told)

    def _opinion_page(self, state: ReportState) -> QWidget:
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addWidget(heading("What the report will say"))
        for line in state.lines:
            layout.addWidget(PlainLabel(f"• {line}", wrap=True))
        if not state.is_complete:
            warning = PlainLabel(
                "Not every series has been examined. The report says so for each of "
                "them, with the reason.",
                wrap=True,
                role="warning",
            )
            layout.addWidget(warning)
        layout.addWidget(heading("Your remarks"))
        self._remarks = text_box(
            state.form.statement.remarks,
            "Your own words on the opinion; printed as yours.",
            84,
        )
        layout.addWidget(self._remarks)
        self._adopt = text_box("", "Why do you accept this case? Printed.", 60)
        if state.is_foreign:
            layout.addWidget(heading("Adoption"))
            foreign = PlainLabel(
                "NOT AUTHENTICATED: this case was not sealed with this computer's key. "
                "To sign a report over it you must adopt it. Your reason is kept in "
                "the audit log and printed in every report.",
                wrap=True,
                role="danger",
            )
            layout.addWidget(foreign)
        layout.addWidget(self._adopt)
        self._adopt.setVisible(state.is_foreign)
        layout.addStretch(1)
        return page

    def _signature_page(self, state: ReportState) -> QWidget:
        form = state.form
        self._certificate = PathField(
            "Certificate", kind="open", pattern="Certificates (*.p12 *.pfx)"
        )
        self._certificate.set_path(form.certificate)
        self._certificate.set_hint("empty: your own key")
        self._passphrase = QLineEdit()
        self._passphrase.setEchoMode(QLineEdit.EchoMode.Password)
        self._passphrase.setPlaceholderText("never stored")
        self._out = PathField("Report file", kind="save", pattern="Reports (*.pdf)")
        self._out.set_path(state.out)
        self._draft = QCheckBox("&Draft, though nothing is missing")
        self._draft.setChecked(form.is_draft)
        self._redacted = QCheckBox("&Write a redacted variant too")
        self._redacted.setToolTip(
            "A second signed PDF with the same numbers, in which pseudonyms stand for"
            " the patient, file names and UIDs"
        )
        self._redacted.setChecked(form.redacted)
        signing = form_layout()
        signing.addRow("Cer&tificate", self._certificate)
        signing.addRow("P&assphrase", self._passphrase)
        signing.addRow("Rep&ort file", self._out)
        signing.addRow("", self._draft)
        signing.addRow("", self._redacted)
        page = QWidget()
        layout = QVBoxLayout(page)
        layout.addLayout(signing)
        layout.addStretch(1)
        return page

    def _build_done(self) -> None:
        row = QHBoxLayout(self._done)
        row.setContentsMargins(14, 10, 14, 10)
        self._done_text = PlainLabel("", wrap=True)
        row.addWidget(self._done_text, 1)
        open_ = QPushButton("&Open")
        open_.clicked.connect(self._on_open)
        verify = QPushButton("&Verify")
        verify.clicked.connect(self._on_verify)
        row.addWidget(open_)
        row.addWidget(verify)

    def _on_finished(self) -> None:
        self._presenter.on_left(self.form)

    def _on_preview(self) -> None:
        self._presenter.on_preview_wanted(self.form)

    def _on_issue(self) -> None:
        self._presenter.on_issue_wanted(self.form)

    def _on_open(self) -> None:
        issued = self._presenter.state.issued
        if issued is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(issued.path)))

    def _on_verify(self) -> None:
        issued = self._presenter.state.issued
        if issued is not None:
            self.verify_wanted.emit(issued.path)


def _scrolled(page: QWidget) -> QScrollArea:
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setWidget(page)
    return scroll
