"""Measurements in the window: kept, drawn in their plane, taken back, there again."""

from __future__ import annotations

import pytest

from btd_desktop.cases import audit
from btd_desktop.examination.measurement import measurements_in
from tests.window_desk import wait_until


@pytest.fixture
def window(make_window, desk_home, tmp_path):
    made = make_window()
    made.open_paths([desk_home.copy_of_case(tmp_path / "case")])
    wait_until(lambda: made.session.record is not None)
    return made


def test_measurement_is_kept_drawn_listed_and_removed(window, tmp_path):
    session, parts = window.session, window.parts
    session.move_to((2, 60, 60))
    window.action_set["tool_region"].trigger()
    assert parts.display.look.tool == "region"
    view = window.workspace.mpr.views[0]
    view.measured.emit("region", 0, ((2, 50, 50), (2, 59, 69)))
    (kept,) = measurements_in(session.store)
    values = session.volume.voxels[2, 50:60, 50:70]
    assert kept.measurement.numbers.mean == pytest.approx(float(values.mean()))
    (mark,) = view.state.marks
    assert mark.points == ((50, 50), (69, 59))
    assert window.panels.measurements.model.rows[0].kept == kept
    session.move_to((3, 60, 60))
    assert view.state.marks == ()
    view.measured.emit("profile", 0, ((3, 10, 10), (3, 10, 40)))
    plot = window.panels.measurements.plot
    assert len(plot.getPlotItem().listDataItems()[0].xData) == 31
    window.panels.measurements._table.selectRow(0)
    assert session.voxel[0] == 2
    window.panels.measurements._remove.click()
    assert [k.measurement.kind for k in measurements_in(session.store)] == ["profile"]
    assert len(session.store.audit_log(audit.MEASUREMENT_REMOVED)) == 1
    assert view.state.marks == ()
    for step, kinds in (
        ("undo", ["profile", "region"]),
        ("redo", ["profile"]),
        ("undo", ["profile", "region"]),
        ("undo", ["region"]),
        ("redo", ["region", "profile"]),
        ("redo", ["profile"]),
    ):
        window.action_set[step].trigger()
        found = measurements_in(session.store)
        assert [k.measurement.kind for k in found] == kinds, step
    folder = session.store.folder
    window.action_set["close_case"].trigger()
    assert window.panels.measurements.model.rows == ()
    window.open_paths([folder])
    wait_until(lambda: session.record is not None)
    assert [r.text[:7] for r in window.panels.measurements.model.rows] == ["profile"]


def test_escape_drops_a_point_before_it_leaves_the_tool(window, qtbot):
    window.action_set["tool_length"].trigger()
    view = window.workspace.mpr.views[0]
    middle = view.rect().center()
    from tests.unit.gui.views import hand

    hand.click(view, (middle.x(), middle.y()))
    window.action_set["cancel"].trigger()
    assert window.parts.display.look.tool == "length"
    window.action_set["cancel"].trigger()
    assert window.parts.display.look.tool == "browse"
