"""Opening: what was dropped, named or chosen becomes a case, a report or evidence."""

from __future__ import annotations

import contextlib
import os
import queue
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import QObject, QStandardPaths, Signal

from btd_desktop import paths
from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import BtdError, EvidenceError, SettingsError
from btd_desktop.examination.declared import Mandate
from btd_desktop.gui.jobs import LaneName, Tell, Work
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.custody import CustodyWatch
from btd_desktop.gui.presenters.first_slice import FirstSlice
from btd_desktop.gui.presenters.presenter import IDLE, Presenter, ProgressState
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.workflow.case_state import case_state
from btd_desktop.workflow.declare import declare
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    holds_case,
    import_into_case,
)
from btd_desktop.workflow.portable.container import is_bundle
from btd_desktop.workflow.portable.opening import open_portable

_TURN_S = 0.1

PathKind = Literal["case", "report", "evidence"]


@dataclass(frozen=True, slots=True)
class CaseProposal:
    """What the examiner is asked before evidence is read.

    Attributes:
        paths: The evidence.
        folder: Where the case would lie.
        title: Proposed title.
        examiner: Proposed examiner.
        open_case: Title of the case that is open and could take the evidence, or "".
    """

    paths: tuple[Path, ...]
    folder: Path
    title: str
    examiner: str
    open_case: str = ""


@dataclass(frozen=True, slots=True)
class CaseChoice:
    """The examiner's answer.

    Attributes:
        paths: The evidence.
        folder: Of the new case; None adds the evidence to the open case.
        details: Of the new case.
        mandate: What is to be tested in the new case.
    """

    paths: tuple[Path, ...]
    folder: Path | None
    details: CaseDetails = field(default_factory=CaseDetails)
    mandate: Mandate = field(default_factory=Mandate)


@dataclass(frozen=True, slots=True)
class ModalityQuestion:
    """What the examiner is asked when neither format nor values tell the modality.

    Attributes:
        descriptions: Of the series concerned.
        answer: To be called once, with "CT", "MR", or "" for not known.
    """

    descriptions: tuple[str, ...]
    answer: Callable[[str], None]


def default_cases_dir() -> Path:
    """Folder in which new cases are proposed."""
    if os.environ.get("BTD_HOME"):
        return paths.data_dir() / "cases"
    documents = QStandardPaths.writableLocation(
        QStandardPaths.StandardLocation.DocumentsLocation
    )
    return Path(documents) / "BTD Cases" if documents else paths.data_dir() / "cases"


def kind_of_paths(given: Sequence[Path]) -> PathKind:
    """What a drop means: a case to open, a report to verify, or evidence."""
    if len(given) == 1:
        path = given[0]
        if holds_case(_case_folder(path)):
            return "case"
        if is_bundle(path):
            return "case"
        if path.suffix.lower() == ".pdf" and path.is_file():
            return "report"
    return "evidence"


def _case_folder(path: Path) -> Path:
    """The folder itself, or that of a case's database, which examiners choose too."""
    return path.parent if path.name == "case.sqlite" else path


def proposed_folder(parent: Path, name: str) -> Path:
    """A folder below `parent` that does not exist yet, named after the evidence."""
    plain = re.sub(r"[^\w .+-]+", "_", name).strip(" ._")[:60] or "Case"
    folder = parent / plain
    number = 2
    while folder.exists():
        folder = parent / f"{plain} {number}"
        number += 1
    return folder


def _ask(context: TaskContext, tell: Tell, descriptions: tuple[str, ...]) -> str:
    """Wait in the import's thread for the examiner; cancelling ends it."""
    answers: queue.Queue[str] = queue.Queue()
    tell(ModalityQuestion(descriptions, answers.put))
    while True:
        context.check()
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=_TURN_S)


