"""Compares a case that was just opened with its audit log and with the evidence.

In the background: the window shows the case at once, and later what was found.
"""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import BtdError, CaseError
from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.presenter import JobOwner
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import ON_OPENING, CustodyCheck, check_custody
from btd_desktop.workflow.portable.opening import PortableCase

_READ_ONLY = "Portable case: every digest was compared; it is open for reading only."


def custody_words(store: CaseStore | None) -> str:
    """What stands above a case that is not the examiner's own work here, else ""."""
    if store is None:
        return ""
    is_portable = isinstance(store, PortableCase)
    return " ".join(filter(None, (_READ_ONLY * is_portable, _key_words(store))))


def _key_words(store: CaseStore) -> str:
    try:
        state, adoption = store.authentication()
    except CaseError:
        state, adoption = "not authenticated", None
    if adoption is not None:
        return (
            f"Made on another computer; adopted by {adoption.actor} on "
            f"{adoption.utc[:10]}. What it held by then could not be authenticated."
        )
    if state == "not authenticated":
        return (
            "NOT AUTHENTICATED: this case was not sealed with this computer's key. "
            "Whoever had the folder may have written all of it. No report is signed "
            "over it unless you adopt it, with a reason, in the report's dialog."
        )
    return ""


class CustodyWatch(JobOwner):
    """Checks each case that is opened; the session tells the result."""

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, parent)
        self._session = session

    def start(self, store: CaseStore) -> None:
        """Check an open case; a check under way is given up."""
        services = self._session.services

        def work(context: TaskContext, tell: Tell) -> CustodyCheck:
            return check_custody(store, services, context, ON_OPENING)

        done = partial(self._on_checked, store)
        self._begin("io", "Checking the case", work, done)

    def stop(self) -> None:
        """Give up the check: something else needs the disk."""
        self._give_up()

    def _on_checked(self, store: CaseStore, check: CustodyCheck) -> None:
        if store is not self._session.store:
            return
        problems = check.verdict.problems
        evidence = check.evidence
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            self._session.failed.emit(
                CaseError(
                    f"the case is not what its audit log says: {problems[0]}{more}",
                    hint="See all with File, Verify this case; no report is made of "
                    "an altered case.",
                    code="case-altered",
                )
            )
        elif evidence is not None and evidence.changed:
            self._session.failed.emit(
                CaseError(
                    f"{len(evidence.changed)} evidence files have changed since they "
                    f"were imported, the first is {evidence.changed[0]}",
                    hint="Results rest on the content that was imported, which the "
                    "case holds unchanged.",
                    code="evidence-changed",
                )
            )
        else:
            self._session.noticed.emit(f"Checked: {check.summary}.")

    def _on_failed(self, error: Exception) -> None:
        if isinstance(error, BtdError):
            self._session.failed.emit(error)
