"""Each gesture over a slice says one thing, and a shown state says nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QImage
from PySide6.QtWidgets import QApplication

from btd_desktop.gui.view_state.states import PatchBox, SliceViewState
from btd_desktop.gui.views import ink
from btd_desktop.gui.views.slice_painting import exhibit_image
from btd_desktop.gui.views.slice_pictures import SlicePictures
from btd_desktop.gui.views.slice_view import SliceView
from tests.unit.gui.views import hand
from tests.unit.gui.views.hand import ALT, CTRL, LEFT, MIDDLE, RIGHT, SHIFT
from tests.unit.gui.views.samples import sample_overlay, sample_state, sample_volume

INTENTS = (
    "slice_step_requested",
    "slice_requested",
    "window_changed",
    "crosshair_requested",
    "score_requested",
    "opacity_step_requested",
    "context_menu_requested",
    "maximise_requested",
    "pointer_moved",
    "pointer_left",
)
# The sample is 50 x 40 pixels of 1 mm; at 500 x 400 each takes 10 x 10.
MIDDLE_OF_20_10 = (205.0, 105.0)
_THREE = (("a name", "a number", "a series"), (), (), ())


@pytest.fixture
def view(qtbot):
    widget = SliceView()
    qtbot.addWidget(widget)
    widget.resize(500, 400)
    widget.show_state(sample_state())
    widget.show()
    return widget


@pytest.fixture
def heard(view):
    return hand.listen(view, *INTENTS)


def _zoom(view: SliceView, factor: float) -> None:
    view.zoom_at(factor, QPointF(250, 200))


def _colour(view: SliceView, x: int, y: int) -> QColor:
    return view.grab().toImage().pixelColor(x, y)


def test_shown_state_with_everything_emits_nothing(view):
    with hand.silence(view, *INTENTS):
        view.show_state(
            sample_state(
                index=7,
                window=(0.0, 10.0),
                crosshair=(3, 4),
                overlay=sample_overlay(),
                boxes=(PatchBox(1, 1, (8, 8), "p", inner=(2, 2)),),
                tool="score",
                score_box=(8, 8),
                inverted=True,
                lossy=True,
            )
        )
        view.reset_view()
        _zoom(view, 2.0)
        view.grab()
        view.show_state(SliceViewState(message="Nothing here"))
        view.grab()


@pytest.mark.parametrize(
    ("notches", "modifiers", "signal", "value"),
    [
        (-1, hand.PLAIN, "slice_step_requested", (0, 1)),
        (2, hand.PLAIN, "slice_step_requested", (0, -2)),
        (-1, SHIFT, "slice_step_requested", (0, 10)),
        (1, SHIFT, "slice_step_requested", (0, -10)),
        (1, ALT, "opacity_step_requested", (1,)),
        (-1, ALT, "opacity_step_requested", (-1,)),
    ],
)
def test_wheel_steps_by_its_modifier(view, heard, notches, modifiers, signal, value):
    hand.wheel(view, (100, 100), notches, modifiers)
    assert heard.of(signal) == [value]
    assert heard.names == {signal}


def test_wheel_turned_sideways_by_alt_still_fades_the_overlay(view, heard):
    hand.wheel(view, (100, 100), 1, ALT, sideways=True)
    assert heard.of("opacity_step_requested") == [(1,)]


def test_wheel_in_fractions_steps_once_per_notch(view, heard):
    for _ in range(8):
        hand.wheel(view, (100, 100), -0.25)
    assert sum(v for _, v in heard.of("slice_step_requested")) == 2


def test_fast_wheel_is_summed_into_one_step(view, heard):
    for _ in range(5):
        hand.wheel(view, (100, 100), -1)
    assert heard.of("slice_step_requested") == [(0, 5)]


def test_ctrl_wheel_zooms_around_the_pointer(view, heard):
    before = view.transform.to_picture(*MIDDLE_OF_20_10)
    hand.wheel(view, MIDDLE_OF_20_10, 3, CTRL)
    assert view.transform.zoom == pytest.approx(1.2**3)
    assert view.transform.to_picture(*MIDDLE_OF_20_10) == pytest.approx(before)
    assert "slice_step_requested" not in heard.names


def test_left_drag_in_browse_sets_the_window(view, heard):
    hand.drag(view, (100, 100), (130, 80))
    # 1/300 of the width 3000 per pixel: right widens, up lowers the centre.
    assert heard.of("window_changed")[-1] == (800.0, 3300.0)
    assert not heard.of("crosshair_requested")


def test_left_drag_never_makes_the_width_smaller_than_one(view, heard):
    hand.drag(view, (400, 100), (0, 100))
    centre, width = heard.of("window_changed")[-1]
    assert (centre, width) == (1000.0, 1.0)


def test_fast_drag_is_thinned_to_the_latest_window(view, heard):
    hand.press(view, (100, 100))
    for k in range(1, 100):
        hand.move(view, (100 + k, 100), LEFT)
    assert heard.of("window_changed") == [(1000.0, 3000.0 + 99 * 10)]
    hand.release(view, (199, 100))


def test_left_click_in_browse_moves_the_crosshair(view, heard):
    hand.click(view, MIDDLE_OF_20_10)
    assert heard.of("crosshair_requested") == [(5, 10, 20)]
    assert not heard.of("score_requested")


def test_shaky_click_below_four_pixels_is_still_a_click(view, heard):
    hand.press(view, MIDDLE_OF_20_10)
    hand.move(view, (207, 107), LEFT)
    hand.release(view, (207, 107))
    assert heard.of("crosshair_requested") == [(5, 10, 20)]
    assert not heard.of("window_changed")


def test_click_in_the_score_tool_scores(view, heard):
    view.show_state(sample_state(tool="score"))
    hand.click(view, MIDDLE_OF_20_10)
    assert heard.of("score_requested") == [(5, 10, 20)]
    assert not heard.of("crosshair_requested")


def test_drag_in_the_score_tool_scores_where_it_ends(view, heard):
    view.show_state(sample_state(tool="score", score_box=(8, 8)))
    hand.drag(view, (50, 50), MIDDLE_OF_20_10)
    assert heard.of("score_requested") == [(5, 10, 20)]
    assert not heard.of("window_changed")


def test_alt_click_scores_from_browse(view, heard):
    hand.click(view, MIDDLE_OF_20_10, modifiers=ALT)
    assert heard.of("score_requested") == [(5, 10, 20)]
    assert not heard.of("crosshair_requested")


@pytest.mark.parametrize(("button", "modifiers"), [(MIDDLE, hand.PLAIN), (LEFT, SHIFT)])
def test_pan_moves_the_picture_with_the_hand(view, heard, button, modifiers):
    _zoom(view, 2.0)
    before = view.transform.to_picture(100, 100)
    hand.drag(view, (100, 100), (160, 140), button, modifiers)
    assert view.transform.to_picture(160, 140) == pytest.approx(before)
    assert not heard.names & {
        "window_changed",
        "crosshair_requested",
        "score_requested",
    }


def test_right_drag_upwards_zooms_in_and_opens_no_menu(view, heard):
    hand.drag(view, (100, 250), (100, 100), RIGHT)
    assert view.transform.zoom == pytest.approx(2.0)
    assert not heard.of("context_menu_requested")


def test_right_click_asks_for_the_menu_at_its_pixel(view, heard):
    hand.click(view, MIDDLE_OF_20_10, RIGHT)
    ((spot, *voxel),) = heard.of("context_menu_requested")
    assert voxel == [5, 10, 20]
    assert spot == view.mapToGlobal(QPoint(205, 105))


def test_menu_key_asks_for_the_menu_at_the_crosshair(view, heard):
    view.show_state(sample_state(crosshair=(7, 9)))
    event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, QPoint(1, 1))
    QApplication.sendEvent(view, event)
    assert [values[1:] for values in heard.of("context_menu_requested")] == [(5, 9, 7)]


def test_double_click_asks_once_for_the_whole_window(view, heard):
    hand.double_click(view, MIDDLE_OF_20_10)
    assert heard.of("maximise_requested") == [()]
    assert len(heard.of("crosshair_requested")) == 1


def test_pointer_is_told_with_its_modality_value(view, heard):
    hand.move(view, MIDDLE_OF_20_10)
    assert heard.of("pointer_moved") == [(5, 10, 20, 5000.0 + 10 * 50 + 20 - 3000)]
    hand.move(view, (205, 399.9))
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert heard.of("pointer_left") == [()]


def test_shift_and_move_takes_the_crosshair_along(view, heard):
    hand.move(view, (15, 15), modifiers=SHIFT)
    hand.move(view, MIDDLE_OF_20_10, modifiers=SHIFT)
    assert heard.of("crosshair_requested") == [(5, 10, 20)]


def test_plain_move_leaves_crosshair_and_focus_alone(view, heard):
    view.clearFocus()
    hand.move(view, MIDDLE_OF_20_10)
    assert not heard.of("crosshair_requested")
    assert not view.hasFocus()


def test_second_button_during_a_drag_changes_nothing(view, heard):
    hand.press(view, (100, 100))
    hand.press(view, (100, 100), RIGHT, held=LEFT)
    hand.move(view, (150, 100), LEFT)
    assert view.transform.zoom == 1.0
    hand.release(view, (150, 100))
    assert heard.of("window_changed")
    assert not heard.of("context_menu_requested")


def test_press_whose_release_was_lost_does_not_block_the_next_one(view, heard):
    hand.press(view, (100, 100))
    hand.drag(view, (100, 250), (100, 100), RIGHT)
    assert view.transform.zoom == pytest.approx(2.0)
    hand.press(view, (100, 100))
    hand.move(view, (180, 100))
    assert not heard.of("window_changed")


def test_screen_reader_hears_the_slice_shown(view):
    assert view.accessibleDescription() == "Slice 6 of 12"
    view.show_state(SliceViewState(message="No series"))
    assert view.accessibleDescription() == "No series"


def test_click_beside_the_picture_says_nothing(view, heard):
    view.resize(900, 400)
    hand.click(view, (20, 200))
    hand.click(view, (20, 200), RIGHT)
    hand.click(view, (20, 200), modifiers=ALT)
    assert not heard.names


@pytest.mark.parametrize(
    ("key", "signal", "value"),
    [
        (Qt.Key.Key_Down, "slice_step_requested", (0, 1)),
        (Qt.Key.Key_Up, "slice_step_requested", (0, -1)),
        (Qt.Key.Key_PageDown, "slice_step_requested", (0, 10)),
        (Qt.Key.Key_Home, "slice_requested", (0, 0)),
        (Qt.Key.Key_End, "slice_requested", (0, 11)),
    ],
)
def test_keys_step_through_the_slices(view, heard, qtbot, key, signal, value):
    qtbot.keyClick(view, key)
    assert heard.of(signal) == [value]


def test_empty_view_ignores_every_gesture(view, heard):
    view.show_state(SliceViewState(message="No series"))
    hand.click(view, (100, 100))
    hand.drag(view, (10, 10), (90, 90))
    hand.wheel(view, (100, 100), -1)
    hand.double_click(view, (100, 100), RIGHT)
    hand.move(view, (100, 100))
    assert not heard.names


def test_pointer_over_a_volume_that_became_smaller_does_not_fail(view, heard):
    hand.move(view, (495, 395))
    view.show_state(sample_state(volume=sample_volume((3, 4, 5)), index=0))
    QApplication.processEvents()
    assert not heard.of("pointer_moved")


def test_each_pixel_is_painted_as_one_square(view):
    state = sample_state(show_info=False, window=(2520.0, 1001.0))
    view.show_state(state)
    image = view.grab().toImage()
    grey = {image.pixelColor(x, y).red() for x in range(201, 209) for y in (101, 108)}
    assert len(grey) == 1
    # DICOM LINEAR: ((2520 - (2520 - 0.5)) / (1001 - 1) + 0.5) * 255 = 127.6.
    assert image.pixelColor(205, 105) == QColor(128, 128, 128)


def test_smooth_interpolation_blends_neighbours(view):
    view.show_state(sample_state(show_info=False, window=(2600.0, 400.0), smooth=True))
    image = view.grab().toImage()
    rows = {image.pixelColor(205, y).red() for y in range(100, 140)}
    view.show_state(sample_state(show_info=False, window=(2600.0, 400.0)))
    image = view.grab().toImage()
    nearest = {image.pixelColor(205, y).red() for y in range(100, 140)}
    assert len(nearest) == 4 < len(rows)


def test_pixels_of_unequal_spacing_keep_their_shape(view):
    volume = sample_volume(spacing=(1.0, 2.0, 1.0))
    view.show_state(sample_state(volume=volume))
    scale_x, scale_y = view.transform.scale
    assert scale_y == pytest.approx(2 * scale_x)


def test_zoom_outlives_a_slice_but_not_another_picture_size(view):
    _zoom(view, 3.0)
    view.show_state(sample_state(index=6))
    assert view.transform.zoom == pytest.approx(3.0)
    view.show_state(sample_state(volume=sample_volume((3, 8, 9)), index=0))
    assert view.transform.zoom == 1.0


def test_overlay_below_its_threshold_is_transparent(view):
    bare = sample_state(show_info=False)
    view.show_state(bare)
    before = view.grab().toImage()
    view.show_state(replace(bare, overlay=sample_overlay(threshold=1.5)))
    after = view.grab().toImage()
    changed = [
        before.pixel(50 + 100 * c, 50 + 100 * r)
        != after.pixel(50 + 100 * c, 50 + 100 * r)
        for r in range(4)
        for c in range(5)
    ]
    assert changed == [False] * 10 + [True] * 10


def test_hidden_overlay_shows_the_bare_slice(view):
    bare = sample_state()
    view.show_state(bare)
    before = view.grab().toImage()
    view.show_state(replace(bare, overlay=sample_overlay(visible=False)))
    assert view.grab().toImage() == before


def test_nan_of_an_overlay_is_transparent(view):
    values = np.full((4, 5), np.nan, np.float32)
    bare = sample_state(show_info=False)
    view.show_state(bare)
    before = view.grab().toImage()
    view.show_state(replace(bare, overlay=sample_overlay(values=values)))
    assert view.grab().toImage() == before


def test_inverted_picture_is_the_negative(view):
    view.show_state(sample_state(show_info=False))
    grey = _colour(view, 205, 105).red()
    view.show_state(sample_state(show_info=False, inverted=True))
    assert _colour(view, 205, 105).red() == 255 - grey


def test_lossy_badge_stays_when_the_other_texts_are_hidden(view):
    view.show_state(sample_state(show_info=False))
    without = view.grab().toImage()
    view.show_state(sample_state(show_info=False, lossy=True))
    assert view.grab().toImage() != without


def test_hostile_corner_text_is_drawn_letter_by_letter(view, monkeypatch):
    drawn: list[str] = []

    def spy(painter, baseline, text, *rest):
        drawn.append(ink.shown_line(text))
        ink.draw_text(painter, baseline, text, *rest)

    monkeypatch.setattr("btd_desktop.gui.views.slice_painting.draw_text", spy)
    lines = ("<img src=x onerror=y>", "a\u202egnp.exe", "x\x00\x1b[31m", "A" * 5000)
    view.show_state(sample_state(corners=(lines, (), (), ())))
    view.grab()
    assert "<img src=x onerror=y>" in drawn
    assert "a⟨U+202E⟩gnp.exe" in drawn
    assert "x⟨U+0000⟩⟨U+001B⟩[31m" in drawn
    assert max(map(len, drawn)) <= 80


def test_exhibit_is_the_whole_slice_as_shown(view):
    _zoom(view, 4.0)
    state = sample_state(overlay=sample_overlay(), corners=(("a",), (), (), ()))
    view.show_state(state)
    exhibit = exhibit_image(state, 500, 400, font=view.font())
    view.reset_view()
    view.clearFocus()
    shown = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    assert exhibit == shown


def test_score_tool_outlines_the_patch_under_the_pointer(view):
    view.show_state(sample_state(tool="score", score_box=(8, 8)))
    before = view.grab().toImage()
    hand.move(view, MIDDLE_OF_20_10)
    after = view.grab().toImage()
    assert before != after
    assert view.cursor().shape() == Qt.CursorShape.CrossCursor


@pytest.mark.parametrize("tool", ["crosshair", "pan", "zoom"])
def test_click_moves_the_crosshair_in_every_tool_that_does_not_score(view, heard, tool):
    view.show_state(sample_state(tool=tool))
    hand.click(view, MIDDLE_OF_20_10)
    assert heard.names - {"pointer_moved"} == {"crosshair_requested"}


def test_tools_of_the_left_button_drag_crosshair_picture_and_zoom(view, heard):
    view.show_state(sample_state(tool="crosshair"))
    hand.drag(view, (15, 15), MIDDLE_OF_20_10)
    assert heard.of("crosshair_requested")[-1] == (5, 10, 20)
    view.show_state(sample_state(tool="zoom"))
    hand.drag(view, (100, 250), (100, 100))
    assert view.transform.zoom == pytest.approx(2.0)
    view.show_state(sample_state(tool="pan"))
    before = view.transform.to_picture(100, 100)
    hand.drag(view, (100, 100), (120, 110))
    assert view.transform.to_picture(120, 110) == pytest.approx(before)
    assert "window_changed" not in heard.names


def test_shown_cells_of_a_coarse_overlay_are_outlined():
    values = np.zeros((3, 4), np.float32)
    values[1, 1:3] = 3.0
    overlay = sample_overlay(values=values, threshold=2.0, origin=(5.0, 5.0))
    edges = SlicePictures().outline(overlay)
    spans = {(e.x1(), e.y1(), e.x2(), e.y2()) for e in edges}
    assert spans == {
        (15.0, 15.0, 25.0, 15.0),
        (25.0, 15.0, 35.0, 15.0),
        (15.0, 25.0, 25.0, 25.0),
        (25.0, 25.0, 35.0, 25.0),
        (15.0, 15.0, 15.0, 25.0),
        (35.0, 15.0, 35.0, 25.0),
    }


def test_outline_surrounds_what_is_drawn_and_nothing_else():
    pictures = SlicePictures()
    assert not pictures.outline(sample_overlay(threshold=None))
    assert not pictures.outline(sample_overlay(threshold=1.0, cell=(1.0, 1.0)))
    nan = np.full((4, 5), np.nan, np.float32)
    assert not pictures.outline(sample_overlay(values=nan, threshold=1.0))


def test_ragged_map_is_not_buried_under_outlines(rng):
    values = (rng.random((53, 53)) * 3).astype(np.float32)
    overlay = sample_overlay(values=values, threshold=1.5, cell=(8.0, 8.0))
    assert not SlicePictures().outline(overlay)


def test_long_corner_texts_never_meet_in_the_middle(view, monkeypatch):
    spans: list[tuple[float, float]] = []

    def spy(painter, baseline, text, *rest):
        length = painter.fontMetrics().horizontalAdvance(text)
        spans.append((baseline.x(), baseline.x() + length))
        ink.draw_text(painter, baseline, text, *rest)

    view.resize(260, 200)
    view.show_state(sample_state(corners=(("W" * 70,), ("W" * 70,), (), ())))
    monkeypatch.setattr("btd_desktop.gui.views.slice_painting.draw_text", spy)
    view.grab()
    left, right = spans[0], spans[1]
    assert left[1] < right[0]
    assert right[1] <= 260


@pytest.mark.parametrize(("corners", "is_above"), [(((),) * 4, True), (_THREE, False)])
def test_label_of_a_patch_gives_way_to_the_upper_corner_texts(
    view, monkeypatch, corners, is_above
):
    drawn: dict[str, float] = {}

    def draw_text(painter, at, text, *colour):
        drawn[text] = at.y()

    monkeypatch.setattr("btd_desktop.gui.views.slice_painting.draw_text", draw_text)
    # The picture fills the view: a patch four pixels down begins at 40.
    box = PatchBox(5.0, 4.0, (10.0, 10.0), label="#2 to check")
    view.show_state(sample_state(boxes=(box,), corners=corners))
    view.grab()
    assert (drawn["#2 to check"] < 40.0) is is_above
    assert is_above or drawn["#2 to check"] > 140.0
