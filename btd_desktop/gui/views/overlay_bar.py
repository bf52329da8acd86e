"""Controls of the overlay: which map, of which score, how opaque, from which p on."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSlider, QWidget

from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.overlays import OverlayChoice, OverlayName, ScoreKind
from btd_desktop.gui.presenters.wording import KIND_NAMES
from btd_desktop.gui.views.colour_maps import COLOUR_MAPS
from btd_desktop.gui.views.help_button import HelpButton

_NAMES = {
    "p-value": "p-value",
    "score": "Score",
    "residual": "Residual",
    "none": "None",
}
_P_SHOWN = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)


class OverlayBar(QWidget):
    """Shows an `OverlayChoice`.

    Attributes:
        speaker: Names the calibration that all of it rests on; opens the choice.

    Signals:
        choice_changed(OverlayChoice): The examiner wants this.
    """

    choice_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choice = OverlayChoice()
        self._showing = False
        self._names = _combo("Overlay", _NAMES)
        self._kinds = _combo("Score of the overlay", KIND_NAMES)
        self._colours = _combo(
            "Colours of the overlay", {n: n.capitalize() for n in COLOUR_MAPS}
        )
        self._shown = QComboBox()
        self._shown.setAccessibleName("Show p-values up to")
        for p in _P_SHOWN:
            self._shown.addItem("all" if p == 1.0 else f"p ≤ {p:g}", p)
        self._opacity = QSlider(Qt.Orientation.Horizontal)
        self._opacity.setRange(0, 100)
        self._opacity.setPageStep(10)
        self._opacity.setFixedWidth(110)
        self._opacity.setAccessibleName("Opacity of the overlay")
        for combo in (self._names, self._kinds, self._colours, self._shown):
            combo.currentIndexChanged.connect(self._on_change)
        self._opacity.valueChanged.connect(self._on_change)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 2, 8, 2)
        layout.setSpacing(6)
        layout.addWidget(PlainLabel("Overlay"))
        layout.addWidget(self._names)
        layout.addWidget(HelpButton("residual"))
        layout.addWidget(self._kinds)
        layout.addWidget(self._shown)
        layout.addWidget(PlainLabel("Opacity"))
        layout.addWidget(self._opacity)
        layout.addWidget(self._colours)
        layout.addStretch(1)
        # Its own line would take height from the picture.
        self.speaker = QPushButton("")
        self.speaker.setProperty("role", "link")
        self.speaker.setToolTip("See and choose which calibration speaks.")
        self.speaker.hide()
        layout.addWidget(self.speaker)
        self.show_choice(self._choice)

    def show_choice(self, choice: OverlayChoice) -> None:
        """Show another choice; emits nothing."""
        self._showing = True
        self._choice = choice
        self._names.setCurrentIndex(self._names.findData(choice.name))
        self._kinds.setCurrentIndex(self._kinds.findData(choice.kind))
        self._colours.setCurrentIndex(self._colours.findData(choice.colour_map))
        at = _P_SHOWN.index(choice.p_shown) if choice.p_shown in _P_SHOWN else 0
        self._shown.setCurrentIndex(at)
        self._opacity.setValue(round(100 * choice.opacity))
        self._kinds.setEnabled(choice.name in ("p-value", "score"))
        self._shown.setEnabled(choice.name == "p-value")
        self._opacity.setEnabled(choice.name != "none")
        self._showing = False

    def show_speaker(self, text: str) -> None:
        """Name the calibration; "" names none."""
        self.speaker.setText(text)
        self.speaker.setVisible(bool(text))

    def _on_change(self) -> None:
        if self._showing:
            return
        self.choice_changed.emit(
            replace(
                self._choice,
                name=cast(OverlayName, self._names.currentData()),
                kind=cast(ScoreKind, self._kinds.currentData()),
                colour_map=str(self._colours.currentData()),
                p_shown=float(self._shown.currentData()),
                opacity=self._opacity.value() / 100.0,
            )
        )


def _combo(name: str, items: dict[str, str]) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    for key, text in items.items():
        combo.addItem(text, key)
    return combo
