"""Verifies the open case: audit log, records, arrays."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QWidget

from btd_desktop.gui.dialogs.form import button_box, muted, page_layout
from btd_desktop.gui.dialogs.verify_dialog import VerdictCard
from btd_desktop.gui.presenters.verifying import CaseCheckPresenter, VerifyState
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.check_list import CheckList


class CaseCheckDialog(QDialog):
    """Shows the verdict on a case."""

    def __init__(
        self,
        presenter: CaseCheckPresenter,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        presenter.setParent(self)
        layout = page_layout(self, "Verify this case", 660, 460)
        self._file = muted("")
        layout.addWidget(self._file)
        self._card = VerdictCard()
        layout.addWidget(self._card)
        self._checks = CheckList()
        layout.addWidget(self._checks, 1)
        box, _ = button_box(self, "Close")
        box.buttons()[-1].hide()
        layout.addWidget(box)
        presenter.changed.connect(self.show_state)
        self.finished.connect(presenter.on_closed)

    @property
    def headline(self) -> str:
        """The verdict as shown."""
        return self._card.headline.text()

    def show_state(self, state: VerifyState) -> None:
        """Show another verdict."""
        self._file.setText(f"Case: {state.path}")
        self._card.show_verdict(state, "Reading every array and every record …")
        self._checks.show_lines(state.lines, state.problems)
