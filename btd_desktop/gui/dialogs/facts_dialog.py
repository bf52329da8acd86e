"""Facts and checks of a series in full size, the checks by severity."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QLineEdit,
    QTableView,
    QTabWidget,
    QWidget,
)

from btd_desktop.examination.wording import counted
from btd_desktop.gui.dialogs.form import heading, page_layout, pin_export
from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.presenters.metadata import CheckRow, MetadataState
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.table_view import plain_table

_ORDER = {"warning": 0, "note": 1}


class FactsDialog(QDialog):
    """Shows all facts and checks of a `MetadataState`.

    Attributes:
        checks, facts: The tables.

    Signals:
        check_chosen(CheckRow): Go to what this finding concerns.
        export_wanted(RowsTable): Write a table to a file.
    """

    check_chosen = Signal(object)
    export_wanted = Signal(object)

    def __init__(
        self, state: MetadataState, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._theme = theme
        layout = page_layout(self, "Facts and checks", 1040, 640)
        n_warnings = sum(c.severity == "warning" for c in state.checks)
        n_notes = len(state.checks) - n_warnings
        layout.addWidget(
            heading(
                f"{state.title or 'Series'}: {counted(n_warnings, 'warning')}, "
                f"{counted(n_notes, 'note')}, {counted(len(state.facts), 'fact')}"
            )
        )
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search checks and facts")
        self._search.setAccessibleName("Search checks and facts")
        self._search.setClearButtonEnabled(True)
        self._search.textChanged.connect(self._filter)
        layout.addWidget(self._search)
        self.checks = RowsTable(
            (
                Column("Severity", lambda c: c.severity, colour=self._colour),
                Column("What the check found", lambda c: c.sentence),
                Column("Slices", _slices, tip=_all_slices),
            ),
            self,
        )
        columns = [
            Column("Fact", lambda f: f.name, colour=self._fact_colour),
            Column("This series", lambda f: f.value, colour=self._fact_colour),
        ]
        if state.compared is not None:
            columns.append(
                Column("Compared", lambda f: f.other, colour=self._fact_colour)
            )
        self.facts = RowsTable(columns, self)
        self._tabs = QTabWidget()
        self._tabs.setAccessibleName("Checks, facts")
        checks = _wrapped(self.checks, "Findings of checks, by severity", 1)
        checks.activated.connect(self._on_check)
        self._tabs.addTab(checks, "Checks")
        self._tabs.addTab(_wrapped(self.facts, "Facts of the series", 1), "Facts")
        layout.addWidget(self._tabs, 1)
        pin_export(self, "this table", self._on_export)
        self._filter()

    def _filter(self) -> None:
        text = self._search.text().casefold()
        checks = [
            c
            for c in self._state.checks
            if text in f"{c.severity} {c.sentence}".casefold()
        ]
        checks.sort(key=lambda c: _ORDER.get(c.severity, len(_ORDER)))
        self.checks.show_rows(checks)
        self.facts.show_rows(
            [f for f in self._state.facts if text in f"{f.name} {f.value}".casefold()]
        )

    def _on_check(self, index: QModelIndex) -> None:
        self.check_chosen.emit(self.checks.rows[index.row()])

    def _on_export(self) -> None:
        shown = self._tabs.currentIndex()
        self.export_wanted.emit(self.checks if shown == 0 else self.facts)

    def _colour(self, row: CheckRow) -> str | None:
        return self._theme.warning if row.severity == "warning" else self._theme.muted

    def _fact_colour(self, row: object) -> str | None:
        return self._theme.warning if getattr(row, "differs", False) else None


def _wrapped(model: RowsTable, name: str, stretch: int) -> QTableView:
    table = plain_table(model, name, stretch=stretch)
    table.setWordWrap(True)
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    return table


def _slices(row: CheckRow) -> str:
    if not row.slices:
        return "whole series"
    shown = ", ".join(map(str, row.slices[:6]))
    more = len(row.slices) - 6
    return f"{shown} and {more} more" if more > 0 else shown


def _all_slices(row: CheckRow) -> str:
    return ", ".join(map(str, row.slices)) or "whole series"
