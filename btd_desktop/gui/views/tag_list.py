"""DICOM elements of the slice on screen, searchable, beside those of another."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.slice_tags import TagsState
from btd_desktop.gui.views.table_view import plain_table

_VR, _VALUE, _OTHER = 2, 3, 4
_WIDTHS = (100, 116, 42)


class TagListView(QWidget):
    """Shows a `TagsState`.

    Attributes:
        model: The table of elements.

    Signals:
        watched(bool): It came into view, or went out of it.
        search_changed(str): Show elements that hold this text.
        compared_changed(object): Slice to compare with (int, from 1), or None.
    """

    watched = Signal(bool)
    search_changed = Signal(str)
    compared_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._showing = False
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search tags, keywords and values")
        self._search.setClearButtonEnabled(True)
        self._search.setAccessibleName("Search tags")
        self._search.textChanged.connect(self.search_changed)
        self._compare = QCheckBox("Compare with slice")
        self._compare.toggled.connect(self._on_compared)
        self._number = QSpinBox()
        self._number.setAccessibleName("Slice to compare with")
        self._number.setKeyboardTracking(False)
        self._number.valueChanged.connect(self._on_number)
        self.model = RowsTable(
            (
                Column("Tag", lambda r: r.path),
                Column("Keyword", lambda r: r.keyword),
                Column("VR", lambda r: r.vr),
                Column("Value", lambda r: r.value),
                Column("Compared", lambda r: r.other),
            ),
            self,
        )
        self._table = plain_table(self.model, "Tags of the slice", stretch=_VALUE)
        header = self._table.horizontalHeader()
        # Fitting columns to thousands of rows at each slice would be felt.
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column in (_VALUE, _OTHER):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate(_WIDTHS):
            self._table.setColumnWidth(column, width)
        self._message = PlainLabel(wrap=True, role="muted")
        compare = QHBoxLayout()
        compare.addWidget(self._compare)
        compare.addWidget(self._number)
        compare.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._search)
        layout.addLayout(compare)
        layout.addWidget(self._table, 1)
        layout.addWidget(self._message)
        self.show_state(TagsState())

    def show_state(self, state: TagsState) -> None:
        """Show other elements; emits nothing."""
        self._showing = True
        self.model.show_rows(state.rows)
        # Beside the images there is room for four columns, not for five.
        self._table.setColumnHidden(_OTHER, state.compared is None)
        self._table.setColumnHidden(_VR, state.compared is not None)
        self._number.setRange(1, max(state.n_slices, 1))
        self._compare.setEnabled(state.n_slices > 1)
        self._compare.setChecked(state.compared is not None)
        self._number.setEnabled(state.compared is not None)
        if state.compared is not None:
            self._number.setValue(state.compared)
        self._message.setText(state.message)
        self._showing = False

    def showEvent(self, event: QShowEvent) -> None:
        """Ask for the elements when they can be seen."""
        super().showEvent(event)
        self.watched.emit(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask for nothing while they cannot be seen."""
        super().hideEvent(event)
        self.watched.emit(False)

    def _on_compared(self, wanted: bool) -> None:
        if not self._showing:
            self.compared_changed.emit(self._number.value() if wanted else None)

    def _on_number(self, number: int) -> None:
        if not self._showing and self._compare.isChecked():
            self.compared_changed.emit(number)
