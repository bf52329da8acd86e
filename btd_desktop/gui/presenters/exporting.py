"""The results of the open case, written as DICOM objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from btd_desktop.cases.store import CaseStore
from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.reporting import choices_of
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.services import Services

if TYPE_CHECKING:
    from btd_desktop.examination.reading import Choice
    from btd_desktop.workflow.export_dicom import DicomExport


@dataclass(frozen=True, slots=True)
class ExportForm:
    """What the examiner fills in.

    Attributes:
        out: Folder to write into, new or empty; None before one is chosen.
        redacted: Pseudonyms in place of patient, study and UIDs.
        with_report: Put the newest report of the case among the objects.
    """

    out: Path | None = None
    redacted: bool = False
    with_report: bool = True


@dataclass(frozen=True, slots=True)
class ExportState:
    """What the dialog shows.

    Attributes:
        busy: Being written.
        done: What was written, or None.
        problem: Why nothing was written.
    """

    busy: bool = False
    done: DicomExport | None = None
    problem: str = ""


class ExportPresenter(Presenter[ExportState]):
    """Writes what the window shows.

    Signals:
        changed(ExportState): The dialog's content.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, ExportState(), parent)
        self._session = session

    def on_export_wanted(self, form: ExportForm) -> None:
        """Write the objects."""
        session = self._session
        if self.is_busy or session.store is None or form.out is None:
            return
        choices = choices_of(session.results)
        work = partial(_export, session.store, choices, session.services, form)
        self._begin("io", "Writing DICOM objects", work, self._on_exported)
        self._show(ExportState(busy=True))

    def _on_exported(self, done: DicomExport) -> None:
        self._show(ExportState(done=done))
        told = f"{len(done.files)} DICOM objects were written to {done.folder.name}."
        self._session.noticed.emit(told)

    def _on_problem(self, problem: str) -> None:
        self._show(ExportState(problem=problem))

    def _on_over(self) -> None:
        if self._state.busy:
            self._show(replace(self._state, busy=False))


def _export(
    store: CaseStore,
    choices: dict[int, Choice],
    services: Services,
    form: ExportForm,
    context: TaskContext,
    tell: Tell,
) -> DicomExport:
    from btd_desktop.workflow.export_dicom import ExportOptions, export_chosen

    options = ExportOptions(form.out or Path(), form.redacted, form.with_report)
    return export_chosen(store, choices, services, options, context)
