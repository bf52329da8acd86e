"""Verdicts on a report and on the open case, in plain words, line by line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from btd_desktop.gui.jobs import JobRunner, Tell, Work
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext

if TYPE_CHECKING:
    from btd_desktop.workflow.verdict_words import VerdictWords


@dataclass(frozen=True, slots=True)
class VerifyState:
    """What the dialog shows.

    Attributes:
        path: The report or case; None before one is chosen.
        evidence: Folders and files that a report is compared with.
        trust: Certificates that the user trusts; they alone validate a signer.
        busy: Being checked.
        verdict: The verdict; None before there is one.
        problem: Why there can be none.
    """

    path: Path | None = None
    evidence: tuple[Path, ...] = ()
    trust: tuple[Path, ...] = ()
    busy: bool = False
    verdict: VerdictWords | None = None
    problem: str = ""


class VerdictPresenter(Presenter[VerifyState]):
    """Shows one verdict at a time.

    Signals:
        changed(VerifyState): The dialog's content.
    """

    def __init__(self, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(jobs, VerifyState(), parent)

    def _verify(self, state: VerifyState, title: str, work: Work) -> None:
        self._show(replace(state, busy=True))
        self._begin("io", title, work, self._on_verdict)

    def _on_verdict(self, verdict: VerdictWords) -> None:
        self._show(replace(self._state, busy=False, verdict=verdict))

    def _on_problem(self, problem: str) -> None:
        self._show(replace(self._state, busy=False, problem=problem))

    def _on_over(self) -> None:
        if self._state.busy:
            self._show(replace(self._state, busy=False))


class VerifyPresenter(VerdictPresenter):
    """Verifies a report, by itself or against evidence."""

    def on_report_chosen(self, path: Path) -> None:
        """Verify a report."""
        self._run(replace(self._state, path=path))

    def on_evidence_chosen(self, evidence: tuple[Path, ...]) -> None:
        """Compare with evidence too."""
        self._run(replace(self._state, evidence=evidence))

    def on_trust_chosen(self, trust: tuple[Path, ...]) -> None:
        """Validate the signer against certificates that the user trusts."""
        self._run(replace(self._state, trust=trust))

    def _run(self, chosen: VerifyState) -> None:
        path, evidence, trust = chosen.path, chosen.evidence, chosen.trust
        state = VerifyState(path, evidence, trust)
        if path is None:
            self._give_up()
            self._show(state)
            return

        def work(context: TaskContext, tell: Tell) -> VerdictWords:
            from btd_desktop.workflow.verdict_words import report_words
            from btd_desktop.workflow.verify import verify_report_file

            verdict = verify_report_file(
                path, evidence=evidence or None, trust=trust or None
            )
            return report_words(verdict)

        self._verify(state, "Verifying the report", work)


class CaseCheckPresenter(VerdictPresenter):
    """Verifies the open case."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, parent)
        self._session = session

    def on_check_wanted(self) -> None:
        """Check log, records and arrays afresh."""
        store = self._session.store
        if store is None:
            return

        def work(context: TaskContext, tell: Tell) -> VerdictWords:
            from btd_desktop.workflow.reports_beside import heads_beside
            from btd_desktop.workflow.verdict_words import case_words

            return case_words(store.verify(heads_beside(store), context))

        self._verify(VerifyState(store.folder), "Verifying the case", work)
