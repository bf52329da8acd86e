"""The clicked place says whether its noise is found again elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from btd_desktop.examination.comparison import Threshold
from btd_desktop.examination.fit import LevelFit
from btd_desktop.gui.presenters.calibrating import CalibrationState
from btd_desktop.gui.presenters.histogram import HistogramState
from btd_desktop.gui.presenters.placing import PlaceState, ScoreRow
from btd_desktop.gui.views.histogram_panel import HistogramPanel
from btd_desktop.gui.views.place_panel import PlacePanel

_ROW = ScoreRow(
    "anomaly",
    "Anomaly",
    "6.1",
    "p ≤ 0.003",
    1.0,
    "Ranked among 300 genuine places of 10 patients, each judged like this one",
    "2.5",
    True,
)
_COPIED = (
    "The noise of this place is found again at x 295, y 335, slice 7 (correlation "
    "0.88, 19 times the spread; 1 % of genuine places reach 5.4)."
)
_STATE = PlaceState(
    "scored",
    (6, 300, 240),
    (_ROW,),
    noise=_COPIED,
    copied_from=(6, 335, 295),
)


@pytest.fixture
def panel(qtbot):
    made = PlacePanel()
    qtbot.addWidget(made)
    made.show()
    return made


def test_copied_noise_is_told_and_leads_to_its_place(panel):
    asked: list[Any] = []
    panel.go_wanted.connect(lambda *voxel: asked.append(voxel))
    panel.show_state(_STATE)
    assert panel._noise.text() == _COPIED
    assert panel._noise.property("role") == "warning"
    assert panel._go.isVisible()
    panel._go.click()
    assert asked == [(6, 335, 295)]


def test_noise_that_is_not_found_again_is_told_quietly(panel):
    words = "Noise not found again elsewhere (highest correlation 0.11, as by chance)."
    panel.show_state(replace(_STATE, noise=words, copied_from=None))
    assert panel._noise.text() == words
    assert panel._noise.property("role") == "muted"
    assert panel._noise.isVisible()
    assert not panel._go.isVisible()


def test_nothing_is_told_of_noise_before_a_place_is_scored(panel):
    panel.show_state(_STATE)
    panel.show_state(PlaceState("scoring", (1, 5, 5), message="Scoring this place …"))
    assert not panel._noise.isVisible()
    assert not panel._go.isVisible()


def _histogram(**changes: Any) -> HistogramState:
    state = HistogramState(
        kind="anomaly",
        level="place",
        edges=np.linspace(0.0, 6.0, 7),
        scan=np.zeros(6),
        scan_counts=np.zeros(6, dtype=np.int64),
        benign=np.full(6, 1 / 6),
        cdf_x=np.linspace(0, 6, 50),
        cdf_y=np.linspace(0, 1, 50),
        n_benign=300,
        n_patients=10,
        threshold=Threshold(2.5, 0.01, (0.002, 0.03), 0, 0, own=False),
        mark=6.1,
        mark_text="clicked place",
        levels=("patch", "slice", "series", "place"),
    )
    return replace(state, **changes)


def test_histogram_of_places_sets_the_clicked_one_among_genuine_ones(qtbot):
    panel = HistogramPanel()
    qtbot.addWidget(panel)
    panel.show()
    panel.show_state(_histogram())
    assert panel._levels._buttons["place"].isVisible()
    assert panel._levels._buttons["place"].isChecked()
    assert "of the genuine places lie above it" in panel._fpr.text()
    assert panel._fpr.text().endswith("the place lies above it.")
    assert panel._key.text() == "grey: 300 genuine places, 10 patients"
    panel.show_state(_histogram(mark=1.0))
    assert panel._fpr.text().endswith("the place does not.")
    panel.show_state(_histogram(mark=None))
    assert panel._fpr.text().endswith("no place is ranked here.")
    panel.show_state(_histogram(level="slice", levels=("patch", "slice", "series")))
    assert not panel._levels._buttons["place"].isVisible()


def test_histogram_of_structures_names_what_the_place_is_ranked_among(qtbot):
    panel = HistogramPanel()
    qtbot.addWidget(panel)
    panel.show()
    levels = ("patch", "slice", "series", "place", "structure")
    panel.show_state(_histogram(level="structure", levels=levels))
    assert panel._levels._buttons["structure"].isChecked()
    assert panel._levels._buttons["place"].isVisible()
    assert panel._key.text() == (
        "grey: 300 genuine solid structures of the lung, 10 patients"
    )


@pytest.mark.parametrize("has_places", [True, False])
def test_fit_of_places_is_shown_where_the_profile_has_it(qtbot, has_places):
    from PySide6.QtCore import QObject, Signal

    from btd_desktop.gui.dialogs.calibration_dialog import CalibrationDialog
    from btd_desktop.gui.theme import DARK

    class Presenter(QObject):
        changed = Signal(object)
        state = CalibrationState()

        def on_opened(self) -> None: ...
        def on_closed(self) -> None: ...
        def on_pause_toggled(self) -> None: ...
        def on_cancel(self) -> None: ...
        def on_save(self) -> None: ...

    def fit(level: str, n: int) -> LevelFit:
        x = np.linspace(0, 3, n)
        return LevelFit(level, n, 10, f"Rate at {level}.", x, x / 3, 2.5)

    fits = [fit("patch", 90), fit("slice", 50), fit("series", 10)]
    if has_places:
        fits.append(fit("place", 300))
    dialog = CalibrationDialog(Presenter(), DARK)  # type: ignore[arg-type]
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.show_state(CalibrationState(models=(), fits=tuple(fits)))
    button = dialog._fit._levels._buttons["place"]
    assert button.isVisible() is has_places
    if has_places:
        button.click()
        assert dialog._fit._words.text() == "300 scores of 10 patients. Rate at place."
        # Another profile without places: its slices are shown.
        dialog.show_state(CalibrationState(models=(), fits=tuple(fits[:3])))
        assert dialog._fit._words.text() == "50 scores of 10 patients. Rate at slice."
