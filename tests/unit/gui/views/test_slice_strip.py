"""The strip shows every slice that matters, and asks for the one pointed at."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from btd_desktop.gui.view_state.states import StripState
from btd_desktop.gui.views.slice_strip import SliceStrip, most_remarkable
from tests.unit.gui.views import hand

INTENTS = ("slice_requested", "slice_step_requested")
GREY = QColor(92, 97, 105)
FLAG = QColor(255, 184, 77)


def _strip(
    qtbot: QtBot,
    n_slices: int,
    length: int = 400,
    **state: Any,
) -> SliceStrip:
    strip = SliceStrip()
    qtbot.addWidget(strip)
    strip.resize(34, length)
    values = state.pop("values", np.full(n_slices, np.nan))
    strip.show_state(StripState(values, **state))
    strip.show()
    return strip


def _colours(strip: SliceStrip) -> list[QColor]:
    image = strip.grab().toImage()
    return [image.pixelColor(18, k) for k in range(image.height())]


def test_shown_state_emits_nothing(qtbot):
    strip = _strip(qtbot, 20)
    with hand.silence(strip, *INTENTS):
        strip.show_state(StripState(np.zeros(5), index=4))
        strip.grab()
        strip.show_state(StripState(np.zeros(0)))
        strip.grab()


@pytest.mark.parametrize(
    ("n_slices", "at", "index"),
    [(1, 399, 0), (10, 0, 0), (10, 205, 5), (10, 399, 9), (2000, 399, 1995)],
)
def test_click_asks_for_the_slice_under_the_pointer(qtbot, n_slices, at, index):
    strip = _strip(qtbot, n_slices)
    heard = hand.listen(strip, *INTENTS)
    hand.click(strip, (17, at))
    assert heard.of("slice_requested") == [(index,)]


def test_drag_asks_for_the_latest_slice_only(qtbot):
    strip = _strip(qtbot, 400)
    heard = hand.listen(strip, *INTENTS)
    hand.press(strip, (17, 10))
    for at in range(11, 300):
        hand.move(strip, (17, at), hand.LEFT)
    assert heard.of("slice_requested") == [(299,)]


def test_drag_beyond_the_end_stays_at_the_last_slice(qtbot):
    strip = _strip(qtbot, 10)
    heard = hand.listen(strip, *INTENTS)
    hand.drag(strip, (17, 300), (17, 4000))
    assert heard.of("slice_requested")[-1] == (9,)
    hand.drag(strip, (17, 300), (17, -4000))
    assert heard.of("slice_requested")[-1] == (0,)


def test_wheel_and_keys_step(qtbot):
    strip = _strip(qtbot, 100)
    heard = hand.listen(strip, *INTENTS)
    hand.wheel(strip, (17, 17), -1)
    assert heard.of("slice_step_requested") == [(1,)]
    qtbot.keyClick(strip, Qt.Key.Key_PageUp)
    assert heard.of("slice_step_requested")[-1] == (-10,)
    qtbot.keyClick(strip, Qt.Key.Key_End)
    assert heard.of("slice_requested") == [(99,)]


def test_empty_strip_ignores_the_hand(qtbot):
    strip = _strip(qtbot, 0)
    heard = hand.listen(strip, *INTENTS)
    hand.click(strip, (17, 100))
    hand.wheel(strip, (17, 17), -1)
    qtbot.keyClick(strip, Qt.Key.Key_End)
    assert not heard.names


def test_slices_not_scored_are_grey_and_scored_ones_are_not(qtbot):
    values = np.full(10, np.nan)
    values[2] = 0.001
    strip = _strip(qtbot, 10, values=values, index=9)
    colours = _colours(strip)
    assert colours[20] == GREY
    assert colours[100] not in (GREY, colours[20])
    assert colours[340] == GREY


@pytest.mark.parametrize("slot", [0, 1, 777, 1999])
def test_one_remarkable_slice_of_two_thousand_is_seen(qtbot, slot):
    values = np.ones(2000)
    plain = _colours(_strip(qtbot, 2000, values=values, index=1000))
    values = values.copy()
    values[slot] = 0.001
    seen = _colours(_strip(qtbot, 2000, values=values, index=1000))
    assert plain != seen


def test_one_flag_of_two_thousand_is_seen(qtbot):
    flagged = np.zeros(2000, bool)
    flagged[1234] = True
    strip = _strip(qtbot, 2000, values=np.ones(2000), flagged=flagged)
    image = strip.grab().toImage()
    found = [
        y
        for y in range(image.height())
        if FLAG in [image.pixelColor(x, y) for x in range(10)]
    ]
    assert found
    assert abs(np.mean(found) - 1234 / 2000 * 400) < 3


def test_bins_keep_the_largest_and_ignore_what_is_not_scored():
    places = np.array([0.1, 0.9, np.nan, 0.2, np.nan, np.nan], np.float32)
    bins = most_remarkable(places, 3)
    assert bins[:2] == pytest.approx([0.9, 0.2])
    assert np.isnan(bins[2])


@pytest.mark.parametrize("n_slices", [1, 2, 399, 400, 401, 2000])
def test_every_slice_is_in_exactly_one_bin(n_slices):
    n_bins = min(n_slices, 400)
    for slot in range(0, n_slices, max(n_slices // 50, 1)):
        places = np.zeros(n_slices, np.float32)
        places[slot] = 1.0
        assert np.sum(most_remarkable(places, n_bins)) == 1.0


def test_text_of_a_slice_says_what_is_known(qtbot):
    values = np.array([np.nan, 0.0031])
    flagged = np.array([False, True])
    strip = _strip(qtbot, 2, values=values, flagged=flagged)
    assert strip.text_of(0) == "Slice 1 of 2: not scored yet"
    assert strip.text_of(1) == "Slice 2 of 2: p 0.0031, flagged"
    strip = _strip(qtbot, 2, values=values, searched="search of the lung")
    assert strip.text_of(1) == "Slice 2 of 2: search of the lung, p 0.0031"


def test_screen_reader_hears_the_slice_shown(qtbot):
    strip = _strip(qtbot, 12, index=4)
    assert strip.accessibleDescription() == "Slice 5 of 12"


def test_new_index_alone_keeps_the_picture(qtbot):
    values = np.ones(30)
    strip = _strip(qtbot, 30, values=values)
    strip.grab()
    before = strip._picture
    strip.show_state(StripState(values, index=7))
    strip.grab()
    assert strip._picture is before
