"""The report's dialog: what is missing for a final report, and what it keeps."""

from __future__ import annotations

import pytest

from btd_desktop.examination.statement import (
    EXPLANATIONS,
    Asked,
    Examiner,
    Received,
    Statement,
    Weighed,
)
from btd_desktop.gui.dialogs.report_dialog import ReportDialog
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.presenters.reporting import ReportPresenter
from btd_desktop.gui.presenters.session import Session
from btd_desktop.settings import load_settings
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.services import Services
from tests.factories import make_series_folder
from tests.window_desk import wait_until

STATEMENT = Statement(
    Examiner("Dr. A. Example", "Expert", "Line one\nLine two", "None.", "B. Second"),
    Asked("12/26", "Court", "Was a nodule added?", "Health."),
    Received("Registry", "sealed", "2 November", ("ab" * 32,)),
    {key: Weighed("excluded", f"remark on {key}") for key in EXPLANATIONS},
    "My words.",
)


@pytest.fixture
def session(qapp, no_thread_left, monkeypatch, tmp_path):
    """A session with an imported case open."""
    from btd_desktop.progress import TaskContext

    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    jobs, services = JobRunner(), Services()
    made = Session(services, jobs)
    suspect = make_series_folder(tmp_path / "suspect", 0)
    store = create_case(tmp_path / "case", CaseDetails("Case"), services)
    import_into_case(store, [suspect], services, TaskContext())
    made.open_store(store)
    yield made
    jobs.shut_down(30.0)
    made.close_case()


@pytest.fixture
def dialog(session, qtbot):
    made = ReportDialog(ReportPresenter(session))
    qtbot.addWidget(made)
    made.show()
    return made


def _fill(dialog: ReportDialog, statement: Statement) -> None:
    form = dialog._stated
    form.name.setText(statement.examiner.name)
    form.role.setText(statement.examiner.role)
    form.qualification.setPlainText(statement.examiner.qualification)
    form.question.setPlainText(statement.mandate.question)
    form.from_whom.setText(statement.received.sender)


def test_dialog_says_what_a_final_report_lacks_while_it_is_filled_in(dialog):
    assert dialog._missing.text() == (
        "DRAFT. Not a final report before it states the examiner's name, the examiner's"
        " role, the question asked and from whom the items were received. They are"
        " marked with *."
    )
    dialog._stated.name.setText("Dr. A. Example")
    dialog._stated.role.setText("Expert")
    dialog._stated.question.setPlainText("Q?")
    assert "before it states from whom the items were received." in (
        dialog._missing.text()
    )
    dialog._stated.from_whom.setText("Registry")
    assert not dialog._missing.isVisible()
    assert dialog._complete.isVisible()
    dialog._draft.setChecked(True)
    assert dialog._missing.text() == "DRAFT, as you chose under Signature."


def test_what_is_filled_in_is_in_the_report_and_there_again(dialog, session, qtbot):
    _fill(dialog, STATEMENT)
    dialog._remarks.setPlainText("My words.")
    choice, remark = dialog._stated._weighed["metal"]
    choice.setCurrentIndex(choice.findData("excluded"))
    remark.setText("No metal.")
    dialog._preview.click()
    wait_until(lambda: dialog._presenter.state.preview is not None)
    # A preview writes nothing.
    assert session.store.info.question == ""
    dialog._issue.click()
    wait_until(
        lambda: dialog._presenter.state.issued or dialog._presenter.state.problem
    )
    issued = dialog._presenter.state.issued
    assert (issued.standing, issued.missing) == ("final", "")
    assert dialog._done_text.text().startswith("Final report written to ")
    again = ReportDialog(ReportPresenter(session))
    qtbot.addWidget(again)
    stated = again.form.statement
    assert stated == dialog.form.statement
    assert stated.alternatives == {"metal": Weighed("excluded", "No metal.")}
    assert stated.remarks == "My words."


def test_profile_is_kept_for_the_next_case_of_the_same_examiner(dialog, session):
    _fill(dialog, STATEMENT)
    dialog._issue.click()
    wait_until(lambda: dialog._presenter.state.issued)
    kept = load_settings()
    assert kept.problems == ()
    assert kept.settings.examiner == "Dr. A. Example"
    assert kept.settings.examiner_role == "Expert"
    assert kept.settings.examiner_qualification == "Line one\nLine two"
    assert session.services.settings == kept.settings
    other = ReportDialog(ReportPresenter(session))
    other._stated.name.setText("B. Other")
    other._stated.role.setText("Another role")
    other._issue.click()
    wait_until(lambda: other._presenter.state.issued)
    assert load_settings().settings == kept.settings


def test_statement_goes_through_the_form_unchanged(session, qtbot):
    from btd_desktop.gui.dialogs.statement_form import StatementForm

    for statement in (STATEMENT, Statement(is_demonstration=True)):
        form = StatementForm(statement, (), session)
        for _, page in form.pages:
            qtbot.addWidget(page)
        assert form.statement == statement


def test_text_that_is_too_long_is_told_and_nothing_is_written(dialog, session):
    _fill(dialog, STATEMENT)
    dialog._stated.qualification.setPlainText("x" * 4001)
    dialog._issue.click()
    wait_until(lambda: dialog._presenter.state.problem)
    assert "examiner.qualification must be text of length" in (
        dialog._presenter.state.problem
    )
    assert session.store.reports() == ()
    assert session.store.info.examiner == ""
