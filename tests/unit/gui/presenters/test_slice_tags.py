"""Tags of the slice on screen: when they are read, and what is shown of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtTest import QTest

from btd_desktop.cases.store import CaseStore
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.presenters import slice_tags
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.presenters.slice_tags import TagsPresenter
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.services import Services
from btd_desktop.workflow.slice_tags import tags_of_slice
from tests.factories import make_series_folder
from tests.window_desk import wait_until

N_SLICES = 6


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tags") / "scan"
    return make_series_folder(folder, 0, shape=(N_SLICES, 128, 128))


@pytest.fixture
def reads(monkeypatch):
    """Slices in the order in which their files were read."""
    read: list[int] = []
    real = tags_of_slice

    def counted(store: CaseStore, series_id: int, index: int):
        read.append(index)
        return real(store, series_id, index)

    monkeypatch.setattr(slice_tags, "tags_of_slice", counted)
    return read


@pytest.fixture
def session(qapp, no_thread_left, scan, tmp_path):
    jobs = JobRunner()
    bugs: list[Any] = []
    jobs.bug.connect(bugs.append)
    made = Session(Services(), jobs)
    store = create_case(tmp_path / "case", CaseDetails(), Services())
    import_into_case(store, [scan], Services(), TaskContext())
    made.open_store(store)
    yield made
    assert jobs.shut_down(30.0)
    made.close_case()
    assert not bugs


def _value(presenter: TagsPresenter, keyword: str) -> str:
    return next(r.value for r in presenter.state.rows if r.keyword == keyword)


def _uid(session: Session, index: int) -> str:
    assert session.volume is not None
    return session.volume.instance_uids[index]


def test_nothing_is_read_while_nobody_looks(session, reads):
    presenter = TagsPresenter(session)
    session.move_to((1, 0, 0))
    QTest.qWait(600)
    assert reads == []
    presenter.on_watched(True)
    wait_until(lambda: presenter.state.rows)
    assert reads == [1]
    assert _value(presenter, "SOPInstanceUID") == _uid(session, 1)
    presenter.on_watched(False)
    session.move_to((2, 0, 0))
    QTest.qWait(600)
    assert reads == [1]


def test_only_the_slice_that_rests_is_read(session, reads):
    presenter = TagsPresenter(session)
    presenter.on_watched(True)
    wait_until(lambda: presenter.state.rows)
    reads.clear()
    states: list[Any] = []
    presenter.changed.connect(states.append)
    for step in range(20):
        session.move_to((step % N_SLICES, 0, 0))
        QTest.qWait(15)
    # The old slice's tags left the screen at once, and nothing else was done.
    assert reads == []
    assert [len(s.rows) for s in states] == [0]
    session.move_to((4, 0, 0))
    wait_until(lambda: presenter.state.rows)
    assert reads == [4]
    assert _value(presenter, "SOPInstanceUID") == _uid(session, 4)
    session.move_to((4, 7, 9))
    QTest.qWait(500)
    assert reads == [4]


def test_search_looks_at_tag_keyword_and_value(session):
    presenter = TagsPresenter(session)
    presenter.on_watched(True)
    wait_until(lambda: presenter.state.rows)
    n_all = len(presenter.state.rows)
    for typed, keyword in (
        ("(0018,0050)", "SliceThickness"),
        ("00180050", "SliceThickness"),
        ("slicethick", "SliceThickness"),
        (_uid(session, session.voxel[0]), "SOPInstanceUID"),
    ):
        presenter.on_search_changed(typed)
        keywords = [row.keyword for row in presenter.state.rows]
        assert keyword in keywords
        assert len(keywords) <= 2
        assert f"{len(keywords)} of {n_all}" in presenter.state.message
    presenter.on_search_changed("no such thing")
    assert presenter.state.rows == ()
    assert f"0 of {n_all}" in presenter.state.message
    presenter.on_search_changed("")
    assert len(presenter.state.rows) == n_all


def test_comparison_shows_what_differs_from_the_other_slice(session, reads):
    presenter = TagsPresenter(session)
    presenter.on_watched(True)
    session.move_to((2, 0, 0))
    wait_until(lambda: presenter.state.rows)
    presenter.on_compared_changed(1)
    wait_until(lambda: presenter.state.rows)
    rows = {row.keyword: row for row in presenter.state.rows}
    assert rows["SOPInstanceUID"].value == _uid(session, 2)
    assert rows["SOPInstanceUID"].other == _uid(session, 0)
    assert "Rows" not in rows
    assert "SeriesInstanceUID" not in rows
    # The other slice stays while one scrolls, and is not read again.
    reads.clear()
    session.move_to((3, 0, 0))
    wait_until(lambda: presenter.state.rows)
    assert reads == [3]
    presenter.on_compared_changed(4)
    assert "is the slice on screen" in presenter.state.message
    presenter.on_compared_changed(None)
    assert _value(presenter, "Rows") == "128"


def test_changed_file_is_said_to_be_changed(session, tmp_path, scan):
    copy = make_series_folder(tmp_path / "copy", 3, shape=(N_SLICES, 128, 128))
    added = import_into_case(session.store, [copy], Services(), TaskContext())
    session.refresh_series(added[0].series_id)
    name = session.record.record_names[1]
    path = copy / name
    path.write_bytes(path.read_bytes() + b"\0\0")
    presenter = TagsPresenter(session)
    presenter.on_watched(True)
    session.move_to((1, 0, 0))
    wait_until(lambda: "changed since" in presenter.state.message)
    assert presenter.state.rows == ()
    assert presenter.state.message.startswith("Slice 2:")
    session.move_to((2, 0, 0))
    assert "changed since" not in presenter.state.message
    wait_until(lambda: presenter.state.rows)


def test_closing_the_case_empties_the_list(session):
    presenter = TagsPresenter(session)
    presenter.on_watched(True)
    wait_until(lambda: presenter.state.rows)
    session.close_case()
    assert presenter.state.rows == ()
    assert presenter.state.number == 0
