"""Verifies a report: drop or choose a PDF, and the evidence if it is at hand."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.dialogs.form import button_box, muted, page_layout
from btd_desktop.gui.plain_text import plain_label
from btd_desktop.gui.presenters.verifying import VerifyPresenter, VerifyState
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.check_list import CheckList
from btd_desktop.gui.views.place_panel import set_role


class VerdictCard(QFrame):
    """The verdict in one sentence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        self.headline = plain_label("", wrap=True)
        layout.addWidget(self.headline)

    def show_verdict(self, state: VerifyState, busy: str) -> None:
        """Show a verdict, or that it is being made."""
        self.headline.setText(busy if state.busy else state.headline)
        role = {True: "verdict-good", False: "verdict-bad", None: "heading"}[state.ok]
        set_role(self.headline, "heading" if state.busy else role)
        self.setVisible(state.busy or bool(state.headline))


class VerifyDialog(QDialog):
    """Shows a `VerifyState`; reports and evidence may be dropped on it."""

    def __init__(
        self, presenter: VerifyPresenter, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
        presenter.setParent(self)
        self.setAcceptDrops(True)
        layout = page_layout(self, "Verify a report", 720, 600)
        self._file = muted("")
        layout.addWidget(self._file)
        self._card = VerdictCard()
        layout.addWidget(self._card)
        self._checks = CheckList()
        layout.addWidget(self._checks, 1)
        row = QHBoxLayout()
        other = QPushButton("Another report …")
        other.clicked.connect(self._choose_report)
        folder = QPushButton("Compare with evidence folder …")
        folder.clicked.connect(self._choose_folder)
        files = QPushButton("… with files")
        files.clicked.connect(self._choose_files)
        for button in (other, folder, files):
            row.addWidget(button)
        row.addStretch(1)
        layout.addLayout(row)
        box, _ = button_box(self, "Close")
        box.buttons()[-1].hide()
        layout.addWidget(box)
        presenter.changed.connect(self.show_state)
        self.finished.connect(presenter.on_closed)
        self.show_state(presenter.state)

    @property
    def headline(self) -> str:
        """The verdict as shown."""
        return self._card.headline.text()

    @property
    def texts(self) -> tuple[str, ...]:
        """All sentences shown."""
        return self._checks.texts

    def show_state(self, state: VerifyState) -> None:
        """Show another verdict."""
        if state.path is None:
            self._file.setText("Choose a report, or drop one here.")
        else:
            compared = ", ".join(str(p) for p in state.evidence) or "not compared"
            self._file.setText(f"Report: {state.path}\nEvidence: {compared}")
        self._card.show_verdict(state, "Verifying …")
        self._checks.show_lines(state.lines, state.problems)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take reports and evidence."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A PDF is a report; anything else is evidence to compare with."""
        paths = [
            Path(u.toLocalFile()) for u in event.mimeData().urls() if u.isLocalFile()
        ]
        event.acceptProposedAction()
        if len(paths) == 1 and paths[0].suffix.lower() == ".pdf":
            self._presenter.on_report_chosen(paths[0])
        elif paths:
            self._presenter.on_evidence_chosen(tuple(paths))

    def _choose_report(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, "Verify a report", "", "Reports (*.pdf)"
        )
        if chosen:
            self._presenter.on_report_chosen(Path(chosen))

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Evidence folder")
        if chosen:
            self._presenter.on_evidence_chosen((Path(chosen),))

    def _choose_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Evidence files")
        if chosen:
            self._presenter.on_evidence_chosen(tuple(Path(p) for p in chosen))
