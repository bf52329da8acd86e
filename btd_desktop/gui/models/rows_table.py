"""Frozen rows as a table model: each column says how it reads a row.

Text comes from evidence, so every cell is made visible before it is shown, and no cell
is ever interpreted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any  # rows are of any frozen type

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
)
from PySide6.QtGui import QBrush, QColor

from btd_desktop.gui.plain_text import plain_tool_tip, visible_text

_Index = QModelIndex | QPersistentModelIndex
_TOP = QModelIndex()
_ALIGNMENT = Qt.ItemDataRole.TextAlignmentRole


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        title: Of the header.
        text: Cell text of a row.
        tip: Longer text shown when the pointer rests on the cell; None repeats the
            cell.
        colour: "#rrggbb" of the text, or None for the ordinary one.
        right: Align to the right (numbers).
        whole: What is exported where the cell shows less; None exports the cell.
    """

    title: str
    text: Callable[[Any], str]
    tip: Callable[[Any], str] | None = None
    colour: Callable[[Any], str | None] | None = None
    right: bool = False
    whole: Callable[[Any], str] | None = None


class RowsTable(QAbstractTableModel):
    """Read-only table over a sequence of frozen rows."""

    def __init__(
        self, columns: Sequence[Column], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._rows: tuple[Any, ...] = ()

    @property
    def rows(self) -> tuple[Any, ...]:
        """The rows shown."""
        return self._rows

    @property
    def head(self) -> list[str]:
        """Titles of the columns."""
        return [column.title for column in self._columns]

    def texts(self) -> list[list[str]]:
        """The cells as they are shown, whole, row by row."""
        return [
            [visible_text((c.whole or c.text)(r)) for c in self._columns]
            for r in self._rows
        ]

    def show_rows(self, rows: Sequence[Any]) -> None:
        """Show other rows; the same number of them keeps the selection."""
        new = tuple(rows)
        if len(new) == len(self._rows):
            self._rows = new
            if new:
                last = self.index(len(new) - 1, len(self._columns) - 1)
                self.dataChanged.emit(self.index(0, 0), last)
            return
        self.beginResetModel()
        self._rows = new
        self.endResetModel()

    def rowCount(self, parent: _Index = _TOP) -> int:
        """Number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _TOP) -> int:
        """Number of columns."""
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text, tool tip, colour and alignment of a cell."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        column, row = self._columns[index.column()], self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return visible_text(column.text(row))
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tool_tip((column.tip or column.text)(row))
        if role == Qt.ItemDataRole.ForegroundRole and column.colour is not None:
            colour = column.colour(row)
            return None if colour is None else QBrush(QColor(colour))
        return _alignment(column) if role == _ALIGNMENT else None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> object:
        """Titles of the columns."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        return _alignment(column) if role == _ALIGNMENT else None


def _alignment(column: Column) -> int:
    side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
