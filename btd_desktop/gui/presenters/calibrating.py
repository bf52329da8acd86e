"""Calibration on local genuine scans: choose, watch, look at the fit, save."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal

from btd_desktop import paths
from btd_desktop.errors import BtdError
from btd_desktop.gui.jobs import Job, Tell
from btd_desktop.gui.presenters.detectors import Detectors
from btd_desktop.gui.presenters.scoring import Eta
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.wording import percent_text, score_text
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.workflow.services import Services

if TYPE_CHECKING:
    from btd_desktop.calibration.profile import CalibrationProfile, LevelCalibration

__all__ = [
    "CalibrationForm",
    "CalibrationPresenter",
    "CalibrationState",
    "LevelFit",
    "ModelChoice",
    "patients_needed",
]

_EMPTY = np.zeros(0)
_MAX_POINTS = 2000


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model to choose.

    Attributes:
        folder: Where it lies.
        title: Name and modality, for people.
        modality: "CT" or "MR".
    """

    folder: Path
    title: str
    modality: str


@dataclass(frozen=True, slots=True)
class CalibrationForm:
    """What the examiner chooses.

    Attributes:
        folders: Folders of genuine scans.
        model: Folder of the model.
        name: Name of the profile.
        fpr: Wanted false-positive rate, in (0, 1).
    """

    folders: tuple[Path, ...]
    model: Path
    name: str
    fpr: float


@dataclass(frozen=True, slots=True, eq=False)
class LevelFit:
    """The fit at one level.

    Attributes:
        level: "patch", "slice" or "series".
        n: Genuine scores.
        n_patients: Patients behind them.
        words: Threshold and rate in a sentence, or why there is none.
        has_threshold: There is one.
        ecdf_x, ecdf_y: The ECDF.
        threshold: Or None.
        tail_x, tail_y: CDF of the fitted tail, empty without one.
        qq_x, qq_y: Scores of the tail as fitted and as observed.
    """

    level: str
    n: int
    n_patients: int
    words: str
    has_threshold: bool
    ecdf_x: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    ecdf_y: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    threshold: float | None = None
    tail_x: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    tail_y: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    qq_x: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)
    qq_y: NDArray[np.float64] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationState:
    """What the dialog shows.

    Attributes:
        models: Models to choose from; None while they are being listed.
        busy: Calibrating.
        progress: How far.
        left_s: Estimated seconds left.
        paused: Waiting by the examiner's wish.
        fits: The fit by level, once done.
        warnings: What the examiner must know of the result.
        summary: Scans behind it in a sentence.
        saved: File of the profile, once saved.
        problem: Why it failed.
    """

    models: tuple[ModelChoice, ...] | None = None
    busy: bool = False
    progress: Progress | None = None
    left_s: float | None = None
    paused: bool = False
    fits: tuple[LevelFit, ...] = ()
    warnings: tuple[str, ...] = ()
    summary: str = ""
    saved: Path | None = None
    problem: str = ""


def patients_needed(fpr: float) -> int:
    """Independent genuine patients without a false alarm that show a rate this low.

    With none flagged among n, the upper end of the one-sided 95 % interval is
    1 - 0.05 ** (1 / n).
    """
    return math.ceil(math.log(0.05) / math.log1p(-fpr))


