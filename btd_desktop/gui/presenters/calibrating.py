"""Calibration on local genuine scans: choose, watch, look at the fit, save."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from btd_desktop.errors import BtdError
from btd_desktop.gui.jobs import Job, Plan, Tell
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
        modality: "CT" or "MR".
    """

    folder: Path
    title: str
    modality: str


@dataclass(frozen=True, slots=True)
class ProfileChoice:
    """A profile that local patients can join.

    Attributes:
        path: Its file.
        title: Name and patients, for people.
        fpr: Its false-positive rate.
        n_patients: Patients it holds.
    """

    path: Path
    title: str
    fpr: float
    n_patients: int


@dataclass(frozen=True, slots=True)
class CalibrationForm:
    """What the examiner chooses.

    Attributes:
        folders: Folders of genuine scans.
        model: Folder of the model.
        name: Name of the profile.
        fpr: Wanted false-positive rate, in (0, 1).
        join: Profile that the patients join, whose rate holds; None calibrates alone.
    """

    folders: tuple[Path, ...]
    model: Path
    name: str
    fpr: float
    join: ProfileChoice | None = None


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
        n_patients: Patients of the scans chosen; None while they are not counted.
        profiles: Profiles of the chosen model that can be joined.
        can_use: The profile saved is of the model that scored the series shown.
    """

    models: tuple[ModelChoice, ...] | None = None
    work: ProgressState = IDLE
    fits: tuple[LevelFit, ...] = ()
    warnings: tuple[str, ...] = ()
    summary: str = ""
    saved: Path | None = None
    problem: str = ""
    n_patients: int | None = None
    profiles: tuple[ProfileChoice, ...] = ()
    can_use: bool = False


_PLAN: Plan = (
    ("Loading the model", "Listing files", "Reading", "Ordering"),
    ("Scoring",),
    ("Fitting",),
)


class CalibrationPresenter(Presenter[CalibrationState]):
    """Calibrates and saves profiles.

    Signals:
        changed(CalibrationState): The dialog's content.
        ready(): A fit can be looked at.
    """

    ready = Signal()

    def __init__(
        self, session: Session, detectors: Detectors, parent: QObject | None = None
    ) -> None:
        super().__init__(session.jobs, CalibrationState(), parent)
        self._session = session
        self._detectors = detectors
        self._eta = Eta()
        self._fit: ProfileFit | None = None
        self._counting: Job | None = None
        self._listing: Job | None = None

    def on_opened(self) -> None:
        """List the models, in the background: reading cards loads libraries."""
        job = self._session.jobs.submit("io", "Listing models", _list_models)
        job.finished.connect(self._on_models)

    def on_model_chosen(self, folder: Path | None) -> None:
        """List the profiles of the model, in the background: they are long files."""
        jobs = self._session.jobs
        if self._listing is not None:
            jobs.give_up(self._listing)
        self._listing = None
        self._show(replace(self._state, profiles=()))
        if folder is None:
            return
        work = partial(_list_profiles, folder)
        self._listing = jobs.submit("io", "Listing calibrations", work)
        self._listing.finished.connect(self._on_profiles)

    def on_scans_chosen(self, folders: tuple[Path, ...], modality: str) -> None:
        """Count the patients of the scans, in the background."""
        jobs = self._session.jobs
        if self._counting is not None:
            jobs.give_up(self._counting)
        self._counting = None
        self._show(replace(self._state, n_patients=None))
        if not folders or not modality:
            return
        work = partial(_count, folders, modality)
        self._counting = jobs.submit("io", "Counting patients", work)
        self._counting.finished.connect(self._on_counted)

    def on_closed(self) -> None:
        """The dialog was closed: calibrating goes on, and stands in the list of jobs.

        Nobody reads the count and the profiles any more.
        """
        for job in (self._counting, self._listing):
            if job is not None:
                self._session.jobs.give_up(job)

    def _on_profiles(self, profiles: tuple[ProfileChoice, ...]) -> None:
        self._show(replace(self._state, profiles=profiles))

    def _on_counted(self, n_patients: int) -> None:
        self._show(replace(self._state, n_patients=n_patients))

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
        title = f"Calibrating {form.name}"
        self._begin(
            "compute", title, calibrate, self._on_fit, of_case=False, plan=_PLAN
        )
        self._eta = Eta()
        self._fit = None
        work = ProgressState("Waiting for other work to end", can_pause=True)
        self._show(replace(self._without_result(), work=work))

    def on_save(self) -> None:
        """Save the profile into the user's folder; no case is judged by it yet."""
        if self._fit is None:
            return
        from btd_desktop.workflow.make_profile import save_profile

        try:
            path = save_profile(self._fit.profile)
        except BtdError as error:
            self._show(replace(self._state, problem=problem_of(error)))
            return
        model = self._session.result.model
        can_use = (
            model is not None and model.digest == self._fit.profile.model["digest"]
        )
        self._show(replace(self._state, saved=path, can_use=can_use))

    def _on_models(self, models: tuple[ModelChoice, ...]) -> None:
        self._show(replace(self._state, models=models))

    def _on_progress(self, progress: Progress) -> None:
        left = None
        if progress.stage.startswith("Scoring"):
            left = self._eta.after(progress)
        step = None if self._job is None else self._job.step
        work = replace(self._state.work, progress=progress, left_s=left, step=step)
        self._show(replace(self._state, work=work))

    def _on_fit(self, fit: ProfileFit) -> None:
        from btd_desktop.examination.fit import scope_warning

        self._fit = fit
        scope = scope_warning(fit.profile, self._session.result)
        warnings = (*fit.warnings, *([scope] if scope else ()))
        self._show(
            replace(
                self._without_result(),
                fits=fit.levels,
                warnings=warnings,
                summary=fit.summary,
            )
        )
        self.ready.emit()

    def _on_paused(self, paused: bool) -> None:
        if paused:
            self._eta.interrupted()
        work = replace(self._state.work, paused=paused)
        self._show(replace(self._state, work=work))

    def _on_problem(self, problem: str) -> None:
        self._show(replace(self._without_result(), problem=problem))

    def _without_result(self) -> CalibrationState:
        """What can be chosen from, and nothing of a fit or a problem."""
        state = self._state
        return CalibrationState(
            state.models, n_patients=state.n_patients, profiles=state.profiles
        )

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
            e.card.preset.modality,
        )
        for e in list_models()
        if e.card is not None
    )


