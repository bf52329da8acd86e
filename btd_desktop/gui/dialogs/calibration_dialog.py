"""Calibrates on local genuine scans and shows the fit before it is saved."""

from __future__ import annotations

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

from btd_desktop.examination.fit import rate_note
from btd_desktop.gui.dialogs.fit_view import FitView
from btd_desktop.gui.dialogs.form import (
    FolderList,
    ProblemLine,
    form_layout,
    muted,
    page_layout,
)
from btd_desktop.gui.plain_text import visible_text
from btd_desktop.gui.presenters.calibrating import (
    CalibrationForm,
    CalibrationPresenter,
    CalibrationState,
)
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.help_button import HelpButton
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
        self._fit = FitView(theme)
        layout.addWidget(self._fit, 1)
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
    def form(self) -> CalibrationForm | None:
        """What was chosen; None while something is missing."""
        model = self._models.currentData()
        name = self._name.text().strip()
        if model is None or not self._folders.paths or not name:
            return None
        fpr = self._fpr.value() / 100.0
        return CalibrationForm(self._folders.paths, model.folder, name, fpr)

    def show_state(self, state: CalibrationState) -> None:
        """Show how far it is."""
        if state.models is not None and self._models.count() == 0:
            for model in state.models:
                self._models.addItem(visible_text(model.title), model)
            if not state.models:
                self._models.setPlaceholderText("No model is installed")
        self._progress.show_progress(state.work)
        self._problem.show_problem(state.problem)
        self._fit.show_state(state)
        self._save.setEnabled(bool(state.fits) and state.saved is None)
        self._saved.setText(f"Saved as {state.saved}" if state.saved else "")
        self._check()

    def _build_form(self, layout: QVBoxLayout) -> None:
        self._folders = FolderList("Folders of genuine scans")
        self._folders.changed.connect(self._on_scans)
        self._models = QComboBox()
        self._models.currentIndexChanged.connect(self._on_scans)
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

    def _on_start(self) -> None:
        form = self.form
        if form is not None:
            self._presenter.on_start(form)

    def _on_scans(self) -> None:
        """Other scans, or a model of another modality: count the patients anew."""
        model = self._models.currentData()
        modality = "" if model is None else model.modality
        self._presenter.on_scans_chosen(self._folders.paths, modality)
        self._check()

    def _check(self) -> None:
        fpr = self._fpr.value() / 100.0
        self._needed.setText(rate_note(fpr, self._presenter.state.n_patients))
        busy = self._presenter.state.work.is_busy
        self._start.setEnabled(self.form is not None and not busy)
