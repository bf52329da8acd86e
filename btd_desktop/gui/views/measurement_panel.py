"""What was measured, as a list; the values along the selected profile below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QItemSelection, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.measuring import MeasureRow, MeasuringState, Profile
from btd_desktop.gui.theme import DARK, Theme
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.table_view import plain_table

if TYPE_CHECKING:
    import pyqtgraph as pg

_LINE = {"dark": "#7ce890", "light": "#1c7a30"}
_PLOT_HEIGHT = 190


class MeasurementPanel(QWidget):
    """Shows a `MeasuringState`.

    Signals:
        selected(int): Go to this measurement.
        removed(int): Take this measurement back.
        export_wanted(): Write the list to a file.
    """

    selected = Signal(int)
    removed = Signal(int)
    export_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = DARK
        self._showing = False
        self._state = MeasuringState()
        self._empty = PlainLabel(
            "Nothing was measured yet. Choose Length, Angle, Region or Profile in the "
            "menu Measure, then drag over a slice, or click its points.",
            wrap=True,
            role="muted",
        )
        self.model = RowsTable(
            (
                Column("Measured", lambda r: r.text, tip=_tip),
                Column(
                    "Where",
                    lambda r: r.kept.measurement.where.partition(":")[0],
                    tip=_tip,
                ),
            ),
            self,
        )
        self._table = plain_table(self.model, "Measurements")
        self._table.setWordWrap(True)
        self._table.verticalHeader().setSectionResizeMode(
            QHeaderView.ResizeMode.ResizeToContents
        )
        self._table.selectionModel().selectionChanged.connect(self._on_selection)
        self._plot: pg.PlotWidget | None = None
        self._remove = QPushButton("Remove")
        self._remove.setToolTip("Takes it back; the audit log keeps both entries.")
        self._remove.clicked.connect(self._on_remove)
        self._export = QPushButton("Export …")
        self._export.setAccessibleName("Export measurements")
        self._export.clicked.connect(self.export_wanted)
        row = QHBoxLayout()
        row.addWidget(self._remove)
        row.addWidget(HelpButton("measurement"))
        row.addStretch(1)
        row.addWidget(self._export)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(8, 8, 8, 8)
        self._layout.addWidget(self._empty)
        self._layout.addWidget(self._table, 1)
        self._layout.addLayout(row)
        self.show_state(self._state)

    @property
    def plot(self) -> Any:  # noqa: ANN401 - a PlotWidget, or None before the first
        """The plot of the profile; None before one was shown."""
        return self._plot

    def show_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        self._show_profile(self._state.profile)

    def show_state(self, state: MeasuringState) -> None:
        """Show other measurements; emits nothing."""
        self._showing = True
        self._state = state
        self.model.show_rows(state.rows)
        row = state.row
        if row is None:
            self._table.clearSelection()
        else:
            self._table.selectRow(state.rows.index(row))
        self._empty.setVisible(not state.rows)
        self._table.setVisible(bool(state.rows))
        self._remove.setEnabled(row is not None)
        self._export.setEnabled(bool(state.rows))
        self._show_profile(state.profile)
        self._showing = False

    def _show_profile(self, profile: Profile | None) -> None:
        if profile is None:
            if self._plot is not None:
                self._plot.hide()
            return
        if self._plot is None:
            self._plot = self._made_plot()
        from btd_desktop.gui.views.plain_plot import colour_plot

        colour_plot(self._plot, self._theme)
        item = self._plot.getPlotItem()
        item.clear()
        shown = ~np.isnan(profile.values)
        item.plot(
            profile.distance[shown],
            profile.values[shown],
            pen={"color": _LINE[self._theme.name], "width": 2},
            symbol="o" if shown.sum() < 80 else None,
            symbolSize=4,
            symbolBrush=_LINE[self._theme.name],
            symbolPen=None,
        )
        item.setLabel("bottom", profile.x_label)
        item.setLabel("left", profile.y_label)
        self._plot.show()

    def _made_plot(self) -> pg.PlotWidget:
        from btd_desktop.gui.views.plain_plot import plain_plot

        plot = plain_plot("Values along the profile")
        plot.setFixedHeight(_PLOT_HEIGHT)
        self._layout.insertWidget(2, plot)
        return plot

    def _on_selection(self, chosen: QItemSelection, left: QItemSelection) -> None:
        if not self._showing and chosen.indexes():
            row = self.model.rows[chosen.indexes()[0].row()]
            self.selected.emit(row.kept.number)

    def _on_remove(self) -> None:
        if self._state.selected is not None:
            self.removed.emit(self._state.selected)


def _tip(row: MeasureRow) -> str:
    kept = row.kept
    return (
        f"{row.text}\nSeries {row.series}\n{kept.measurement.where}\n"
        f"{kept.utc[:16].replace('T', ' ')} UTC, {kept.actor}"
    )
