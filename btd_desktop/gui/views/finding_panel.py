"""Findings as a list with pictures; note and status of the selected one below."""

from __future__ import annotations

from typing import cast, get_args

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.cases.model import Finding, FindingStatus
from btd_desktop.examination.wording import number_text, p_text
from btd_desktop.gui.plain_text import PlainLabel, plain_tool_tip, visible_text
from btd_desktop.gui.presenters.findings import FindingRow, FindingsState
from btd_desktop.gui.views.help_button import HelpButton
from btd_desktop.gui.views.highest_places import HighestPlaces
from btd_desktop.gui.views.place_panel import grey_pixmap

_ICON = 64
_ID = Qt.ItemDataRole.UserRole
_SAVE_MS = 1200  # after the last key


class FindingPanel(QWidget):
    """Shows a `FindingsState`.

    Signals:
        finding_selected(int): Go to this finding.
        note_changed(int, str): Keep these words.
        status_changed(int, str): Keep this status.
        marked(int, str, str): Keep this note and, with it, this status.
        withdrawn(int, str): Take this finding back, for this reason.
        restored(int): Put it back.
        place_wanted(int, int, int): Show this slice, row and column.
        picked(): Something was clicked: the keys are the picture's again.
    """

    finding_selected = Signal(int)
    note_changed = Signal(int, str)
    status_changed = Signal(int, str)
    marked = Signal(int, str, str)
    withdrawn = Signal(int, str)
    restored = Signal(int)
    place_wanted = Signal(int, int, int)
    picked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._showing = False
        self._shown: int | None = None
        self._saved_note = ""
        self._saved_status: FindingStatus = "to check"
        self._icons: dict[int, QIcon] = {}
        self._list = QListWidget()
        self._list.setIconSize(QSize(_ICON, _ICON))
        self._list.setAccessibleName("Findings")
        self._list.setSpacing(1)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.currentItemChanged.connect(self._on_current)
        self._list.itemClicked.connect(self._on_current)
        self._list.itemClicked.connect(self.picked)
        self._empty = PlainLabel(
            "No finding yet. The search keeps places that stand out; you keep places "
            "with the Score tool.",
            wrap=True,
            role="muted",
        )
        self._numbers = PlainLabel("", wrap=True)
        self._note = QPlainTextEdit()
        self._note.setPlaceholderText("Note for the report")
        self._note.setAccessibleName("Note of the finding")
        self._note.setTabChangesFocus(True)
        self._note.setFixedHeight(64)
        self._note.textChanged.connect(self._on_text)
        self._saving = QTimer(self)
        self._saving.setSingleShot(True)
        self._saving.setInterval(_SAVE_MS)
        self._saving.timeout.connect(self.save_note)
        self._saved = PlainLabel("", role="muted")
        self._dismiss = QPushButton("Dismiss")
        self._dismiss.clicked.connect(self._on_dismiss)
        self._withdraw = QPushButton("Withdraw")
        self._withdraw.setToolTip(
            "Takes back a place that you pointed at, for the reason in the note. It "
            "stays in the case, and the report lists it with the reason."
        )
        self._withdraw.clicked.connect(self._on_withdraw)
        self._is_withdrawn = False
        self._status = QComboBox()
        self._status.addItems(list(get_args(FindingStatus)))
        self._status.setAccessibleName("Status of the finding")
        self._status.currentTextChanged.connect(self._on_status)
        self._reason_wanted = PlainLabel(
            "Say in the note why it is dismissed: the report prints the reason.",
            wrap=True,
            role="warning",
        )
        self._reason_wanted.hide()
        self._form = QWidget()
        form = QVBoxLayout(self._form)
        form.setContentsMargins(0, 0, 0, 0)
        form.addWidget(self._numbers)
        form.addWidget(self._note)
        form.addWidget(self._reason_wanted)
        row = QHBoxLayout()
        row.addWidget(self._status)
        row.addWidget(HelpButton("status"))
        row.addStretch(1)
        row.addWidget(self._saved)
        row.addWidget(self._withdraw)
        row.addWidget(self._dismiss)
        form.addLayout(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self._empty)
        layout.addWidget(self._list, 1)
        layout.addWidget(self._form)
        self._highest = HighestPlaces()
        self._highest.place_wanted.connect(self.place_wanted)
        self._highest.place_wanted.connect(self.picked)
        layout.addWidget(self._highest)
        self.show_state(FindingsState())

    def show_state(self, state: FindingsState) -> None:
        """Show other findings. A note being written is kept, and so told."""
        if self._shown != state.selected:
            self.save_note()
        self._showing = True
        if self._list.count() != len(state.rows):
            self._list.clear()
            for _ in state.rows:
                self._list.addItem(QListWidgetItem())
        for number, listed in enumerate(state.rows):
            self._fill(self._list.item(number), listed)
        row = state.row
        at = -1 if row is None else state.rows.index(row)
        self._list.setCurrentRow(at)
        self._empty.setVisible(not state.rows)
        self._list.setVisible(bool(state.rows))
        self._form.setVisible(row is not None)
        self._highest.show_places(state.highest)
        if row is not None:
            self._is_withdrawn = row.withdrawn is not None
            self._withdraw.setText("Restore" if self._is_withdrawn else "Withdraw")
            self._withdraw.setVisible(row.finding.origin == "examiner")
            self._status.setEnabled(not self._is_withdrawn)
            self._show_finding(row.finding)
        else:
            self._shown = None
        self._showing = False

    def _fill(self, item: QListWidgetItem, row: FindingRow) -> None:
        finding, (p, slice_p) = row.finding, _p_texts(row.finding)
        lines = [
            f"#{finding.finding_id}  Slice {finding.slice_index + 1}, "
            f"x {finding.x:.0f}, y {finding.y:.0f}",
            f"place {p}",
            *([f"slice {slice_p}"] if slice_p else []),
            f"withdrawn: {row.withdrawn}"
            if row.withdrawn is not None
            else f"{finding.status}, found by {finding.origin}",
            *(["judged under another calibration"] if row.is_foreign else []),
        ]
        text = "\n".join(visible_text(line)[:120] for line in lines)
        if item.text() != text:
            item.setText(text)
            item.setToolTip(plain_tool_tip(f"{row.series}\n{text}"))
        number = finding.finding_id
        item.setData(_ID, number)
        if row.thumbnail is not None and number not in self._icons:
            self._icons[number] = QIcon(grey_pixmap(row.thumbnail, _ICON))
        picture = self._icons.get(number)
        if picture is not None and item.icon().isNull():
            item.setIcon(picture)

    def save_note(self) -> None:
        """Tell the note as it stands, where it is not told yet."""
        self._saving.stop()
        # While a reason is asked for, what stands there is not a note yet.
        if self._shown is None or not self._reason_wanted.isHidden():
            return
        text = self._note.toPlainText()
        if text != self._saved_note:
            self._saved_note = text
            self.note_changed.emit(self._shown, text)

    def forget_pictures(self) -> None:
        """Another case is open: its findings have the same numbers."""
        self._saving.stop()
        self._shown = None
        self._icons.clear()
        # Clearing makes one row after the other the current one: each would be
        # selected, and the list filled again while Qt takes it apart.
        was, self._showing = self._showing, True
        self._list.clear()
        self._showing = was

    def _show_finding(self, finding: Finding) -> None:
        (p, slice_p), score = _p_texts(finding), finding.numbers.anomaly.score
        self._numbers.setText(
            f"Finding {finding.finding_id}: anomaly score {number_text(score)}, {p} at "
            "the place" + (f", {slice_p} in its slice." if slice_p else ".")
        )
        if self._shown != finding.finding_id:
            self._saved_note = finding.note
            self._note.setPlainText(finding.note)
            self._ask_reason(asked=False)
        elif self._note.toPlainText() == self._saved_note != finding.note:
            # Changed from elsewhere, such as by Undo, while nobody was writing.
            self._note.setPlainText(finding.note)
        self._shown = finding.finding_id
        if self._reason_wanted.isHidden():
            self._status.setCurrentText(finding.status)
        self._saved_note, self._saved_status = finding.note, finding.status
        self._on_text()

    def _on_current(self, item: QListWidgetItem | None) -> None:
        if not self._showing and item is not None:
            self.finding_selected.emit(int(item.data(_ID)))

    def _on_text(self) -> None:
        if self._shown is None:
            return
        text = self._note.toPlainText()
        is_asked = not self._reason_wanted.isHidden()
        self._dismiss.setEnabled(bool(text.strip()))
        waits = text != self._saved_note and not is_asked
        self._saved.setText("" if is_asked else "saving …" if waits else "saved")
        if waits and not self._showing:
            self._saving.start()

    def _on_dismiss(self) -> None:
        if self._shown is None:
            return
        text = self._note.toPlainText()
        self._saved_note = text
        self._ask_reason(asked=False)
        self.marked.emit(self._shown, text, "dismissed")

    def _on_withdraw(self) -> None:
        if self._shown is None:
            return
        reason = self._note.toPlainText().strip()
        if self._is_withdrawn:
            self.restored.emit(self._shown)
        elif reason:
            self.withdrawn.emit(self._shown, reason)
        else:
            self._note.setPlaceholderText("Say here why it is withdrawn")
            self._note.setFocus()

    def _on_status(self, text: str) -> None:
        if self._showing or self._shown is None:
            return
        status = cast(FindingStatus, text)
        self._ask_reason(asked=False)
        if status == self._saved_status:
            return
        if status != "dismissed":
            self.status_changed.emit(self._shown, status)
        elif self._note.toPlainText().strip():
            self.marked.emit(self._shown, self._note.toPlainText(), status)
        else:
            self._ask_reason(asked=True)
            self._note.setFocus()

    def _ask_reason(self, *, asked: bool) -> None:
        """Ask for the reason of a dismissal, which the case does not hold yet."""
        self._reason_wanted.setVisible(asked)
        self._dismiss.setVisible(asked)
        self._on_text()


def _p_texts(finding: Finding) -> tuple[str, str]:
    """p-value of the place and of its slice; "" for one that nobody searched."""
    anomaly, of_slice = finding.numbers.anomaly, finding.numbers.every.get("slice")
    return (
        p_text(anomaly, narrow=True),
        p_text(of_slice, narrow=True) if of_slice else "",
    )
