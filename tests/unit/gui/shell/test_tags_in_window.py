"""The window's list of tags follows the slice on screen."""

from __future__ import annotations

import pytest

from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.session import Session
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.gui.views.tag_list import TagListView
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.services import Services
from tests.factories import make_series_folder
from tests.window_desk import wait_until


@pytest.fixture
def window(qapp, no_thread_left, monkeypatch, tmp_path):
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    jobs = JobRunner()
    session = Session(Services(), jobs)
    recent = RecentCases(5)
    made = MainWindow(session, recent)
    for owned in (jobs, session, recent):
        owned.setParent(made)
    made.resize(1200, 800)
    made.show()
    scan = make_series_folder(tmp_path / "scan", 0, shape=(4, 128, 128))
    store = create_case(tmp_path / "case", CaseDetails(), Services())
    import_into_case(store, [scan], Services(), TaskContext())
    session.open_store(store)
    yield made
    made.close()
    made.deleteLater()


def test_tags_follow_search_slice_and_comparison(window):
    (view,) = window.findChildren(TagListView)
    session, model = window.session, view.model
    assert model.rows == ()
    tabs = view.parent().parent()
    tabs.setCurrentWidget(view)
    wait_until(lambda: model.rows)
    view._search.setText("SOPInstanceUID")
    uids = session.volume.instance_uids
    assert uids[session.voxel[0]] in [row.value for row in model.rows]
    session.move_to((3, 0, 0))
    assert model.rows == ()
    wait_until(lambda: model.rows)
    assert uids[3] in [row.value for row in model.rows]
    view._compare.click()
    wait_until(lambda: model.rows)
    assert {(row.value, row.other) for row in model.rows} >= {(uids[3], uids[0])}
