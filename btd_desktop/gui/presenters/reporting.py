"""The report: what the case says of itself, a look at the pages, signing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import BtdError, SettingsError
from btd_desktop.examination.declared import declared_in, declared_lines
from btd_desktop.examination.series import State
from btd_desktop.examination.statement import Statement, statement_in
from btd_desktop.gui.jobs import Tell
from btd_desktop.gui.presenters.presenter import Presenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.report_names import next_report_path
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.state import keep_profile_of, state, with_profile

if TYPE_CHECKING:
    from btd_desktop.examination.reading import Choice
    from btd_desktop.examination.series import SeriesExamination
    from btd_desktop.workflow.issue_report import IssuedReport


@dataclass(frozen=True, slots=True)
class ReportForm:
    """What the examiner fills in.

    Attributes:
        statement: What the examiner states; kept in the case.
        is_draft: Print DRAFT across the pages, whatever is stated.
        certificate: PKCS#12 file; None signs with the own, self-signed key.
        passphrase: Of the certificate; never kept.
        out: File to write; None writes into the case folder.
        redacted: Write a redacted variant too.
        adopt_reason: Why a case that this computer did not seal is adopted.
    """

    statement: Statement = field(default_factory=Statement)
    is_draft: bool = False
    certificate: Path | None = None
    passphrase: str = ""
    out: Path | None = None
    redacted: bool = False
    adopt_reason: str = ""

    def __repr__(self) -> str:
        """Without passphrase and names, which must not reach a log."""
        return "ReportForm(…)"


@dataclass(frozen=True, slots=True)
class ReportState:
    """What the dialog shows.

    Attributes:
        form: Values to start with.
        out: Where the report will be written.
        lines: What the report will say: its conclusion, and of each series why.
        tests: What was declared to be tested, as sentences.
        is_complete: Every series was examined, or its calibration does not cover it.
        is_foreign: This computer did not seal the case: it is reported on only when
            the examiner adopts it.
        busy: What is being done; "" when nothing.
        preview: Draft pages as PDF, or None.
        issued: The report written, or None.
        problem: Why something could not be done.
    """

    form: ReportForm = ReportForm()
    out: Path = Path()
    lines: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    is_complete: bool = True
    is_foreign: bool = False
    busy: str = ""
    preview: bytes | None = None
    issued: IssuedReport | None = None
    problem: str = ""


class ReportPresenter(Presenter[ReportState]):
    """Makes previews and reports of the open case.

    Signals:
        changed(ReportState): The dialog's content.
    """

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(session.jobs, _started(session), parent)
        self._session = session

    def on_preview_wanted(self, form: ReportForm) -> None:
        """Lay out the pages as a draft; nothing is signed and nothing recorded."""
        self._submit("Laying out the pages", _preview, form, self._on_preview)

    def on_issue_wanted(self, form: ReportForm) -> None:
        """Write, sign and record the report."""
        title = "Writing and signing the report"
        self._submit(title, _issue, form, self._on_issued)

    def on_left(self, form: ReportForm) -> None:
        """The dialog was closed: what was written in it stays in the case."""
        session, store = self._session, self._session.store
        untouched = form.statement == self._state.form.statement
        if store is None or store.read_only or untouched:
            return
        if self._state.is_foreign or self._state.issued or self.is_busy:
            return
        try:
            state(store, form.statement, session.services)
        except BtdError as error:
            session.failed.emit(error)
            return
        session.noticed.emit("What you wrote for the report was kept in the case.")

    def _submit(
        self,
        title: str,
        make: Callable[..., Any],
        form: ReportForm,
        done: Callable[[Any], None],
    ) -> None:
        session = self._session
        if self.is_busy or session.store is None:
            return
        choices = choices_of(session.results)
        work = partial(make, session.store, choices, session.services, form)
        self._begin("io", title, work, done)
        self._show(replace(self._state, busy=title, problem=""))

    def _on_preview(self, pdf: bytes) -> None:
        self._show(replace(self._state, preview=pdf, busy=""))

    def _on_issued(self, issued: IssuedReport) -> None:
        self._keep_profile()
        self._show(replace(self._state, issued=issued, busy=""))
        self._session.custody_changed.emit()
        self._session.noticed.emit(f"The report was written: {issued.path.name}.")

    def _keep_profile(self) -> None:
        """Keep the examiner's profile for the next report, where it is the user's."""
        session, store = self._session, self._session.store
        if store is None:
            return
        examiner = statement_in(store).examiner
        if session.services.settings.examiner not in ("", examiner.name):
            return
        try:
            settings = keep_profile_of(examiner)
        except SettingsError as error:
            session.noticed.emit(f"Your profile was not kept: {error.detail}.")
            return
        session.services = Services(settings, session.services.now)

    def _on_problem(self, problem: str) -> None:
        self._show(replace(self._state, busy="", problem=problem))

    def _on_over(self) -> None:
        if self._state.busy:
            self._show(replace(self._state, busy=""))


def _started(session: Session) -> ReportState:
    store = session.store
    if store is None:
        return ReportState()
    settings = session.services.settings
    certificate = settings.signing_certificate
    form = ReportForm(
        with_profile(statement_in(store), settings),
        certificate=Path(certificate) if certificate else None,
    )
    lines, complete = _told(session, store)
    foreign = store.authentication()[0] == "not authenticated"
    tests = declared_lines(declared_in(store))
    return ReportState(form, next_report_path(store), lines, tests, complete, foreign)


def _told(session: Session, store: CaseStore) -> tuple[tuple[str, ...], bool]:
    """The report's own conclusion on what the window shows; see `ReportState`."""
    from btd_desktop.examination.conclusion import conclude
    from btd_desktop.examination.reading import read_series, with_findings
    from btd_desktop.workflow.import_series import count_fates

    seen = []
    for record in session.records:
        result = session.result_of(record)
        if result.evaluation is None and not result.problem:
            if result.is_scored:
                result = replace(result, problem="its scores are not calibrated yet")
            else:
                result = read_series(store, record)
        seen.append(with_findings(store, result))
    said = conclude(seen, count_fates(store.evidence()))
    incomplete = (State.NOT_SCORED, State.NOT_CALIBRATED, State.NOT_EXAMINED)
    complete = bool(seen) and not any(e.state in incomplete for e in seen)
    return (said.headline, *said.sentences), complete


