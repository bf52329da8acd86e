"""What presenters share: a state that is shown, one job at a time, why it failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, Signal

from btd_desktop.errors import BtdError
from btd_desktop.examination.wording import reason_of
from btd_desktop.gui.jobs import Job, JobRunner, LaneName, Plan, Work
from btd_desktop.progress import Progress

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class ProgressState:
    """How far a job is, for whatever shows it.

    Attributes:
        title: What is done; "" when nothing is.
        progress: Last progress told, or None.
        left_s: Estimated seconds left, or None while that cannot be said.
        paused: Waiting by the examiner's wish.
        can_pause: Whether pausing makes sense.
        step: Which step of how many goes on, or None.
    """

    title: str = ""
    progress: Progress | None = None
    left_s: float | None = None
    paused: bool = False
    can_pause: bool = False
    step: tuple[int, int] | None = None

    @property
    def is_busy(self) -> bool:
        """Something is done, or waits for its turn."""
        return bool(self.title)


IDLE = ProgressState()
"""Nothing is done."""


def problem_of(error: Exception) -> str:
    """Why something failed, in words; a bug is told without its details."""
    if isinstance(error, BtdError):
        return reason_of(error)
    return "The program made a mistake; the details are in the log."


class JobOwner(QObject):
    """A part of the window that waits for one job at a time.

    The job's result goes to the function named at its start; progress, failure and end
    go to methods that a subclass overrides where it needs them. A job that was given up
    tells nothing any more.
    """

    def __init__(self, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = jobs
        self._job: Job | None = None
        self._done: Callable[[Any], object] | None = None

    @property
    def is_busy(self) -> bool:
        """A job is queued or running, and has not told its result."""
        return self._job is not None

    def on_cancel(self) -> None:
        """Ask the job to stop; what it still says is heard."""
        if self._job is not None:
            self._job.cancel()

    def on_pause_toggled(self) -> None:
        """Pause, or resume."""
        if self._job is not None:
            self._job.toggle_pause()
            self._on_paused(self._job.is_paused)

    def on_closed(self) -> None:
        """Nobody looks any more: give up what is under way."""
        self._give_up()

    def _begin(
        self,
        lane: LaneName,
        title: str,
        work: Work,
        done: Callable[[Any], object] | None = None,
        *,
        urgent: bool = False,
        of_case: bool = True,
        plan: Plan | None = None,
    ) -> Job:
        """Give up the job before and start one.

        Args:
            lane: "compute" or "io".
            title: What is done, in the examiner's words.
            work: What is done, on the lane's thread.
            done: Called with its result; it may start the next job.
            urgent: Run between two steps of the job that occupies the lane.
            of_case: It is over when the case is closed.
            plan: Steps of a job that may take long, as `JobRunner.submit` takes them.
        """
        self._give_up()
        job = self._runner.submit(
            lane, title, work, urgent=urgent, of_case=of_case, plan=plan
        )
        self._job, self._done = job, done
        job.progressed.connect(self._on_progress)
        job.finished.connect(self._on_job_finished)
        job.failed.connect(self._on_job_failed)
        job.ended.connect(self._on_job_ended)
        return job

    def _give_up(self) -> None:
        job = self._let_go()
        if job is not None:
            self._runner.give_up(job)

    def _on_progress(self, progress: Progress) -> None:
        """The job told how far it is."""

    def _on_paused(self, paused: bool) -> None:
        """The job was paused, or resumed."""

    def _on_failed(self, error: Exception) -> None:
        """The job ended with a `BtdError`, or a bug."""

    def _on_over(self) -> None:
        """The job finished, failed or was stopped, and no other was started."""

    def _let_go(self) -> Job | None:
        job, self._job, self._done = self._job, None, None
        if job is not None:
            # Its end must not be taken for that of the job that follows.
            job.ended.disconnect(self._on_job_ended)
        return job

    def _on_job_finished(self, result: object) -> None:
        done = self._done
        self._let_go()
        try:
            if done is not None:
                done(result)
        finally:
            self._tell_over()

    def _on_job_failed(self, error: Exception) -> None:
        self._let_go()
        try:
            self._on_failed(error)
        finally:
            self._tell_over()

    def _on_job_ended(self) -> None:
        # Neither finished nor failed: it was cancelled, or given up with its case.
        self._let_go()
        self._tell_over()

    def _tell_over(self) -> None:
        if self._job is None:
            self._on_over()


class Presenter(JobOwner, Generic[State]):
    """One part of the window: a state, shown whenever it changes, and a job.

    Signals:
        changed(State): What is to be shown.
    """

    changed = Signal(object)

    def __init__(
        self, jobs: JobRunner, state: State, parent: QObject | None = None
    ) -> None:
        super().__init__(jobs, parent)
        self._state = state

    @property
    def state(self) -> State:
        """What is shown."""
        return self._state

    def _show(self, state: State) -> None:
        self._state = state
        self.changed.emit(state)

    def _on_failed(self, error: Exception) -> None:
        self._on_problem(problem_of(error))

    def _on_problem(self, problem: str) -> None:
        """The job failed, for this reason."""
