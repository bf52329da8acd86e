"""Parts that the dialogs share: layouts, headings, buttons, fields of paths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.plain_text import (
    PlainLabel,
    sentence,
    visible_text,
)

_RIM = 12  # px that frame and shadow take
_TITLE = 32  # px of the title bar, which the window manager adds


def page_layout(dialog: QDialog, title: str, width: int, height: int) -> QVBoxLayout:
    """The layout of a dialog's page, which scrolls where the screen is too small.

    The dialog's buttons go below it, by `pin_buttons`, where nothing scrolls them away.
    """
    dialog.setWindowTitle(title)
    dialog.resize(width, height)
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(20, 18, 20, 6)
    layout.setSpacing(12)
    scroll = QScrollArea()
    scroll.setObjectName("page_scroll")
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setWidget(page)
    outer = QVBoxLayout(dialog)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.setSpacing(0)
    outer.addWidget(scroll, 1)
    return layout


def pin_buttons(dialog: QDialog, *buttons: QWidget) -> None:
    """Put a dialog's buttons, in a row, at its foot."""
    row = QHBoxLayout()
    row.setContentsMargins(20, 8, 20, 14)
    row.setSpacing(8)
    for button in buttons:
        wide = not isinstance(button, QPushButton)
        row.addWidget(button, 1 if wide else 0)
    outer = dialog.layout()
    if isinstance(outer, QVBoxLayout):
        outer.addLayout(row)


def form_layout() -> QFormLayout:
    """A form whose fields take the width."""
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    form.setHorizontalSpacing(12)
    form.setVerticalSpacing(8)
    return form


def heading(text: str) -> PlainLabel:
    """A label in the style of a heading, wrapped."""
    return PlainLabel(text, wrap=True, role="heading")


def muted(text: str) -> PlainLabel:
    """A label of secondary text, wrapped."""
    return PlainLabel(text, wrap=True, role="muted")


class ProblemLine(PlainLabel):
    """Why something could not be done; hidden while nothing is wrong."""

    def __init__(self) -> None:
        super().__init__("", wrap=True, role="danger")

    def show_problem(self, problem: str) -> None:
        """Say what is wrong; "" says that nothing is."""
        self.setText(sentence(problem))
        self.setVisible(bool(problem))


def button_box(
    dialog: QDialog, accept: str, reject: str = "Cancel"
) -> tuple[QDialogButtonBox, QPushButton]:
    """Buttons that accept and reject the dialog; the first is the default."""
    box = QDialogButtonBox()
    button = box.addButton(accept, QDialogButtonBox.ButtonRole.AcceptRole)
    box.addButton(reject, QDialogButtonBox.ButtonRole.RejectRole)
    button.setDefault(True)
    box.accepted.connect(dialog.accept)
    box.rejected.connect(dialog.reject)
    return box, button


def close_box(dialog: QDialog) -> QDialogButtonBox:
    """One button that closes the dialog."""
    box = QDialogButtonBox()
    button = box.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
    button.setDefault(True)
    box.rejected.connect(dialog.reject)
    return box


def pin_export(dialog: QDialog, what: str, export: Callable[[], object]) -> None:
    """A button that exports what is shown, beside the one that closes."""
    box = close_box(dialog)
    button = box.addButton("Export …", QDialogButtonBox.ButtonRole.ActionRole)
    button.setAccessibleName(f"Export {what}")
    button.clicked.connect(export)
    pin_buttons(dialog, box)


def show_whole(dialog: QDialog) -> None:
    """Open a dialog, high enough for its texts, never higher than the screen."""
    # Qt makes the button that has the focus the default one, and paints it so; Enter is
    # to press the dialog's own, whatever has the focus.
    for button in dialog.findChildren(QPushButton):
        if not button.isDefault():
            button.setAutoDefault(False)
    dialog.open()
    fit_to_page(dialog)


