"""Verifies the open case, or a report: dropped or chosen, with the evidence at hand."""

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

from btd_desktop.gui.dialogs.form import (
    close_box,
    dropped_paths,
    muted,
    page_layout,
    pin_buttons,
)
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.verifying import (
    VerdictPresenter,
    VerifyPresenter,
    VerifyState,
)
from btd_desktop.gui.views.check_list import CheckList


class VerdictDialog(QDialog):
    """A verdict in one sentence, and below it what was checked."""

    _kind = ""
    _subject = ""
    _busy = ""
    _size = (0, 0)

    def __init__(
        self, presenter: VerdictPresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        presenter.setParent(self)
        self._page = page_layout(self, f"Verify {self._subject}", *self._size)
        self._file = muted("")
        self._page.addWidget(self._file)
        self._card = QFrame()
        self._card.setProperty("role", "card")
        inside = QVBoxLayout(self._card)
        inside.setContentsMargins(16, 14, 16, 14)
        self._headline = PlainLabel("", wrap=True)
        inside.addWidget(self._headline)
        self._page.addWidget(self._card)
        self._checks = CheckList()
        self._page.addWidget(self._checks, 1)
        self._add_controls()
        pin_buttons(self, close_box(self))
        presenter.changed.connect(self.show_state)
        self.finished.connect(presenter.on_closed)
        self.show_state(presenter.state)

    def show_state(self, state: VerifyState) -> None:
        """Show another verdict."""
        self._file.setText(self._named(state))
        verdict, ok = state.verdict, None
        headline = self._busy if state.busy else ""
        if verdict is not None:
            headline, ok = verdict.headline, verdict.ok
        elif state.problem:
            headline, ok = f"{self._subject.capitalize()} could not be verified.", False
        role = {True: "verdict-good", False: "verdict-bad", None: "heading"}[ok]
        self._headline.setText(headline)
        self._headline.show_role(role)
        self._card.setVisible(bool(headline))
        if verdict is None:
            problems = (state.problem,) if state.problem else ()
            self._checks.show_lines((), problems)
        else:
            self._checks.show_lines(verdict.lines, verdict.problems)

    def _named(self, state: VerifyState) -> str:
        """What the verdict is on."""
        return f"{self._kind}: {state.path}" if state.path else ""

    def _add_controls(self) -> None:
        """Add what stands between the checks and the button that closes."""


class CaseCheckDialog(VerdictDialog):
    """Shows the verdict on the open case: audit log, records, arrays."""

    _kind = "Case"
    _subject = "this case"
    _busy = "Reading every array and every record …"
    _size = (660, 460)


class VerifyDialog(VerdictDialog):
    """Shows the verdict on a report; reports and evidence may be dropped on it."""

    _kind = "Report"
    _subject = "a report"
    _busy = "Verifying …"
    _size = (860, 680)

    def __init__(
        self, presenter: VerifyPresenter, parent: QWidget | None = None
    ) -> None:
        self._presenter = presenter
        super().__init__(presenter, parent)
        self.setAcceptDrops(True)

    def _add_controls(self) -> None:
        row = QHBoxLayout()
        for text, call in (
            ("Another report …", self._choose_report),
            ("Compare with evidence folder …", self._choose_folder),
            ("… with files", self._choose_files),
            ("Trust a certificate …", self._choose_trust),
        ):
            button = QPushButton(text)
            button.clicked.connect(call)
            row.addWidget(button)
        row.addStretch(1)
        self._page.addLayout(row)

    def _named(self, state: VerifyState) -> str:
        if state.path is None:
            return "Choose a report, or drop one here."
        compared = ", ".join(str(p) for p in state.evidence) or "not compared"
        trusted = ", ".join(p.name for p in state.trust) or "none"
        return (
            f"{super()._named(state)}\nEvidence: {compared}\n"
            f"Certificates that you trust: {trusted}"
        )

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take reports and evidence."""
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """A PDF is a report; anything else is evidence to compare with."""
        paths = dropped_paths(event.mimeData())
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

    def _choose_trust(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(
            self,
            "Certificates that you trust",
            "",
            "Certificates (*.pem *.der *.crt *.cer)",
        )
        if chosen:
            self._presenter.on_trust_chosen(tuple(Path(p) for p in chosen))

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Evidence folder")
        if chosen:
            self._presenter.on_evidence_chosen((Path(chosen),))

    def _choose_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Evidence files")
        if chosen:
            self._presenter.on_evidence_chosen(tuple(Path(p) for p in chosen))
