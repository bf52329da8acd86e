"""Is a report unchanged, is a case unchanged: verdicts in plain words, line by line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from btd_desktop.cases.model import CaseVerdict
from btd_desktop.cases.store import CaseStore
from btd_desktop.gui.jobs import JobRunner, Tell
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.reports_beside import heads_beside

if TYPE_CHECKING:
    from btd_desktop.report.verification import ReportVerdict


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was checked.

    Attributes:
        name: What was checked.
        ok: Passed, failed, or None when it is a statement or could not be checked.
        words: The answer in a sentence.
    """

    name: str
    ok: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class VerifyState:
    """What the dialog shows.

    Attributes:
        path: The report, or None before one is chosen.
        evidence: Folders and files compared with.
        busy: Being checked.
        headline: The verdict in one sentence.
        ok: The verdict; None before there is one.
        lines: What was checked.
        problems: Everything that speaks against it.
    """

    path: Path | None = None
    evidence: tuple[Path, ...] = ()
    busy: bool = False
    headline: str = ""
    ok: bool | None = None
    lines: tuple[CheckLine, ...] = ()
    problems: tuple[str, ...] = ()


class VerifyPresenter(Presenter[VerifyState]):
    """Verifies reports.

    Signals:
        changed(VerifyState): The dialog's content.
    """

    def __init__(self, jobs: JobRunner, parent: QObject | None = None) -> None:
        super().__init__(jobs, VerifyState(), parent)

    def on_report_chosen(self, path: Path) -> None:
        """Verify a report."""
        self._run(VerifyState(path, self._state.evidence, busy=True))

    def on_evidence_chosen(self, evidence: tuple[Path, ...]) -> None:
        """Compare with evidence too."""
        self._run(VerifyState(self._state.path, evidence, busy=True))

    def _run(self, state: VerifyState) -> None:
        path = state.path
        if path is None:
            self._give_up()
            self._show(replace(state, busy=False))
            return

        def work(context: TaskContext, tell: Tell) -> ReportVerdict:
            from btd_desktop.report.verification import verify_report

            return verify_report(path, evidence=state.evidence or None)

        self._show(state)
        self._begin("io", "Verifying the report", work, self._on_verdict)

    def _on_verdict(self, verdict: ReportVerdict) -> None:
        self._show(
            replace(
                self._state,
                busy=False,
                headline=_headline(verdict),
                ok=verdict.ok,
                lines=report_lines(verdict),
                problems=verdict.problems,
            )
        )

    def _on_problem(self, problem: str) -> None:
        headline = "The report could not be verified."
        self._show(_unverified(self._state, headline, problem))

    def _on_over(self) -> None:
        if self._state.busy:
            self._show(replace(self._state, busy=False))


def _unverified(state: VerifyState, headline: str, problem: str) -> VerifyState:
    return replace(state, busy=False, ok=False, headline=headline, problems=(problem,))


def _headline(verdict: ReportVerdict) -> str:
    if not verdict.is_signed:
        return "This file is not a signed report: nothing vouches for its content."
    if not verdict.ok:
        return "Do not rely on this report: it does not verify."
    if verdict.evidence_checked:
        return "The report is unchanged, and the evidence is the evidence it describes."
    return "The report is unchanged since it was signed."


def report_lines(verdict: ReportVerdict) -> tuple[CheckLine, ...]:
    """A verdict field by field, in words."""
    if not verdict.is_signed:
        return (CheckLine("Signature", False, "The file holds no signature."),)
    when = "not stated"
    if verdict.signed_at is not None:
        when = verdict.signed_at.strftime("%Y-%m-%d %H:%M:%S %Z").strip()
    return (
        CheckLine(
            "Unchanged",
            verdict.intact,
            "No signed byte was changed."
            if verdict.intact
            else "Signed bytes were changed after signing.",
        ),
        CheckLine(
            "Signature fits",
            verdict.valid,
            "The signature was made with the key of the certificate it names."
            if verdict.valid
            else "The signature does not fit the certificate.",
        ),
        CheckLine(
            "Whole file",
            verdict.covers_whole_file,
            verdict.later_changes
            or (
                "The signature covers every byte of the file."
                if verdict.covers_whole_file
                else "There are bytes that the signature does not cover."
            ),
        ),
        CheckLine("Signer", None, _signer_words(verdict)),
        CheckLine("Fingerprint", None, _grouped(verdict.fingerprint_sha256)),
        CheckLine("Time", None, f"{when}, as the signer's computer stated it."),
        CheckLine(
            "Data inside",
            verdict.twin_present and verdict.twin_matches_print,
            _twin_words(verdict),
        ),
        _evidence_line(verdict),
    )


