"""The list of tags: literal text, what it asks for, when it is watched."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt

from btd_desktop.gui.presenters.slice_tags import TagsState
from btd_desktop.gui.views.metadata_panel import MetadataPanel
from btd_desktop.gui.views.tag_list import TagListView
from btd_desktop.workflow.slice_tags import TagRow

HOSTILE = '<img src="file:///etc/passwd"><b>DOE</b>\u202eJANE\x07'
STATE = TagsState(
    3, 9, None, (TagRow("(0010,0010)", "PatientName", "PN", HOSTILE),), "1 element."
)


def _list(qtbot) -> tuple[TagListView, list[Any]]:
    view = TagListView()
    qtbot.addWidget(view)
    asked: list[Any] = []
    view.compared_changed.connect(asked.append)
    return view, asked


def test_tag_values_are_shown_literally(qtbot):
    view, _ = _list(qtbot)
    view.show_state(STATE)
    index = view.model.index(0, 3)
    shown = str(view.model.data(index))
    assert shown.startswith('<img src="file:///etc/passwd"><b>DOE</b>')
    assert "⟨U+202E⟩" in shown
    assert "⟨U+0007⟩" in shown
    assert "<img" not in str(view.model.data(index, Qt.ItemDataRole.ToolTipRole))


def test_second_value_column_is_there_only_when_comparing(qtbot):
    view, asked = _list(qtbot)
    view.show_state(STATE)
    assert view._table.isColumnHidden(4)
    view.show_state(TagsState(3, 9, 7, (TagRow("(1,1)", "K", "DS", "a", "b"),)))
    assert not view._table.isColumnHidden(4)
    assert view._compare.isChecked()
    assert view._number.value() == 7
    assert asked == []


def test_comparison_is_asked_for_by_the_examiner_only(qtbot):
    view, asked = _list(qtbot)
    view.show_state(STATE)
    view._compare.click()
    view._number.setValue(5)
    view._compare.click()
    assert asked == [1, 5, None]
    view.show_state(TagsState())
    assert not view._compare.isEnabled()


def test_list_is_watched_only_while_its_tab_is_shown(qtbot):
    panel = MetadataPanel()
    qtbot.addWidget(panel)
    watched: list[bool] = []
    panel.tags.watched.connect(watched.append)
    panel.show()
    assert True not in watched
    panel._tabs.setCurrentWidget(panel.tags)
    assert watched[-1:] == [True]
    panel._tabs.setCurrentIndex(0)
    assert watched[-1:] == [False]
    panel._tabs.setCurrentWidget(panel.tags)
    panel.hide()
    assert watched[-1:] == [False]
