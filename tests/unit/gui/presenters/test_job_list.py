"""Jobs are listed with their step, go on without their dialog, and end in words."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.presenters.history import History, Step
from btd_desktop.gui.presenters.job_list import JobListPresenter
from tests.window_desk import wait_until

PLAN = (("Reading",), ("Scoring",), ("Fitting",))


@pytest.fixture
def runner(qapp):
    made = JobRunner()
    yield made
    assert made.shut_down(10.0)


def test_job_says_which_step_of_how_many_goes_on_and_is_stopped(runner):
    jobs = JobListPresenter(runner)
    go, told = threading.Event(), []
    jobs.changed.connect(lambda rows: told.append(rows))

    def work(context: Any, tell: Any) -> None:
        context.report(1, 4, "Scoring genuine slices")
        while True:
            go.wait(0.01)
            context.check()

    runner.submit("io", "Short", lambda context, tell: None)
    runner.submit("compute", "Calibrating mine", work, of_case=False, plan=PLAN)
    wait_until(lambda: jobs.rows and jobs.rows[0].work.progress)
    [row] = jobs.rows
    assert (row.title, row.work.step, row.end) == ("Calibrating mine", (2, 3), "")
    assert jobs.n_running == 1
    jobs.on_pause_toggled(row.number)
    assert jobs.rows[0].work.paused
    jobs.on_stop(row.number)
    wait_until(lambda: jobs.rows[0].end)
    assert jobs.rows[0].end == "stopped"
    assert told[-1] == jobs.rows


def test_steps_are_taken_back_and_done_again_in_order(qapp):
    history, log = History(), []

    def step(name: str, *, works: bool = True) -> Step:
        def do(what: str) -> bool:
            log.append(f"{what} {name}")
            return works

        return Step(name, lambda: do("back"), lambda: do("again"))

    history.did(step("a"))
    history.did(step("b"))
    history.on_undo()
    history.on_undo()
    history.on_undo()
    history.on_redo()
    assert log == ["back b", "back a", "again a"]
    assert (history.back_words, history.again_words) == ("a", "b")
    history.did(step("c", works=False))
    assert history.again_words == ""
    history.on_undo()
    # What could not be taken back is still there to be taken back.
    assert history.back_words == "c"
