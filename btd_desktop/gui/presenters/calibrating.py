"""Calibration on local genuine scans: choose, watch, look at the fit, save."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from btd_desktop.errors import BtdError
from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.detectors import Detectors
from btd_desktop.gui.presenters.presenter import (
    IDLE,
    Presenter,
    ProgressState,
    problem_of,
)
from btd_desktop.gui.presenters.scoring import Eta
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.workflow.services import Services

if TYPE_CHECKING:
    from btd_desktop.examination.fit import LevelFit, ProfileFit


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A model to choose.

    Attributes:
        folder: Where it lies.
        title: Name, modality and preset, for people.
    """

    folder: Path
    title: str


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
class CalibrationState:
    """What the dialog shows.

    Attributes:
        models: Models to choose from; None while they are being listed.
        work: How far calibrating is.
        fits: The fit by level, once done.
        warnings: What the examiner must know of the result.
        summary: Scans behind it in a sentence.
        saved: File of the profile, once saved.
        problem: Why it failed.
    """

    models: tuple[ModelChoice, ...] | None = None
    work: ProgressState = IDLE
    fits: tuple[LevelFit, ...] = ()
    warnings: tuple[str, ...] = ()
    summary: str = ""
    saved: Path | None = None
    problem: str = ""


class CalibrationPresenter(Presenter[CalibrationState]):
    """Calibrates and saves profiles.

    Signals:
        changed(CalibrationState): The dialog's content.
        saved(Path): A profile was saved.
    """

    saved = Signal(object)

    def __init__(
        self, session: Session, detectors: Detectors, parent: QObject | None = None
    ) -> None:
        super().__init__(session.jobs, CalibrationState(), parent)
        self._session = session
        self._detectors = detectors
        self._eta = Eta()
        self._fit: ProfileFit | None = None

    def on_opened(self) -> None:
        """List the models, in the background: reading cards loads libraries."""
        job = self._session.jobs.submit("io", "Listing models", _list_models)
        job.finished.connect(self._on_models)

    def on_start(self, form: CalibrationForm) -> None:
        """Score the genuine scans and fit."""
        if self.is_busy:
            return
        from btd_desktop.workflow.make_profile import default_profile_path

        try:
            # Said before the work: the profile could not be saved under such a name.
            default_profile_path(form.name)
        except BtdError as error:
            self._on_problem(problem_of(error))
            return
        calibrate = partial(_calibrate, form, self._detectors, self._session.services)
        self._begin("compute", "Calibrating", calibrate, self._on_fit)
        self._eta = Eta()
        self._fit = None
        work = ProgressState("Waiting for other work to end", can_pause=True)
        self._show(CalibrationState(self._state.models, work))

    def on_save(self) -> None:
        """Save the profile into the user's folder."""
        if self._fit is None:
            return
        from btd_desktop.workflow.make_profile import save_profile

        try:
            path = save_profile(self._fit.profile)
        except BtdError as error:
            self._show(replace(self._state, problem=problem_of(error)))
            return
        self._show(replace(self._state, saved=path))
        self.saved.emit(path)

    def _on_models(self, models: tuple[ModelChoice, ...]) -> None:
        self._show(replace(self._state, models=models))

    def _on_progress(self, progress: Progress) -> None:
        left = None
        if progress.stage.startswith("Scoring"):
            left = self._eta.after(progress)
        work = replace(self._state.work, progress=progress, left_s=left)
        self._show(replace(self._state, work=work))

    def _on_fit(self, fit: ProfileFit) -> None:
        from btd_desktop.examination.fit import scope_warning

        self._fit = fit
        scope = scope_warning(fit.profile, self._session.result)
        warnings = (*fit.warnings, *([scope] if scope else ()))
        self._show(
            CalibrationState(
                self._state.models,
                fits=fit.levels,
                warnings=warnings,
                summary=fit.summary,
            )
        )

    def _on_paused(self, paused: bool) -> None:
        if paused:
            self._eta.interrupted()
        work = replace(self._state.work, paused=paused)
        self._show(replace(self._state, work=work))

    def _on_problem(self, problem: str) -> None:
        self._show(CalibrationState(self._state.models, problem=problem))

    def _on_over(self) -> None:
        self._show(replace(self._state, work=IDLE))


def _list_models(context: TaskContext, tell: Tell) -> tuple[ModelChoice, ...]:
    from btd_desktop.examination.models import list_models
    from btd_desktop.examination.shipped_models import named_model

    return tuple(
        ModelChoice(
            e.folder,
            f"{named_model(e.card.name, e.card.digest)} "
            f"({e.card.preset.modality}, {e.card.preset.name})",
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
) -> ProfileFit:
    from btd_desktop.examination.fit import profile_fit
    from btd_desktop.examination.models import find_model
    from btd_desktop.workflow.calibrate import calibrate_paths

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
    return profile_fit(profile)
