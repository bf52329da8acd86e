"""Where to look first: the highest places of the series, whatever is flagged."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from btd_desktop.examination.place import Peak
from btd_desktop.examination.wording import number_text
from btd_desktop.gui.plain_text import PlainLabel

_ROWS = 3.5  # in sight; half a row says that there are more


class HighestPlaces(QWidget):
    """Lists places of a series in the order of their scores.

    Signals:
        place_wanted(int, int, int): Show this slice, row and column.
    """

    place_wanted = Signal(int, int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._places: tuple[Peak, ...] = ()
        self._list = QListWidget()
        self._list.setAccessibleName("Where to look first")
        self._list.itemClicked.connect(self._on_item)
        self._list.itemActivated.connect(self._on_item)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(PlainLabel("Where to look first", role="heading"))
        layout.addWidget(
            PlainLabel(
                "Highest first. Genuine scans have such places too: only a flag says "
                "that one stands out.",
                wrap=True,
                role="muted",
            )
        )
        layout.addWidget(self._list)
        self.show_places(())

    def show_places(self, places: Sequence[Peak]) -> None:
        """Show other places; emits nothing."""
        if tuple(places) != self._places:
            self._places = tuple(places)
            self._list.clear()
            for number, peak in enumerate(self._places, start=1):
                text = (
                    f"{number}.  Slice {peak.slice_index + 1}, x {peak.column}, "
                    f"y {peak.row}: score {number_text(peak.score)}"
                )
                self._list.addItem(QListWidgetItem(text))
            if self._places:
                height = self._list.sizeHintForRow(0)
                self._list.setFixedHeight(round(_ROWS * height))
        self.setVisible(bool(self._places))

    def _on_item(self, item: QListWidgetItem) -> None:
        peak = self._places[self._list.row(item)]
        self.place_wanted.emit(peak.slice_index, peak.row, peak.column)
