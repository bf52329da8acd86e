"""The answer above the picture: one sentence, what it rests on, the next step."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from btd_desktop.examination.headline import Step
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.answering import AnswerState

_NEXT: dict[Step, str] = {
    "": "",
    "score": "Score ▶",
    "resume": "Resume scoring ▶",
    "calibration": "Calibration …",
    "review": "Review ▶",
}


class AnswerBanner(QFrame):
    """Shows an `AnswerState`.

    Signals:
        step_wanted(str): Take this next step.
    """

    step_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Answer on this series")
        self._step: Step = ""
        self._words = PlainLabel("", wrap=True, role="heading")
        self._detail = PlainLabel("", wrap=True, role="muted")
        self._next = QPushButton("")
        self._next.setProperty("role", "next")
        self._next.clicked.connect(self._on_next)
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._words)
        words.addWidget(self._detail)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 4, 8, 2)
        layout.addLayout(words, 1)
        layout.addWidget(self._next, 0, Qt.AlignmentFlag.AlignTop)
        self.show_state(AnswerState())

    def show_state(self, state: AnswerState) -> None:
        """Show another answer; emits nothing."""
        self.setVisible(bool(state.headline.words))
        headline = state.headline
        self._step = headline.step
        self._words.setText(headline.words)
        self._words.show_role(
            "answer-warning" if headline.tone == "warning" else "answer"
        )
        self._detail.setText(headline.detail)
        self._detail.setToolTip(headline.detail)
        self._detail.setVisible(bool(headline.detail))
        self._next.setText(_NEXT[headline.step])
        self._next.setVisible(bool(headline.step))

    def _on_next(self) -> None:
        self.step_wanted.emit(self._step)
