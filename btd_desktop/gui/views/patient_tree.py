"""Patients, their studies and series, with counts and dates."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QBrush, QColor
from PySide6.QtWidgets import (
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.examination.wording import counted, modality_text
from btd_desktop.gui.plain_text import PlainLabel, plain_tool_tip, visible_text
from btd_desktop.gui.presenters.series import SeriesRow, SeriesState
from btd_desktop.gui.presenters.wording import series_name
from btd_desktop.gui.theme import DARK, Theme

_INDENT_PX = 14
_ID = Qt.ItemDataRole.UserRole


class PatientTree(QWidget):
    """Shows a `SeriesState` by patient and study.

    Attributes:
        tree: Patients, below them studies, below them series.
        items: Those of series.

    Signals:
        series_selected(int): Show this series.
    """

    series_selected = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = DARK
        self._showing = False
        self._listed: tuple[object, ...] = ()
        self._state = SeriesState()
        self.items: list[QTreeWidgetItem] = []
        self._sum = PlainLabel("", wrap=True, role="muted")
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Patients, studies and series")
        self.tree.setHeaderLabels(["Patient, study, series", "Result"])
        self.tree.header().setStretchLastSection(False)
        modes = QHeaderView.ResizeMode
        self.tree.header().setSectionResizeMode(0, modes.Stretch)
        self.tree.header().setSectionResizeMode(1, modes.ResizeToContents)
        self.tree.setIndentation(_INDENT_PX)
        self.tree.setUniformRowHeights(True)
        self.tree.currentItemChanged.connect(self._on_current)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._sum)
        layout.addWidget(self.tree, 1)

    def show_theme(self, theme: Theme) -> None:
        """Colour results in another theme."""
        self._theme = theme
        self._listed = ()
        self.show_state(self._state)

    def show_state(self, state: SeriesState) -> None:
        """Show other series; emits nothing."""
        self._showing = True
        self._state = state
        listed = tuple((r.series_id, r.state, r.alarming) for r in state.rows)
        if listed != self._listed:
            self._listed = listed
            self._fill(state.rows)
        for item in self.items:
            if item.data(0, _ID) == state.selected:
                self.tree.setCurrentItem(item)
        self._showing = False

    def _fill(self, rows: tuple[SeriesRow, ...]) -> None:
        self.items.clear()
        self.tree.clear()
        patients = _grouped((r.record.patient_key, r) for r in rows)
        studies = _grouped((r.record.meta.study_uid or "", r) for r in rows)
        n = len(patients)
        self._sum.setText(
            f"{counted(n, 'patient')}, "
            f"{counted(len(studies), 'study', 'studies')}, "
            f"{counted(len(rows), 'series', 'series')}"
            + (". A case should hold one patient: look at the names." if n > 1 else "")
        )
        self._sum.show_role("warning" if n > 1 else "muted")
        self._sum.setVisible(bool(rows))
        for of_patient in patients:
            patient = QTreeWidgetItem(self.tree, [_patient_text(of_patient), ""])
            patient.setToolTip(0, plain_tool_tip(patient.text(0)))
            of_studies = _grouped(
                (r.record.meta.study_uid or "", r) for r in of_patient
            )
            for of_study in sorted(of_studies, key=_date):
                study = QTreeWidgetItem(patient, [_study_text(of_study), ""])
                study.setToolTip(0, plain_tool_tip(study.text(0)))
                for row in of_study:
                    self._add_series(study, row)
        self.tree.expandAll()

    def _add_series(self, study: QTreeWidgetItem, row: SeriesRow) -> None:
        record = row.record
        slices = counted(record.n_slices, "slice")
        texts = [f"{series_name(record)}, {slices}", row.state]
        item = QTreeWidgetItem(study, [visible_text(t) for t in texts])
        item.setData(0, _ID, row.series_id)
        self.items.append(item)
        item.setToolTip(0, plain_tool_tip(f"{texts[0]}\n{row.state_tip}"))
        item.setToolTip(1, plain_tool_tip(row.state_tip))
        if row.alarming:
            item.setForeground(1, QBrush(QColor(self._theme.warning)))

    def _on_current(self, item: QTreeWidgetItem | None) -> None:
        series_id = None if item is None else item.data(0, _ID)
        if not self._showing and series_id is not None:
            self.series_selected.emit(int(series_id))


def _grouped(rows: Iterable[tuple[str, SeriesRow]]) -> list[list[SeriesRow]]:
    """Rows of one key together, in the order in which keys appear."""
    groups: dict[str, list[SeriesRow]] = {}
    for key, row in rows:
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _date(rows: list[SeriesRow]) -> str:
    return rows[0].record.meta.study_date or ""


def _patient_text(rows: list[SeriesRow]) -> str:
    meta = rows[0].record.meta
    who = ", ".join(t for t in (meta.patient_name, meta.patient_id) if t)
    n = len({r.record.meta.study_uid or "" for r in rows})
    return visible_text(f"{who or 'not named'}: {counted(n, 'study', 'studies')}")


def _study_text(rows: list[SeriesRow]) -> str:
    date = _date(rows)
    shown = f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 else date
    kinds = ", ".join(sorted({modality_text(r.record.modality) for r in rows}))
    n = counted(len(rows), "series", "series")
    return visible_text(f"{shown or 'no date'}, {kinds}: {n}")
