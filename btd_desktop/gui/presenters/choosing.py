"""Which run and calibration speak for the series shown, before and after."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from btd_desktop.cases.model import SeriesRecord
from btd_desktop.cases.store import CaseStore
from btd_desktop.gui.jobs import Job, Tell
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.wording import series_name
from btd_desktop.progress import TaskContext

if TYPE_CHECKING:
    from btd_desktop.examination.candidates import Candidate
    from btd_desktop.examination.series import Evaluation


@dataclass(frozen=True, slots=True)
class ChoiceState:
    """What the dialog shows.

    Attributes:
        series: Which series is meant.
        candidates: What can speak for it; None while they are being listed.
        chosen: The candidate looked at, or None.
        rows: Name, now and then of what it would change; empty before it is known.
        warnings: In what it says less than what speaks now.
        decisions: Who let what speak so far, oldest first.
        busy: What is being done, or "".
        problem: Why it cannot be used.
    """

    series: str = ""
    candidates: tuple[Candidate, ...] | None = None
    chosen: Candidate | None = None
    rows: tuple[tuple[str, str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    busy: str = ""
    problem: str = ""

    @property
    def can_use(self) -> bool:
        """The candidate looked at can be let speak."""
        chosen = self.chosen
        return bool(self.rows) and chosen is not None and not chosen.is_in_force


class ChoicePresenter(Presenter[ChoiceState]):
    """Lists what can speak for the series shown and compares it with what speaks.

    Signals:
        changed(ChoiceState): The dialog's content.
        wanted(Candidate): It is to speak from now on.
    """

    wanted = Signal(object)

    def __init__(
        self,
        session: Session,
        profile: Path | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(session.jobs, ChoiceState(), parent)
        self._session = session
        self._profile = profile
        self._listing: Job | None = None

    def on_opened(self) -> None:
        """List the candidates, in the background: profiles are long files."""
        from btd_desktop.examination.chosen import chosen_text

        store, record = self._session.store, self._session.record
        if store is None or record is None:
            return
        told = tuple(chosen_text(c) for c in self._session.result.chosen)
        self._show(
            ChoiceState(
                series_name(record), decisions=told, busy="Listing calibrations"
            )
        )
        work = partial(_list, store, record, self._profile)
        self._begin("io", "Listing calibrations", work, self._on_listed)

    def on_candidate_chosen(self, candidate: Candidate) -> None:
        """Look at the series through a candidate; nothing is kept."""
        store, record = self._session.store, self._session.record
        if store is None or record is None or candidate == self._state.chosen:
            return
        now = self._session.result.evaluation
        work = partial(_compare, store, record, candidate, now)
        self._begin("io", "Comparing calibrations", work, self._on_compared)
        kept = replace(self._state, chosen=candidate, rows=(), warnings=(), problem="")
        self._show(replace(kept, busy="Judging the series with it"))

    def on_use(self) -> None:
        """Let the candidate looked at speak for the series."""
        if self._state.can_use:
            self.wanted.emit(self._state.chosen)

    def _on_listed(self, found: tuple[tuple[Candidate, ...], Candidate | None]) -> None:
        candidates, first = found
        self._show(replace(self._state, candidates=candidates, busy=""))
        if first is not None:
            self.on_candidate_chosen(first)

    def _on_compared(
        self, told: tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]
    ) -> None:
        rows, warnings = told
        self._show(replace(self._state, rows=rows, warnings=warnings, busy=""))

    def _on_problem(self, problem: str) -> None:
        self._show(replace(self._state, problem=problem, busy=""))


def _list(
    store: CaseStore,
    record: SeriesRecord,
    profile: Path | None,
    context: TaskContext,
    tell: Tell,
) -> tuple[tuple[Candidate, ...], Candidate | None]:
    from btd_desktop.examination.candidates import candidates, looked_at_first

    found = candidates(store, record)
    return found, looked_at_first(found, profile)


def _compare(
    store: CaseStore,
    record: SeriesRecord,
    candidate: Candidate,
    now: Evaluation | None,
    context: TaskContext,
    tell: Tell,
) -> tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]:
    from btd_desktop.examination.candidates import compared

    return compared(store, record, candidate, now)
