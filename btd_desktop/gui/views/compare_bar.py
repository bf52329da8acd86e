"""Above two series side by side: which is the second, how linked, the difference."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QWidget

from btd_desktop.gui.plain_text import PlainLabel, visible_text
from btd_desktop.gui.presenters.comparing import CompareState

_NAME_WIDTH = 220


class CompareBar(QWidget):
    """Shows a `CompareState` but for its slice; hidden while nothing is compared.

    Signals:
        chosen(object): Compare with this series (int), or with none.
        linked(bool): Step both together, or each by itself.
        difference_wanted(bool): Show the difference.
    """

    chosen = Signal(object)
    linked = Signal(bool)
    difference_wanted = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._showing = False
        self._names = QComboBox()
        self._names.setAccessibleName("Series to compare with")
        self._names.setFixedWidth(_NAME_WIDTH)
        self._names.currentIndexChanged.connect(self._on_name)
        self._link = _segment("Linked")
        self._link.setToolTip(
            "Both step together. Unlink to find the matching slice by hand, then link "
            "again: the way between them is kept."
        )
        self._link.toggled.connect(self._on_link)
        self._difference = _segment("Difference")
        self._difference.toggled.connect(self._on_difference)
        close = QPushButton("Close")
        close.setAccessibleName("Close the comparison")
        close.clicked.connect(self._on_close)
        self._words = PlainLabel("", wrap=True, role="muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.addWidget(PlainLabel("Right"))
        row.addWidget(self._names)
        row.addWidget(self._link)
        row.addWidget(self._difference)
        row.addWidget(self._words, 1)
        row.addWidget(close)
        self.hide()

    def show_state(self, state: CompareState) -> None:
        """Show another comparison; emits nothing."""
        self._showing = True
        ids = [series_id for series_id, _ in state.choices]
        texts = [visible_text(name) for _, name in state.choices]
        known = [self._names.itemData(i) for i in range(self._names.count())]
        shown = [self._names.itemText(i) for i in range(self._names.count())]
        if (known, shown) != (ids, texts):
            self._names.clear()
            for series_id, text in zip(ids, texts, strict=True):
                self._names.addItem(text, series_id)
        self.setVisible(state.other is not None)
        if state.other is not None:
            self._names.setCurrentIndex(self._names.findData(state.other))
            self._link.setChecked(state.is_linked)
            self._difference.setChecked(state.is_difference)
            self._words.setText(state.words)
        self._showing = False

    def _on_name(self, index: int) -> None:
        if not self._showing:
            self.chosen.emit(self._names.itemData(index))

    def _on_link(self, on: bool) -> None:
        if not self._showing:
            self.linked.emit(on)

    def _on_difference(self, on: bool) -> None:
        if not self._showing:
            self.difference_wanted.emit(on)

    def _on_close(self) -> None:
        self.chosen.emit(None)


def _segment(text: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setProperty("role", "segment")
    return button
