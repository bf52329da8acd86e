"""Facts and check findings of the series; DICOM tags of the slice; all searchable."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.models.rows_table import Column, RowsTable
from btd_desktop.gui.plain_text import PlainLabel, visible_text
from btd_desktop.gui.presenters.metadata import CheckRow, FactRow, MetadataState
from btd_desktop.gui.theme import DARK, Theme
from btd_desktop.gui.views.table_view import plain_table
from btd_desktop.gui.views.tag_list import TagListView

_NAME_WIDTH = 150


class MetadataPanel(QWidget):
    """Shows a `MetadataState`; a second tab holds the tags of the slice on screen.

    Attributes:
        model: The table of facts.
        tags: The second tab, which has a presenter of its own.

    Signals:
        search_changed(str): Show facts that hold this text.
        compared_chosen(object): Series to compare with (int), or None.
        only_differences_changed(bool): Leave equal facts out.
        check_chosen(CheckRow): Go to what this finding concerns.
    """

    search_changed = Signal(str)
    compared_chosen = Signal(object)
    only_differences_changed = Signal(bool)
    check_chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = DARK
        self._showing = False
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search names and values")
        self._search.setClearButtonEnabled(True)
        self._search.setAccessibleName("Search facts")
        self._search.textChanged.connect(self.search_changed)
        self._others = QComboBox()
        self._others.setAccessibleName("Compare with another series")
        self._others.currentIndexChanged.connect(self._on_other)
        self._only = QCheckBox("Differences only")
        self._only.toggled.connect(self.only_differences_changed)
        self.model = RowsTable(
            (
                Column("Fact", lambda r: r.name, colour=self._colour),
                Column("This series", lambda r: r.value, colour=self._colour),
                Column("Compared", lambda r: r.other, colour=self._colour),
            ),
            self,
        )
        self._table = plain_table(self.model, "Facts of the series", stretch=1)
        # The longest names would leave the values no room.
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self._table.setColumnWidth(0, _NAME_WIDTH)
        self._checks = RowsTable(
            (
                Column("", lambda r: r.severity, colour=self._check_colour),
                Column("Checks of the series", lambda r: r.sentence),
            ),
            self,
        )
        self._check_table = plain_table(self._checks, "Findings of checks", stretch=1)
        self._check_table.setWordWrap(True)
        self._check_table.verticalHeader().setSectionResizeMode(
            QHeaderView.ResizeMode.ResizeToContents
        )
        self._check_table.clicked.connect(self._on_check)
        self._check_table.activated.connect(self._on_check)
        self._nothing = PlainLabel(
            "The checks of geometry and consistency found nothing.", role="muted"
        )
        compare = QHBoxLayout()
        compare.addWidget(self._others, 1)
        compare.addWidget(self._only)
        facts = QWidget()
        layout = QVBoxLayout(facts)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._search)
        layout.addLayout(compare)
        layout.addWidget(self._table, 3)
        layout.addWidget(self._nothing)
        layout.addWidget(self._check_table, 2)
        self.tags = TagListView()
        self._tabs = QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.setAccessibleName("Facts of the series, tags of the slice")
        self._tabs.addTab(facts, "Series")
        self._tabs.addTab(self.tags, "Tags of the slice")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self._tabs)
        self.show_state(MetadataState())

    def show_theme(self, theme: Theme) -> None:
        """Colour in another theme."""
        self._theme = theme

    def show_state(self, state: MetadataState) -> None:
        """Show other facts; emits nothing."""
        self._showing = True
        self.model.show_rows(state.facts)
        self._table.setColumnHidden(2, state.compared is None)
        self._checks.show_rows(state.checks)
        self._check_table.setVisible(bool(state.checks))
        self._nothing.setVisible(bool(state.title) and not state.checks)
        ids = [series_id for series_id, _ in state.others]
        known = [self._others.itemData(i) for i in range(1, self._others.count())]
        if known != ids or self._others.count() == 0:
            self._others.clear()
            self._others.addItem("Compare with another series …", None)
            for series_id, name in state.others:
                self._others.addItem(visible_text(name), series_id)
        at = 0 if state.compared is None else ids.index(state.compared) + 1
        self._others.setCurrentIndex(at)
        self._others.setVisible(bool(ids))
        self._only.setVisible(state.compared is not None)
        self._showing = False

    def _on_other(self, index: int) -> None:
        if not self._showing:
            self.compared_chosen.emit(self._others.itemData(index))

    def _on_check(self, index: QModelIndex) -> None:
        row: CheckRow = self._checks.rows[index.row()]
        self.check_chosen.emit(row)

    def _colour(self, row: FactRow) -> str | None:
        return self._theme.warning if row.differs else None

    def _check_colour(self, row: CheckRow) -> str | None:
        return self._theme.warning if row.severity == "warning" else self._theme.muted
