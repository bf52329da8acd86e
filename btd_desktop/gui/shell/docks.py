"""The panels around the image views, each connected to its presenter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDockWidget, QMainWindow, QWidget

from btd_desktop.gui.shell.look import Look
from btd_desktop.gui.shell.parts import Parts
from btd_desktop.gui.views.finding_panel import FindingPanel
from btd_desktop.gui.views.histogram_panel import HistogramPanel
from btd_desktop.gui.views.measurement_panel import MeasurementPanel
from btd_desktop.gui.views.metadata_panel import MetadataPanel
from btd_desktop.gui.views.patient_tree import PatientTree
from btd_desktop.gui.views.place_panel import PlacePanel
from btd_desktop.gui.views.series_panel import SeriesPanel

_RIGHT = Qt.DockWidgetArea.RightDockWidgetArea
_BOTTOM = Qt.DockWidgetArea.BottomDockWidgetArea
_NARROWEST, _SHARE, _WIDEST = 350, 0.26, 460  # px of the column of panels
FOLDED = ("histogram",)
"""Panels that are hidden until somebody wants them."""


@dataclass(frozen=True, slots=True)
class Docks:
    """Panels and the docks that hold them.

    Attributes:
        patients, series, place, findings, measurements, metadata, histogram: Panels.
        docks: Dock widgets by name.
    """

    patients: PatientTree
    series: SeriesPanel
    place: PlacePanel
    findings: FindingPanel
    measurements: MeasurementPanel
    metadata: MetadataPanel
    histogram: HistogramPanel
    docks: dict[str, QDockWidget]

    def arrange(self, window: QMainWindow) -> None:
        """Put every panel where it belongs."""
        docks = self.docks
        for name, area in (
            ("series", _RIGHT),
            ("patients", _RIGHT),
            ("place", _RIGHT),
            ("findings", _RIGHT),
            ("measurements", _RIGHT),
            ("metadata", _RIGHT),
            ("histogram", _BOTTOM),
        ):
            dock = docks[name]
            window.addDockWidget(area, dock)
            dock.setFloating(False)
            dock.setVisible(name not in FOLDED)
        # One column, so that the picture keeps more than half of the window.
        window.tabifyDockWidget(docks["place"], docks["findings"])
        window.tabifyDockWidget(docks["findings"], docks["measurements"])
        window.tabifyDockWidget(docks["measurements"], docks["metadata"])
        window.tabifyDockWidget(docks["series"], docks["patients"])
        docks["findings"].raise_()
        docks["series"].raise_()
        wide, high = window.width(), window.height()
        horizontal, vertical = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        side = max(_NARROWEST, min(round(_SHARE * wide), _WIDEST))
        window.resizeDocks([docks["series"], docks["place"]], [side, side], horizontal)
        window.resizeDocks(
            [docks["series"], docks["place"]],
            [round(0.24 * high), round(0.76 * high)],
            vertical,
        )
        window.resizeDocks([docks["histogram"]], [round(0.31 * high)], vertical)

    def set_visible(self, visible: bool) -> None:
        """Show or hide all panels (there is nothing in them without a case)."""
        for name, dock in self.docks.items():
            dock.setVisible(visible and name not in FOLDED)


def make_docks(window: QMainWindow, parts: Parts, look: Look) -> Docks:
    """Make the panels and connect them; `arrange`, or an old layout, places them.

    Not here: Qt leaves the tab bars of a layout in sight that another one follows.
    """
    patients = PatientTree()
    series, place, findings = SeriesPanel(), PlacePanel(), FindingPanel()
    measurements = MeasurementPanel()
    metadata, histogram = MetadataPanel(), HistogramPanel()
    docks = {
        name: _dock(window, name, title, panel)
        for name, title, panel in (
            ("series", "Series", series),
            ("patients", "Patients", patients),
            ("metadata", "Facts", metadata),
            ("place", "Place", place),
            ("findings", "Findings", findings),
            ("measurements", "Measured", measurements),
            ("histogram", "Scores among genuine scans", histogram),
        )
    }
    window.setCorner(Qt.Corner.BottomRightCorner, _RIGHT)
    made = Docks(
        patients, series, place, findings, measurements, metadata, histogram, docks
    )
    _connect_series(made, parts)
    _connect_place(made, parts)
    _connect_histogram(made, parts)
    _connect_measurements(made, parts)
    for panel in (patients, series, metadata, histogram, place, measurements):
        # They draw what the style sheet does not reach.
        panel.show_theme(look.theme)
        look.changed.connect(panel.show_theme)
    return made


def _dock(window: QMainWindow, name: str, title: str, panel: QWidget) -> QDockWidget:
    dock = QDockWidget(title, window)
    dock.setObjectName(f"dock_{name}")
    dock.setFeatures(
        QDockWidget.DockWidgetFeature.DockWidgetMovable
        | QDockWidget.DockWidgetFeature.DockWidgetClosable
        | QDockWidget.DockWidgetFeature.DockWidgetFloatable
    )
    dock.setWidget(panel)
    return dock


def _connect_series(made: Docks, parts: Parts) -> None:
    parts.series.changed.connect(made.series.show_state)
    made.series.series_selected.connect(parts.session.select_series)
    parts.series.changed.connect(made.patients.show_state)
    made.patients.series_selected.connect(parts.session.select_series)
    made.series.score_wanted.connect(parts.scoring.on_score_wanted)
    parts.metadata.changed.connect(made.metadata.show_state)
    made.metadata.search_changed.connect(parts.metadata.on_search_changed)
    made.metadata.compared_chosen.connect(parts.metadata.on_compared_chosen)
    made.metadata.only_differences_changed.connect(parts.metadata.on_only_differences)
    made.metadata.check_chosen.connect(parts.metadata.on_check_chosen)
    tags = made.metadata.tags
    parts.tags.changed.connect(tags.show_state)
    tags.watched.connect(parts.tags.on_watched)
    tags.search_changed.connect(parts.tags.on_search_changed)
    tags.compared_changed.connect(parts.tags.on_compared_changed)


def _connect_place(made: Docks, parts: Parts) -> None:
    parts.placing.changed.connect(made.place.show_state)
    made.place.keep_wanted.connect(parts.placing.on_keep)
    made.place.score_here_wanted.connect(parts.viewing.on_score_here)
    made.place.go_wanted.connect(parts.placing.on_go_wanted)
    parts.findings.changed.connect(made.findings.show_state)
    parts.session.case_changed.connect(made.findings.forget_pictures)
    made.findings.finding_selected.connect(parts.session.select_finding)
    made.findings.note_changed.connect(parts.findings.on_note_changed)
    made.findings.status_changed.connect(parts.findings.on_status_changed)
    made.findings.marked.connect(parts.findings.on_marked)
    made.findings.withdrawn.connect(parts.findings.on_withdrawn)
    made.findings.restored.connect(parts.findings.on_restored)
    made.findings.place_wanted.connect(parts.placing.on_go_wanted)
    parts.viewing.score_requested.connect(partial(_raise, made.docks["place"]))
    parts.answering.led.connect(partial(_raise, made.docks["findings"]))
    parts.histogram.changed.connect(made.place.show_histogram)


def _connect_measurements(made: Docks, parts: Parts) -> None:
    panel, measuring = made.measurements, parts.measuring
    measuring.changed.connect(panel.show_state)
    panel.selected.connect(measuring.on_selected)
    panel.removed.connect(measuring.on_removed)


def _raise(dock: QDockWidget, *place: int) -> None:
    dock.show()
    dock.raise_()


def _connect_histogram(made: Docks, parts: Parts) -> None:
    parts.histogram.changed.connect(made.histogram.show_state)
    parts.histogram.mark_changed.connect(made.histogram.show_mark)
    parts.histogram.threshold_changed.connect(made.histogram.show_threshold)
    made.histogram.kind_chosen.connect(parts.histogram.on_kind_chosen)
    made.histogram.level_chosen.connect(parts.histogram.on_level_chosen)
    made.histogram.threshold_dragged.connect(parts.histogram.on_threshold_dragged)
    made.histogram.threshold_reset.connect(parts.histogram.on_threshold_reset)
    made.histogram.bar_clicked.connect(parts.histogram.on_bar_clicked)