def _list_profiles(
    folder: Path, context: TaskContext, tell: Tell
) -> tuple[ProfileChoice, ...]:
    from btd_desktop.examination.models import find_model
    from btd_desktop.examination.wording import counted
    from btd_desktop.workflow.calibrate import profiles_to_join

    card = find_model(str(folder), "").card
    return tuple(
        ProfileChoice(
            path,
            f"{profile.name} ({counted(profile.n_patients, 'patient')})",
            profile.target_fpr,
            profile.n_patients,
        )
        for path, profile in (profiles_to_join(card) if card is not None else ())
    )


def _count(
    folders: tuple[Path, ...], modality: str, context: TaskContext, tell: Tell
) -> int:
    from btd_desktop.workflow.calibrate import count_patients

    return count_patients(folders, modality, context)


def _calibrate(
    form: CalibrationForm,
    detectors: Detectors,
    services: Services,
    context: TaskContext,
    tell: Tell,
) -> ProfileFit:
    from btd_desktop.examination.fit import profile_fit
    from btd_desktop.examination.models import find_model
    from btd_desktop.examination.profiles import find_profile
    from btd_desktop.workflow.calibrate import calibrate_paths

    context.report(0, 0, "Loading the model")
    entry = find_model(str(form.model), "")
    detector = detectors.for_entry(entry, services.settings)
    join = None
    if form.join is not None:
        join = find_profile(str(form.join.path), detector.card)
    profile = calibrate_paths(
        form.folders,
        detector,
        name=form.name,
        fpr=None if join else form.fpr,
        services=services,
        context=context,
        join=join,
    )
    fit = profile_fit(profile)
    if join is None:
        return fit
    # Who joined which profile, and how far it covered them.
    return replace(fit, summary=f"{fit.summary} {profile.notes[-1]}")
