"""Scoring in the background: queue, progress, estimate of the time left, results."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from btd_desktop.cases.model import Run, SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import BtdError
from btd_desktop.examination.declared import Mandate
from btd_desktop.examination.series import OWN, Method, SeriesExamination, State
from btd_desktop.examination.wording import DeviceLine, device_line
from btd_desktop.gui.jobs import Job, Tell
from btd_desktop.gui.presenters.detectors import Detectors
from btd_desktop.gui.presenters.history import Step
from btd_desktop.gui.presenters.presenter import (
    IDLE,
    Presenter,
    ProgressState,
    problem_of,
)
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.workflow.services import Services

if TYPE_CHECKING:
    from btd_desktop.examination.candidates import Candidate
    from btd_desktop.examination.reading import Choice

_SECONDS_KEPT = 24
_FEWEST_SECONDS = 3


@dataclass(frozen=True, slots=True)
class SliceDone:
    """A slice was scored.

    Attributes:
        slice_index: From 0.
        raw: Largest injection score, not calibrated; None when it holds no tissue.
    """

    slice_index: int
    raw: float | None


class Eta:
    """Estimates the time left from the last slices done.

    The median, so that one slow slice (the machine slept, another program started)
    does not swing it; and no figure at all before three slices are done.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps: deque[float] = deque(maxlen=_SECONDS_KEPT)
        self._last: tuple[int, float] | None = None
        self._stage = ""

    def after(self, progress: Progress) -> float | None:
        """Seconds left after this progress, or None while that cannot be said."""
        now = self._clock()
        if progress.stage != self._stage:
            # The steps of another stage say nothing of this one's.
            self._stage, self._last = progress.stage, None
            self._steps.clear()
        if self._last is not None:
            n_new = progress.done - self._last[0]
            if n_new > 0:
                self._steps.append((now - self._last[1]) / n_new)
        if self._last is None or progress.done != self._last[0]:
            self._last = (progress.done, now)
        if len(self._steps) < _FEWEST_SECONDS or progress.total <= 0:
            return None
        return statistics.median(self._steps) * (progress.total - progress.done)

    def interrupted(self) -> None:
        """The clock ran on while nothing was done (a pause)."""
        self._last = None


