"""Calibrates on local genuine scans and shows the fit before it is saved."""

from __future__ import annotations

from PySide6.QtCore import Signal
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
    pin_buttons,
)
from btd_desktop.gui.plain_text import visible_text
from btd_desktop.gui.presenters.calibrating import (
    CalibrationForm,
    CalibrationPresenter,
    CalibrationState,
    ProfileChoice,
)
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.progress_row import ProgressRow


class CalibrationDialog(QDialog):
    """Form above, progress, then the fit with its warnings.

    Signals:
        use_wanted(Path): Look at the open series with the profile that was saved.
    """

    use_wanted = Signal(object)

    def __init__(
        self,
        presenter: CalibrationPresenter,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
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
        self._saved = muted("")
        self._start = QPushButton("&Calibrate")
        self._start.setDefault(True)
        self._start.clicked.connect(self._on_start)
        self._save = QPushButton("&Save profile")
        self._save.clicked.connect(presenter.on_save)
        self._use = QPushButton("&Use for the open series …")
        self._use.setToolTip("Saving changes no case: see first what it would change.")
        self._use.clicked.connect(self._on_use)
        close = QPushButton("Close")
        close.clicked.connect(self.reject)
        pin_buttons(self, self._saved, self._start, self._save, self._use, close)
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
        return CalibrationForm(
            self._folders.paths, model.folder, name, self._rate, self._joined
        )

    @property
    def _joined(self) -> ProfileChoice | None:
        """Profile that the patients join; None where they are calibrated on alone."""
        found: ProfileChoice | None = self._profiles.currentData()
        return found

    @property
    def _rate(self) -> float:
        """The false-positive rate, in (0, 1)."""
        joined = self._joined
        return self._fpr.value() / 100.0 if joined is None else joined.fpr

    def show_state(self, state: CalibrationState) -> None:
        """Show how far it is."""
        if state.models is not None and self._models.count() == 0:
            for model in state.models:
                self._models.addItem(visible_text(model.title), model)
            if not state.models:
                self._models.setPlaceholderText("No model is installed")
        self._list_profiles(state.profiles)
        self._progress.show_progress(state.work)
        self._problem.show_problem(state.problem)
        self._fit.show_state(state)
        self._save.setEnabled(bool(state.fits) and state.saved is None)
        self._use.setVisible(state.saved is not None and state.can_use)
        self._saved.setText(f"Saved as {state.saved}" if state.saved else "")
        self._check()

    def _build_form(self, layout: QVBoxLayout) -> None:
        self._folders = FolderList("Folders of genuine scans")
        self._folders.changed.connect(self._on_scans)
        self._models = QComboBox()
        self._models.currentIndexChanged.connect(self._on_model)
        self._profiles = QComboBox()
        self._profiles.setAccessibleName("Add to")
        self._profiles.addItem("Nothing: these scans alone", None)
        self._profiles.currentIndexChanged.connect(self._on_profile)
        self._listed: tuple[ProfileChoice, ...] = ()
        self._name = QLineEdit("Local genuine scans")
        self._name.textChanged.connect(self._check)
        self._fpr = QDoubleSpinBox()
        self._fpr.setRange(0.01, 50.0)
        self._fpr.setDecimals(2)
        self._fpr.setSuffix(" %")
        self._fpr.setValue(1.0)
        self._fpr.setMaximumWidth(130)
        self._own_rate = self._fpr.value()
        self._fpr.valueChanged.connect(self._check)
        self._needed = muted("")
        rate = QHBoxLayout()
        rate.addWidget(self._fpr)
        rate.addWidget(HelpButton("threshold"))
        rate.addWidget(self._needed, 1)
        adding = QHBoxLayout()
        adding.addWidget(self._profiles, 1)
        adding.addWidget(HelpButton("join"))
        form = form_layout()
        form.addRow("Genuine &scans", self._folders)
        form.addRow("&Model", self._models)
        form.addRow("Add to", adding)
        form.addRow("&Name", self._name)
        form.addRow("False-positive rate", rate)
        layout.addLayout(form)

    def _on_start(self) -> None:
        form = self.form
        if form is not None:
            self._presenter.on_start(form)

    def _on_use(self) -> None:
        saved = self._presenter.state.saved
        self.accept()
        self.use_wanted.emit(saved)

    def _on_model(self) -> None:
        """Another model: it has other profiles."""
        model = self._models.currentData()
        self._presenter.on_model_chosen(None if model is None else model.folder)
        self._on_scans()

    def _list_profiles(self, profiles: tuple[ProfileChoice, ...]) -> None:
        if profiles == self._listed:
            return
        self._listed = profiles
        while self._profiles.count() > 1:
            self._profiles.removeItem(1)
        for profile in profiles:
            self._profiles.addItem(visible_text(profile.title), profile)

    def _on_profile(self) -> None:
        """A profile that is joined keeps its rate."""
        joined = self._joined
        if self._fpr.isEnabled():
            self._own_rate = self._fpr.value()
        self._fpr.setEnabled(joined is None)
        self._fpr.setValue(self._own_rate if joined is None else 100.0 * joined.fpr)
        self._check()

    def _on_scans(self) -> None:
        """Other scans, or a model of another modality: count the patients anew."""
        model = self._models.currentData()
        modality = "" if model is None else model.modality
        self._presenter.on_scans_chosen(self._folders.paths, modality)
        self._check()

    def _check(self) -> None:
        joined = self._joined
        n_held = 0 if joined is None else joined.n_patients
        counted = self._presenter.state.n_patients
        self._needed.setText(rate_note(self._rate, counted, n_held))
        busy = self._presenter.state.work.is_busy
        self._start.setEnabled(self.form is not None and not busy)