def _signer_words(verdict: ReportVerdict) -> str:
    name = verdict.signer or "not named"
    if verdict.trusted:
        return f"{name}, certified by an authority that you trust."
    if verdict.self_signed:
        return (
            f"{name}. Nobody else certified the key: the name is the signer's own "
            "claim. Compare the fingerprint with one received another way."
        )
    return f"{name}. The certificate was not checked against an authority."


def _twin_words(verdict: ReportVerdict) -> str:
    if not verdict.twin_present:
        return "The machine-readable copy of the results is missing."
    if not verdict.twin_matches_print:
        return "The machine-readable copy is not the one that the report states."
    return "The machine-readable copy of the results is attached and is the one stated."


def _evidence_line(verdict: ReportVerdict) -> CheckLine:
    if verdict.evidence_matches is None:
        return CheckLine(
            "Evidence", None, "Not compared. Choose the evidence to compare it."
        )
    if verdict.evidence_matches:
        n = verdict.n_evidence_compared
        files = f"All {n} files are" if n != 1 else "The file is"
        return CheckLine("Evidence", True, f"{files} there with the digests listed.")
    n = len(verdict.evidence_problems)
    return CheckLine(
        "Evidence", False, f"{n} difference{'s' if n != 1 else ''}, listed below."
    )


def _grouped(digest: str) -> str:
    return " ".join(digest[i : i + 8] for i in range(0, len(digest), 8))


class CaseCheckPresenter(Presenter[VerifyState]):
    """Verifies the open case.

    Signals:
        changed(VerifyState): The dialog's content (`path` is the case folder).
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, VerifyState(), parent)
        self._session = session

    def on_check_wanted(self) -> None:
        """Check log, records and arrays afresh."""
        store = self._session.store
        if store is None:
            return
        self._show(VerifyState(store.folder, busy=True))
        work = partial(_check_case, store)
        self._begin("io", "Verifying the case", work, self._on_verdict)

    def _on_verdict(self, verdict: CaseVerdict) -> None:
        headline = "The case was altered, or is not complete."
        if verdict.is_intact:
            headline = {
                "authenticated": "The case is unchanged as far as it can be checked "
                "here.",
                "adopted": "The case is unchanged since it was adopted.",
                "not authenticated": "NOT AUTHENTICATED: the case agrees with itself, "
                "but was not sealed with this computer's key.",
            }[verdict.authentication]
        self._show(
            VerifyState(
                self._state.path,
                headline=headline,
                ok=verdict.is_intact and verdict.is_authenticated,
                lines=_case_lines(verdict),
                problems=verdict.problems,
            )
        )

    def _on_problem(self, problem: str) -> None:
        headline = "The case could not be verified."
        self._show(_unverified(self._state, headline, problem))

    def _on_over(self) -> None:
        if self._state.busy:
            self._show(replace(self._state, busy=False))


def _check_case(store: CaseStore, context: TaskContext, tell: Tell) -> CaseVerdict:
    return store.verify(heads_beside(store), context)


def _case_lines(verdict: CaseVerdict) -> tuple[CheckLine, ...]:
    key_words = {
        "verified": "Every entry was made with this computer's key.",
        "partly": "Some entries were made with another computer's key, so for them "
        "only the chain itself could be checked.",
        "not checkable": "The entries were made with another computer's key, so only "
        "the chain itself could be checked, which a forger can rebuild.",
        "failed": "An entry claims this computer's key and was not made with it.",
    }
    key_ok = {"verified": True, "failed": False}.get(verdict.key_check)
    return (
        CheckLine(
            "Audit log",
            verdict.audit_intact,
            f"{verdict.n_entries:,} entries; none was edited, inserted or reordered."
            if verdict.audit_intact
            else "Entries were edited, inserted, reordered or removed.",
        ),
        CheckLine(
            "End of the log",
            verdict.audit_complete,
            "Nothing is missing at the end."
            if verdict.audit_complete
            else "Entries are missing at the end.",
        ),
        CheckLine("Key", key_ok, key_words[verdict.key_check]),
        CheckLine(
            "Records",
            verdict.records_intact,
            "Every record is what the log says it was."
            if verdict.records_intact
            else "Records differ from what the log says.",
        ),
        CheckLine(
            "Voxels and maps",
            verdict.arrays_intact,
            "All are there and have their digests."
            if verdict.arrays_intact
            else "Some are missing or altered.",
        ),
        CheckLine(
            "Reports in the case folder",
            verdict.reports_intact,
            "Each is the one that was issued."
            if verdict.reports_intact
            else "One was changed or exchanged after it was issued.",
        ),
        CheckLine("Head of the log", None, _grouped(verdict.head)),
    )
