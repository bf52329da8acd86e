"""Calibrates on local genuine scans and shows the fit before it is saved."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.examination.fit import LevelFit, patients_needed
from btd_desktop.gui.dialogs.form import (
    FolderList,
    ProblemLine,
    form_layout,
    muted,
    page_layout,
)
from btd_desktop.gui.plain_text import plain_label, visible_text
from btd_desktop.gui.presenters.calibrating import (
    CalibrationForm,
    CalibrationPresenter,
    CalibrationState,
)
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.level_buttons import LevelButtons
from btd_desktop.gui.views.plain_plot import colour_plot, plain_plot
from btd_desktop.gui.views.progress_row import ProgressRow


class CalibrationDialog(QDialog):
    """Form above, progress, then the fit with its warnings."""

    def __init__(
        self,
        presenter: CalibrationPresenter,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
        presenter.setParent(self)
        self._theme = theme
        self._fits: tuple[LevelFit, ...] = ()
        layout = page_layout(self, "Calibrate on genuine scans", 940, 840)
        layout.addWidget(
            muted(
                "The scores of genuine scans are what every p-value is ranked among. "
                "Take scans of many patients, of the scanner and kernel in question, "
                "that were not used to train the model."
            )
        )
        self._build_form(layout)
        self._progress = ProgressRow()
        self._progress.pause_toggled.connect(presenter.on_pause_toggled)
        self._progress.cancel_wanted.connect(presenter.on_cancel)
        layout.addWidget(self._progress)
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        self._result = QWidget()
        self._build_result()
        layout.addWidget(self._result, 1)
        layout.addStretch(0)
        row = QHBoxLayout()
        self._saved = muted("")
        row.addWidget(self._saved, 1)
        self._start = QPushButton("&Calibrate")
        self._start.setDefault(True)
        self._start.clicked.connect(self._on_start)
        self._save = QPushButton("&Save profile")
        self._save.clicked.connect(presenter.on_save)
        close = QPushButton("Close")
        close.clicked.connect(self.reject)
        for button in (self._start, self._save, close):
            row.addWidget(button)
        layout.addLayout(row)
        presenter.changed.connect(self.show_state)
        self.finished.connect(presenter.on_closed)
        self.show_state(presenter.state)
        presenter.on_opened()

    @property
    def folders(self) -> FolderList:
        """The list of folders."""
        return self._folders

    @property
    def form(self) -> CalibrationForm | None:
        """What was chosen; None while something is missing."""
        model = self._models.currentData()
        name = self._name.text().strip()
        if model is None or not self._folders.paths or not name:
            return None
        fpr = self._fpr.value() / 100.0
        return CalibrationForm(self._folders.paths, model, name, fpr)

    def show_state(self, state: CalibrationState) -> None:
        """Show how far it is."""
        if state.models is not None and self._models.count() == 0:
            for model in state.models:
                self._models.addItem(visible_text(model.title), model.folder)
            if not state.models:
                self._models.setPlaceholderText("No model is installed")
        self._progress.show_progress(state.work)
        self._problem.show_problem(state.problem)
        self._fits = state.fits
        self._result.setVisible(bool(state.fits))
        self._save.setEnabled(bool(state.fits) and state.saved is None)
        self._saved.setText(f"Saved as {state.saved}" if state.saved else "")
        if state.fits:
            self._summary.setText(state.summary)
            self._warnings.setText("\n".join(f"• {w}" for w in state.warnings))
            self._warnings.setVisible(bool(state.warnings))
            levels = {fit.level for fit in state.fits}
            self._show_level(self._level if self._level in levels else "slice")
        self._check()

    def _build_form(self, layout: QVBoxLayout) -> None:
        self._folders = FolderList("Folders of genuine scans")
        self._folders.changed.connect(self._check)
        self._models = QComboBox()
        self._models.currentIndexChanged.connect(self._check)
        self._name = QLineEdit("Local genuine scans")
        self._name.textChanged.connect(self._check)
        self._fpr = QDoubleSpinBox()
        self._fpr.setRange(0.01, 50.0)
        self._fpr.setDecimals(2)
        self._fpr.setSuffix(" %")
        self._fpr.setValue(1.0)
        self._fpr.setMaximumWidth(130)
        self._fpr.valueChanged.connect(self._check)
        self._needed = muted("")
        rate = QHBoxLayout()
        rate.addWidget(self._fpr)
        rate.addWidget(HelpButton("threshold"))
        rate.addWidget(self._needed, 1)
        form = form_layout()
        form.addRow("Genuine &scans", self._folders)
        form.addRow("&Model", self._models)
        form.addRow("&Name", self._name)
        form.addRow("False-positive rate", rate)
        layout.addLayout(form)

    def _build_result(self) -> None:
        layout = QVBoxLayout(self._result)
        layout.setContentsMargins(0, 0, 0, 0)
        self._summary = plain_label("", wrap=True)
        layout.addWidget(self._summary)
        self._warnings = plain_label("", wrap=True, role="warning")
        layout.addWidget(self._warnings)
        row = QHBoxLayout()
        self._level = "slice"
        self._levels = LevelButtons()
        self._levels.chosen.connect(self._show_level)
        row.addWidget(self._levels)
        self._words = plain_label("", wrap=True)
        row.addWidget(self._words, 1)
        layout.addLayout(row)
        plots = QHBoxLayout()
        self._ecdf = self._plot("anomaly score", "share at most as high")
        self._qq = self._plot("tail as fitted", "tail as observed")
        plots.addWidget(self._ecdf, 3)
        plots.addWidget(HelpButton("tail"), 0, Qt.AlignmentFlag.AlignTop)
        plots.addWidget(self._qq, 2)
        self._qq_help = HelpButton("qq")
        plots.addWidget(self._qq_help, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(plots, 1)

    def _plot(self, bottom: str, left: str) -> pg.PlotWidget:
        plot = plain_plot(f"{left} over {bottom}")
        plot.setMinimumHeight(180)
        colour_plot(plot, self._theme)
        for side, text in (("bottom", bottom), ("left", left)):
            plot.getPlotItem().setLabel(side, text)
        return plot

    def _show_level(self, level: str) -> None:
        self._level = level
        has_places = any(fit.level == "place" for fit in self._fits)
        self._levels.show_level(level, has_places=has_places)
        fit = next((f for f in self._fits if f.level == level), None)
        if fit is None:
            return
        self._words.setText(
            f"{fit.n:,} scores of {fit.n_patients} patients. {fit.words}"
        )
        self._words.show_role("" if fit.has_threshold else "warning")
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

    def _on_start(self) -> None:
        form = self.form
        if form is not None:
            self._presenter.on_start(form)

    def _check(self) -> None:
        fpr = self._fpr.value() / 100.0
        self._needed.setText(
            f"To show a rate this low takes {patients_needed(fpr):,} patients without "
            "a false alarm."
        )
        busy = self._presenter.state.work.is_busy
        self._start.setEnabled(self.form is not None and not busy)
