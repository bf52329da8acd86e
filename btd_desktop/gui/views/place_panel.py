"""The clicked place: its scores, where they fall, and the button that keeps it."""

from __future__ import annotations

from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.cases.model import FindingStatus
from btd_desktop.examination.wording import UNITS, counted, percent_text
from btd_desktop.gui.plain_text import PlainLabel, sentence
from btd_desktop.gui.presenters.histogram import CLICKED, HistogramState
from btd_desktop.gui.presenters.placing import PlaceState, ScoreRow
from btd_desktop.gui.theme import DARK, Theme
from btd_desktop.gui.views.cdf_bar import CdfBar
from btd_desktop.gui.views.fold import Fold
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.histogram_plot import HistogramPlot

_INVITATION = (
    "Choose the Score tool (S) and click into the slice, or hold Alt and click with "
    "any tool. The patch around the place is scored, and you see where it falls among "
    "genuine scans."
)
_COMPARISON = (
    "No verdict rests on these. The paper's scores were made to tell content put in "
    "from content taken out; on scans like these they do not, so the kind of change "
    "stays undetermined."
)
_THUMBNAIL = 64
_PLOT = 150


def grey_pixmap(picture: NDArray[np.uint8], side: int) -> QPixmap:
    """A grey picture as a pixmap no larger than `side`."""
    rows, columns = picture.shape
    data = np.ascontiguousarray(picture)
    image = QImage(
        data.data, columns, rows, columns, QImage.Format.Format_Grayscale8
    ).copy()
    return QPixmap.fromImage(image).scaled(
        side,
        side,
        Qt.AspectRatioMode.KeepAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )


class _ScoreBox(QFrame):
    """One score with everything that belongs to it.

    Args:
        topic: Of its help.
        judges: Its threshold gives the verdict; else it says nothing of one.
    """

    def __init__(self, topic: str, *, judges: bool) -> None:
        super().__init__()
        self._judges = judges
        self.setProperty("role", "card")
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 8, 8, 10)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(3)
        self._name = PlainLabel("", role="heading")
        self._p = PlainLabel("", role="number")
        self._score = PlainLabel("", wrap=True, role="muted")
        self._bar = CdfBar()
        self._behind = PlainLabel("", wrap=True, role="muted")
        head = QHBoxLayout()
        head.setSpacing(2)
        head.addWidget(self._name)
        head.addWidget(HelpButton(topic))
        head.addStretch(1)
        grid.addLayout(head, 0, 0, 1, 2)
        value = QHBoxLayout()
        value.setSpacing(2)
        value.addWidget(self._p)
        value.addWidget(HelpButton("p-value"))
        value.addSpacing(8)
        value.addWidget(self._score, 1)
        grid.addLayout(value, 1, 0, 1, 2)
        grid.addWidget(self._bar, 2, 0)
        grid.addWidget(HelpButton("cdf"), 2, 1)
        grid.addWidget(self._behind, 3, 0)
        grid.addWidget(HelpButton("n"), 3, 1, Qt.AlignmentFlag.AlignTop)
        grid.setColumnStretch(0, 1)

    def show_row(self, row: ScoreRow) -> None:
        """Show another score."""
        self._name.setText(row.name)
        self._p.setText(row.p)
        is_flagged = bool(row.flagged) and self._judges
        self._p.show_role("warning-number" if is_flagged else "number")
        flagged = {True: "above", False: "below", None: "no"}[row.flagged]
        limit = f"{flagged} threshold"
        if row.flagged is not None:
            limit = f"{flagged} the threshold {row.threshold}"
        told = f"score {row.score}"
        self._score.setText(f"{told}\n{limit}" if self._judges else told)
        self._bar.show_share(row.cdf, flagged=is_flagged)
        share = ""
        if row.cdf is not None:
            share = f"{percent_text(row.cdf)} of genuine scores are at most as high. "
            if row.cdf >= 1.0:
                share = "No genuine score is higher. "
        self._behind.setText(f"{share}{row.behind}.")