class ScoringPresenter(Presenter[ProgressState]):
    """Scores series one after the other, evaluates them, and tells the session.

    Signals:
        changed(ProgressState): Of the series being scored.
        device_changed(DeviceLine): Which device computes, and why.
    """

    device_changed = Signal(object)

    def __init__(
        self, session: Session, detectors: Detectors, parent: QObject | None = None
    ) -> None:
        super().__init__(session.jobs, IDLE, parent)
        self._session = session
        self._detectors = detectors
        self._jobs: dict[int, Job] = {}
        self._running: int | None = None
        self._eta = Eta()
        session.case_changed.connect(self._on_case_changed)

    @property
    def is_busy(self) -> bool:
        """Series are being scored or wait for it."""
        return bool(self._jobs)

    def is_queued(self, series_id: int) -> bool:
        """The series is being scored or waits for it."""
        return series_id in self._jobs

    def on_imported(self, series_ids: tuple[int, ...]) -> None:
        """Score what an import brought."""
        for series_id in series_ids:
            result = self._session.results.get(series_id)
            if result is None or not result.is_scored:
                self.score(series_id)

    def on_score_wanted(self) -> None:
        """Score the series shown, or resume scoring it."""
        if self._session.record is not None:
            self.score(self._session.record.series_id)

    def on_paper_score_wanted(self) -> None:
        """Score the series shown by the paper's method, besides what is there."""
        if self._session.record is not None:
            self.score(self._session.record.series_id, "paper")

    def score(self, series_id: int, method: Method = OWN) -> None:
        """Queue a series; slices that are done already are kept."""
        session = self._session
        store = session.store
        record = session.record_of(series_id)
        if store is None or record is None or series_id in self._jobs:
            return
        detectors, services = self._detectors, session.services
        work = partial(_score, store, record, detectors, method, services)
        job = session.jobs.submit("compute", _title(record), work, plan=())
        self._jobs[series_id] = job
        job.started.connect(partial(self._on_started, series_id))
        job.told.connect(partial(self._on_told, series_id))
        job.progressed.connect(partial(self._on_series_progress, series_id))
        job.finished.connect(self._on_result)
        job.failed.connect(partial(self._on_series_failed, series_id))
        job.cancelled.connect(partial(self._on_cancelled, series_id))
        job.ended.connect(partial(self._on_ended, series_id))
        if self._running is None:
            self._show(ProgressState(_title(record), can_pause=True))

    def on_candidate_wanted(self, candidate: Candidate) -> None:
        """Let a run and a calibration speak for a series from now on."""
        number, after = candidate.speaker.series_id, candidate.choice
        seen = self._session.results.get(number)
        now = None if seen is None else seen.evaluation
        before = None
        if now is not None:
            before = replace(after, run_id=now.run.run_id, profile=now.profile.digest)
        job = self.evaluate(number, after)
        if job is not None and before is not None:
            step = Step(
                f"calibration of series {number}",
                partial(self._let_speak, number, before),
                partial(self._let_speak, number, after),
            )
            job.finished.connect(partial(self._on_spoken, step))

    def _let_speak(self, series_id: int, choice: Choice) -> bool:
        return self.evaluate(series_id, choice) is not None

    def _on_spoken(self, step: Step, result: SeriesExamination) -> None:
        self._session.history.did(step)
        seen = result.evaluation
        if seen is not None:
            self._session.noticed.emit(
                f"{seen.profile.name} speaks for the series now. Undo takes it back."
            )

    def evaluate(self, series_id: int, choice: Choice | None = None) -> Job | None:
        """Evaluate a scored series again.

        Args:
            series_id: The series.
            choice: Run and calibration that are to speak for it from now on; None
                leaves those that do.

        Returns:
            The job, or None where there is nothing to evaluate.
        """
        session = self._session
        store = session.store
        known = session.results.get(series_id)
        if store is None or known is None or not known.is_scored:
            return None
        work = partial(_evaluate, store, known.record, choice, session.services)
        job = session.jobs.submit("compute", "Calibrating", work, urgent=True)
        job.finished.connect(self._on_result)
        job.failed.connect(partial(self._on_series_failed, series_id))
        return job

    def on_mandate_declared(self, mandate: Mandate) -> None:
        """Put what is tested into the log, and show what is scored accordingly."""
        from btd_desktop.examination.declared import declared_in

        store = self._session.store
        if store is None:
            return
        before = declared_in(store).now.mandate
        if self._declare(mandate) and mandate != before:
            again = partial(self._declare, mandate)
            back = partial(self._declare, before)
            self._session.history.did(Step("what is tested", back, again))

    def _declare(self, mandate: Mandate) -> bool:
        from btd_desktop.workflow.declare import declare

        session = self._session
        if session.store is None:
            return False
        try:
            declare(session.store, mandate, session.services)
        except BtdError as error:
            session.failed.emit(error)
            return False
        for record in session.records:
            self.evaluate(record.series_id)
        return True

    def on_pause_toggled(self) -> None:
        """Pause or resume; takes effect after the slice being scored."""
        if not self._jobs:
            return
        running = self._running if self._running in self._jobs else None
        job = self._jobs[next(iter(self._jobs)) if running is None else running]
        job.toggle_pause()
        if job.is_paused:
            self._eta.interrupted()
        self._show(replace(self._state, paused=job.is_paused, can_pause=True))

    def on_cancel(self) -> None:
        """Stop scoring, what waits included; finished slices are kept."""
        for job in self._jobs.values():
            job.cancel()

    def _on_case_changed(self) -> None:
        self._jobs.clear()
        self._running = None
        self._show(IDLE)
        for record in self._session.records:
            result = self._session.result_of(record)
            run = result.run
            if result.is_scored:
                self.evaluate(record.series_id)
            elif run is not None and run.status == "running":
                # The program ended in the middle: nobody asked it to stop.
                self._session.noticed.emit(
                    f"Scoring resumes where it stopped: {run.n_done} of "
                    f"{record.n_slices} slices were done."
                )
                self.score(record.series_id)

    def _on_started(self, series_id: int) -> None:
        self._running = series_id
        self._eta = Eta()
        self._show(ProgressState(self._jobs[series_id].title, can_pause=True))

    def _on_told(self, series_id: int, value: object) -> None:
        if isinstance(value, SliceDone):
            raw = float("nan") if value.raw is None else value.raw
            self._session.slice_scored.emit(series_id, value.slice_index, raw)
        elif isinstance(value, DeviceLine):
            self.device_changed.emit(value)
        elif isinstance(value, Run):
            known = self._known(series_id)
            if known is not None:
                self._session.set_result(replace(known, run=value))

    def _on_series_progress(self, series_id: int, progress: Progress) -> None:
        job = self._jobs.get(series_id)
        if job is None or self._running != series_id:
            return
        left = self._eta.after(progress)
        self._show(ProgressState(job.title, progress, left, job.is_paused, True))

    def _on_result(self, result: SeriesExamination) -> None:
        if result.run is not None:
            self.device_changed.emit(device_line(result.run.manifest.backend))
        self._session.set_result(result)
        self._session.findings_changed.emit()
        name = result.record.description or "The series"
        if result.run is not None and result.run.manifest.used != OWN:
            self._session.noticed.emit(f"{name} is shown by the paper's method.")
        if result.state is State.NOT_EXAMINED:
            self._session.noticed.emit(f"{name} was not examined: {result.reason}")

    def _on_series_failed(self, series_id: int, error: Exception) -> None:
        problem = problem_of(error)
        known = self._known(series_id)
        if known is not None:
            self._session.set_result(replace(known, problem=problem))
        self._session.noticed.emit(f"Not scored: {problem}")

    def _on_cancelled(self, series_id: int) -> None:
        store = self._session.store
        if store is None:
            return
        runs = store.runs(series_id)
        known = self._known(series_id)
        if runs and known is not None:
            self._session.set_result(replace(known, run=runs[-1], problem=""))
        self._session.noticed.emit("Scoring was stopped; finished slices are kept.")

    def _known(self, series_id: int) -> SeriesExamination | None:
        """What came of a series so far; None when it is gone with its case."""
        record = self._session.record_of(series_id)
        return None if record is None else self._session.result_of(record)

    def _on_ended(self, series_id: int) -> None:
        self._jobs.pop(series_id, None)
        if self._running in (series_id, None):
            self._running = None
            self._show(IDLE)