class OpeningPresenter(Presenter[ProgressState]):
    """Opens cases, imports evidence, makes the demonstration.

    Signals:
        case_wanted(CaseProposal): Ask where to store the case.
        modality_wanted(ModalityQuestion): Ask what the series are; the import waits.
        demo_shown(): The demonstration is open.
        report_dropped(Path): Verify this report.
        changed(ProgressState): How far the import is.
        imported(tuple[int, ...]): Series that an import added, by number; the account
            of the files is in the case.
    """

    case_wanted = Signal(object)
    modality_wanted = Signal(object)
    demo_shown = Signal()
    report_dropped = Signal(object)
    imported = Signal(object)

    def __init__(
        self, session: Session, recent: RecentCases, parent: QObject | None = None
    ) -> None:
        super().__init__(session.jobs, IDLE, parent)
        self._session = session
        self._recent = recent
        session.case_closing.connect(self._note_state)
        self._preview = FirstSlice(session, self)
        self._custody = CustodyWatch(session, self)

    def on_paths_given(self, given: Sequence[Path]) -> None:
        """Something was dropped, chosen or named on the command line."""
        existing = tuple(p for p in given if p.exists())
        if not existing:
            named = ", ".join(p.name for p in given) or "nothing"
            self._session.failed.emit(
                EvidenceError(f"{named} does not exist any more", code="missing")
            )
            return
        kind = kind_of_paths(existing)
        if kind == "case":
            self.on_case_opened(_case_folder(existing[0]))
        elif kind == "report":
            self.report_dropped.emit(existing[0])
        else:
            self.get_ready()
            self.case_wanted.emit(self._proposal(existing))

    def get_ready(self) -> None:
        """Evidence may come soon: start the process that will read its first slice."""
        if not self.is_busy:
            self._preview.get_ready()

    def close(self) -> None:
        """End what waits for evidence."""
        self._preview.close()

    def _proposal(self, given: tuple[Path, ...]) -> CaseProposal:
        first = given[0]
        name = first.stem if first.is_file() else first.name
        if len(given) > 1:
            name = first.parent.name or name
        store = self._session.store
        return CaseProposal(
            given,
            proposed_folder(default_cases_dir(), name),
            name,
            self._session.services.settings.examiner,
            "" if store is None else store.info.title,
        )

    def on_case_opened(self, folder: Path) -> None:
        """Open a case folder, or a portable case, which is compared first."""
        if self._refuse_while_busy():
            return
        store = self._session.store
        if store is not None and store.folder == folder:
            return
        self.on_case_closed()

        def work(context: TaskContext, tell: Tell) -> CaseStore:
            if is_bundle(folder):
                return open_portable(folder, context)
            return CaseStore.open(folder)

        self._start("io", "Opening the case", work, self._on_case_found)

    def on_case_closed(self) -> None:
        """Close the case; what runs for it is stopped and stays resumable."""
        for job in self._session.jobs.jobs():
            # Calibrating and training are of no case, and go on.
            if job.of_case:
                self._session.jobs.give_up(job)
        self._session.close_case()

    def on_case_chosen(self, choice: CaseChoice) -> None:
        """Import evidence into a new case, or into the open one."""
        if self._refuse_while_busy():
            return
        services = self._session.services
        if choice.folder is None:
            store = self._session.store
            if store is not None:
                self._preview.show(choice.paths)
                self._import(store, choice.paths)
            return
        folder, details = choice.folder, choice.details
        self.on_case_closed()
        self._preview.show(choice.paths)

        def work(context: TaskContext, tell: Tell) -> CaseStore:
            return create_case(folder, details, services)

        done = partial(self._on_case_made, choice.paths, mandate=choice.mandate)
        self._start("io", "Making the case", work, done)

    def on_demo_wanted(self) -> None:
        """Open the demonstration; where there is none yet, make it first."""
        if self._refuse_while_busy():
            return
        out = default_cases_dir() / "Demonstration"
        services = self._session.services

        def work(
            context: TaskContext, tell: Tell
        ) -> tuple[CaseStore, tuple[Path, ...]]:
            from btd_desktop.workflow.demo import open_demo

            return open_demo(out, services, context, device=services.settings.device)

        title = "Making the demonstration"
        self._start("compute", title, work, self._on_demo_made)

    def _on_case_made(
        self, given: Sequence[Path], store: CaseStore, mandate: Mandate | None = None
    ) -> None:
        self._on_case_open(store)
        self._import(store, given, mandate)

    def _note_state(self) -> None:
        """Let the list of cases say how far this one has come."""
        store = self._session.store
        if store is None or store.read_only:
            return
        # A case that cannot be read is told of elsewhere.
        with contextlib.suppress(BtdError):
            self._recent.note(store.folder.resolve(), case_state(store).text)

    def _on_case_found(self, store: CaseStore) -> None:
        self._on_case_open(store)
        self._custody.start(store)

    def _on_case_open(self, store: CaseStore) -> None:
        self._session.open_store(store)
        # A portable case lies in a folder that goes with it.
        if not store.read_only:
            self._recent.add(store.folder)

    def _on_demo_made(self, made: tuple[CaseStore, tuple[Path, ...]]) -> None:
        store, evidence = made
        self.on_case_closed()
        if evidence:
            from btd_desktop.workflow.demo import DEMO_MANDATE

            self._preview.show(evidence)
            self._on_case_made(evidence, store, DEMO_MANDATE)
        else:
            self._on_case_found(store)
        self.demo_shown.emit()

    def _import(
        self, store: CaseStore, given: Sequence[Path], mandate: Mandate | None = None
    ) -> None:
        services = self._session.services
        self._custody.stop()

        def work(
            context: TaskContext, tell: Tell
        ) -> tuple[tuple[int, ...], SettingsError | None]:
            ask = partial(_ask, context, tell)
            added = import_into_case(store, given, services, context, ask=ask)
            try:
                if mandate is not None and added:
                    declare(store, mandate, services)
            except SettingsError as error:
                return tuple(r.series_id for r in added), error
            return tuple(r.series_id for r in added), None

        self._start("io", "Importing", work, self._on_imported)

    def _on_imported(self, came: tuple[tuple[int, ...], SettingsError | None]) -> None:
        series_ids, problem = came
        self._session.refresh_series(series_ids[0] if series_ids else None)
        if problem is None:
            self.imported.emit(series_ids)
            return
        # Scored now, the places would be named after the scores were seen.
        hint = "name it again with File, What is tested; then score the series"
        self._session.failed.emit(SettingsError(problem.detail, hint=hint))

    def _start(
        self, lane: LaneName, title: str, work: Work, done: Callable[[Any], None]
    ) -> None:
        job = self._begin(lane, title, work, done)
        job.told.connect(self.modality_wanted)
        self._show(ProgressState(title))

    def _on_progress(self, progress: Progress) -> None:
        self._show(ProgressState(self._state.title, progress))

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, BtdError):
            self._session.failed.emit(error)

    def _on_over(self) -> None:
        self._show(IDLE)

    def _refuse_while_busy(self) -> bool:
        if self.is_busy:
            self._session.noticed.emit(
                f"{self._state.title} is still going on: wait, or cancel it first."
            )
        return self.is_busy
