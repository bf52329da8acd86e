"""The fit of a calibration: summary, warnings, and the curves of a level."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from btd_desktop.examination.fit import LevelFit
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.calibrating import CalibrationState
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.level_buttons import LevelButtons
from btd_desktop.gui.views.plain_plot import bound_plot, colour_plot, plain_plot


class FitView(QWidget):
    """Shows the fits of a `CalibrationState`; not there while there are none."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._fits: dict[str, LevelFit] = {}
        self._level = "slice"
        self._summary = PlainLabel("", wrap=True)
        self._warnings = PlainLabel("", wrap=True, role="warning")
        self._levels = LevelButtons()
        self._levels.chosen.connect(self._show_level)
        self._words = PlainLabel("", wrap=True)
        self._ecdf = self._plot("anomaly score", "share at most as high")
        self._qq = self._plot("tail as fitted", "tail as observed")
        self._qq_help = HelpButton("qq")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._summary)
        layout.addWidget(self._warnings)
        row = QHBoxLayout()
        row.addWidget(self._levels)
        row.addWidget(self._words, 1)
        layout.addLayout(row)
        plots = QHBoxLayout()
        plots.addWidget(self._ecdf, 3)
        plots.addWidget(HelpButton("tail"), 0, Qt.AlignmentFlag.AlignTop)
        plots.addWidget(self._qq, 2)
        plots.addWidget(self._qq_help, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(plots, 1)

    def show_state(self, state: CalibrationState) -> None:
        """Show another fit."""
        self._fits = {fit.level: fit for fit in state.fits}
        self.setVisible(bool(self._fits))
        if not self._fits:
            return
        self._summary.setText(state.summary)
        self._warnings.setText("\n".join(f"• {w}" for w in state.warnings))
        self._warnings.setVisible(bool(state.warnings))
        self._show_level(self._level if self._level in self._fits else "slice")

    def _plot(self, bottom: str, left: str) -> pg.PlotWidget:
        plot = plain_plot(f"{left} over {bottom}")
        bound_plot(plot)
        colour_plot(plot, self._theme)
        for side, text in (("bottom", bottom), ("left", left)):
            plot.getPlotItem().setLabel(side, text)
        return plot

    def _show_level(self, level: str) -> None:
        self._level, fit = level, self._fits[level]
        self._levels.show_level(level, self._fits)
        self._words.setText(
            f"{fit.n:,} scores of {fit.n_patients} patients. {fit.words}"
        )
        self._words.show_role("" if fit.threshold is not None else "warning")
        theme = self._theme
        self._ecdf.clear()
        self._ecdf.plot(
            fit.ecdf_x,
            fit.ecdf_y,
            pen=pg.mkPen(theme.accent, width=2),
            stepMode="right",
        )
        if fit.tail_x.size:
            dashed = pg.mkPen(theme.warning, width=2, style=Qt.PenStyle.DashLine)
            self._ecdf.plot(fit.tail_x, fit.tail_y, pen=dashed)
        if fit.threshold is not None:
            line = pg.InfiniteLine(fit.threshold, pen=pg.mkPen("#ff8f3d", width=2))
            self._ecdf.addItem(line)
        self._qq.clear()
        if fit.qq_x.size:
            low = float(min(fit.qq_x.min(), fit.qq_y.min()))
            high = float(max(np.max(fit.qq_x), np.max(fit.qq_y)))
            self._qq.plot([low, high], [low, high], pen=pg.mkPen(theme.control))
            self._qq.plot(
                fit.qq_x,
                fit.qq_y,
                pen=None,
                symbol="o",
                symbolSize=4,
                symbolPen=None,
                symbolBrush=theme.accent,
            )
        self._qq.setVisible(bool(fit.qq_x.size))
        self._qq_help.setVisible(bool(fit.qq_x.size))
