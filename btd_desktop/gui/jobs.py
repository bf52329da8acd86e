"""Work in the background: two lanes, each one thread, and nothing else concurrent.

`compute` scores, calibrates and trains; `io` imports, reports and verifies. The core
knows only a `TaskContext`. What a job tells crosses to the main thread by queued
signals, carries the job's number, and is dropped when the job was given up meanwhile.

A short urgent job (the examiner clicked) does not wait for the long one that occupies
its lane: it runs on the same thread between two slices, while the long one reports.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from PySide6.QtCore import QElapsedTimer, QObject, QThread, Signal, Slot

from btd_desktop.errors import BtdError, Cancelled
from btd_desktop.progress import Progress, TaskContext

LaneName = Literal["compute", "io"]
Tell = Callable[[object], None]
Work = Callable[[TaskContext, Tell], Any]

_log = logging.getLogger(__name__)
_PROGRESS_EVERY_S = 0.04
_PAUSE_POLL_S = 0.05
_NICE = 10


Plan = tuple[tuple[str, ...], ...]
"""The steps of a job, each with the stages that it reports."""


class Job(QObject):
    """One piece of work as the main thread sees it.

    Attributes:
        number, lane, title: Which job it is.
        of_case: It is over when the case is closed.
        plan: Its steps; empty where it has but one.
        context: Where the work reports to.
        progress: Last progress told, or None.
        is_started: It left the queue.
        is_listed: It may take long: it stands in the list of jobs.

    Signals:
        started(): It left the queue.
        progressed(Progress): How far it is, at most 25 times a second.
        told(object): An intermediate result.
        finished(object): Its result.
        failed(Exception): A `BtdError`, or a bug.
        cancelled(): The examiner stopped it.
        ended(): After finished, failed or cancelled.
    """

    started = Signal()
    progressed = Signal(object)
    told = Signal(object)
    finished = Signal(object)
    failed = Signal(object)
    cancelled = Signal()
    ended = Signal()

    def __init__(
        self, number: int, lane: LaneName, title: str, parent: QObject
    ) -> None:
        super().__init__(parent)
        self.number = number
        self.lane = lane
        self.title = title
        self.of_case = True
        self.is_listed = False
        self.plan: Plan = ()
        self.context = TaskContext()
        self.progress: Progress | None = None
        self.is_started = False

    @property
    def step(self) -> tuple[int, int] | None:
        """Which step of how many goes on; None where that cannot be said."""
        if self.progress is None:
            return None
        for number, stages in enumerate(self.plan, start=1):
            if self.progress.stage.startswith(stages):
                return number, len(self.plan)
        return None

    def cancel(self) -> None:
        """Ask it to stop at its next report."""
        self.context.cancel()

    def toggle_pause(self) -> None:
        """Ask it to wait at its next report, or let it go on."""
        if self.is_paused:
            self.context.resume()
        else:
            self.context.pause()

    @property
    def is_paused(self) -> bool:
        """It waits, or will at its next report."""
        return self.context.is_paused


@dataclass(frozen=True, slots=True)
class _Order:
    number: int
    work: Work
    context: TaskContext


class _YieldingContext(TaskContext):
    """A context whose every check lets urgent work of the lane pass first."""

    def __init__(self, outer: TaskContext, between: Callable[[], None]) -> None:
        super().__init__(outer.listener, outer._cancelled, outer._running)
        self._between = between

    def __post_init__(self) -> None:
        """Keep the shared events: a pause asked for in the queue must hold."""

    def check(self) -> None:
        """Serve urgent work, wait while paused, raise `Cancelled` when asked to."""
        self._between()
        while self.is_paused and not self._cancelled.is_set():
            self._running.wait(timeout=_PAUSE_POLL_S)
            self._between()
        super().check()


class _Worker(QObject):
    """Lives on a lane's thread and does one order after the other."""

    said = Signal(int, str, object)

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[_Order] = deque()
        self._urgent: deque[_Order] = deque()
        self._closed = False

    def put(self, order: _Order, *, urgent: bool) -> None:
        """Queue an order; called from the main thread, `deque` is safe for that."""
        (self._urgent if urgent else self._waiting).append(order)

    def close(self) -> None:
        """Take no further order."""
        self._closed = True

    @Slot()
    def step_back(self) -> None:
        """Let the window's thread have a processor first; before any work."""
        QThread.currentThread().setPriority(QThread.Priority.LowPriority)
        if sys.platform == "linux":
            # There a thread has no priority of Qt's, but its own nice value, which the
            # threads that torch starts for it inherit.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)

    @Slot()
    def work_off(self) -> None:
        """Do what is queued; woken by a queued signal."""
        self._serve_urgent()
        while self._waiting and not self._closed:
            self._run(self._waiting.popleft(), yielding=True)
            self._serve_urgent()

    def _serve_urgent(self) -> None:
        while self._urgent and not self._closed:
            self._run(self._urgent.popleft(), yielding=False)

    def _run(self, order: _Order, *, yielding: bool) -> None:
        number = order.number
        last = 0.0

        def listen(progress: Progress) -> None:
            nonlocal last
            now = time.monotonic()
            is_last = progress.total > 0 and progress.done >= progress.total
            if is_last or now - last >= _PROGRESS_EVERY_S:
                last = now
                self.said.emit(number, "progressed", progress)

        def tell(value: object) -> None:
            self.said.emit(number, "told", value)

        order.context.listener = listen
        context: TaskContext = order.context
        if yielding:
            context = _YieldingContext(order.context, self._serve_urgent)
        self.said.emit(number, "started", None)
        try:
            context.check()
            result = order.work(context, tell)
        except Cancelled:
            self.said.emit(number, "cancelled", None)
        except BtdError as error:
            self.said.emit(number, "failed", error)
        except Exception as error:  # noqa: BLE001 - the job boundary: a bug must show
            _log.exception("job %d failed", number)
            self.said.emit(number, "failed", error)
        else:
            self.said.emit(number, "finished", result)


