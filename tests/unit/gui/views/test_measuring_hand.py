"""Measuring by mouse: drags and clicks give whole measurements, in voxels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btd_desktop.gui.view_state.states import MeasureMark
from btd_desktop.gui.views.slice_view import SliceView
from tests.unit.gui.views import hand
from tests.unit.gui.views.samples import sample_state, sample_volume

# The sample is 50 x 40 pixels of 1 mm; at 500 x 400 each takes 10 x 10.
AT_5_10, AT_20_10, AT_20_30 = (55.0, 105.0), (205.0, 105.0), (205.0, 305.0)


@pytest.fixture
def view(qtbot):
    widget = SliceView()
    qtbot.addWidget(widget)
    widget.resize(500, 400)
    widget.show_state(sample_state(tool="length"))
    widget.show()
    return widget


@pytest.fixture
def heard(view):
    return hand.listen(view, "measured", "window_changed", "crosshair_requested")


def test_drag_measures_from_press_to_release(view, heard):
    hand.drag(view, AT_5_10, AT_20_10)
    assert heard.of("measured") == [("length", 0, ((5, 10, 5), (5, 10, 20)))]
    assert heard.names == {"measured"}


def test_two_clicks_measure_too_and_a_draft_follows_the_pointer(view, heard):
    hand.click(view, AT_5_10)
    hand.move(view, AT_20_30)
    assert view._hand.draft == MeasureMark("length", ((5, 10), (20, 30)), selected=True)
    before = view.grab().toImage()
    hand.click(view, AT_20_10)
    assert heard.of("measured") == [("length", 0, ((5, 10, 5), (5, 10, 20)))]
    assert view._hand.draft is None
    assert view.grab().toImage() != before


def test_angle_takes_three_points_by_drag_and_click(view, heard):
    view.show_state(sample_state(tool="angle"))
    hand.drag(view, AT_5_10, AT_20_10)
    assert heard.of("measured") == []
    hand.click(view, AT_20_30)
    points = ((5, 10, 5), (5, 10, 20), (5, 30, 20))
    assert heard.of("measured") == [("angle", 0, points)]


def test_reformat_measures_across_its_own_axis(view, heard):
    volume = sample_volume()
    view.show_state(sample_state(layout=volume.layouts[1], index=7, tool="length"))
    hand.drag(view, (20.0, 150.0), (300.0, 150.0))
    ((kind, axis, points),) = heard.of("measured")
    assert (kind, axis) == ("length", 2)
    assert {p[2] for p in points} == {7}


@pytest.mark.parametrize("change", [{"index": 6}, {"tool": "region"}])
def test_points_of_another_slice_or_tool_are_dropped(view, heard, change):
    hand.click(view, AT_5_10)
    view.show_state(replace(view.state, **change))
    assert view._hand.draft is None
    hand.click(view, AT_20_10)
    assert heard.of("measured") == []


def test_escape_forgets_what_was_begun(view, heard):
    hand.click(view, AT_5_10)
    assert view.drop_points()
    assert not view.drop_points()
    hand.click(view, AT_20_10)
    assert heard.of("measured") == []


def test_click_beside_the_picture_sets_no_point(view, heard):
    view.resize(700, 400)
    hand.click(view, (5.0, 200.0))
    assert view._hand.draft is None


def test_marks_are_painted_where_they_were_measured(view):
    view.show_state(sample_state(show_info=False))
    before = view.grab().toImage()
    marks = (
        MeasureMark("length", ((5, 5), (15, 5)), "12.5 mm"),
        MeasureMark("angle", ((5, 15), (15, 15), (15, 20)), "12.5 mm"),
        MeasureMark("region", ((30, 10), (38, 20)), "12.5 mm"),
        MeasureMark("profile", ((30, 30), (45, 30)), "12.5 mm"),
    )
    view.show_state(sample_state(show_info=False, marks=marks))
    after = view.grab().toImage()
    for x, y in ((100, 55), (100, 155), (300, 150), (305, 305)):
        assert after.pixelColor(x, y) != before.pixelColor(x, y)
    assert after.pixelColor(220, 220) == before.pixelColor(220, 220)