def _title(record: SeriesRecord) -> str:
    return f"Scoring {record.description or 'series'}"


def _score(
    store: CaseStore,
    record: SeriesRecord,
    detectors: Detectors,
    method: Method,
    services: Services,
    context: TaskContext,
    tell: Tell,
) -> SeriesExamination:
    from btd_desktop.examination.reading import Choice
    from btd_desktop.workflow.score_series import score_series

    context.report(0, 0, "Loading the model")
    detector = detectors.for_modality(record.modality, services.settings, method)
    tell(device_line(detector.info.backend))
    context.check()
    run = score_series(
        store,
        record.series_id,
        detector,
        services,
        context,
        on_run=tell,
        on_slice=lambda s: tell(SliceDone(s.slice_index, s.injection_max)),
    )
    context.report(record.n_slices, record.n_slices, "Calibrating")
    # Scores by another method than ours were asked for, so they are what is shown.
    choice = None if method == OWN else Choice(run.run_id)
    return _evaluate(store, record, choice, services, context, tell)


def _evaluate(
    store: CaseStore,
    record: SeriesRecord,
    choice: Choice | None,
    services: Services,
    context: TaskContext,
    tell: Tell,
) -> SeriesExamination:
    from btd_desktop.examination.reading import AS_KEPT, read_series
    from btd_desktop.workflow.findings import searched

    found = read_series(store, record, AS_KEPT if choice is None else choice)
    return searched(store, found, services, context, asked=choice is not None)
