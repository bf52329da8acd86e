"""Series of the case and what was received, in short."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from btd_desktop.examination.wording import counted, modality_text, spacing_of
from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.series import SeriesRow, SeriesState
from btd_desktop.gui.presenters.wording import series_name
from btd_desktop.gui.theme import DARK, Theme
from btd_desktop.gui.views.table_view import plain_table


def _spacing(row: SeriesRow) -> str:
    step, of_rows, of_columns = spacing_of(row.record)
    return f"{of_rows:.2f} × {of_columns:.2f} × {step:.2f} mm"


def _n_warnings(row: SeriesRow) -> int:
    return sum(f.severity == "warning" for f in row.record.findings)


def _checks(row: SeriesRow) -> str:
    if not row.record.findings:
        return "none"
    warnings, n_noted = _n_warnings(row), len(row.record.findings)
    return counted(warnings, "warning") if warnings else f"{n_noted} noted"


class SeriesPanel(QWidget):
    """Table of series, import statement, Score button.

    Signals:
        series_selected(int): Show this series.
        statement_wanted(): Show the import statement.
        score_wanted(): Score the series shown, or resume.
        picked(): A series was clicked: the keys are the picture's again.
    """

    series_selected = Signal(int)
    statement_wanted = Signal()
    score_wanted = Signal()
    picked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = DARK
        self._showing = False
        self._model = RowsTable(
            (
                Column("Series", lambda r: series_name(r.record)),
                Column(
                    "Result",
                    lambda r: r.state,
                    tip=lambda r: r.state_tip,
                    colour=self._result_colour,
                ),
                Column(
                    "",
                    lambda r: modality_text(r.record.modality).removeprefix(
                        "modality "
                    ),
                    tip=lambda r: modality_text(r.record.modality),
                ),
                Column("Slices", lambda r: str(r.record.n_slices), right=True),
                Column("Scanner", lambda r: r.record.meta.scanner or "not named"),
                Column("Kernel", lambda r: r.record.meta.kernel or "—"),
                Column("Pixels", lambda r: f"{r.record.cols} × {r.record.rows}"),
                Column("Spacing", _spacing),
                Column("Checks", _checks, colour=self._check_colour),
            ),
            self,
        )
        self._table = plain_table(self._model, "Series of the case")
        self._table.horizontalHeader().setMinimumSectionSize(40)
        self._table.setColumnWidth(0, 150)
        self._table.clicked.connect(self.picked)
        selection = self._table.selectionModel()
        selection.selectionChanged.connect(self._on_selection)
        self._statement = PlainLabel("", wrap=True, role="muted")
        self._files = QPushButton("Import statement …")
        self._files.setToolTip("Every file received, what became of it, and why.")
        self._files.clicked.connect(self.statement_wanted)
        self._score = QPushButton("Score")
        self._score.clicked.connect(self.score_wanted)
        row = QHBoxLayout()
        row.addWidget(self._files)
        row.addStretch(1)
        row.addWidget(self._score)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self._table, 1)
        layout.addWidget(self._statement)
        layout.addLayout(row)

    def show_theme(self, theme: Theme) -> None:
        """Colour results in another theme."""
        self._theme = theme
        self._model.show_rows(self._model.rows)

    def show_state(self, state: SeriesState) -> None:
        """Show other series; emits nothing."""
        self._showing = True
        self._model.show_rows(state.rows)
        chosen = next((r for r in state.rows if r.series_id == state.selected), None)
        if chosen is not None:
            self._table.selectRow(state.rows.index(chosen))
        self._showing = False
        evidence = state.evidence
        self._statement.setText(evidence.sentence)
        self._statement.show_role("warning" if evidence.n_not_taken else "muted")
        self._files.setEnabled(bool(evidence.items))
        self._score.setEnabled(chosen is not None)
        stopped = chosen is not None and chosen.state.startswith("stopped")
        self._score.setText("Resume scoring" if stopped else "Score")

    def _on_selection(self, chosen: QItemSelection, left: QItemSelection) -> None:
        if self._showing or not chosen.indexes():
            return
        row = self._model.rows[chosen.indexes()[0].row()]
        self.series_selected.emit(row.series_id)

    def _result_colour(self, row: SeriesRow) -> str | None:
        return self._theme.warning if row.alarming else None

    def _check_colour(self, row: SeriesRow) -> str | None:
        return self._theme.warning if _n_warnings(row) else None
