"""Trains a model on local genuine scans, with the loss curve as it grows."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QWidget,
)

from btd_desktop.gui.dialogs.form import (
    FolderList,
    ProblemLine,
    form_layout,
    muted,
    page_layout,
    pin_buttons,
)
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.training import (
    TrainingForm,
    TrainingPresenter,
    TrainingView,
)
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.plain_plot import bound_plot, colour_plot, plain_plot
from btd_desktop.gui.views.progress_row import ProgressRow
from btd_desktop.workflow.train_model import TrainingOptions

_PRESETS = {
    "ct96wide": "CT, wide window (lung texture kept)",
    "ct96": "CT, the paper's window",
    "mr128": "MR",
}
_NETWORKS = {
    "lean": "Lean: whole slices in one pass",
    "reference": "Reference: the paper's U-Net, patch by patch",
}
_RECIPES = {"small": "Small noise, small crops (ours)", "paper": "As in the paper"}


class TrainingDialog(QDialog):
    """Form, loss curve, pause and stop. Training goes on when it is closed."""

    def __init__(
        self, presenter: TrainingPresenter, theme: Theme, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._presenter = presenter
        layout = page_layout(self, "Train on genuine scans", 860, 760)
        layout.addWidget(
            muted(
                "The model learns what genuine noise looks like, from genuine scans "
                "only. Keep some patients aside for calibration. Training takes hours "
                "on a processor; it goes on when this is closed (Tools, Jobs), and "
                "resumes after a stop."
            )
        )
        layout.addLayout(self._build_form())
        self._progress = ProgressRow()
        self._progress.pause_toggled.connect(presenter.on_pause_toggled)
        self._progress.cancel_wanted.connect(presenter.on_cancel)
        layout.addWidget(self._progress)
        self._plot = plain_plot("Loss over steps")
        colour_plot(self._plot, theme)
        bound_plot(self._plot)
        item = self._plot.getPlotItem()
        item.setLabel("bottom", "steps")
        item.setLabel("left", "loss")
        item.addLegend(offset=(-10, 10))
        self._loss = item.plot(
            [], [], pen=pg.mkPen(theme.accent, width=2), name="learnt"
        )
        self._watched = item.plot(
            [], [], pen=pg.mkPen(theme.warning, width=2), name="watched patients"
        )
        layout.addWidget(self._plot, 1)
        self._note = PlainLabel("", wrap=True)
        layout.addWidget(self._note)
        self._problem = ProblemLine()
        layout.addWidget(self._problem)
        self._start = QPushButton("&Train")
        self._start.setDefault(True)
        self._start.clicked.connect(self._on_start)
        close = QPushButton("Close")
        close.clicked.connect(self.reject)
        pin_buttons(self, muted(""), self._start, close)
        presenter.changed.connect(self.show_state)
        self.show_state(presenter.state)

    @property
    def form(self) -> TrainingForm | None:
        """What was chosen; None while something is missing."""
        name = self._name.text().strip()
        if not self._folders.paths or not name:
            return None
        options = TrainingOptions(
            preset=str(self._preset.currentData()),
            network=str(self._network.currentData()),
            dim=self._dim.value(),
            recipe=str(self._recipe.currentData()),
            steps=self._steps.value(),
        )
        return TrainingForm(self._folders.paths, name, options)

    def show_state(self, state: TrainingView) -> None:
        """Show how far it is."""
        self._progress.show_progress(state.work)
        steps = [p.step for p in state.points]
        self._loss.setData(steps, [p.loss for p in state.points])
        known = [p for p in state.points if p.watched is not None]
        self._watched.setData([p.step for p in known], [p.watched for p in known])
        self._note.setText("\n".join(t for t in (state.scatter, state.note) if t))
        self._problem.show_problem(state.problem)
        self._check()

    def _build_form(self) -> QFormLayout:
        self._folders = FolderList("Folders of genuine scans")
        self._folders.changed.connect(self._check)
        self._name = QLineEdit("my-model")
        self._name.textChanged.connect(self._check)
        self._preset = _combo(_PRESETS)
        self._network = _combo(_NETWORKS)
        self._network.currentIndexChanged.connect(self._on_network)
        self._recipe = _combo(_RECIPES)
        self._dim = QSpinBox()
        self._dim.setRange(4, 128)
        self._dim.setValue(24)
        self._steps = QSpinBox()
        self._steps.setRange(10, 2_000_000)
        self._steps.setSingleStep(1000)
        self._steps.setGroupSeparatorShown(True)
        self._steps.setValue(12_000)
        numbers = QHBoxLayout()
        for label, box in (("Width", self._dim), ("Steps", self._steps)):
            box.setMaximumWidth(130)
            box.setAccessibleName(label)
            numbers.addWidget(PlainLabel(label))
            numbers.addSpacing(8)
            numbers.addWidget(box)
            numbers.addSpacing(12)
        numbers.addStretch(1)
        form = form_layout()
        form.addRow("Genuine &scans", self._folders)
        form.addRow("&Name", self._name)
        form.addRow("&Preset", self._preset)
        form.addRow("N&etwork", self._network)
        form.addRow("&Recipe", self._recipe)
        form.addRow("Size", numbers)
        return form

    def _on_network(self) -> None:
        # The sizes that were published, and the one that is shipped.
        self._dim.setValue(24 if self._network.currentData() == "lean" else 8)

    def _on_start(self) -> None:
        form = self.form
        if form is not None:
            self._presenter.on_start(form)

    def _check(self) -> None:
        busy = self._presenter.state.work.is_busy
        self._start.setEnabled(self.form is not None and not busy)


def _combo(items: dict[str, str]) -> QComboBox:
    combo = QComboBox()
    for key, text in items.items():
        combo.addItem(text, key)
    return combo