def choices_of(results: Mapping[int, SeriesExamination]) -> dict[int, Choice]:
    """Run and profile of what the window shows, so that the report shows the same."""
    from btd_desktop.examination.reading import Choice

    return {
        series_id: Choice(seen.run.run_id, seen.profile.digest)
        for series_id, result in results.items()
        if (seen := result.evaluation) is not None
    }


def _preview(
    store: CaseStore,
    choices: dict[int, Choice],
    services: Services,
    form: ReportForm,
    context: TaskContext,
    tell: Tell,
) -> bytes:
    from btd_desktop.examination.reading import read_case
    from btd_desktop.workflow.issue_report import preview_report

    context.check()
    outcomes = read_case(store, choices=choices)
    return preview_report(store, outcomes, services, form.statement)


def _issue(
    store: CaseStore,
    choices: dict[int, Choice],
    services: Services,
    form: ReportForm,
    context: TaskContext,
    tell: Tell,
) -> IssuedReport:
    from btd_desktop.workflow.examine_case import report_on_store
    from btd_desktop.workflow.issue_report import ReportOptions

    options = ReportOptions(
        out=form.out,
        pkcs12=form.certificate,
        passphrase=form.passphrase or None,
        is_draft=form.is_draft,
        statement=form.statement,
        redacted=form.redacted,
        adopt_reason=form.adopt_reason,
    )
    return report_on_store(store, services, options, context, choices=choices)[1]
