"""Presenters over a scored case: what they tell their views."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from btd_desktop.calibration.ecdf import clopper_pearson
from btd_desktop.cases.store import CaseStore
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.overlays import OverlayChoice
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.parts import make_parts
from btd_desktop.workflow.services import Services
from tests.window_desk import N_SLICES, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def parts(desk_home, qapp, no_thread_left, tmp_path):
    jobs = JobRunner()
    bugs: list[Any] = []
    jobs.bug.connect(bugs.append)
    session = Session(Services(), jobs)
    made = make_parts(session, RecentCases(5), jobs)
    case = desk_home.copy_of_case(tmp_path / "case")
    session.open_store(CaseStore.open(case))
    wait_until(lambda: session.result.evaluation is not None)
    yield made
    assert jobs.shut_down(30.0)
    session.close_case()
    assert not bugs


def test_overlay_stands_over_the_patches_it_speaks_of(parts):
    states: list[Any] = []
    parts.viewing.changed.connect(states.append)
    for name in ("p-value", "score"):
        parts.overlays.on_chosen(OverlayChoice(name=name, p_shown=1.0))
        overlay = states[-1].main.overlay
        evaluation = parts.session.result.evaluation
        index = parts.session.voxel[0]
        series = evaluation.kinds["anomaly"]
        expected = series.patch_p if name == "p-value" else series.patch_scores
        np.testing.assert_allclose(overlay.values, expected[index], rtol=1e-6)
        assert overlay.origin == (-8.0, -8.0)
        assert overlay.cell == (16.0, 16.0)
    parts.overlays.on_chosen(OverlayChoice(name="residual"))
    residual = states[-1].main.overlay
    assert residual.values.shape == (128, 128)
    assert "not calibrated" in residual.label
    parts.overlays.on_chosen(OverlayChoice(name="none"))
    assert states[-1].main.overlay is None


def test_strip_shows_the_p_value_of_each_slice(parts):
    states: list[Any] = []
    parts.strip.changed.connect(states.append)
    parts.strip.refresh()
    slices = parts.session.result.evaluation.kinds["anomaly"].slices
    np.testing.assert_array_equal(
        states[-1].values, [np.nan if v is None else v.p_value for v in slices]
    )
    flagged = [bool(v and v.flagged) for v in slices]
    if any(flagged):
        np.testing.assert_array_equal(states[-1].flagged, flagged)


def test_moving_outside_the_volume_stops_at_its_edge(parts):
    parts.viewing.on_strip_requested(10_000)
    assert parts.session.voxel[0] == N_SLICES - 1
    parts.viewing.on_strip_stepped(-10_000)
    assert parts.session.voxel[0] == 0
    parts.viewing.on_crosshair_requested(2, -5, 9999)
    assert parts.session.voxel == (2, 0, 127)


def test_cine_starts_over_at_the_end(parts):
    parts.viewing.on_strip_requested(N_SLICES - 1)
    parts.viewing.on_cine_ticked()
    assert parts.session.voxel[0] == 0


def test_next_flagged_goes_round(parts):
    seen, first = set(), parts.session.voxel[0]
    for _ in range(N_SLICES + 1):
        parts.strip.on_flagged_wanted()
        seen.add(parts.session.voxel[0])
    evaluation = parts.session.result.evaluation
    flagged = {
        i
        for i, v in enumerate(evaluation.kinds["anomaly"].slices)
        if v is not None and v.flagged
    }
    places = {f.slice_index for f in parts.session.findings()}
    assert seen <= ((flagged or places) | {first})


def test_histogram_counts_every_score_once(parts):
    for level in ("patch", "slice", "series"):
        for kind in ("anomaly", "injection", "removal"):
            parts.histogram.on_level_chosen(level)
            parts.histogram.on_kind_chosen(kind)
            state = parts.histogram.state
            evaluation = parts.session.result.evaluation
            calibration = evaluation.profile.levels[kind][level]
            assert state.message == ""
            assert state.n_benign == calibration.ecdf.n
            assert state.benign.sum() == pytest.approx(1.0)
            assert state.scan.sum() == pytest.approx(1.0)
            assert state.cdf_y[-1] <= 1.0
            assert np.all(np.diff(state.cdf_y) >= 0)


def test_dragged_threshold_shows_its_rate_and_exact_interval(parts):
    parts.histogram.on_level_chosen("patch")
    level = parts.session.result.evaluation.profile.levels["anomaly"]["patch"]
    heard: list[Any] = []
    parts.histogram.threshold_changed.connect(heard.append)
    for q in (0.1, 0.5, 0.9):
        value = float(np.quantile(level.ecdf.scores, q))
        parts.histogram.on_threshold_dragged(value)
        told = heard[-1]
        numbers = range(level.n_patients)
        own = [level.scores[level.patients == k] for k in numbers]
        # Patients count, each the same.
        assert told.fpr == pytest.approx(np.mean([np.mean(s > value) for s in own]))
        n = level.n_patients
        assert told.interval == clopper_pearson(told.fpr * n, n)
        assert told.own
    parts.histogram.on_threshold_reset()
    assert parts.histogram.state.threshold.value == level.threshold
    assert parts.histogram.state.threshold.interval == level.interval


def test_bar_leads_to_slices_whose_highest_patch_lies_in_it(parts):
    parts.histogram.on_level_chosen("slice")
    state = parts.histogram.state
    found: list[int] = []
    for bar in np.flatnonzero(state.scan_counts):
        for _ in range(state.scan_counts[bar]):
            parts.histogram.on_bar_clicked(int(bar))
            found.append(parts.session.voxel[0])
    assert sorted(found) == list(range(N_SLICES))


def test_click_without_tissue_is_a_sentence_not_a_number(parts):
    parts.placing.on_score_requested(0, 0, 0)
    wait_until(lambda: parts.placing.state.status in ("failed", "scored"))
    if parts.placing.state.status == "failed":
        assert parts.placing.state.rows == ()
        assert parts.placing.state.message


def test_note_and_status_can_be_undone_but_stay_in_the_audit_log(parts):
    parts.placing.on_score_requested(2, 64, 64)
    wait_until(lambda: parts.placing.state.status == "scored")
    parts.placing.on_keep("first words", "to check")
    number = parts.findings.state.selected
    parts.findings.on_note_changed(number, "other words")
    parts.findings.on_status_changed(number, "dismissed")
    assert parts.findings.state.row.finding.status == "dismissed"
    parts.session.history.on_undo()
    assert parts.findings.state.row.finding.status == "to check"
    parts.session.history.on_undo()
    assert parts.findings.state.row.finding.note == "first words"
    parts.session.history.on_redo()
    assert parts.findings.state.row.finding.note == "other words"
    actions = [e.action for e in parts.session.store.audit_log()]
    assert actions.count("finding changed") >= 5


def test_facts_are_searched_in_names_and_values(parts):
    n_all = len(parts.metadata.state.facts)
    parts.metadata.on_search_changed("TEST CT")
    assert [r.name for r in parts.metadata.state.facts] == ["Scanner model"]
    parts.metadata.on_search_changed("kernel")
    assert [r.value for r in parts.metadata.state.facts] == ["STD"]
    parts.metadata.on_search_changed("")
    assert len(parts.metadata.state.facts) == n_all > 2


def test_series_row_says_what_the_scan_came_to(parts):
    row = parts.series.state.rows[0]
    assert row.record.n_slices == N_SLICES
    assert row.record.meta.scanner == "TEST MAKER TEST CT"
    assert row.state.startswith("p ")
    assert "genuine series" in row.state_tip


def test_scoring_a_finished_series_again_changes_nothing(parts):
    before = parts.session.store.runs(1)
    parts.scoring.score(1)
    wait_until(lambda: not parts.scoring.is_queued(1))
    assert parts.session.store.runs(1) == before


def test_profile_once_used_in_the_case_is_used_again(parts, desk_home):
    from btd_desktop.examination.reading import read_series, required_evaluation

    profile = desk_home.root / "home" / "data" / "profiles" / "desk.json"
    hidden = profile.with_suffix(".hidden")
    profile.rename(hidden)
    try:
        store = parts.session.store
        if not store.profiles():
            parts.placing.on_score_requested(2, 64, 64)
            wait_until(lambda: parts.placing.state.status == "scored")
            parts.placing.on_keep("", "to check")
        again = required_evaluation(read_series(store, parts.session.record))
        own = parts.session.result.evaluation
        assert again.profile.digest == own.profile.digest
        assert again.kinds["anomaly"].series == own.kinds["anomaly"].series
    finally:
        hidden.rename(profile)
