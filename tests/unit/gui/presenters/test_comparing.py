"""A second series beside the first: linked, let go, linked again, subtracted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from PySide6.QtCore import QPointF

from btd_desktop.cases.store import CaseStore
from tests.window_desk import N_SLICES, wait_until


@pytest.fixture
def window(make_window, desk_home, tmp_path):
    folder = desk_home.copy_of_case(tmp_path / "case")
    with CaseStore.open(folder) as store:
        volume = store.load_volume(1)
        # The same scan without its first slice, one pixel brighter.
        voxels = np.array(volume.voxels[1:])
        voxels[1, 60, 60] += 100
        later = replace(
            volume,
            voxels=voxels.astype(np.int16),
            slice_positions_mm=volume.slice_positions_mm[1:],
            origin_mm=volume.slice_origin_mm(1),
            slice_origins_mm=None,
            instance_uids=tuple(f"9.{s}" for s in range(N_SLICES - 1)),
            padding=None,
            source=volume.source.with_facts(description="prior", series_uid="9.9"),
        )
        store.add_series(later, now=datetime.now(UTC))
    made = make_window()
    made.open_paths([folder])
    wait_until(lambda: made.session.record is not None)
    return made


def _text(window) -> str:
    return str(window.workspace.second.state.corners[2][0])


def test_second_series_steps_along_in_space(window):
    session, second = window.session, window.workspace.second
    assert second.isHidden()
    session.move_to((2, 60, 60))
    window.workspace.mpr.toggle_alone(0)
    window.action_set["compare"].trigger()
    assert second.isVisible()
    assert not window.workspace.mpr.views[1].isVisible()
    assert _text(window) == f"Slice 2 of {N_SLICES - 1}"
    assert second.state.crosshair == (60, 60)
    assert "position in space" in window.workspace.compare_bar._words.text()
    second.slice_step_requested.emit(0, 1)
    assert session.voxel[0] == 3
    assert _text(window).startswith("Slice 3 of")
    session.move_to((0, 60, 60))
    assert "no slice here" in second.state.message
    window.action_set["compare"].trigger()
    assert second.isHidden()
    assert window.workspace.mpr.views[1].isVisible()


def test_unlinked_series_steps_alone_and_keeps_its_way_when_linked_again(window):
    session, bar = window.session, window.workspace.compare_bar
    session.move_to((2, 60, 60))
    window.action_set["compare"].trigger()
    bar._link.click()
    window.workspace.second.slice_step_requested.emit(0, 1)
    assert session.voxel[0] == 2
    assert _text(window).startswith("Slice 3 of")
    session.move_to((1, 60, 60))
    assert _text(window).startswith("Slice 3 of")
    session.move_to((2, 60, 60))
    bar._link.click()
    assert "moved by +1" in bar._words.text()
    session.move_to((1, 60, 60))
    assert _text(window).startswith("Slice 2 of")


def test_difference_shows_the_one_pixel_that_differs(window):
    session, second = window.session, window.workspace.second
    session.move_to((2, 60, 60))
    window.action_set["difference"].trigger()
    picture = second.state.picture
    assert np.argwhere(picture != 0).tolist() == [[60, 60]]
    assert picture[60, 60] == -100
    told: list[str] = []
    window.workspace.pointer_changed.connect(told.append)
    second.pointer_moved.emit(0, 60, 60, -100.0)
    assert told == ["x 60, y 60: difference -100"]
    window.action_set["difference"].trigger()
    assert second.state.picture is not None
    assert _text(window).startswith("Slice 2 of")


def test_zoom_of_one_is_that_of_the_other(window):
    main, second = window.workspace.mpr.views[0], window.workspace.second
    window.action_set["compare"].trigger()
    main.zoom_at(3.0, QPointF(50, 60))
    assert second.transform.points_per_mm == pytest.approx(main.transform.points_per_mm)
    assert second.transform.pan == main.transform.pan
    second.zoom_at(0.5, QPointF(20, 20))
    assert main.transform.points_per_mm == pytest.approx(second.transform.points_per_mm)


def test_series_shown_beside_is_let_go_when_it_is_chosen_itself(window):
    window.action_set["compare"].trigger()
    window.session.select_series(2)
    assert window.workspace.second.isHidden()
    window.action_set["compare"].trigger()
    window.action_set["close_case"].trigger()
    assert window.workspace.second.isHidden()


def test_case_of_one_series_says_what_to_do(make_window, desk_home, tmp_path):
    made = make_window()
    made.open_paths([desk_home.copy_of_case(tmp_path / "one")])
    wait_until(lambda: made.session.record is not None)
    told: list[str] = []
    made.session.noticed.connect(told.append)
    made.action_set["compare"].trigger()
    assert "nothing to compare with" in told[-1]