class _Lane(QObject):
    """A thread and its worker."""

    woken = Signal()

    def __init__(self, name: str, parent: QObject, *, steps_back: bool) -> None:
        super().__init__(parent)
        self.worker = _Worker()
        self.thread_ = QThread(self)
        self.thread_.setObjectName(f"btd-{name}")
        self.worker.moveToThread(self.thread_)
        if steps_back:
            self.thread_.started.connect(self.worker.step_back)
        self.woken.connect(self.worker.work_off)
        self.thread_.start()


class JobRunner(QObject):
    """Runs jobs on the two lanes.

    Signals:
        bug(Exception): A job failed with something that is no `BtdError`.
        began(Job): A job was queued.
        went_on(Job): It started, or told how far it is.
        ended(Job, str): It is "finished", "failed" or "cancelled".
    """

    bug = Signal(object)
    began = Signal(object)
    went_on = Signal(object)
    ended = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[int, Job] = {}
        self._next = 1
        self._lanes: dict[str, _Lane] = {}
        self._closed = False

    def submit(
        self,
        lane: LaneName,
        title: str,
        work: Work,
        *,
        urgent: bool = False,
        of_case: bool = True,
        plan: Plan | None = None,
    ) -> Job:
        """Queue work; connect to the job's signals before returning to the event loop.

        Args:
            lane: "compute" or "io".
            title: What is done, in the examiner's words.
            work: Called on the lane's thread with a context and a function that sends
                intermediate results.
            urgent: Run between two steps of the job that occupies the lane.
            of_case: It is over when the case is closed.
            plan: Steps of a job that may take long; None keeps it out of the list.
        """
        job = Job(self._next, lane, title, self)
        job.of_case, job.is_listed, job.plan = of_case, plan is not None, plan or ()
        self._next += 1
        if self._closed:
            return job
        self._jobs[job.number] = job
        if lane not in self._lanes:
            made = _Lane(lane, self, steps_back=lane == "compute")
            made.worker.said.connect(self._on_said)
            self._lanes[lane] = made
        order = _Order(job.number, work, job.context)
        self._lanes[lane].worker.put(order, urgent=urgent)
        self._lanes[lane].woken.emit()
        self.began.emit(job)
        return job

    def jobs(self, lane: LaneName | None = None) -> tuple[Job, ...]:
        """Jobs queued or running, oldest first."""
        return tuple(j for j in self._jobs.values() if lane in (None, j.lane))

    def give_up(self, job: Job) -> None:
        """Cancel a job and drop whatever it still says."""
        job.cancel()
        if self._jobs.pop(job.number, None) is not None:
            self.ended.emit(job, "cancelled")
            job.ended.emit()
            job.deleteLater()

    def cancel_all(self) -> None:
        """Ask every job to stop."""
        for job in self.jobs():
            job.cancel()

    def shut_down(self, timeout_s: float = 5.0) -> bool:
        """Stop everything and end the threads.

        Returns:
            False when a thread did not end in time; it goes on until its step is
            done, and this may be called again.
        """
        self._closed = True
        for job in self.jobs():
            self.give_up(job)
        for lane in self._lanes.values():
            lane.worker.close()
            lane.thread_.quit()
        clock = QElapsedTimer()
        clock.start()
        ended = True
        for lane in self._lanes.values():
            left = max(0, round(timeout_s * 1000) - clock.elapsed())
            ended = lane.thread_.wait(left) and ended
        return ended

    @Slot(int, str, object)
    def _on_said(self, number: int, what: str, value: object) -> None:
        job = self._jobs.get(number)
        if job is None:
            return
        is_end = what in ("finished", "failed", "cancelled")
        if is_end:
            del self._jobs[number]
        if what == "started":
            job.is_started = True
        elif what == "progressed" and isinstance(value, Progress):
            job.progress = value
        signal = getattr(job, what)
        if what in ("started", "cancelled"):
            signal.emit()
        else:
            signal.emit(value)
        if what == "failed" and not isinstance(value, BtdError):
            self.bug.emit(value)
        if what in ("started", "progressed"):
            self.went_on.emit(job)
        if is_end:
            self.ended.emit(job, what)
            job.ended.emit()
            job.deleteLater()
