"""The results of a sweep: a table to sort and filter, and the series looked at."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QItemSelection, QSignalBlocker, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSplitter,
    QWidget,
)

from btd_desktop.archive.triage import COLUMNS, TriageFilter
from btd_desktop.examination.wording import counted
from btd_desktop.gui.dialogs.form import ProblemLine, close_box, muted, page_layout
from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.presenters.triage import TriagePresenter, TriageState
from btd_desktop.gui.views.series_looks import SeriesLooks
from btd_desktop.gui.views.table_view import plain_table

_NUMBERS = ("Rank", "p-value", "Score", "Slices")
_ANY_STATE = "Any state"
_SCANNER = [column.title for column in COLUMNS].index("Scanner")


class TriageDialog(QDialog):
    """Looks through an index; opening a series as a case closes it."""

    def __init__(
        self, presenter: TriagePresenter, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
        self._showing = False
        presenter.setParent(self)
        layout = page_layout(self, "Results of a sweep", 1280, 740)
        self._summary = muted("")
        layout.addWidget(self._summary)
        layout.addLayout(self._filters())
        self._model = RowsTable(
            [Column(c.title, c.text, right=c.title in _NUMBERS) for c in COLUMNS], self
        )
        self._table = plain_table(self._model, "Series of the sweep", stretch=_SCANNER)
        header = self._table.horizontalHeader()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        # Room for the arrow beside titles that stand at the right.
        header.setStyleSheet("QHeaderView::section { padding-right: 16px; }")
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        header.sortIndicatorChanged.connect(self._on_order)
        self._table.selectionModel().selectionChanged.connect(self._on_selection)
        self._looks = SeriesLooks()
        splitter = QSplitter()
        splitter.addWidget(self._table)
        splitter.addWidget(self._looks)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([930, 310])
        splitter.setChildrenCollapsible(False)
        layout.addWidget(splitter, 1)
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        layout.addLayout(self._ending())
        self._connect()
        self.show_state(presenter.state)
        self._table.setFocus()

    def show_state(self, state: TriageState) -> None:
        """Show other rows, or another series."""
        found = state.triage
        if found is None:
            self._summary.setText("Reading the results …" if state.busy else "")
        else:
            self._summary.setText("\n".join(
                filter(None, (f"{found.index}: {found.words}.", found.flag_reason))
            ))  # fmt: skip
            self._offer_states(found.states)
        self._show_rows(state)
        self._looks.show_state(state)
        self._problem.show_problem(state.problem)
        self._export.setEnabled(bool(state.rows))
        self._export.setText(f"&Export {counted(len(state.rows), 'row')} …")

    def _filters(self) -> QHBoxLayout:
        self._words = QLineEdit()
        self._words.setPlaceholderText("Filter: scanner, body part, folder, reason …")
        self._words.setAccessibleName("Filter")
        self._words.setClearButtonEnabled(True)
        self._state = QComboBox()
        self._state.setAccessibleName("State")
        self._state.addItem(_ANY_STATE)
        self._flagged = QCheckBox("&Flagged only")
        self._unseen = QCheckBox("&Not reviewed only")
        row = QHBoxLayout()
        row.addWidget(self._words, 1)
        for widget in (self._state, self._flagged, self._unseen):
            row.addWidget(widget)
        self._words.textChanged.connect(self._on_filter)
        self._state.currentTextChanged.connect(self._on_filter)
        self._flagged.toggled.connect(self._on_filter)
        self._unseen.toggled.connect(self._on_filter)
        return row

    def _ending(self) -> QHBoxLayout:
        self._export = QPushButton("")
        self._export.clicked.connect(self._choose_export)
        row = QHBoxLayout()
        row.addWidget(self._export)
        row.addStretch(1)
        row.addWidget(close_box(self))
        return row

    def _connect(self) -> None:
        presenter, looks = self._presenter, self._looks
        presenter.changed.connect(self.show_state)
        presenter.evidence_wanted.connect(self.accept)
        looks.review_wanted.connect(presenter.on_review_wanted)
        looks.review_taken_back.connect(presenter.on_review_taken_back)
        looks.case_wanted.connect(presenter.on_case_wanted)
        self.finished.connect(presenter.on_closed)

    def _show_rows(self, state: TriageState) -> None:
        if state.rows is self._model.rows:
            return
        chosen = "" if state.chosen is None else state.chosen.row.series_digest
        self._showing = True
        self._model.show_rows(state.rows)
        self._table.clearSelection()
        for number, row in enumerate(state.rows):
            if row.row.series_digest == chosen:
                self._table.selectRow(number)
        self._showing = False

    def _offer_states(self, states: tuple[str, ...]) -> None:
        offered = (_ANY_STATE, *states)
        known = tuple(self._state.itemText(i) for i in range(self._state.count()))
        if offered != known:
            with QSignalBlocker(self._state):
                self._state.clear()
                self._state.addItems(list(offered))

    def _on_filter(self) -> None:
        state = self._state.currentText()
        self._presenter.on_filter_changed(
            TriageFilter(
                self._words.text(),
                "" if state == _ANY_STATE else state,
                self._flagged.isChecked(),
                self._unseen.isChecked(),
            )
        )

    def _on_order(self, column: int, order: Qt.SortOrder) -> None:
        down = order == Qt.SortOrder.DescendingOrder
        self._presenter.on_order_wanted(column, down)

    def _on_selection(self, chosen: QItemSelection, left: QItemSelection) -> None:
        indexes = chosen.indexes()
        if indexes and not self._showing:
            self._presenter.on_row_chosen(self._model.rows[indexes[0].row()])

    def _choose_export(self) -> None:
        found = self._presenter.state.triage
        start = "" if found is None else str(found.index.with_name("triage.csv"))
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Export the rows shown", start, "Tables (*.csv)"
        )
        if chosen:
            self._presenter.on_export_wanted(Path(chosen))
