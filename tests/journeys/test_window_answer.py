"""The window tells the answer first, leads through the places, and its keys work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btd_desktop.examination.place import highest_places
from btd_desktop.gui.presenters.slice_strip import P_LIMITS
from btd_desktop.gui.shell.main_window import MainWindow
from tests.window_desk import open_dialog, wait_until

pytestmark = [pytest.mark.gui, pytest.mark.slow]


def _open(window: MainWindow, case: Path) -> Any:
    window.open_paths([case])
    wait_until(lambda: window.session.result.evaluation)
    wait_until(lambda: not window.session.jobs.jobs())
    return window.session


def test_case_opens_with_its_answer_at_the_first_place(
    make_window, desk_home, tmp_path
):
    window = make_window()
    session = _open(window, desk_home.copy_of_case(tmp_path / "case"))
    banner = window.workspace.answer
    assert banner.isVisible()
    # Four patients carry no threshold, and so it is said.
    assert banner._words.text() == (
        "No slice can be called unusual with this calibration."
    )
    assert "patients" in banner._detail.text()
    # Nothing is flagged: the highest places are there to be looked at, in order.
    peaks = highest_places(session.result.evaluation)
    places = [(p.slice_index, p.row, p.column) for p in peaks]
    assert session.voxel == places[0]
    assert window.panels.findings.isVisible()
    banner._next.click()
    assert session.voxel == places[1]
    # Whoever went elsewhere is not led away when the series is judged again.
    session.move_to((0, 3, 3))
    window.parts.scoring.evaluate(session.record.series_id)
    wait_until(lambda: not session.jobs.jobs())
    assert session.voxel == (0, 3, 3)


def test_place_has_one_verdict_its_curve_and_the_rest_folded(
    make_window, desk_home, tmp_path
):
    window = make_window()
    session = _open(window, desk_home.copy_of_case(tmp_path / "case"))
    panel = window.panels.place
    session.move_to((2, 64, 40))
    window.action_set["score_here"].trigger()
    wait_until(lambda: window.parts.placing.state.status == "scored")
    assert panel._verdict.text() == "Not unusual: below the threshold."
    assert panel._plot.widget.isVisible()
    assert panel._plot._mark.value() == pytest.approx(
        window.parts.placing._place.numbers.anomaly.score
    )
    # The paper's scores say nothing of the place until somebody unfolds them.
    assert not panel._boxes["injection"].isVisible()
    panel._compared.set_open(True)
    assert panel._boxes["removal"].isVisible()
    assert "threshold" not in panel._boxes["removal"]._score.text()


def test_picture_has_half_of_the_window_and_panels_keep_their_size(
    make_window, desk_home, tmp_path
):
    case = desk_home.copy_of_case(tmp_path / "case")
    sizes = []
    for _ in range(3):
        window = make_window()
        window.resize(1366, 740)
        _open(window, case)
        panel = window.panels.docks["series"]
        wait_until(panel.isVisible)
        view = window.workspace.mpr.views[0]
        share = view.width() * view.height() / (window.width() * window.height())
        assert share > 0.5
        assert not window.panels.docks["histogram"].isVisible()
        dock = window.panels.docks["series"]
        sizes.append((dock.width(), dock.height()))
        window.close()
    assert sizes[0] == sizes[1] == sizes[2]


def test_finding_kept_by_mistake_is_taken_back_and_kept_again(
    make_window, desk_home, tmp_path
):
    window = make_window()
    session = _open(window, desk_home.copy_of_case(tmp_path / "case"))
    window.parts.placing.on_score_requested(2, 64, 40)
    wait_until(lambda: window.parts.placing.state.status == "scored")
    window.parts.placing.on_keep("", "confirmed")
    number = session.findings()[-1].finding_id
    window.panels.docks["findings"].raise_()
    findings = window.panels.findings
    findings._note.setPlainText("so")
    window.workspace.answer._next.click()
    # It was kept although nobody pressed anything.
    assert session.store.finding(number).note == "so"
    assert window.action_set["undo"].text() == f"Undo: change of finding {number}"
    window.action_set["undo"].trigger()
    assert session.store.finding(number).note == ""
    window.action_set["undo"].trigger()
    assert session.store.finding(number).status == "dismissed"
    window.action_set["redo"].trigger()
    assert session.store.finding(number).status == "confirmed"
    # Nothing was erased: each step is an entry of its own.
    changes = session.store.audit_log("finding changed")
    assert len(changes) >= 4


def test_strip_has_one_scale_and_says_what_it_means(make_window, desk_home, tmp_path):
    window = make_window()
    _open(window, desk_home.copy_of_case(tmp_path / "case"))
    strip, legend = window.workspace.strip, window.workspace.legend
    assert strip._state.limits == P_LIMITS
    assert legend.isVisible()
    assert "same for every series" in legend.accessibleDescription()
    # Scores that are not judged yet have no colour that could alarm.
    values = np.array([0.1, 90.0, np.nan])
    strip.show_state(strip._state.__class__(values, "raw", (0.0, 1.0)))
    assert "judged when all slices are done" in strip.text_of(1)


def test_calibration_goes_on_without_its_dialog_and_is_told(
    make_window, desk_home, tmp_path
):
    window = make_window()
    _open(window, desk_home.copy_of_case(tmp_path / "case"))
    window.action_set["calibrate"].trigger()
    dialog = open_dialog(window, "CalibrationDialog")
    presenter = dialog._presenter
    wait_until(lambda: presenter.state.models)
    dialog._folders.add_path(desk_home.benign)
    dialog._on_start()
    dialog.reject()
    jobs = window.parts.job_list
    wait_until(lambda: jobs.rows and jobs.rows[0].work.step)
    assert window.strip.jobs.text() == "Jobs: 1"
    window.action_set["jobs"].trigger()
    listed = open_dialog(window, "JobsDialog")
    assert listed._lines[0]._title.text() == "Calibrating Local genuine scans"
    window.action_set["close_case"].trigger()
    wait_until(lambda: jobs.rows[0].end)
    assert jobs.rows[0].end == "done"
    listed.close()
    # What it gave is there when the dialog is opened again.
    window.action_set["calibrate"].trigger()
    again = open_dialog(window, "CalibrationDialog")
    assert again._presenter.state.fits
    assert again._save.isEnabled()
    again.reject()


def test_what_was_written_for_the_report_outlives_its_dialog(
    make_window, desk_home, tmp_path
):
    window = make_window()
    session = _open(window, desk_home.copy_of_case(tmp_path / "case"))
    entries = len(session.store.audit_log())
    window.action_set["report"].trigger()
    open_dialog(window, "ReportDialog").reject()
    # Looking writes nothing.
    assert len(session.store.audit_log()) == entries
    window.action_set["report"].trigger()
    dialog = open_dialog(window, "ReportDialog")
    dialog._remarks.setPlainText("seen by two of us")
    dialog.reject()
    window.action_set["report"].trigger()
    again = open_dialog(window, "ReportDialog")
    assert again._remarks.toPlainText() == "seen by two of us"
    again.reject()
