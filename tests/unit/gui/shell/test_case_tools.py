"""Tree, recents with state, timeline, facts in full size, exports, withdrawing."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog

from btd_desktop.cases import audit
from btd_desktop.errors import BtdError, ReportError
from btd_desktop.examination.withdrawn import withdrawn_in
from btd_desktop.gui.shell.export_tables import histogram_table
from btd_desktop.gui.shell.exports import write_plot
from btd_desktop.gui.shell.main_window import MainWindow
from btd_desktop.workflow.table_file import write_table
from tests.factories import make_numbers
from tests.window_desk import open_dialog, wait_until


@pytest.fixture
def window(make_window, desk_home, tmp_path):
    made = make_window()
    made.open_paths([desk_home.copy_of_case(tmp_path / "case")])
    wait_until(lambda: made.session.record and made.session.result.evaluation)
    return made


@pytest.fixture
def saved(monkeypatch, tmp_path):
    """The file that the next export goes to."""
    path = tmp_path / "out.csv"
    chosen = (str(path), "Tables (*.csv)")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: chosen)
    return path


def _add_study(window, patient: str, date: str) -> None:
    store = window.session.store
    volume = store.load_volume(1)
    facts = volume.source.with_facts(
        study_date=date, study_uid=f"7.{date}", series_uid=f"7.{date}.1"
    )
    other = replace(volume, source=facts)
    store.add_series(other, now=datetime.now(UTC), patient_key=patient)
    window.session.refresh_series()


def test_tree_counts_patients_and_studies_and_selects_series(window):
    tree, own = window.panels.patients, window.session.records[0].patient_key
    assert tree._sum.text() == "1 patient, 1 study, 1 series"
    _add_study(window, own, "20240105")
    assert tree._sum.text() == "1 patient, 2 studies, 2 series"
    studies = tree.tree.topLevelItem(0)
    texts = [studies.child(k).text(0) for k in range(studies.childCount())]
    assert "2024-01-05, CT: 1 series" in texts
    items = {item.text(0)[:2]: item for item in tree.items}
    tree.tree.setCurrentItem(items["2:"])
    assert window.session.record.series_id == 2
    _add_study(window, "another", "20240106")
    assert "2 patients" in tree._sum.text()
    assert "look at the names" in tree._sum.text()


def test_recent_case_tells_how_far_it_came_without_names(window):
    folder = window.session.store.folder
    window.action_set["close_case"].trigger()
    told = window.parts.recent.state_of(folder.resolve())
    assert told.startswith("1 series, ")
    assert "no report yet" in told
    action = window.recent_menu.actions()[0]
    assert told in action.text()
    action.trigger()
    wait_until(lambda: window.session.record is not None)
    assert window.session.store.folder == folder.resolve()


def test_timeline_lists_the_log_newest_first_and_is_exported(window, saved):
    store = window.session.store
    window.action_set["timeline"].trigger()
    dialog = open_dialog(window, "AuditDialog")
    shown = dialog.model.rows
    assert [e.seq for e in shown] == sorted((e.seq for e in shown), reverse=True)
    assert "slice scored" not in {e.action for e in shown}
    dialog._every.setChecked(True)
    assert len(dialog.model.rows) == len(store.audit_log())
    dialog._search.setText("run started")
    assert {e.action for e in dialog.model.rows} == {audit.RUN_STARTED}
    dialog._on_export()
    head, row = csv.reader(saved.read_text("utf-8").splitlines())
    assert head[:2] == ["No.", "Time (UTC)"]
    assert row[-1] == store.audit_log(audit.RUN_STARTED)[0].hash
    dialog.reject()


def test_checks_stand_in_full_size_warnings_first(window):
    window.action_set["facts"].trigger()
    dialog = open_dialog(window, "FactsDialog")
    severities = [c.severity for c in dialog.checks.rows]
    assert severities == sorted(severities, key=["warning", "note"].index)
    assert len(dialog.facts.rows) == len(window.parts.metadata.state.facts)
    dialog._search.setText("kernel")
    assert all("kernel" in f"{f.name} {f.value}".lower() for f in dialog.facts.rows)
    dialog.reject()


def test_findings_are_exported_with_whole_numbers(window, saved):
    window.action_set["export_findings"].trigger()
    rows = list(csv.DictReader(saved.read_text("utf-8").splitlines()))
    findings = window.session.store.findings()
    assert len(rows) == len(findings)
    for row, finding in zip(rows, findings, strict=True):
        assert float(row["anomaly_score"]) == finding.numbers.anomaly.score
        assert int(row["slice"]) == finding.slice_index + 1
    told: list[BtdError] = []
    window.session.failed.connect(told.append)
    window.action_set["export_findings"].trigger()
    assert "exists already" in told[0].detail


def test_plot_is_written_as_picture_drawing_and_numbers(window, tmp_path):
    plot = window.panels.histogram.plot
    numbers = histogram_table(window.parts.histogram.state)
    for name in ("p.png", "p.svg", "p.csv"):
        write_plot(plot, numbers, tmp_path / name)
    assert QImage(str(tmp_path / "p.png")).width() == 2 * plot.width()
    assert "<svg" in (tmp_path / "p.svg").read_text("utf-8")
    rows = list(csv.DictReader((tmp_path / "p.csv").read_text().splitlines()))
    assert len(rows) == window.parts.histogram.state.scan.size
    with pytest.raises(ReportError, match="no kind of file"):
        write_plot(plot, numbers, tmp_path / "p.gif")


def test_formula_in_a_cell_is_not_carried_out_and_numbers_stay(tmp_path):
    write_table(tmp_path / "t.csv", ["a", "b"], [["=1+1", "-3.5"], ["@x", "1e-05"]])
    rows = list(csv.reader((tmp_path / "t.csv").read_text().splitlines()))
    assert rows[1:] == [["'=1+1", "-3.5"], ["'@x", "1e-05"]]


def test_place_of_the_examiner_is_withdrawn_restored_and_that_undone(window):
    session, panel = window.session, window.panels.findings
    store, evaluation = session.store, session.result.evaluation
    number = store.add_finding(
        series_id=1,
        slice_index=2,
        x=60.0,
        y=60.0,
        mode="anomaly",
        numbers=make_numbers(),
        now=datetime.now(UTC),
        run_id=evaluation.run.run_id,
        profile_digest=evaluation.profile.digest,
    ).finding_id
    session.findings_changed.emit()
    session.select_finding(number)
    assert any(f"#{number} " in b.label for b in _boxes(window))
    panel._withdraw.click()
    assert withdrawn_in(store) == {}
    panel._note.setPlainText("by mistake")
    panel._withdraw.click()
    assert withdrawn_in(store)[number].reason == "by mistake"
    assert panel._withdraw.text() == "Restore"
    assert not any(f"#{number} " in b.label for b in _boxes(window))
    panel._withdraw.click()
    assert withdrawn_in(store) == {}
    window.action_set["undo"].trigger()
    assert withdrawn_in(store)[number].reason == "by mistake"
    window.action_set["redo"].trigger()
    assert withdrawn_in(store) == {}
    # Closing with a finding selected must not select the others on the way.
    window.action_set["close_case"].trigger()
    assert panel._list.count() == 0


def _boxes(window: MainWindow) -> Any:
    return window.workspace.mpr.views[0].state.boxes
