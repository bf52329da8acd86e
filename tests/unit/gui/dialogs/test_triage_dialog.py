"""The page of a sweep's results: what it shows, hands on and keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from btd_desktop.archive.rows import SeriesRow, read_reviews
from btd_desktop.gui.dialogs.triage_dialog import TriageDialog
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.triage import TriagePresenter
from btd_desktop.workflow.services import Services
from tests.factories import make_series_folder
from tests.unit.archive.test_triage import ROWS, make_index, swept_row
from tests.window_desk import wait_until


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scan") / "files"
    return make_series_folder(folder, shape=(4, 96, 96))


@pytest.fixture
def results(scan: Path, tmp_path: Path) -> Path:
    swept = replace(swept_row(scan), p_value=0.001)
    far = replace(swept, series_digest="e" * 64, evidence=("/far",), p_value=0.9)
    return make_index(tmp_path / "results", (*ROWS, swept, far))


@pytest.fixture
def session(qapp, no_thread_left, monkeypatch, tmp_path) -> Iterator[Session]:
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    jobs = JobRunner()
    made = Session(Services(), jobs)
    yield made
    jobs.shut_down(30.0)


@pytest.fixture
def dialog(session, qtbot, results) -> TriageDialog:
    made = TriageDialog(TriagePresenter(session))
    qtbot.addWidget(made)
    made.show()
    made._presenter.on_index_chosen(results)
    wait_until(lambda: made._model.rows)
    return made


def shown(dialog: TriageDialog) -> list[str]:
    return [row.row.series_digest[0] for row in dialog._model.rows]


def choose(dialog: TriageDialog, start: str) -> SeriesRow:
    rows = dialog._model.rows
    number = next(
        i for i, r in enumerate(rows) if r.row.series_digest.startswith(start)
    )
    dialog._table.selectRow(number)
    row: SeriesRow = rows[number].row
    return row


def test_table_is_ranked_and_says_how_far_it_is(dialog, scan):
    first = swept_row(scan).series_digest[0]
    assert shown(dialog)[:2] == [first, "a"]
    assert "6 series" in dialog._summary.text()
    assert "at a rate of 10 %" in dialog._summary.text()


def test_filters_and_order_change_the_rows(dialog):
    dialog._flagged.setChecked(True)
    assert shown(dialog) == ["a"]
    assert dialog._export.text() == "&Export 1 row …"
    dialog._flagged.setChecked(False)
    dialog._state.setCurrentText("not covered")
    assert shown(dialog) == ["c"]
    dialog._state.setCurrentIndex(0)
    dialog._words.setText("damaged")
    assert shown(dialog) == ["d"]
    dialog._words.clear()
    header = dialog._table.horizontalHeader()
    header.setSortIndicator(10, header.sortIndicatorOrder().DescendingOrder)
    assert shown(dialog)[0] == "e"


def test_places_are_drawn_where_the_evidence_is_at_hand(dialog, scan):
    row = choose(dialog, swept_row(scan).series_digest)
    wait_until(lambda: dialog._presenter.state.pictures)
    assert len(dialog._presenter.state.pictures) == len(row.places)
    assert dialog._looks._pictures.count() == len(row.places)
    assert dialog._presenter.state.pictures[0].pixels.shape == (96, 96)
    choose(dialog, "e")
    wait_until(lambda: "reached" in dialog._looks._pictures_words.text())
    assert dialog._looks._pictures.count() == 0


def test_review_is_kept_and_taken_back(dialog, results):
    choose(dialog, "b")
    dialog._looks._note.setText("looks fine")
    dialog._looks._mark.click()
    kept = read_reviews(results / "index.sqlite")["b" * 64]
    assert kept.note == "looks fine"
    assert "Reviewed on" in dialog._looks._review.text()
    dialog._unseen.setChecked(True)
    assert "b" not in shown(dialog)
    dialog._unseen.setChecked(False)
    dialog._looks._back.click()
    assert read_reviews(results / "index.sqlite") == {}


def test_series_is_opened_as_a_case_where_its_evidence_is(dialog, scan):
    asked: list[list[Path]] = []
    dialog._presenter.evidence_wanted.connect(asked.append)
    choose(dialog, "e")
    dialog._looks._open.click()
    assert asked == []
    assert "cannot be reached" in dialog._problem.text() + (
        dialog._looks._pictures_words.text()
    )
    choose(dialog, swept_row(scan).series_digest)
    dialog._looks._open.click()
    assert asked == [[scan]]
    assert not dialog.isVisible()


def test_export_writes_the_rows_shown(dialog, tmp_path, monkeypatch):
    told: list[str] = []
    dialog._presenter._session.noticed.connect(told.append)
    dialog._words.setText("damaged")
    dialog._presenter.on_export_wanted(tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text().count("\n") == 2
    assert told == ["1 row written to rows.csv."]


def test_folder_without_results_says_so(session, qtbot, tmp_path):
    made = TriageDialog(TriagePresenter(session))
    qtbot.addWidget(made)
    made.show()
    made._presenter.on_index_chosen(tmp_path)
    wait_until(lambda: made._problem.text())
    assert "no index of a sweep" in made._problem.text()
