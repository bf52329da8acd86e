"""Three planes, one voxel: what is pointed at in one is a place in the volume."""

from __future__ import annotations

import gc
import weakref

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from btd_desktop.gui.view_state.states import MprState, SliceViewState, mpr_state
from btd_desktop.gui.views.mpr_view import MprView
from btd_desktop.gui.views.slice_view import SliceView
from tests.unit.gui.views import hand
from tests.unit.gui.views.samples import SHAPE, sample_overlay, sample_state

INTENTS = (
    "slice_step_requested",
    "slice_requested",
    "crosshair_requested",
    "score_requested",
    "window_changed",
    "opacity_step_requested",
    "context_menu_requested",
    "pointer_moved",
    "pointer_left",
)
VOXEL = (3, 11, 23)
# The offscreen platform says so of every window with a smallest size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")


@pytest.fixture
def view(qtbot):
    widget = MprView()
    qtbot.addWidget(widget)
    widget.resize(1000, 700)
    widget.show_state(mpr_state(sample_state(), VOXEL))
    widget.show()
    return widget


@pytest.fixture
def heard(view):
    return hand.listen(view.views, *INTENTS)


def _states(voxel: tuple[int, int, int]) -> list[SliceViewState]:
    state = mpr_state(sample_state(), voxel)
    return [state.main, state.upper, state.lower]


def _crosshair(state: SliceViewState) -> tuple[int, int]:
    assert state.crosshair is not None
    return state.crosshair


def _spot(one: SliceView, x: int, y: int) -> tuple[float, float]:
    return one.transform.to_view(x + 0.5, y + 0.5)


def test_linked_state_puts_the_crosshair_on_the_same_voxel():
    value = 3 * 1000 + 11 * 50 + 23 - 3000
    for one in _states(VOXEL):
        x, y = _crosshair(one)
        assert one.picture is not None
        assert one.picture[y, x] == value


def test_overlay_and_texts_stay_on_the_acquired_plane():
    main = sample_state(overlay=sample_overlay(), corners=(("a",), (), (), ()))
    state = mpr_state(main, VOXEL)
    assert state.main.overlay is main.overlay
    assert state.upper.overlay is state.lower.overlay is None
    assert state.upper.corners == ((), (), (), ())


def test_linked_state_without_a_volume_is_empty():
    empty = SliceViewState(message="No series")
    state = mpr_state(empty, (0, 0, 0))
    assert state.main is state.upper is state.lower is empty


def test_shown_state_emits_nothing(view):
    with hand.silence(view.views, *INTENTS):
        view.show_state(mpr_state(sample_state(), (0, 0, 0)))
        view.toggle_alone(1)
        view.toggle_alone(1)
        view.reset_views()
        view.grab()
        empty = SliceViewState()
        view.show_state(MprState(empty, empty, empty))
        view.grab()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_click_in_any_plane_asks_for_the_voxel_under_it(view, heard, number):
    target = _states((7, 30, 4))[number]
    one = view.views[number]
    hand.click(one, _spot(one, *_crosshair(target)))
    # The plane shown keeps its own index, the other two axes follow the pointer.
    layout = _states(VOXEL)[number].layout
    assert layout is not None
    expected = [7, 30, 4]
    expected[layout.fixed_axis] = VOXEL[layout.fixed_axis]
    assert heard.of("crosshair_requested") == [tuple(expected)]


@pytest.mark.parametrize(("number", "axis"), [(0, 0), (1, 2), (2, 1)])
def test_wheel_in_any_plane_steps_along_its_axis(view, heard, number, axis):
    hand.wheel(view.views[number], (50, 50), -1)
    assert heard.of("slice_step_requested") == [(axis, 1)]


def test_alt_click_in_a_reformat_scores_its_voxel(view, heard):
    one = view.views[1]
    hand.click(one, _spot(one, *_crosshair(_states(VOXEL)[1])), modifiers=hand.ALT)
    assert heard.of("score_requested") == [VOXEL]


def test_menu_and_pointer_tell_the_voxel(view, heard):
    one = view.views[0]
    hand.click(one, _spot(one, 5, 6), hand.RIGHT)
    hand.move(one, _spot(one, 5, 6))
    assert heard.of("context_menu_requested")[0][1:] == (3, 6, 5)
    assert heard.of("pointer_moved")[-1] == (3, 6, 5, 3000.0 + 300 + 5 - 3000)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_double_click_shows_that_view_alone_and_then_all_again(view, number):
    view.toggle_alone(0)
    assert all(one.isVisible() for one in view.views)
    hand.double_click(view.views[number], (50, 50))
    assert [one.isVisible() for one in view.views] == [k == number for k in range(3)]
    hand.double_click(view.views[number], (50, 50))
    assert all(one.isVisible() for one in view.views)


def test_millimetres_keep_their_shape_in_the_reformats(view):
    # 2 mm between slices, 1 mm between pixels.
    for one in view.views[1:]:
        scale_x, scale_y = one.transform.scale
        assert scale_y == pytest.approx(2 * scale_x)


def test_views_are_named_by_their_plane(view):
    names = [one.accessibleName() for one in view.views]
    assert names == ["Slice, axial", "Slice, sagittal", "Slice, coronal"]


def test_every_voxel_of_the_volume_can_be_reached():
    last = (SHAPE[0] - 1, SHAPE[1] - 1, SHAPE[2] - 1)
    for voxel in ((0, 0, 0), last):
        for one in _states(voxel):
            columns, rows = one.picture_size
            x, y = _crosshair(one)
            assert 0 <= x < columns
            assert 0 <= y < rows


def test_closed_view_is_freed(qapp):
    view = MprView()
    view.show_state(mpr_state(sample_state(), VOXEL))
    seen = weakref.ref(view)
    view.close()
    view.deleteLater()
    del view
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert seen() is None


def test_forgotten_view_is_freed_without_being_deleted(qapp):
    view = MprView()
    seen = weakref.ref(view)
    del view
    gc.collect()
    assert seen() is None
