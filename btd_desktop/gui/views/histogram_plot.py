"""The plot of the histogram: bars of this scan and of genuine scans, CDF, threshold."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QObject, QPointF, Qt, Signal

from btd_desktop.gui.presenters.histogram import HistogramState
from btd_desktop.gui.presenters.wording import KIND_NAMES
from btd_desktop.gui.theme import Theme
from btd_desktop.gui.views.plain_plot import colour_plot, plain_plot

_SCAN = "#57a9ff"
_BENIGN = "#8a93a3"
_LINE = "#ff8f3d"
_MARK, _MARK_ON_LIGHT = "#3ddbd9", "#087a78"


class HistogramPlot(QObject):
    """Draws the scores of a `HistogramState`.

    Attributes:
        widget: The plot itself.
        line: The threshold, which can be dragged.

    Signals:
        threshold_dragged(float): The line was moved here.
        bar_clicked(int): This bar, which holds scores of the scan, was clicked.
    """

    threshold_dragged = Signal(float)
    bar_clicked = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = HistogramState()
        self.widget = plain_plot("Histogram of scores and CDF of genuine scores")
        self._build()

    def show_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        colour_plot(self.widget, theme)
        mark = _MARK if theme.name == "dark" else _MARK_ON_LIGHT
        self._mark.setPen(pg.mkPen(mark, width=2, style=Qt.PenStyle.DashLine))
        self._mark.label.setColor(mark)
        self._cdf.setPen(pg.mkPen(theme.text, width=1.5))

    def show_state(self, state: HistogramState) -> None:
        """Draw other scores; emits nothing."""
        self._state = state
        x0, x1 = state.edges[:-1], state.edges[1:]
        gap = 0.08 * (x1 - x0)
        self._benign.setOpts(x0=x0 + gap, x1=x1 - gap, height=state.benign)
        self._scan.setOpts(x0=x0 + 2 * gap, x1=x1 - 2 * gap, height=state.scan)
        cdf_x = np.concatenate([[state.edges[0]], state.cdf_x, [state.edges[-1]]])
        cdf_y = np.concatenate([[0.0], state.cdf_y, [1.0]])
        self._cdf.setData(cdf_x, cdf_y)
        top = max(float(state.benign.max()), float(state.scan.max()), 1e-6)
        item = self.widget.getPlotItem()
        span = float(state.edges[-1] - state.edges[0])
        item.setXRange(
            float(state.edges[0]) - 0.02 * span,
            float(state.edges[-1]) + 0.04 * span,
            padding=0,
        )
        item.setYRange(0.0, top * 1.12, padding=0)
        item.setLabel("bottom", f"{KIND_NAMES[state.kind]} score per {state.level}")
        self.show_mark(state)

    def show_mark(self, state: HistogramState) -> None:
        """Draw only another mark; emits nothing."""
        self._mark.setVisible(state.mark is not None)
        if state.mark is not None:
            self._mark.setValue(state.mark)
            self._mark.label.setFormat(state.mark_text)

    def show_threshold(self, value: float | None) -> None:
        """Draw the threshold elsewhere, or not at all."""
        self.line.setVisible(value is not None)
        if value is not None and abs(self.line.value() - value) > 1e-12:
            self.line.setValue(value)

    def _build(self) -> None:
        item = self.widget.getPlotItem()
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
        self._right.setYRange(0.0, 1.08, padding=0)
        self._right.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self._cdf = pg.PlotCurveItem()
        self._right.addItem(self._cdf)
        item.vb.sigResized.connect(self._follow)
        self.line = pg.InfiniteLine(
            angle=90, movable=True, pen=pg.mkPen(_LINE, width=2)
        )
        self.line.setHoverPen(pg.mkPen(_LINE, width=4))
        self.line.sigDragged.connect(self._on_drag)
        item.addItem(self.line)
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
        self.widget.scene().sigMouseClicked.connect(self._on_click)

    def _follow(self) -> None:
        self._right.setGeometry(self.widget.getPlotItem().vb.sceneBoundingRect())

    def _on_drag(self) -> None:
        self.threshold_dragged.emit(float(self.line.value()))

    def _on_click(self, event: object) -> None:
        scene_at: QPointF = event.scenePos()  # type: ignore[attr-defined]
        box = self.widget.getPlotItem().vb
        if self._state.edges.size < 2 or not box.sceneBoundingRect().contains(scene_at):
            return
        at = box.mapSceneToView(scene_at)
        bar = int(np.searchsorted(self._state.edges, at.x(), "right")) - 1
        if 0 <= bar < self._state.scan_counts.size and self._state.scan_counts[bar]:
            self.bar_clicked.emit(bar)
