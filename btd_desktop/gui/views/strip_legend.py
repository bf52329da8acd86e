"""What the colours of the slice strip mean; the same for every series."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from btd_desktop.gui.plain_text import plain_tool_tip
from btd_desktop.gui.view_state.states import StripState
from btd_desktop.gui.views.colour_maps import COLOUR_MAPS, colour_table
from btd_desktop.gui.views.slice_strip import FLAG, GROUND, NOT_SCORED, THICKNESS

_HEIGHT = 96
_TEXT = QColor(214, 218, 224)
_RAMP = 44.0
_SIZE_PX = 10

_ENDS = {
    "p-value": ("≤.001", "p = 1"),
    "score": ("above", "usual"),
    "raw": ("", "scored"),
}
_WORDS = {
    "p-value": "Colours: p-value of each slice, from 1 (dark) to 0.001 and less "
    "(bright), by its logarithm. The scale is the same for every series.",
    "score": "Colours: score of each slice, from the median of genuine slices (dark) "
    "to above all of them (bright). The calibration gives no p-value here.",
    "raw": "Dark: scored; grey: not yet. Colours come when all slices are done.",
}
_FLAGGED = " Orange marks at the side: above the threshold, or with a finding."


class StripLegend(QWidget):
    """Shows the scale of a `StripState`."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = "p-value"
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Colours of the slices")
        self.show_state(StripState(np.zeros(0)))

    def show_state(self, state: StripState) -> None:
        """Explain another strip."""
        self._kind = state.kind
        words = _WORDS[state.kind] + _FLAGGED
        self.setToolTip(plain_tool_tip(words))
        self.setAccessibleDescription(words)
        self.setVisible(state.values.size > 0)
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as the strip."""
        return QSize(THICKNESS, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the ramp with its ends, and what a mark means."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), GROUND)
        font = painter.font()
        font.setPixelSize(_SIZE_PX)
        painter.setFont(font)
        painter.setPen(_TEXT)
        high, low = _ENDS[self._kind]
        middle = Qt.AlignmentFlag.AlignCenter
        wide = float(self.width())
        painter.drawText(QRectF(0, 1, wide, 13), middle, high)
        bar = QRectF(wide / 2 - 6, 15, 12, _RAMP)
        colours = colour_table(COLOUR_MAPS[0])
        steps = round(_RAMP)
        for step in range(steps):
            share = 1.0 - step / (steps - 1)
            red, green, blue = colours[0 if self._kind == "raw" else round(255 * share)]
            colour = QColor(int(red), int(green), int(blue))
            if self._kind == "raw" and share > 0.5:
                colour = NOT_SCORED
            painter.fillRect(QRectF(bar.left(), bar.top() + step, 12, 1), colour)
        painter.drawText(QRectF(0, 60, wide, 13), middle, low)
        painter.fillRect(QRectF(3, 80, 6, 6), FLAG)
        painter.drawText(QRectF(11, 76, wide - 11, 13), middle, "flag")
        painter.end()
