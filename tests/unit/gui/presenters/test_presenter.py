"""What presenters share: one job at a time, nothing late, a failure in words."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QEvent

from btd_desktop.errors import EvidenceError
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.presenters.presenter import Presenter, problem_of
from tests.window_desk import wait_until


class Answers(Presenter[str]):
    """Shows results, problems and the end, in the order in which they are told."""

    def __init__(self, jobs: JobRunner) -> None:
        super().__init__(jobs, "empty")
        self.told: list[str] = []
        self.changed.connect(self.told.append)

    def ask(self, work: Any, done: Any = None) -> Any:
        return self._begin("io", "Asking", work, done or self._show)

    def _on_progress(self, progress: Any) -> None:
        self._show(f"{progress.done}/{progress.total}")

    def _on_paused(self, paused: bool) -> None:
        self._show("paused" if paused else "goes on")

    def _on_problem(self, problem: str) -> None:
        self._show(problem)

    def _on_over(self) -> None:
        self._show("over")


@pytest.fixture
def jobs(qapp, no_thread_left):
    made = JobRunner()
    yield made
    assert made.shut_down(20.0)
    made.deleteLater()


@pytest.fixture
def answers(jobs):
    return Answers(jobs)


def _endless(context: Any, tell: Any) -> None:
    while True:
        context.report(0, 0, "Working")


def _all_told(jobs: JobRunner) -> None:
    """Wait until a job that was queued last has told its result."""
    last: list[Any] = []
    jobs.submit("io", "Last", lambda context, tell: "end").finished.connect(last.append)
    wait_until(lambda: last)


def test_result_is_shown_before_the_end_and_the_lane_is_free_by_then(answers):
    busy: list[bool] = []
    answers.ask(lambda c, t: "42", lambda _: busy.append(answers.is_busy))
    assert answers.is_busy
    assert answers.state == "empty"
    wait_until(lambda: answers.told)
    assert busy == [False]
    assert answers.told == ["over"]
    answers.ask(lambda c, t: "42")
    wait_until(lambda: len(answers.told) == 3)
    assert answers.told[1:] == ["42", "over"]


def test_progress_is_heard(answers):
    answers.ask(lambda c, t: c.report(3, 3, "Counting"))
    wait_until(lambda: "over" in answers.told)
    assert answers.told[0] == "3/3"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            EvidenceError("a.dcm is damaged", hint="ask again"),
            "a.dcm is damaged",
        ),
        (KeyError("PATIENT^SECRET"), "The program made a mistake"),
    ],
)
def test_failure_is_told_in_words_and_ends_the_waiting(answers, error, words):
    def work(context: Any, tell: Any) -> None:
        raise error

    answers.ask(work)
    wait_until(lambda: "over" in answers.told)
    problem, end = answers.told
    assert words in problem
    assert end == "over"
    assert "SECRET" not in problem
    assert not answers.is_busy


def test_problem_names_the_way_out():
    error = EvidenceError("a.dcm is damaged", hint="ask again")
    assert problem_of(error) == "a.dcm is damaged. Ask again"


def test_cancelled_job_is_over_without_a_result(answers):
    answers.ask(_endless)
    answers.on_cancel()
    wait_until(lambda: not answers.is_busy)
    # How far it came may have been told before it was stopped.
    assert [told for told in answers.told if told != "0/0"] == ["over"]


def test_job_given_up_with_its_case_is_over(answers, jobs):
    job = answers.ask(_endless)
    jobs.give_up(job)
    assert answers.told == ["over"]
    assert not answers.is_busy


def test_closed_presenter_hears_nothing_more(answers, jobs):
    job = answers.ask(lambda c, t: "late")
    answers.on_closed()
    assert job.context._cancelled.is_set()
    _all_told(jobs)
    assert answers.told == []
    assert not answers.is_busy


def test_next_job_replaces_the_one_before(answers, jobs):
    first = answers.ask(lambda c, t: "first")
    answers.ask(lambda c, t: "second")
    assert first.context._cancelled.is_set()
    _all_told(jobs)
    assert answers.told == ["second", "over"]


def test_job_started_by_a_result_is_not_over_with_the_job_before(answers):
    go = threading.Event()

    def second(context: Any, tell: Any) -> str:
        assert go.wait(20.0)
        return "second"

    answers.ask(lambda c, t: "first", lambda _: answers.ask(second))
    first = answers._job
    wait_until(lambda: answers._job is not first)
    QCoreApplication.processEvents()
    assert answers.is_busy
    assert answers.told == []
    go.set()
    wait_until(lambda: "over" in answers.told)
    assert answers.told == ["second", "over"]


def test_job_started_after_a_failure_goes_on(answers):
    class Stubborn(Answers):
        def _on_problem(self, problem: str) -> None:
            self.ask(lambda c, t: "again")

    def work(context: Any, tell: Any) -> None:
        raise EvidenceError("first try")

    stubborn = Stubborn(answers._runner)
    stubborn.ask(work)
    wait_until(lambda: "over" in stubborn.told)
    assert stubborn.told == ["again", "over"]


def test_bug_in_what_takes_the_result_does_not_leave_it_waiting(answers, monkeypatch):
    caught: list[BaseException] = []
    monkeypatch.setattr(
        "sys.excepthook", lambda kind, error, trace: caught.append(error)
    )

    def broken(result: object) -> None:
        raise KeyError(result)

    answers.ask(lambda c, t: "42", broken)
    wait_until(lambda: answers.told)
    assert answers.told == ["over"]
    assert [type(error) for error in caught] == [KeyError]


def test_pause_stops_and_goes_on(answers):
    answers.on_pause_toggled()
    assert answers.told == []
    answers.ask(_endless)
    answers.on_pause_toggled()
    answers.on_pause_toggled()
    assert answers.told == ["paused", "goes on"]
    answers.on_cancel()
    wait_until(lambda: "over" in answers.told)


def test_job_outlives_its_presenter_without_harm(jobs):
    presenter = Answers(jobs)
    presenter.ask(lambda c, t: "late")
    told = presenter.told
    presenter.deleteLater()
    QCoreApplication.sendPostedEvents(presenter, QEvent.Type.DeferredDelete)
    _all_told(jobs)
    assert told == []