def fit_to_page(dialog: QDialog) -> None:
    """Give a dialog the height of its page, as far as the screen has it."""
    scroll = dialog.findChild(QScrollArea, "page_scroll")
    page = None if scroll is None else scroll.widget()
    layout = None if page is None else page.layout()
    if scroll is None or layout is None:
        return
    room = dialog.screen().availableGeometry()
    wide = min(max(dialog.width(), layout.minimumSize().width()), room.width() - _RIM)
    layout.activate()
    high = layout.totalMinimumSize().height()
    if layout.hasHeightForWidth():
        high = max(high, layout.totalHeightForWidth(wide))
    outer = dialog.layout()
    foot = 0
    if outer is not None:
        foot = sum(
            item.sizeHint().height()
            for item in map(outer.itemAt, range(1, outer.count()))
            if item is not None
        )
    needed = max(dialog.height(), high + foot)
    dialog.resize(wide, min(needed, room.height() - _RIM - _TITLE))
    # Above and left of the screen nothing can be reached.
    corner = dialog.pos()
    left = min(corner.x(), room.right() - dialog.width())
    top = min(corner.y(), room.bottom() - dialog.height())
    dialog.move(max(left, room.left()), max(top, room.top()))


def dropped_paths(data: QMimeData) -> list[Path]:
    """Local files and folders of a drag; anything else is not taken."""
    return [Path(u.toLocalFile()) for u in data.urls() if u.isLocalFile()]


class PathField(QWidget):
    """A path to type or to choose.

    Signals:
        changed(): Another path stands there.
    """

    changed = Signal()

    def __init__(self, name: str, *, kind: str = "folder", pattern: str = "") -> None:
        super().__init__()
        self._kind, self._pattern, self._name = kind, pattern, name
        self._line = QLineEdit()
        self._line.setAccessibleName(name)
        self._line.textChanged.connect(self.changed)
        choose = QPushButton("Choose …")
        choose.setAccessibleName(f"Choose {name}")
        choose.clicked.connect(self._choose)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._line, 1)
        layout.addWidget(choose)
        self.setFocusProxy(self._line)

    @property
    def path(self) -> Path | None:
        """The path, or None when the field is empty."""
        text = self._line.text().strip()
        return Path(text) if text else None

    def set_path(self, path: Path | None) -> None:
        """Put a path into the field."""
        self._line.setText("" if path is None else str(path))

    def set_hint(self, text: str) -> None:
        """Text shown while the field is empty."""
        self._line.setPlaceholderText(text)

    def _choose(self) -> None:
        start = self._line.text()
        if self._kind == "folder":
            chosen = QFileDialog.getExistingDirectory(self, self._name, start)
        elif self._kind == "save":
            chosen, _ = QFileDialog.getSaveFileName(
                self, self._name, start, self._pattern
            )
        else:
            chosen, _ = QFileDialog.getOpenFileName(
                self, self._name, start, self._pattern
            )
        if chosen:
            self._line.setText(chosen)


class FolderList(QWidget):
    """Folders of genuine scans, to add and to remove; folders can be dropped.

    Signals:
        changed(): The list changed.
    """

    changed = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self._paths: list[Path] = []
        self._list = QListWidget()
        self._list.setAccessibleName(name)
        self._list.setMaximumHeight(110)
        add = QPushButton("Add folder …")
        add.clicked.connect(self._choose)
        remove = QPushButton("Remove")
        remove.clicked.connect(self._remove)
        buttons = QVBoxLayout()
        buttons.addWidget(add)
        buttons.addWidget(remove)
        buttons.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._list, 1)
        layout.addLayout(buttons)
        # The list has its height; a form must not spread the rest around it.
        policy = QSizePolicy.Policy
        self.setSizePolicy(policy.Expanding, policy.Maximum)
        self.setAcceptDrops(True)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The folders."""
        return tuple(self._paths)

    def add_path(self, path: Path) -> None:
        """Add a folder or file, once."""
        if path not in self._paths:
            self._paths.append(path)
            self._list.addItem(visible_text(str(path)))
            self.changed.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take folders and files."""
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what was dropped."""
        for path in dropped_paths(event.mimeData()):
            self.add_path(path)
        event.acceptProposedAction()

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self._name)
        if chosen:
            self.add_path(Path(chosen))

    def _remove(self) -> None:
        row = self._list.currentRow()
        if row >= 0:
            del self._paths[row]
            self._list.takeItem(row)
            self.changed.emit()
