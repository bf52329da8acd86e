"""The parts that a view is made of: transform, legend, scale bar, sheet."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QLabel, QWidget

from btd_desktop.gui.shortcuts_table import load_shortcuts
from btd_desktop.gui.views.coalescer import Coalescer
from btd_desktop.gui.views.colour_maps import COLOUR_MAPS, colour_table
from btd_desktop.gui.views.gestures import WheelSteps, dragged_window
from btd_desktop.gui.views.legend import legend_ticks, number_text, threshold_text
from btd_desktop.gui.views.scale_bar import bar_label, bar_length_mm
from btd_desktop.gui.views.shortcut_sheet import ShortcutSheet
from btd_desktop.gui.views.slice_pictures import threshold_place
from btd_desktop.gui.views.view_transform import MAX_ZOOM, MIN_ZOOM, ViewTransform
from tests.unit.gui.views import hand
from tests.unit.gui.views.samples import sample_overlay

TRANSFORM = ViewTransform((640.0, 480.0), (512, 300), (1.5, 0.7), 2.5, (12.0, -30.0))


def test_transform_and_its_inverse_agree():
    for point in ((0.0, 0.0), (17.25, 291.5), (-4.0, 900.0)):
        assert TRANSFORM.to_picture(*TRANSFORM.to_view(*point)) == pytest.approx(point)


def test_whole_picture_fits_into_the_view_and_touches_two_edges():
    fitted = TRANSFORM.reset()
    left, top = fitted.to_view(0, 0)
    right, bottom = fitted.to_view(512, 300)
    assert left >= -1e-9
    assert top >= -1e-9
    assert min(left, top) == pytest.approx(0.0)
    assert (right, bottom) == pytest.approx((640 - left, 480 - top))


def test_zoom_keeps_the_point_under_the_pointer():
    at = (400.0, 100.0)
    before = TRANSFORM.to_picture(*at)
    assert TRANSFORM.zoomed(1.7, at).to_picture(*at) == pytest.approx(before)


def test_zoom_stays_within_its_limits():
    assert TRANSFORM.zoomed(1e9, (0, 0)).zoom == MAX_ZOOM
    assert TRANSFORM.zoomed(1e-9, (0, 0)).zoom == MIN_ZOOM


def test_picture_cannot_be_thrown_out_of_sight():
    thrown = TRANSFORM.moved(1e6, -1e6)
    x, y = thrown.to_picture(320, 240)
    assert 0 <= x <= 512
    assert 0 <= y <= 300


def test_view_of_no_size_does_not_divide_by_zero():
    empty = ViewTransform((0.0, 0.0), (0, 0))
    assert np.isfinite(empty.to_picture(1.0, 1.0)).all()


@pytest.mark.parametrize(
    ("kind", "limits", "ticks"),
    [
        ("p-value", (1.0, 0.001), (0.001, 0.01, 0.1, 1.0)),
        ("p-value", (1.0, 0.0004), (0.0004, 0.001, 0.01, 0.1, 1.0)),
        ("score", (0.0, 3.0), (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)),
        ("score", (2.0, 2.0), (2.0,)),
    ],
)
def test_ticks_are_round_and_include_both_ends(kind, limits, ticks):
    got = legend_ticks(kind, limits)
    assert {min(limits), max(limits)} <= set(got)
    if kind == "p-value":
        assert got == pytest.approx(ticks)
    assert len(got) <= 9


@pytest.mark.parametrize("limits", [(0.0, 0.013), (-4.0, 7.3), (3.0, 17000.0)])
def test_score_ticks_are_few_and_do_not_touch(limits):
    ticks = np.array(legend_ticks("score", limits))
    assert 3 <= ticks.size <= 9
    assert np.min(np.diff(ticks)) > 0.05 * (limits[1] - limits[0])


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (1.0, "1"), (0.0, "0"), (1e-7, "1e-7"), (2.5, "2.5")],
)
def test_numbers_are_short(value, text):
    assert number_text(value) == text


def test_threshold_is_said_in_the_direction_that_is_shown():
    assert threshold_text("p-value", 0.05) == "p ≤ 0.05"
    assert threshold_text("p-value", 1 / 17) == "p ≤ 0.059"
    assert threshold_text("score", 1.2) == "≥ 1.2"


def test_threshold_place_of_a_p_value_lies_on_the_logarithm():
    overlay = sample_overlay(kind="p-value", limits=(1.0, 0.01), threshold=0.1)
    assert threshold_place(overlay) == pytest.approx(0.5)
    assert threshold_place(sample_overlay(threshold=None)) == 0.0


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_map_grows_lighter_without_a_step_back(name):
    table = colour_table(name).astype(float)
    lightness = table @ (0.2126, 0.7152, 0.0722)
    assert table.shape == (256, 3)
    smooth = np.convolve(lightness, np.ones(5) / 5, "valid")
    assert np.all(np.diff(smooth) > -0.25)
    assert lightness[-1] - lightness[0] > 100


def test_unknown_colour_map_gives_the_first_one():
    assert np.array_equal(colour_table("rainbow"), colour_table(COLOUR_MAPS[0]))


@pytest.mark.parametrize(
    ("available", "per_mm", "length"),
    [
        (200.0, 2.0, 100.0),
        (199.0, 2.0, 50.0),
        (30.0, 100.0, 0.2),
        (100.0, 0.05, 2000.0),
    ],
)
def test_scale_bar_is_the_largest_round_length_that_fits(available, per_mm, length):
    assert bar_length_mm(available, per_mm) == pytest.approx(length)
    assert length * per_mm <= available


def test_scale_bar_says_millimetres():
    assert bar_label(50.0) == "50 mm"
    assert bar_label(0.2) == "0.2 mm"


def test_wheel_that_turns_back_forgets_its_fraction():
    wheel = WheelSteps()
    for angle, notches in ((100, 0), (-100, 0), (-20, -1)):
        event: Any = SimpleNamespace(angleDelta=partial(QPoint, 0, angle))
        assert wheel.notches(event) == notches


def test_window_of_real_numbers_moves_in_small_steps():
    centre, width = dragged_window((0.5, 0.3), 30.0, -30.0, whole=False)
    assert (centre, width) == pytest.approx((0.47, 0.33))


def test_coalescer_keeps_the_latest_and_sums_steps(qapp):
    owner = QObject()
    coalescer = Coalescer(owner)
    said: list[object] = []
    for value in range(5):
        coalescer.post("value", said.append, value)
        coalescer.add("step", said.append, 2)
    coalescer.post("gone", said.append, "never")
    coalescer.drop("gone")
    qapp.processEvents()
    assert said == [4, 10]
    qapp.processEvents()
    assert said == [4, 10]


def test_call_made_while_flushing_waits_for_the_next_turn(qapp):
    owner = QObject()
    coalescer = Coalescer(owner)
    said: list[int] = []

    def again(value: int) -> None:
        said.append(value)
        if value < 3:
            coalescer.post("value", again, value + 1)

    coalescer.post("value", again, 1)
    coalescer.flush()
    assert said == [1]
    coalescer.flush()
    coalescer.flush()
    assert said == [1, 2, 3]


# The offscreen platform says so of each window with a smallest size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def window(qtbot):
    made = QWidget()
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.show()
    return made


@pytest.fixture
def sheet(window):
    made = ShortcutSheet(load_shortcuts())
    made.show_over(window)
    return made


def test_sheet_names_every_shortcut_and_gesture(sheet):
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    table = load_shortcuts()
    for shortcut in table.shortcuts:
        assert {shortcut.text, *shortcut.native_keys} <= texts
    for gesture in table.gestures:
        assert {gesture.text, gesture.does} <= texts


def test_sheet_closes_on_escape_and_on_a_click(sheet, window, qtbot):
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    assert not sheet.isVisible()
    sheet.show_over(window)
    hand.click(sheet, (5, 5))
    assert not sheet.isVisible()


def test_sheet_follows_the_size_of_its_window(sheet, window):
    before = sheet.width()
    window.resize(900, 700)
    assert sheet.width() < before
    assert window.rect().contains(sheet.geometry())
