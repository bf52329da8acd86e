"""Asks whether a volume is a CT or an MR, where neither its format nor values tell."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog, QRadioButton, QWidget

from btd_desktop.gui.dialogs.form import (
    button_box,
    heading,
    muted,
    page_layout,
    pin_buttons,
)
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.opening import ModalityQuestion

_SHOWN = 6


class ModalityDialog(QDialog):
    """One answer for all series concerned; closing it answers that nobody knows."""

    def __init__(
        self, question: ModalityQuestion, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._question = question
        layout = page_layout(self, "Modality", 520, 0)
        layout.addWidget(heading("CT or MR?"))
        names = list(question.descriptions)
        more = len(names) - _SHOWN
        listed = ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
        layout.addWidget(
            PlainLabel(
                f"{listed}: neither the format nor the values say which it is.",
                wrap=True,
            )
        )
        self.ct = QRadioButton("&CT")
        self.mr = QRadioButton("&MR")
        for button in (self.ct, self.mr):
            layout.addWidget(button)
            button.toggled.connect(self._check)
        layout.addWidget(
            muted(
                "Your answer is recorded in the case and printed in the report as "
                "stated by you. If you do not know, the files are kept and not "
                "examined; ask whoever made them."
            )
        )
        box, self._accept = button_box(self, "State it", "Not known")
        pin_buttons(self, box)
        self._check()
        self.finished.connect(self._on_finished)

    def _check(self) -> None:
        self._accept.setEnabled(self.ct.isChecked() or self.mr.isChecked())

    def _on_finished(self, result: int) -> None:
        stated = "CT" if self.ct.isChecked() else "MR"
        is_accepted = result == QDialog.DialogCode.Accepted
        self._question.answer(stated if is_accepted else "")
