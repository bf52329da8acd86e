"""The form of a new case, and what is to be tested in it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QDialog, QDialogButtonBox

from btd_desktop.examination.declared import (
    Declaration,
    Declared,
    Mandate,
    places_from,
)
from btd_desktop.gui.dialogs.case_dialog import CaseDialog, MandateDialog
from btd_desktop.gui.dialogs.form import show_whole
from btd_desktop.gui.plain_text import PlainLabel
from btd_desktop.gui.presenters.opening import CaseProposal


def _accept_of(dialog: QDialog) -> QAbstractButton:
    box = dialog.findChild(QDialogButtonBox)
    assert box is not None
    role = QDialogButtonBox.ButtonRole.AcceptRole
    return next(b for b in box.buttons() if box.buttonRole(b) == role)


def test_new_case_says_what_is_tested(qtbot, tmp_path: Path):
    proposal = CaseProposal((tmp_path,), Path("/nowhere/case"), "scan", "E. Xaminer")
    dialog = CaseDialog(proposal)
    qtbot.addWidget(dialog)
    assert dialog.choice.mandate == Mandate()
    dialog._tested.domain.setCurrentText("Lung")
    QTest.keyClicks(dialog._tested.places, "12,34")
    assert not _accept_of(dialog).isEnabled()
    assert dialog._problem.text().startswith("“12,34” is no place")
    QTest.keyClicks(dialog._tested.places, ",5 2:1,2,3")
    assert _accept_of(dialog).isEnabled()
    assert dialog.choice.mandate == Mandate("lung", places_from("12,34,5 2:1,2,3"))


def test_enter_in_any_field_makes_the_case_and_escape_leaves(qtbot, tmp_path: Path):
    proposal = CaseProposal((tmp_path,), Path("/nowhere/case"), "scan", "E. Xaminer")
    for key, result in (
        (Qt.Key.Key_Return, QDialog.DialogCode.Accepted),
        (Qt.Key.Key_Escape, QDialog.DialogCode.Rejected),
    ):
        dialog = CaseDialog(proposal)
        qtbot.addWidget(dialog)
        show_whole(dialog)
        dialog._title.setFocus()
        QTest.keyClick(dialog._title, key)
        assert dialog.result() == result


def test_dialog_of_an_open_case_shows_what_was_declared_and_takes_a_change(qtbot):
    first = Declaration(
        Mandate("lung", places_from("1:1,2,3")), "2026-03-14T09:26:53.000Z", "E. X."
    )
    dialog = MandateDialog(Declared(first))
    qtbot.addWidget(dialog)
    shown = [label.text() for label in dialog.findChildren(PlainLabel)]
    assert any("Declared on 2026-03-14 by E. X., before scoring" in t for t in shown)
    assert dialog.fields.mandate == first.mandate
    dialog.fields.domain.setCurrentText("Whole body")
    dialog.fields.places.clear()
    assert dialog.fields.mandate == Mandate()
    told: list[Mandate] = []
    dialog.declared.connect(told.append)
    _accept_of(dialog).click()
    assert told == [Mandate()]
