"""Training on local genuine scans: options, loss curve, pause, the resulting model."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject

from btd_desktop import paths
from btd_desktop.gui.jobs import Plan, Tell
from btd_desktop.gui.presenters.presenter import IDLE, Presenter, ProgressState
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.train_model import (
    LossPoint,
    TrainingOptions,
    loss_point,
    train_on_paths,
)


@dataclass(frozen=True, slots=True)
class TrainingForm:
    """What the examiner chooses.

    Attributes:
        folders: Folders of genuine scans.
        name: Name of the model.
        options: How it is trained.
    """

    folders: tuple[Path, ...]
    name: str
    options: TrainingOptions


@dataclass(frozen=True, slots=True)
class TrainingView:
    """What the dialog shows.

    Attributes:
        work: How far training is.
        points: The loss curve so far.
        scatter: Spread of residuals on watched crops, in words; "" before it is known.
        done: Folder of the finished model, or None.
        note: What to know of it.
        problem: Why it failed.
    """

    work: ProgressState = IDLE
    points: tuple[LossPoint, ...] = ()
    scatter: str = ""
    done: Path | None = None
    note: str = ""
    problem: str = ""


_PLAN: Plan = (
    ("Listing files", "Reading", "Ordering"),
    ("Preparing", "Simulating"),
    ("Training",),
)


class TrainingPresenter(Presenter[TrainingView]):
    """Trains a model; a training that was stopped resumes from its checkpoint.

    Signals:
        changed(TrainingView): The dialog's content.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, TrainingView(), parent)
        self._session = session

    def on_start(self, form: TrainingForm) -> None:
        """Train, or resume the training of that name."""
        if self.is_busy:
            return
        out = model_folder(form.name)
        work = partial(_train, form, out, self._session.services)
        done = partial(self._on_trained, out)
        title = f"Training {form.name}"
        job = self._begin("compute", title, work, done, of_case=False, plan=_PLAN)
        job.told.connect(self._on_told)
        waiting = ProgressState("Waiting for other work to end", can_pause=True)
        self._show(TrainingView(waiting))

    def _on_told(self, point: LossPoint) -> None:
        scatter = ""
        if point.residual is not None:
            mean, spread = point.residual
            scatter = (
                f"Residual of genuine crops: mean {mean:.3f}, spread {spread:.2f} of "
                "it. Smaller spread calibrates sharper."
            )
        self._show(
            replace(
                self._state,
                points=(*self._state.points, point),
                work=replace(self._state.work, left_s=point.left_s),
                scatter=scatter,
            )
        )

    def _on_progress(self, progress: Progress) -> None:
        step = None if self._job is None else self._job.step
        work = replace(self._state.work, progress=progress, step=step)
        self._show(replace(self._state, work=work))

    def _on_trained(self, out: Path, name: str) -> None:
        self._show(
            replace(
                self._state,
                work=IDLE,
                done=out,
                note=(
                    f"The model {name} is in the list of models. It has no error "
                    "rate yet: calibrate it on genuine scans of other patients."
                ),
            )
        )

    def _on_paused(self, paused: bool) -> None:
        work = replace(self._state.work, paused=paused)
        self._show(replace(self._state, work=work))

    def on_closed(self) -> None:
        """The dialog was closed: training goes on, and stands in the list of jobs."""

    def _on_problem(self, problem: str) -> None:
        self._show(replace(self._state, work=IDLE, problem=problem))

    def _on_over(self) -> None:
        if not self._state.work.is_busy:
            return
        self._show(
            replace(
                self._state,
                work=IDLE,
                note="Stopped. The checkpoint was kept: start again with the same name "
                "and options to resume.",
            )
        )


def model_folder(name: str) -> Path:
    """Folder of a user's model of that name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "model"
    return paths.user_models_dir() / plain


def _train(
    form: TrainingForm, out: Path, services: Services, context: TaskContext, tell: Tell
) -> str:
    card = train_on_paths(
        form.folders,
        form.options,
        out=out,
        device=services.settings.device,
        services=services,
        context=context,
        on_state=lambda state: tell(loss_point(state)),
    )
    return card.name
