"""A clicked place, its noise and its histogram, over a scored case with a copy."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from btd_desktop.calibration.place import CalibratedValue
from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.fit import level_fit
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.overlays import OverlayChoice, grid_overlay
from btd_desktop.gui.presenters.placing import score_row
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.parts import make_parts
from btd_desktop.workflow.services import Services
from tests.unit.workflow.copied_case import COPY, ORIGINAL, make_copied_case
from tests.window_desk import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def parts(qapp, no_thread_left, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BTD_MODELS_DIR", str(tmp_path / "models"))
    made = make_copied_case(tmp_path)
    folder = tmp_path / "opened"
    shutil.copytree(made.case, folder)
    jobs = JobRunner()
    bugs: list[Any] = []
    jobs.bug.connect(bugs.append)
    session = Session(Services(), jobs)
    parts = make_parts(session, RecentCases(5), jobs)
    session.open_store(CaseStore.open(folder))
    wait_until(lambda: session.result.evaluation is not None)
    yield parts
    assert jobs.shut_down(60.0)
    session.close_case()
    assert not bugs


def _click(parts: Any, place: tuple[int, int, int]) -> None:
    parts.placing.on_score_requested(*place)
    wait_until(lambda: parts.placing.state.status in ("scored", "failed"))
    assert parts.placing.state.status == "scored", parts.placing.state.message


def test_copy_is_told_ranked_among_places_and_led_to(parts):
    messages: list[str] = []
    parts.placing.changed.connect(lambda shown: messages.append(shown.message))
    _click(parts, COPY)
    assert "Searching for copied noise: 0 of 4 slices …" in messages
    state = parts.placing.state
    assert "found again at x 37, y 64, slice 3 " in state.noise
    assert state.copied
    assert state.copied_from == ORIGINAL
    profile = parts.session.result.evaluation.profile
    level = profile.levels["anomaly"]["place"]
    anomaly, injection, _ = state.rows
    assert anomaly.behind == (
        f"Ranked among {level.ecdf.n:,} genuine places of 5 patients, each judged like "
        "this one"
    )
    assert "genuine patches of 5 patients" in injection.behind

    # Marker and distribution belong together.
    shown = parts.histogram.state
    assert shown.level == "place"
    assert "place" in shown.levels
    assert shown.n_benign == level.ecdf.n
    assert shown.edges[0] <= shown.mark <= shown.edges[-1]
    assert f"{shown.mark:.4g}" == anomaly.score
    assert shown.scan_counts.sum() == 0
    assert shown.threshold is not None
    assert shown.threshold.n_scan == 0
    parts.histogram.on_level_chosen("patch")
    assert parts.histogram.state.mark is None
    parts.histogram.on_kind_chosen("removal")
    removal = parts.histogram.state
    assert removal.level == "patch"
    assert "place" not in removal.levels
    assert removal.mark_text == "clicked place"
    parts.histogram.on_kind_chosen("anomaly")
    assert parts.histogram.state.level == "place"

    parts.placing.on_go_wanted(*state.copied_from)
    assert parts.session.voxel == ORIGINAL
    parts.placing.on_keep("a copy", "confirmed")
    kept = parts.placing.state
    assert kept.kept is not None
    assert kept.noise == state.noise
    assert kept.rows == state.rows
    [finding] = [f for f in parts.session.store.findings() if f.finding_id == kept.kept]
    assert finding.numbers.copy.copied is True

    fit = level_fit("place", level, 0.1)
    assert (fit.n, fit.n_patients) == (level.ecdf.n, 5)

    # At the rim it cannot be searched for, and is a patch like any other.
    _click(parts, (2, 64, 15))
    rim = parts.placing.state
    assert "cannot be searched for" in rim.noise
    assert not rim.copied
    assert "genuine patches" in rim.rows[0].behind
    assert parts.histogram.state.level == "patch"
    assert parts.histogram.state.mark_text == "clicked place"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"p_value": 0.3}, "Ranked among 99 genuine patches of 9 patients"),
        ({}, "Not ranked: the calibration does not cover this scan"),
        (
            {"chosen": True},
            "Not ranked: the search suggested this place, or one that overlaps it",
        ),
    ],
)
def test_row_of_a_place_says_what_it_is_ranked_among_or_why_not(changes, told):
    unranked = CalibratedValue(2.0, None, None, 99, 9, None, None)
    value = replace(unranked, **changes)
    numbers = SimpleNamespace(scores={"anomaly": value})
    place: Any = SimpleNamespace(numbers=numbers, share_at_most=lambda kind: None)
    assert score_row("anomaly", place).behind == told


def test_place_that_was_chosen_for_its_score_is_set_among_no_genuine_ones(parts):
    session = parts.session
    finding = next(f for f in session.findings() if f.origin == "search")
    _click(parts, (finding.slice_index, round(finding.y), round(finding.x)))
    assert {row.p for row in parts.placing.state.rows} == {"no p-value"}
    for level in ("place", "patch"):
        parts.histogram.on_level_chosen(level)
        assert parts.histogram.state.mark is None


def test_overlay_of_p_values_shows_the_smallest_that_so_few_patients_give(parts):
    evaluation = parts.session.result.evaluation
    choice = OverlayChoice(name="p-value", p_shown=0.01)
    drawn = grid_overlay(evaluation, 0, choice)
    smallest = evaluation.profile.levels["anomaly"]["patch"].ecdf.smallest_p
    assert drawn is not None
    assert smallest == 1 / 6
    assert drawn.threshold == smallest
    assert drawn.limits == (1.0, smallest)
    wide = grid_overlay(evaluation, 0, replace(choice, p_shown=0.5))
    assert wide is not None
    assert wide.threshold == 0.5
