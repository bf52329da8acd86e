"""Two lanes: results arrive on the main thread, nothing late, nothing left running."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import pytest
from PySide6.QtCore import QThread

from btd_desktop.errors import EvidenceError
from btd_desktop.gui.jobs import Job, JobRunner
from tests.window_desk import wait_until


@pytest.fixture
def runner(qapp, no_thread_left):
    made = JobRunner()
    yield made
    assert made.shut_down(20.0)
    made.deleteLater()


def _collect(job: Job) -> list[tuple[str, Any]]:
    heard: list[tuple[str, Any]] = []
    job.progressed.connect(lambda p: heard.append(("progressed", p)))
    job.told.connect(lambda v: heard.append(("told", v)))
    job.finished.connect(lambda v: heard.append(("finished", v)))
    job.failed.connect(lambda e: heard.append(("failed", e)))
    job.cancelled.connect(lambda: heard.append(("cancelled", None)))
    return heard


def test_result_of_a_job_arrives_on_the_main_thread(runner):
    where: dict[str, Any] = {}

    def work(context, tell):
        where["work"] = threading.get_ident()
        return 42

    job = runner.submit("compute", "Answer", work)
    job.finished.connect(
        lambda v: where.update(value=v, here=QThread.currentThread().objectName())
    )
    job.finished.connect(lambda v: where.update(main=threading.get_ident()))
    wait_until(lambda: "main" in where)
    assert where["value"] == 42
    assert where["main"] == threading.get_ident() != where["work"]
    assert runner.jobs() == ()


@pytest.mark.skipif(sys.platform != "linux", reason="nice of a thread is Linux's own")
def test_compute_lane_and_its_threads_let_the_window_go_first(runner):
    nice: dict[str, list[int]] = {}

    def own_nice() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def work(context, tell):
        below: list[int] = []
        helper = threading.Thread(target=lambda: below.append(own_nice()))
        helper.start()
        helper.join()
        return [own_nice(), *below]

    for lane in ("compute", "io"):
        job = runner.submit(lane, "Ask", work)
        job.finished.connect(lambda v, lane=lane: nice.update({lane: v}))
    wait_until(lambda: len(nice) == 2)
    here = own_nice()
    assert nice["io"] == [here, here]
    assert nice["compute"] == [max(here, 10)] * 2


def test_intermediate_results_keep_their_order(runner):
    def work(context, tell):
        for i in range(20):
            tell(i)
        return "end"

    heard = _collect(runner.submit("io", "Count", work))
    wait_until(lambda: heard and heard[-1][0] == "finished")
    assert [v for k, v in heard if k == "told"] == list(range(20))


def test_situation_ends_as_failed_and_is_no_bug(runner):
    bugs: list[Any] = []
    runner.bug.connect(bugs.append)

    def work(context, tell):
        raise EvidenceError("no file")

    heard = _collect(runner.submit("io", "Fail", work))
    wait_until(lambda: heard)
    assert [k for k, _ in heard] == ["failed"]
    assert bugs == []


def test_bug_in_a_job_is_told_and_the_lane_goes_on(runner):
    bugs: list[Any] = []
    runner.bug.connect(bugs.append)
    heard = _collect(runner.submit("io", "Fail", lambda context, tell: 1 / 0))
    after = _collect(runner.submit("io", "After", lambda context, tell: "still here"))
    wait_until(lambda: after)
    assert isinstance(heard[0][1], ZeroDivisionError)
    assert len(bugs) == 1
    assert after == [("finished", "still here")]


def _steps(context, tell, pause_s=0.01):
    for i in range(10_000):
        context.report(i, 10_000, "Steps")
        time.sleep(pause_s)


def test_cancel_stops_at_the_next_report(runner):
    job = runner.submit("compute", "Long", _steps)
    heard = _collect(job)
    wait_until(lambda: any(k == "progressed" for k, _ in heard))
    asked = time.monotonic()
    job.cancel()
    wait_until(lambda: heard[-1][0] == "cancelled")
    assert time.monotonic() - asked < 1.0


def test_paused_job_waits_and_goes_on(runner):
    seen = []

    def work(context, tell):
        for i in range(30):
            context.report(i, 30, "Steps")
            seen.append(i)
            time.sleep(0.005)
        return "done"

    job = runner.submit("compute", "Long", work)
    heard = _collect(job)
    wait_until(lambda: len(seen) > 3)
    job.toggle_pause()
    wait_until(lambda: job.is_paused)
    time.sleep(0.2)
    at = len(seen)
    time.sleep(0.3)
    assert len(seen) == at
    assert at < 30
    job.toggle_pause()
    wait_until(lambda: heard and heard[-1] == ("finished", "done"))


def test_job_paused_in_the_queue_does_not_start_by_itself(runner):
    ran = []
    gate = threading.Event()
    runner.submit("compute", "First", lambda context, tell: gate.wait(20))
    job = runner.submit("compute", "Second", lambda context, tell: ran.append(1))
    job.toggle_pause()
    gate.set()
    time.sleep(0.3)
    wait_until(lambda: len(runner.jobs()) == 1)
    assert ran == []
    job.toggle_pause()
    wait_until(lambda: ran)


@pytest.mark.parametrize("paused", [False, True])
def test_urgent_job_runs_between_two_steps_of_a_long_one(runner, paused):
    long = runner.submit("compute", "Long", _steps)
    heard = _collect(long)
    wait_until(lambda: any(k == "progressed" for k, _ in heard))
    if paused:
        long.toggle_pause()
        time.sleep(0.2)
    asked = time.monotonic()
    quick = _collect(
        runner.submit("compute", "Click", lambda context, tell: "quick", urgent=True)
    )
    wait_until(lambda: quick)
    assert quick == [("finished", "quick")]
    assert time.monotonic() - asked < 2.0
    assert long in runner.jobs()
    long.cancel()


def test_ordinary_job_waits_for_the_one_before(runner):
    order = []
    runner.submit("compute", "One", lambda context, tell: order.append(1))
    runner.submit("compute", "Two", lambda context, tell: order.append(2))
    wait_until(lambda: len(order) == 2)
    assert order == [1, 2]


def test_job_given_up_says_nothing_any_more(runner):
    gate = threading.Event()

    def work(context, tell):
        gate.wait(20)
        tell("late")
        return "too late"

    job = runner.submit("io", "Late", work)
    heard = _collect(job)
    ended = []
    job.ended.connect(lambda: ended.append(1))
    runner.give_up(job)
    gate.set()
    after = _collect(runner.submit("io", "After", lambda context, tell: "after"))
    wait_until(lambda: after)
    assert heard == []
    assert ended == [1]


def test_shut_down_says_when_a_step_does_not_end(qapp):
    runner = JobRunner()
    gate = threading.Event()
    started = threading.Event()

    def work(context, tell):
        started.set()
        gate.wait(20)

    runner.submit("compute", "Stuck", work)
    assert started.wait(20)
    assert runner.shut_down(0.1) is False
    gate.set()
    assert runner.shut_down(20.0) is True
    runner.deleteLater()
