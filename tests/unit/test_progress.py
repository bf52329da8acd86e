"""Progress is told, pausing waits, cancelling takes effect at the next report."""

from __future__ import annotations

import threading
import time

import pytest

from btd_desktop.errors import Cancelled
from btd_desktop.progress import Progress, TaskContext


@pytest.mark.parametrize(
    ("done", "total", "fraction"), [(0, 4, 0.0), (1, 4, 0.25), (5, 4, 1.0), (3, 0, 0.0)]
)
def test_fraction_stays_within_zero_and_one(done, total, fraction):
    assert Progress(done, total, "Scoring slices").fraction == fraction


def test_report_reaches_the_listener_as_given():
    seen: list[Progress] = []
    TaskContext(seen.append).report(2, 9, "Reading files", "IM0002")
    assert seen == [Progress(2, 9, "Reading files", "IM0002")]


def test_report_without_listener_does_nothing():
    TaskContext().report(1, 2, "x")


def test_report_after_cancel_raises_and_tells_nobody():
    seen: list[Progress] = []
    context = TaskContext(seen.append)
    context.cancel()
    with pytest.raises(Cancelled):
        context.report(1, 2, "x")
    assert seen == []


def test_paused_work_waits_until_resumed():
    context = TaskContext()
    context.pause()
    assert context.is_paused
    passed = threading.Event()

    def work() -> None:
        context.report(1, 2, "x")
        passed.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not passed.wait(0.25)
    context.resume()
    assert passed.wait(5.0)
    thread.join(5.0)
    assert not context.is_paused


def test_paused_work_can_be_cancelled_within_a_second():
    context = TaskContext()
    context.pause()
    threading.Timer(0.1, context.cancel).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        context.check()
    assert time.monotonic() - started < 1.0


def test_contexts_do_not_share_their_state():
    first, second = TaskContext(), TaskContext()
    first.cancel()
    second.check()