class PlacePanel(QWidget):
    """Shows a `PlaceState`.

    Signals:
        keep_wanted(str, str): Keep as a finding, with note and status.
        score_here_wanted(): Score the patch around the crosshair.
        go_wanted(int, int, int): Show this slice, row and column.
    """

    keep_wanted = Signal(str, str)
    score_here_wanted = Signal()
    go_wanted = Signal(int, int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._where = PlainLabel("", role="heading")
        # Else it is centred while it stands there alone.
        policy = QSizePolicy.Policy
        self._where.setSizePolicy(policy.Expanding, policy.Preferred)
        self._message = PlainLabel(_INVITATION, wrap=True, role="muted")
        self._picture = PlainLabel()
        self._picture.setFixedSize(_THUMBNAIL, _THUMBNAIL)
        self._picture.setAccessibleName("Picture of the place")
        self._boxes = {
            kind: _ScoreBox(kind, judges=kind == "anomaly")
            for kind in ("anomaly", "untaught", "injection", "removal")
        }
        self._verdict = PlainLabel("", wrap=True, role="answer")
        self._detail = PlainLabel("", wrap=True, role="muted")
        self._plot = HistogramPlot(self)
        self._plot.line.setMovable(False)
        self._plot.widget.setFixedHeight(_PLOT)
        self._key = PlainLabel("", wrap=True, role="muted")
        self._scope = PlainLabel("", wrap=True)
        self._reasons = PlainLabel("", wrap=True)
        self._copied_from: tuple[int, int, int] | None = None
        self._noise_box = self._noise_row()
        self._here = QPushButton("Score at the crosshair")
        self._here.clicked.connect(self.score_here_wanted)
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.setSpacing(8)
        head = QHBoxLayout()
        words = QVBoxLayout()
        words.addWidget(self._where)
        words.addWidget(self._verdict)
        words.addStretch(1)
        head.addLayout(words, 1)
        head.addWidget(self._picture, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(head)
        layout.addWidget(self._message)
        layout.addWidget(self._here)
        layout.addWidget(self._detail)
        layout.addWidget(self._plot.widget)
        layout.addWidget(self._key)
        layout.addWidget(self._boxes["anomaly"])
        layout.addWidget(self._noise_box)
        scope = QHBoxLayout()
        scope.setSpacing(2)
        scope.addWidget(self._scope, 1)
        self._scope_help = HelpButton("scope")
        scope.addWidget(self._scope_help, 0, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(scope)
        layout.addWidget(self._reasons)
        self._compared = Fold("For comparison")
        self._compared.body.addWidget(PlainLabel(_COMPARISON, wrap=True, role="muted"))
        for kind in ("untaught", "injection", "removal"):
            self._compared.body.addWidget(self._boxes[kind])
        layout.addWidget(self._compared)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setAccessibleName("Scores of the place")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        foot = QVBoxLayout()
        foot.setContentsMargins(10, 6, 10, 10)
        foot.addWidget(self._keep_form())
        outer.addLayout(foot)
        self.show_theme(DARK)
        self.show_state(PlaceState())

    def show_theme(self, theme: Theme) -> None:
        """Draw in another theme."""
        self._plot.show_theme(theme)

    def show_histogram(self, state: HistogramState) -> None:
        """Show where the place falls among genuine ones; else nothing."""
        shown = not state.message and state.is_of_place
        self._plot.widget.setVisible(shown)
        self._key.setVisible(shown)
        if shown:
            self._plot.show_state(state)
            limit = state.threshold
            self._plot.show_threshold(None if limit is None else limit.value)
            self._key.setText(
                f"Grey: {state.n_benign:,} genuine {UNITS[state.level][1]} of "
                f"{counted(state.n_patients, 'patient')}; line: their CDF; dashed: "
                f"{'this place' if state.mark_text == CLICKED else state.mark_text}"
                f"{'' if limit is None else '; orange: the threshold'}."
            )

    def show_state(self, state: PlaceState) -> None:
        """Show another place; emits nothing."""
        self._where.setText(state.where)
        self._where.setVisible(bool(state.where))
        self._message.setText(
            _INVITATION if state.status == "empty" else sentence(state.message)
        )
        self._message.setVisible(state.status == "empty" or bool(state.message))
        self._message.show_role("warning" if state.status == "failed" else "muted")
        scored = state.status == "scored"
        self._here.setVisible(not scored)
        self._picture.setVisible(scored and state.thumbnail is not None)
        if state.thumbnail is not None:
            self._picture.setPixmap(grey_pixmap(state.thumbnail, _THUMBNAIL))
        rows = {row.kind: row for row in state.rows}
        for kind, box in self._boxes.items():
            if kind in rows:
                box.show_row(rows[kind])
            box.setVisible(scored and kind in rows)
        verdict = state.verdict if scored else None
        for label in (self._verdict, self._detail):
            label.setVisible(verdict is not None)
        if verdict is not None:
            self._verdict.setText(verdict.words)
            is_warning = verdict.tone == "warning"
            self._verdict.show_role("answer-warning" if is_warning else "answer")
            self._detail.setText(verdict.detail)
        if not scored:
            self._plot.widget.hide()
            self._key.hide()
        self._compared.setVisible(scored)
        self._noise_box.setVisible(scored and bool(state.noise))
        self._noise.setText(state.noise)
        self._noise.show_role("warning" if state.copied else "muted")
        self._copied_from = state.copied_from
        self._go.setVisible(state.copied_from is not None)
        self._scope.setVisible(scored)
        self._scope_help.setVisible(scored)
        self._scope.setText(f"Calibration: {state.profile}, {state.coverage}")
        self._scope.show_role("muted" if state.coverage == "covered" else "warning")
        self._reasons.setVisible(scored and bool(state.reasons))
        self._reasons.setText(" ".join(sentence(r) for r in state.reasons))
        self._form.setVisible(scored)
        kept = state.kept is not None
        self._keep.setEnabled(scored and not kept)
        self._keep.setText(
            f"Kept as finding {state.kept}" if kept else "Keep as finding"
        )
        if scored and not kept:
            self._note.clear()

    def focus_note(self) -> None:
        """Let the examiner write the note."""
        if self._form.isVisible():
            self._note.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _noise_row(self) -> QWidget:
        """What the search for copied noise found, and the way to the copy."""
        box = QFrame()
        box.setProperty("role", "card")
        grid = QGridLayout(box)
        grid.setContentsMargins(12, 8, 8, 8)
        self._noise = PlainLabel("", wrap=True)
        self._go = QPushButton("Go there")
        self._go.setToolTip("Show the place where this noise is found again.")
        self._go.clicked.connect(self._go_there)
        grid.addWidget(self._noise, 0, 0, 1, 2)
        grid.addWidget(HelpButton("copied"), 0, 2, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._go, 1, 0)
        grid.setColumnStretch(1, 1)
        return box

    def _go_there(self) -> None:
        if self._copied_from is not None:
            self.go_wanted.emit(*self._copied_from)

    def _keep_form(self) -> QWidget:
        self._form = QFrame()
        self._form.setProperty("role", "card")
        layout = QGridLayout(self._form)
        layout.setContentsMargins(12, 10, 12, 10)
        self._note = QLineEdit()
        self._note.setPlaceholderText("Note for the report (optional)")
        self._note.setAccessibleName("Note of the finding")
        self._note.returnPressed.connect(self._keep_it)
        self._status = QComboBox()
        self._status.addItems(list(get_args(FindingStatus)))
        self._status.setAccessibleName("Status of the finding")
        self._keep = QPushButton("Keep as finding")
        self._keep.clicked.connect(self._keep_it)
        layout.addWidget(self._note, 0, 0, 1, 3)
        layout.addWidget(self._status, 1, 0)
        layout.addWidget(HelpButton("status"), 1, 1)
        layout.addWidget(self._keep, 1, 2)
        layout.setColumnStretch(2, 1)
        return self._form

    def _keep_it(self) -> None:
        if self._keep.isEnabled():
            status = cast(FindingStatus, self._status.currentText())
            self.keep_wanted.emit(self._note.text(), status)
