"""One series of a sweep beside the table: what was found, its places, its review."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.plain_text import PlainLabel, sentence
from btd_desktop.gui.presenters.triage import PlacePicture, TriageState
from btd_desktop.gui.views.place_panel import grey_pixmap

_SIDE = 120


class _Place(QWidget):
    """A picture of a place, and where it is."""

    def __init__(self, picture: PlacePicture) -> None:
        super().__init__()
        shown = PlainLabel()
        shown.setPixmap(grey_pixmap(picture.pixels, _SIDE))
        shown.setAccessibleName(f"Picture of {picture.words}")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(shown)
        words = PlainLabel(sentence(picture.words), wrap=True)
        layout.addWidget(words, 1, Qt.AlignmentFlag.AlignTop)


class SeriesLooks(QWidget):
    """What is known of the chosen series, and what can be done with it.

    Signals:
        review_wanted(str): It was looked at; the examiner's note.
        review_taken_back(): It is to be looked at again.
        case_wanted(): Open it as a case.
    """

    review_wanted = Signal(str)
    review_taken_back = Signal()
    case_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = PlainLabel("", wrap=True, role="heading")
        self._found = PlainLabel("", wrap=True)
        self._facts = PlainLabel("", wrap=True, role="muted")
        self._pictures = QVBoxLayout()
        self._pictures_words = PlainLabel("", wrap=True, role="muted")
        self._shown: tuple[PlacePicture, ...] = ()
        self._review = PlainLabel("", wrap=True)
        self._note = QLineEdit()
        self._note.setPlaceholderText("Note (kept in the index)")
        self._note.setAccessibleName("Note on this series")
        self._mark = QPushButton("&Mark as reviewed")
        self._mark.clicked.connect(self._on_mark)
        self._back = QPushButton("&Take back")
        self._back.clicked.connect(self.review_taken_back)
        self._open = QPushButton("&Open as a case …")
        self._open.clicked.connect(self.case_wanted)
        self._digest = ""
        self._lay_out()

    def _lay_out(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(10)
        for label in (self._name, self._found):
            column.addWidget(label)
        column.addLayout(self._pictures)
        column.addWidget(self._pictures_words)
        column.addWidget(self._facts)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        buttons = QHBoxLayout()
        for button in (self._mark, self._back):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self._open)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 0, 0, 0)
        layout.addWidget(area, 1)
        layout.addWidget(self._review)
        layout.addWidget(self._note)
        layout.addLayout(buttons)

    def show_state(self, state: TriageState) -> None:
        """Show another series; emits nothing."""
        chosen = state.chosen
        for widget in (self._note, self._mark, self._back, self._open):
            widget.setEnabled(chosen is not None)
        if chosen is None:
            self._name.setText("Choose a series.")
            return
        row, review = chosen.row, chosen.review
        self._name.setText(f"Series {row.series_digest[:12]}")
        flagged = "Flagged: " if chosen.is_flagged else ""
        self._found.setText(f"{flagged}{row.p_words}.")
        facts = [sentence(row.reason), *map(sentence, row.scope)]
        facts += [f"Model: {row.model}"] if row.model else []
        facts += [f"Profile: {row.profile}"] if row.profile else []
        facts += [f"Lies in: {place}" for place in row.evidence]
        self._facts.setText("\n".join(filter(None, facts)))
        self._show_pictures(state)
        told = "Nobody has reviewed it yet."
        if review is not None:
            by = f" by {review.reviewer}" if review.reviewer else ""
            told = f"Reviewed on {review.reviewed_utc[:10]}{by}."
        self._review.setText(told)
        if self._digest != row.series_digest:
            self._note.setText("" if review is None else review.note)
        self._digest = row.series_digest
        self._back.setVisible(review is not None)

    def _show_pictures(self, state: TriageState) -> None:
        self._pictures_words.setText(sentence(state.pictures_words))
        self._pictures_words.setVisible(bool(state.pictures_words))
        if state.pictures is self._shown:
            return
        self._shown = state.pictures
        while (item := self._pictures.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for picture in state.pictures:
            self._pictures.addWidget(_Place(picture))

    def _on_mark(self) -> None:
        self.review_wanted.emit(self._note.text())