class CalibrationPresenter(QObject):
    """Calibrates and saves profiles.

    Signals:
        changed(CalibrationState): The dialog's content.
        saved(Path): A profile was saved.
    """

    changed = Signal(object)
    saved = Signal(object)

    def __init__(
        self, session: Session, detectors: Detectors, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._detectors = detectors
        self._job: Job | None = None
        self._eta = Eta()
        self._profile: CalibrationProfile | None = None
        self._state = CalibrationState()

    @property
    def state(self) -> CalibrationState:
        """The dialog's content."""
        return self._state

    def on_opened(self) -> None:
        """List the models, in the background: reading cards loads libraries."""
        job = self._session.jobs.submit("io", "Listing models", _list_models)
        job.finished.connect(self._on_models)

    def on_start(self, form: CalibrationForm) -> None:
        """Score the genuine scans and fit."""
        if self._job is not None:
            return
        work = partial(_calibrate, form, self._detectors, self._session.services)
        job = self._session.jobs.submit("compute", "Calibrating", work)
        job.progressed.connect(self._on_progress)
        job.finished.connect(self._on_profile)
        job.failed.connect(self._on_failed)
        job.ended.connect(self._on_ended)
        self._job = job
        self._eta = Eta()
        self._profile = None
        self._show(CalibrationState(self._state.models, busy=True))

    def on_pause_toggled(self) -> None:
        """Pause, or go on."""
        if self._job is None:
            return
        if self._job.is_paused:
            self._job.resume()
        else:
            self._job.pause()
            self._eta.interrupted()
        self._show(replace(self._state, paused=self._job.is_paused))

    def on_cancel(self) -> None:
        """Stop; nothing is kept."""
        if self._job is not None:
            self._job.cancel()

    def on_closed(self) -> None:
        """The dialog is gone."""
        if self._job is not None:
            job, self._job = self._job, None
            self._session.jobs.give_up(job)

    def on_save(self) -> None:
        """Save the profile into the user's folder."""
        if self._profile is None:
            return
        from btd_desktop.calibration.profile import write_profile

        stem = re.sub(r"[^\w.-]+", "-", self._profile.name).strip("-.") or "profile"
        path = paths.user_profiles_dir() / f"{stem}.json"
        number = 2
        while path.exists():
            path = paths.user_profiles_dir() / f"{stem}-{number}.json"
            number += 1
        try:
            write_profile(self._profile, path)
        except BtdError as error:
            self._show(replace(self._state, problem=error.detail))
            return
        self._show(replace(self._state, saved=path))
        self.saved.emit(path)

    def _on_models(self, models: tuple[ModelChoice, ...]) -> None:
        self._show(replace(self._state, models=models))

    def _on_progress(self, progress: Progress) -> None:
        left = None
        if progress.stage.startswith("Scoring"):
            left = self._eta.after(progress)
        self._show(replace(self._state, progress=progress, left_s=left))

    def _on_profile(
        self, done: tuple[CalibrationProfile, tuple[LevelFit, ...]]
    ) -> None:
        profile, fits = done
        self._profile = profile
        warnings = [*_rate_warnings(profile), *self._scope_warnings(profile)]
        self._show(
            CalibrationState(
                self._state.models,
                fits=fits,
                warnings=tuple(warnings),
                summary=(
                    f"{profile.n_patients} patients, {profile.n_series} series, "
                    f"{profile.n_slices:,} slices, {profile.n_patches:,} patches; "
                    f"wanted false-positive rate {percent_text(profile.target_fpr)}."
                ),
            )
        )

    def _scope_warnings(self, profile: CalibrationProfile) -> list[str]:
        record = self._session.record
        run = self._session.result.run
        if record is None or run is None:
            return []
        from btd_desktop.calibration.scope import Coverage, check_scope

        scope = check_scope(
            profile,
            model_digest=str(run.manifest["model"]["digest"]),
            preset=run.manifest["preset"],
            grid=run.manifest["grid"],
            facts=record.meta,
        )
        if scope.coverage is Coverage.COVERED:
            return []
        how, why = scope.coverage.value, "; ".join(scope.reasons)
        return [f"The series shown is {how} by this profile: {why}."]

    def _on_failed(self, error: Exception) -> None:
        problem = "The program made a mistake; the details are in the log."
        if isinstance(error, BtdError):
            problem = f"{error.detail}. {error.hint}" if error.hint else error.detail
        self._show(CalibrationState(self._state.models, problem=problem))

    def _on_ended(self) -> None:
        self._job = None
        if self._state.busy:
            self._show(replace(self._state, busy=False, progress=None))

    def _show(self, state: CalibrationState) -> None:
        self._state = state
        self.changed.emit(state)


def _list_models(context: TaskContext, tell: Tell) -> tuple[ModelChoice, ...]:
    from btd_desktop.workflow.model_library import list_models

    return tuple(
        ModelChoice(
            e.folder,
            f"{e.card.name} ({e.card.preset.get('modality')}, "
            f"{e.card.preset.get('name')})",
            str(e.card.preset.get("modality")),
        )
        for e in list_models()
        if e.card is not None
    )


def _calibrate(
    form: CalibrationForm,
    detectors: Detectors,
    services: Services,
    context: TaskContext,
    tell: Tell,
) -> tuple[CalibrationProfile, tuple[LevelFit, ...]]:
    from btd_desktop.workflow.calibrate import calibrate_paths
    from btd_desktop.workflow.model_library import find_model

    context.report(0, 0, "Loading the model")
    entry = find_model(str(form.model), "")
    detector = detectors.for_entry(entry, services.settings)
    profile = calibrate_paths(
        form.folders,
        detector,
        name=form.name,
        fpr=form.fpr,
        services=services,
        context=context,
    )
    fits = tuple(
        level_fit(name, level) for name, level in profile.levels["anomaly"].items()
    )
    return profile, fits


def level_fit(name: str, level: LevelCalibration) -> LevelFit:
    """The curves and the sentence of one level."""
    from scipy import stats

    scores = level.ecdf.scores
    step = max(1, scores.size // _MAX_POINTS)
    # The highest scores are what matters, so all of the last hundredth are drawn.
    keep = np.union1d(
        np.arange(0, scores.size, step),
        np.arange(max(0, scores.size - _MAX_POINTS // 4), scores.size),
    )
    ranks = (np.arange(scores.size) + 1) / scores.size
    if level.threshold is None or level.interval is None:
        words = f"No threshold: {level.reason}."
    else:
        low, high = level.interval
        words = (
            f"Threshold {score_text(level.threshold)}: the true false-positive rate "
            f"lies between {percent_text(low)} and {percent_text(high)} (95 %)."
        )
    fit = LevelFit(
        name,
        level.ecdf.n,
        level.n_patients,
        words,
        level.threshold is not None,
        scores[keep],
        ranks[keep],
        level.threshold,
    )
    tail = level.tail
    if tail is None:
        return fit
    above = scores[scores > tail.start]
    tail_x = np.linspace(tail.start, float(scores[-1]), 200)
    survival = stats.genpareto.sf(tail_x - tail.start, tail.shape, scale=tail.scale)
    plotting = (np.arange(above.size) + 0.5) / above.size
    expected = tail.start + stats.genpareto.ppf(plotting, tail.shape, scale=tail.scale)
    return replace(
        fit,
        tail_x=tail_x,
        tail_y=1.0 - tail.share * survival,
        qq_x=expected,
        qq_y=above,
    )


def _rate_warnings(profile: CalibrationProfile) -> list[str]:
    out = []
    wanted, n = profile.target_fpr, profile.n_patients
    needed = patients_needed(wanted)
    if n < needed:
        out.append(
            f"{n} patients cannot show that the rate is {percent_text(wanted)} or "
            f"less: that takes at least {needed} patients. The intervals say what is "
            "known."
        )
    for name, level in profile.levels["anomaly"].items():
        if level.threshold is None:
            out.append(f"At {name} level there is no threshold: {level.reason}.")
    if len(profile.scanners) > 1:
        out.append(
            f"The scans come from {len(profile.scanners)} combinations of scanner, "
            "kernel and slice thickness; a profile of one combination is sharper."
        )
    return out
