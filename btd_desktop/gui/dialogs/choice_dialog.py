"""Chooses which run and calibration speak for the series shown, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QGridLayout, QListWidget, QWidget

from btd_desktop.gui.dialogs.form import (
    ProblemLine,
    button_box,
    fit_to_page,
    heading,
    muted,
    page_layout,
    pin_buttons,
)
from btd_desktop.gui.plain_text import PlainLabel, visible_text
from btd_desktop.gui.presenters.choosing import ChoicePresenter, ChoiceState

if TYPE_CHECKING:
    from btd_desktop.examination.candidates import Candidate

_LIST = 92  # px: three in sight, more by scrolling
_NOTE = (
    "A calibration speaks for a series until you choose another one; one that is made "
    "or installed later changes nothing by itself. Your choice goes into the audit log "
    "and into the report, and can be undone. Places judged by another calibration stay "
    "in the case and are printed apart."
)


class ChoiceDialog(QDialog):
    """List of candidates, what each would change, who chose what so far."""

    def __init__(
        self, presenter: ChoicePresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
        presenter.setParent(self)
        self._listed: tuple[Candidate, ...] = ()
        self._showing = False
        layout = page_layout(self, "Calibration of this series", 720, 480)
        self._series = heading("")
        layout.addWidget(self._series)
        layout.addWidget(muted(_NOTE))
        self._list = QListWidget()
        self._list.setAccessibleName("Calibrations")
        self._list.setFixedHeight(_LIST)
        self._list.currentRowChanged.connect(self._on_row)
        layout.addWidget(self._list)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(2, 1)
        self._cells: list[tuple[PlainLabel, PlainLabel, PlainLabel]] = []
        layout.addLayout(self._grid)
        self._warnings = PlainLabel("", wrap=True, role="warning")
        layout.addWidget(self._warnings)
        self._decisions = muted("")
        layout.addWidget(self._decisions)
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        layout.addStretch(1)
        box, self._use = button_box(self, "&Use for this series", "Close")
        pin_buttons(self, box)
        presenter.changed.connect(self.show_state)
        presenter.wanted.connect(self._on_used)
        self.finished.connect(presenter.on_closed)
        self.show_state(presenter.state)
        presenter.on_opened()

    def accept(self) -> None:
        """Let the calibration looked at speak for the series."""
        if self._use.isEnabled():
            self._presenter.on_use()

    def show_state(self, state: ChoiceState) -> None:
        """Show candidates and comparison; emits nothing."""
        self._showing = True
        self._series.setText(f"Series {state.series}")
        if state.candidates is not None and state.candidates != self._listed:
            self._listed = state.candidates
            self._list.clear()
            for candidate in self._listed:
                now = "   (speaks now)" if candidate.is_in_force else ""
                self._list.addItem(visible_text(candidate.title) + now)
        if state.chosen in self._listed and state.chosen is not None:
            self._list.setCurrentRow(self._listed.index(state.chosen))
        self._show_rows(state)
        told = [f"• {w}" for w in state.warnings]
        if told:
            told.insert(0, "It says less than what speaks now:")
        self._warnings.setText("\n".join(told))
        self._warnings.setVisible(bool(told))
        so_far = "\n".join(f"• {d}" for d in state.decisions)
        self._decisions.setText(f"So far:\n{so_far}" if so_far else "Nothing yet.")
        nothing = state.candidates == ()
        self._problem.show_problem(
            "There is no calibration for the model of this series. Make one with "
            "Tools, Calibrate on genuine scans."
            if nothing
            else state.problem
        )
        self._use.setEnabled(state.can_use)
        self._use.setText(f"{state.busy} …" if state.busy else "&Use for this series")
        self._showing = False
        if self.isVisible():
            fit_to_page(self)

    def _show_rows(self, state: ChoiceState) -> None:
        same = state.chosen is not None and state.chosen.is_in_force
        heads = ("", "now", "" if same else "with this one")
        rows = (heads, *state.rows) if state.rows else ()
        while len(self._cells) < len(rows):
            line = (
                PlainLabel("", role="muted"),
                PlainLabel(""),
                PlainLabel(""),
            )
            for column, label in enumerate(line):
                self._grid.addWidget(label, len(self._cells), column)
            self._cells.append(line)
        for number, labels in enumerate(self._cells):
            shown = number < len(rows)
            for column, label in enumerate(labels):
                label.setVisible(shown)
                if shown:
                    hide = same and column == 2
                    label.setText("" if hide else rows[number][column])
            if shown and number:
                _, now, then = rows[number]
                labels[2].show_role("strong" if now != then and not same else "")

    def _on_row(self, row: int) -> None:
        if not self._showing and 0 <= row < len(self._listed):
            self._presenter.on_candidate_chosen(self._listed[row])

    def _on_used(self, _candidate: Candidate) -> None:
        super().accept()
