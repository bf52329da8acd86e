"""Histogram of this scan over genuine scans, their CDF, and a threshold to drag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.examination.wording import UNITS, counted, number_text, percent_text
from btd_desktop.gui.plain_text import PlainLabel, sentence
from btd_desktop.gui.presenters.histogram import HistogramState
from btd_desktop.gui.presenters.wording import KIND_NAMES
from btd_desktop.gui.theme import DARK, Theme
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.histogram_plot import HistogramPlot
from btd_desktop.gui.views.level_buttons import LevelButtons

if TYPE_CHECKING:
    import pyqtgraph as pg

    from btd_desktop.examination.comparison import Threshold

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class HistogramPanel(QWidget):
    """Shows a `HistogramState`.

    Signals:
        kind_chosen(str): Show this kind of score.
        level_chosen(str): Show this level.
        threshold_dragged(float): The line was moved here.
        threshold_reset(): Back to the profile's threshold.
        bar_clicked(int): Go to the slices behind this bar.
    """

    kind_chosen = Signal(str)
    level_chosen = Signal(str)
    threshold_dragged = Signal(float)
    threshold_reset = Signal()
    bar_clicked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = HistogramState(message="Open a scan to see its scores.")
        self._showing = False
        self._levels = LevelButtons()
        self._levels.chosen.connect(self.level_chosen)
        self._kinds = QComboBox()
        for kind, name in KIND_NAMES.items():
            self._kinds.addItem(name, kind)
        self._kinds.setAccessibleName("Kind of score")
        self._kinds.currentIndexChanged.connect(self._on_kind)
        self._plot = HistogramPlot(self)
        self._plot.threshold_dragged.connect(self.threshold_dragged)
        self._plot.bar_clicked.connect(self.bar_clicked)
        self._message = PlainLabel("", wrap=True, role="muted")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._fpr = PlainLabel("", wrap=True)
        self._note = PlainLabel("", wrap=True, role="warning")
        self._reset = QPushButton("Profile's threshold")
        self._reset.setToolTip("Back to the threshold that the report uses.")
        self._reset.clicked.connect(self.threshold_reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(4)
        layout.addLayout(self._controls())
        layout.addWidget(self._message, 1)
        layout.addWidget(self._plot.widget, 1)
        foot = QHBoxLayout()
        foot.addWidget(self._fpr, 1)
        self._fpr_help = HelpButton("threshold")
        foot.addWidget(self._fpr_help)
        foot.addWidget(self._reset)
        layout.addLayout(foot)
        layout.addWidget(self._note)
        self.show_theme(DARK)
        self.show_state(self._state)

    @property
    def plot(self) -> pg.PlotWidget:
        """The plot itself, to be exported."""
        return self._plot.widget

    def show_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._plot.show_theme(theme)

    def show_state(self, state: HistogramState) -> None:
        """Show other scores; emits nothing."""
        self._showing = True
        self._state = state
        empty = bool(state.message)
        self._message.setVisible(empty)
        self._message.setText(sentence(state.message))
        self._plot.widget.setVisible(not empty)
        self._note.setText(state.note)
        self._note.setVisible(bool(state.note) and not empty)
        self._levels.show_level(state.level, state.levels)
        self._kinds.setCurrentIndex(self._kinds.findData(state.kind))
        if not empty:
            self._plot.show_state(state)
            self._key.setText(self._key_text(state))
            self._key.setToolTip(self._key.text())
        self.show_threshold(state.threshold)
        self._showing = False

    def show_mark(self, state: HistogramState) -> None:
        """Show only another mark; emits nothing."""
        self._state = state
        self._plot.show_mark(state)

    def show_threshold(self, threshold: Threshold | None) -> None:
        """Show only another threshold; emits nothing."""
        shown = threshold is not None and not self._state.message
        for widget in (self._fpr, self._fpr_help):
            widget.setVisible(shown)
        self._plot.show_threshold(threshold.value if threshold and shown else None)
        # Where the profile has no threshold there is no way back to it.
        own = threshold is not None and threshold.own and not self._state.note
        self._reset.setVisible(shown and own)
        if threshold is None:
            return
        low, high = threshold.interval
        whose = "Tried threshold" if threshold.own else "Threshold of the profile"
        scan = f"of this scan {threshold.n_flagged} of {threshold.n_scan} do."
        if not threshold.n_scan:
            mark = self._state.mark
            above = "lies above it" if _above(mark, threshold) else "does not"
            scan = "no place is ranked here." if mark is None else f"the place {above}."
        self._fpr.setText(
            f"{whose} {number_text(threshold.value)}: {percent_text(threshold.fpr)} of "
            f"the genuine {UNITS[self._state.level][1]} lie above it (true "
            f"false-positive rate {percent_text(low)} to {percent_text(high)}, 95 %); "
            f"{scan}{f' Rate {threshold.doubt}.' if threshold.doubt else ''}"
        )

    def _controls(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        row.addWidget(self._levels)
        row.addSpacing(8)
        row.addWidget(self._kinds)
        self._key = PlainLabel("", wrap=True, role="muted")
        self._key.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self._key.setAlignment(_RIGHT)
        row.addWidget(self._key, 1)
        return row

    def _key_text(self, state: HistogramState) -> str:
        # A clicked place alone is ranked at the others.
        is_scan = state.level in ("patch", "slice", "series")
        shown = "blue: this scan; " if is_scan else ""
        return (
            f"{shown}grey: {state.n_benign:,} genuine "
            f"{UNITS[state.level][1]}, {counted(state.n_patients, 'patient')}"
            f"{f'; {state.searched}' if state.searched else ''}"
        )

    def _on_kind(self, index: int) -> None:
        if not self._showing:
            self.kind_chosen.emit(str(self._kinds.itemData(index)))


def _above(mark: float | None, threshold: Threshold) -> bool:
    return mark is not None and mark > threshold.value
