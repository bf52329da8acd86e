"""What goes on in the background, and what ended there while nobody looked."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from btd_desktop.gui.jobs import Job, JobRunner
from btd_desktop.gui.presenters.presenter import ProgressState
from btd_desktop.gui.presenters.scoring import Eta

_ENDS = {"finished": "done", "failed": "failed", "cancelled": "stopped"}
_MOST_ENDED = 8


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job.

    Attributes:
        number: Of the job.
        work: How far it is; idle once it has ended.
        title: What is, or was, done.
        end: "done", "failed" or "stopped"; "" while it goes on or waits.
    """

    number: int
    work: ProgressState
    title: str
    end: str = ""


class JobListPresenter(QObject):
    """Lists the jobs that may take long, those that ended lately last.

    Signals:
        changed(tuple): The rows.
    """

    changed = Signal(object)

    def __init__(self, runner: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._clocks: dict[int, Eta] = {}
        self._left: dict[int, float | None] = {}
        self._ended: list[JobRow] = []
        runner.began.connect(self._on_began)
        runner.went_on.connect(self._on_went_on)
        runner.ended.connect(self._on_ended)

    @property
    def rows(self) -> tuple[JobRow, ...]:
        """Jobs that go on or wait, oldest first, then those that ended."""
        listed = (j for j in self._runner.jobs() if j.is_listed)
        return (*map(self._row, listed), *reversed(self._ended))

    @property
    def n_running(self) -> int:
        """Jobs that go on or wait."""
        return sum(not row.end for row in self.rows)

    def on_pause_toggled(self, number: int) -> None:
        """Pause a job, or resume it; it takes effect after its step."""
        for job in self._runner.jobs():
            if job.number == number:
                job.toggle_pause()
                self._clocks[number].interrupted()
        self.changed.emit(self.rows)

    def on_stop(self, number: int) -> None:
        """Stop a job; what it keeps is kept."""
        for job in self._runner.jobs():
            if job.number == number:
                job.cancel()

    def _row(self, job: Job) -> JobRow:
        title = job.title if job.is_started else f"{job.title}: waits for its turn"
        work = ProgressState(
            title,
            job.progress,
            self._left.get(job.number),
            job.is_paused,
            can_pause=True,
            step=job.step,
        )
        return JobRow(job.number, work, job.title)

    def _on_began(self, job: Job) -> None:
        if job.is_listed:
            self._clocks[job.number] = Eta()
            self.changed.emit(self.rows)

    def _on_went_on(self, job: Job) -> None:
        if job.is_listed:
            if job.progress is not None:
                clock = self._clocks[job.number]
                self._left[job.number] = clock.after(job.progress)
            self.changed.emit(self.rows)

    def _on_ended(self, job: Job, how: str) -> None:
        if not job.is_listed:
            return
        self._clocks.pop(job.number, None)
        self._left.pop(job.number, None)
        row = JobRow(job.number, ProgressState(), job.title, _ENDS[how])
        self._ended = [*self._ended, row][-_MOST_ENDED:]
        self.changed.emit(self.rows)
