"""What the window shows before a case is open: open, drop, recent cases, the demo."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.presenter import ProgressState
from btd_desktop.gui.theme import Theme, icon
from btd_desktop.gui.views.progress_row import ProgressRow
from btd_desktop.gui.views.recent_list import RecentList

INTENDED_USE = (
    "BTD Desktop examines whether the content of CT and MR scans may have been "
    "altered, for the forensic examination of image data by a trained examiner. It is "
    "not a medical device: it says nothing about health or disease and must not be "
    "used for diagnosis. A flagged place is a reason to look closer, not proof; that "
    "nothing is flagged does not show that nothing was altered."
)
_WIDTH = 760


class StartPage(QWidget):
    """Shown while no case is open.

    Attributes:
        buttons: What opens something, by the id of the action that does.
        progress: How far opening is.
        recent: Cases opened lately.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        outer.addWidget(scroll)
        page = QWidget()
        scroll.setWidget(page)
        across = QHBoxLayout(page)
        column = QWidget()
        column.setMaximumWidth(_WIDTH)
        column.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        across.addStretch(1)
        across.addWidget(column, 10)
        across.addStretch(1)
        self._layout = QVBoxLayout(column)
        self._layout.setContentsMargins(24, 36, 24, 24)
        self._layout.setSpacing(16)
        self.buttons: dict[str, QPushButton] = {}
        self._add_head()
        self._add_openers()
        self._add_progress()
        self.recent = RecentList()
        self.recent.show_cases(())
        self._layout.addWidget(self.recent)
        self._add_notice()
        self._layout.addStretch(1)
        self.show_theme(theme)

    def show_theme(self, theme: Theme) -> None:
        """Draw the icons in another theme."""
        for action_id, button in self.buttons.items():
            on_accent = button.isDefault()
            button.setIcon(icon(_ICONS[action_id], theme, on_accent=on_accent))

    def show_progress(self, state: ProgressState) -> None:
        """Show how far opening is, and keep the buttons from being pressed twice."""
        busy = state.is_busy
        self._card.setVisible(busy)
        for button in self.buttons.values():
            button.setEnabled(not busy)
        self.progress.show_progress(state)

    def _add_head(self) -> None:
        self._layout.addWidget(PlainLabel("BTD Desktop", role="title"))
        self._layout.addWidget(
            PlainLabel(
                "Examine CT and MR scans for altered content: calibrated scores, "
                "signed reports.",
                wrap=True,
                role="muted",
            )
        )

    def _add_openers(self) -> None:
        card = QFrame()
        card.setProperty("role", "card")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(20, 18, 20, 18)
        layout.setSpacing(12)
        layout.addWidget(
            PlainLabel("Drop evidence anywhere in this window", role="heading")
        )
        layout.addWidget(
            PlainLabel(
                "A patient folder of any depth, single files, a ZIP archive, a "
                "DICOMDIR, NIfTI, NRRD or MHA volumes, a case folder, or a report "
                "(PDF) to verify. Evidence is only read, never changed.",
                wrap=True,
                role="muted",
            )
        )
        row = QHBoxLayout()
        row.setSpacing(8)
        for action_id, text in (
            ("open", "Open &folder …"),
            ("open_files", "Open f&iles or ZIP …"),
            ("open_case", "Open &case …"),
            ("verify", "&Verify report …"),
        ):
            row.addWidget(self._button(action_id, text))
        row.addStretch(1)
        self.buttons["open"].setDefault(True)
        layout.addLayout(row)
        self._layout.addWidget(card)
        demo = QFrame()
        demo.setProperty("role", "card")
        across = QHBoxLayout(demo)
        across.setContentsMargins(20, 14, 20, 14)
        words = PlainLabel(
            "New here? The demonstration simulates a chest CT with one nodule added "
            "and one removed, and takes you from import to report without any patient "
            "data. Making it takes a few minutes, once.",
            wrap=True,
        )
        across.addWidget(words, 1)
        across.addWidget(self._button("demo", "Open &demonstration"))
        self._layout.addWidget(demo)

    def _button(self, action_id: str, text: str) -> QPushButton:
        button = QPushButton(text)
        button.setIconSize(QSize(18, 18))
        button.setAutoDefault(True)
        self.buttons[action_id] = button
        return button

    def _add_progress(self) -> None:
        self._card = QFrame()
        self._card.setProperty("role", "card")
        layout = QHBoxLayout(self._card)
        layout.setContentsMargins(20, 12, 20, 12)
        self.progress = ProgressRow()
        layout.addWidget(self.progress)
        self._card.hide()
        self._layout.addWidget(self._card)

    def _add_notice(self) -> None:
        card = QFrame()
        card.setProperty("role", "warning")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(20, 14, 20, 14)
        layout.addWidget(
            PlainLabel("Intended use: forensic, not for diagnosis", role="heading")
        )
        layout.addWidget(PlainLabel(INTENDED_USE, wrap=True))
        self._layout.addWidget(card)


_ICONS = {
    "open": "open",
    "open_files": "import",
    "open_case": "case",
    "verify": "verify",
    "demo": "play",
}
