"""Histogram of this scan over genuine scans, their CDF, and a threshold to drag."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.examination.wording import UNITS, counted, number_text, percent_text
from btd_desktop.gui.plain_text import plain_label
from btd_desktop.gui.presenters.histogram import HistogramState, ThresholdState
from btd_desktop.gui.presenters.wording import KIND_NAMES
from btd_desktop.gui.theme import DARK, Theme
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.place_panel import set_role
from btd_desktop.gui.views.plain_plot import colour_plot, plain_plot

_SCAN = "#57a9ff"
_BENIGN = "#8a93a3"
_LINE = "#ff8f3d"
_MARK, _MARK_ON_LIGHT = "#3ddbd9", "#087a78"
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
        self._theme = DARK
        self._state = HistogramState(message="Open a scan to see its scores.")
        self._showing = False
        self._levels = QButtonGroup(self)
        self._level_buttons: dict[str, QPushButton] = {}
        self._kinds = QComboBox()
        for kind, name in KIND_NAMES.items():
            self._kinds.addItem(name, kind)
        self._kinds.setAccessibleName("Kind of score")
        self._kinds.currentIndexChanged.connect(self._on_kind)
        self._plot = plain_plot("Histogram of scores and CDF of genuine scores")
        self._build_plot()
        self._message = plain_label("", wrap=True)
        set_role(self._message, "muted")
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._fpr = plain_label("", wrap=True)
        self._note = plain_label("", wrap=True)
        set_role(self._note, "warning")
        self._reset = QPushButton("Profile's threshold")
        self._reset.setToolTip("Back to the threshold that the report uses.")
        self._reset.clicked.connect(self.threshold_reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setSpacing(4)
        layout.addLayout(self._controls())
        layout.addWidget(self._message, 1)
        layout.addWidget(self._plot, 1)
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
        """The plot."""
        return self._plot

    @property
    def threshold_line(self) -> pg.InfiniteLine:
        """The line that can be dragged."""
        return self._line

    @property
    def fpr_text(self) -> str:
        """The sentence about the threshold."""
        return self._fpr.text()

    def show_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._theme = theme
        colour_plot(self._plot, theme)
        mark = _MARK if theme.name == "dark" else _MARK_ON_LIGHT
        self._mark.setPen(pg.mkPen(mark, width=2, style=Qt.PenStyle.DashLine))
        self._mark.label.setColor(mark)
        self._cdf.setPen(pg.mkPen(theme.text, width=1.5))

    def show_state(self, state: HistogramState) -> None:
        """Show other scores; emits nothing."""
        self._showing = True
        self._state = state
        empty = bool(state.message)
        self._message.setVisible(empty)
        self._message.setText(state.message)
        self._plot.setVisible(not empty)
        self._note.setText(state.note)
        self._note.setVisible(bool(state.note) and not empty)
        self._level_buttons["place"].setVisible(state.has_places)
        self._level_buttons[state.level].setChecked(True)
        self._kinds.setCurrentIndex(self._kinds.findData(state.kind))
        if not empty:
            self._draw(state)
        self.show_threshold(state.threshold)
        self._showing = False

    def show_mark(self, state: HistogramState) -> None:
        """Show only another mark; emits nothing."""
        self._state = state
        self._mark.setVisible(state.mark is not None)
        if state.mark is not None:
            self._mark.setValue(state.mark)
            self._mark.label.setFormat(state.mark_text)

    def show_threshold(self, threshold: ThresholdState | None) -> None:
        """Show only another threshold; emits nothing."""
        shown = threshold is not None and not self._state.message
        for widget in (self._fpr, self._fpr_help):
            widget.setVisible(shown)
        self._line.setVisible(shown)
        self._reset.setVisible(shown and threshold is not None and threshold.own)
        if threshold is None:
            return
        if abs(self._line.value() - threshold.value) > 1e-12:
            self._line.setValue(threshold.value)
        low, high = threshold.interval
        whose = "Tried threshold" if threshold.own else "Threshold of the profile"
        scan = f"of this scan {threshold.n_flagged} of {threshold.n_scan} do."
        if not threshold.n_scan:
            mark = self._state.mark
            above = "lies above it" if _above(mark, threshold) else "does not"
            scan = "no place is clicked." if mark is None else f"the place {above}."
        self._fpr.setText(
            f"{whose} {number_text(threshold.value)}: {percent_text(threshold.fpr)} of "
            f"the genuine {UNITS[self._state.level][1]} lie above it (true "
            f"false-positive rate {percent_text(low)} to {percent_text(high)}, 95 %); "
            f"{scan}"
        )

    def _controls(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        for level in ("place", "patch", "slice", "series"):
            button = QPushButton(level.capitalize())
            button.setCheckable(True)
            button.setProperty("role", "segment")
            button.clicked.connect(partial(self._on_level, level))
            self._levels.addButton(button)
            self._level_buttons[level] = button
            row.addWidget(button)
        row.addWidget(HelpButton("level"))
        row.addSpacing(8)
        row.addWidget(self._kinds)
        self._key = plain_label("")
        set_role(self._key, "muted")
        self._key.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        self._key.setAlignment(_RIGHT)
        row.addWidget(self._key, 1)
        return row

    def _build_plot(self) -> None:
        item = self._plot.getPlotItem()
        item.setLabel("left", "share")
        item.setLabel("bottom", "score")
        item.showAxis("right")
        item.setLabel("right", "CDF")
        self._benign = pg.BarGraphItem(x0=[], x1=[], height=[], brush=_BENIGN, pen=None)
        self._scan = pg.BarGraphItem(x0=[], x1=[], height=[], brush=_SCAN, pen=None)
        self._benign.setOpacity(0.55)
        self._scan.setOpacity(0.75)
        item.addItem(self._benign)
        item.addItem(self._scan)
        # The CDF has its own scale on the right, linked to the same scores.
        self._right = pg.ViewBox(enableMenu=False)
        self._right.setMouseEnabled(x=False, y=False)
        item.scene().addItem(self._right)
        item.getAxis("right").linkToView(self._right)
        self._right.setXLink(item)
        self._right.setYRange(0.0, 1.02, padding=0)
        self._right.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self._cdf = pg.PlotCurveItem()
        self._right.addItem(self._cdf)
        item.vb.sigResized.connect(self._follow)
        self._line = pg.InfiniteLine(
            angle=90, movable=True, pen=pg.mkPen(_LINE, width=2)
        )
        self._line.setHoverPen(pg.mkPen(_LINE, width=4))
        self._line.sigDragged.connect(self._on_drag)
        item.addItem(self._line)
        self._mark = pg.InfiniteLine(
            angle=90,
            pen=pg.mkPen(_MARK, width=2, style=Qt.PenStyle.DashLine),
            label="",
            labelOpts={
                "position": 0.55,
                "color": _MARK,
                "anchors": [(0, 0.5), (1, 0.5)],
            },
        )
        item.addItem(self._mark)
        self._plot.scene().sigMouseClicked.connect(self._on_click)

    def _draw(self, state: HistogramState) -> None:
        x0, x1 = state.edges[:-1], state.edges[1:]
        gap = 0.08 * (x1 - x0)
        self._benign.setOpts(x0=x0 + gap, x1=x1 - gap, height=state.benign)
        self._scan.setOpts(x0=x0 + 2 * gap, x1=x1 - 2 * gap, height=state.scan)
        cdf_x = np.concatenate([[state.edges[0]], state.cdf_x, [state.edges[-1]]])
        cdf_y = np.concatenate([[0.0], state.cdf_y, [1.0]])
        self._cdf.setData(cdf_x, cdf_y)
        top = max(float(state.benign.max()), float(state.scan.max()), 1e-6)
        item = self._plot.getPlotItem()
        span = float(state.edges[-1] - state.edges[0])
        item.setXRange(
            float(state.edges[0]) - 0.02 * span,
            float(state.edges[-1]) + 0.04 * span,
            padding=0,
        )
        item.setYRange(0.0, top * 1.12, padding=0)
        item.setLabel("bottom", f"{KIND_NAMES[state.kind]} score per {state.level}")
        self.show_mark(state)
        shown = "" if state.level == "place" else "blue: this scan; "
        key = (
            f"{shown}grey: {state.n_benign:,} genuine "
            f"{UNITS[state.level][1]}, {counted(state.n_patients, 'patient')}"
        )
        self._key.setText(key)
        self._key.setToolTip(key)

    def _follow(self) -> None:
        self._right.setGeometry(self._plot.getPlotItem().vb.sceneBoundingRect())

    def _on_level(self, level: str) -> None:
        self.level_chosen.emit(level)

    def _on_kind(self, index: int) -> None:
        if not self._showing:
            self.kind_chosen.emit(str(self._kinds.itemData(index)))

    def _on_drag(self) -> None:
        self.threshold_dragged.emit(float(self._line.value()))

    def _on_click(self, event: object) -> None:
        scene_at: QPointF = event.scenePos()  # type: ignore[attr-defined]
        box = self._plot.getPlotItem().vb
        if self._state.edges.size < 2 or not box.sceneBoundingRect().contains(scene_at):
            return
        at = box.mapSceneToView(scene_at)
        bar = int(np.searchsorted(self._state.edges, at.x(), "right")) - 1
        if 0 <= bar < self._state.scan_counts.size and self._state.scan_counts[bar]:
            self.bar_clicked.emit(bar)


def _above(mark: float | None, threshold: ThresholdState) -> bool:
    return mark is not None and mark > threshold.value
