"""What an examiner does in the window, from a drop to a verified report.

The model is tiny and untrained: tested is that everything travels to where it is
shown, not that anything is detected.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.examination.models import find_model, open_detector
from btd_desktop.examination.reading import read_series, required_evaluation
from btd_desktop.examination.stored import latest_run
from btd_desktop.workflow.score_place import score_at
from tests.factories import make_series_folder
from tests.window_desk import N_SLICES, drop, open_dialog, wait_until

if TYPE_CHECKING:
    from PySide6.QtWidgets import QDialog

    from btd_desktop.gui.shell.main_window import MainWindow

pytestmark = [pytest.mark.gui, pytest.mark.slow]


def _bytes_of(folder: Path) -> dict[str, str]:
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def _import(window: MainWindow, evidence: Path, case: Path) -> Any:
    drop(window, [evidence])
    dialog = open_dialog(window, "CaseDialog")
    dialog._folder.set_path(case)
    dialog.accept()
    wait_until(lambda: window.session.record is not None)
    return window.session


def _evaluated(window: MainWindow) -> Any:
    wait_until(lambda: window.session.result.evaluation or window.session.result.reason)
    assert window.session.result.reason == ""
    return window.session.result.evaluation


def _click(window: MainWindow, s: int, r: int, c: int) -> Any:
    window.action_set["tool_score"].trigger()
    window.workspace.mpr.views[0].score_requested.emit(s, r, c)
    wait_until(lambda: window.parts.placing.state.status in ("scored", "failed"))
    return window.parts.placing.state


def test_drop_score_click_finding_report_verify(make_window, desk_home, tmp_path):
    desk = desk_home
    before = _bytes_of(desk.suspect)
    window = make_window()
    session = _import(window, desk.suspect, tmp_path / "case")
    coloured = []
    window.parts.strip.changed.connect(
        lambda s: coloured.append(int(np.isfinite(s.values).sum()))
    )
    evaluation = _evaluated(window)
    assert max(coloured) == N_SLICES
    # The search comes first: a click on a place that it suggests is not ranked. In this
    # series it suggests none.
    wait_until(lambda: not session.jobs.jobs())
    assert not session.findings()
    at = (2, 64, 40)
    state = _click(window, *at)
    assert state.status == "scored"
    assert [r.kind for r in state.rows] == ["anomaly", "injection", "removal"]
    assert state.rows[0].behind == (
        "Ranked among 96 genuine places of 4 patients, each judged like this one"
    )
    detector = open_detector(find_model("", "CT"))
    again = score_at(session.store, evaluation, detector, at)
    own = window.parts.placing._place
    assert own.numbers == again.numbers
    n_before = len(session.findings())
    window.panels.place._note.setText("<b>smooth</b> & odd")
    window.panels.place._status.setCurrentText("confirmed")
    window.panels.place._keep.click()
    findings = session.findings()
    assert len(findings) == n_before + 1
    kept = findings[-1]
    assert (kept.note, kept.status) == ("<b>smooth</b> & odd", "confirmed")
    assert kept.thumbnail is not None

    window.action_set["report"].trigger()
    dialog = open_dialog(window, "ReportDialog")
    dialog._stated.number.setText("AZ 12/26")
    dialog._stated.name.setText("Examiner Test")
    dialog._on_issue()
    presenter = dialog._presenter
    wait_until(lambda: presenter.state.issued or presenter.state.problem)
    assert presenter.state.problem == ""
    report = presenter.state.issued.path
    assert session.store.info.case_number == "AZ 12/26"
    assert [r.path_name for r in session.store.reports()] == [report.name]
    dialog.reject()

    drop(window, [report])
    verify = open_dialog(window, "VerifyDialog")
    wait_until(lambda: verify._presenter.state.verdict)
    assert verify._presenter.state.verdict.ok is True
    verify._presenter.on_evidence_chosen((desk.suspect,))
    wait_until(lambda: not verify._presenter.state.busy)
    assert verify._presenter.state.verdict.ok is True
    assert "evidence it describes" in verify._headline.text()
    verify.reject()
    assert _bytes_of(desk.suspect) == before

    window.action_set["verify_case"].trigger()
    check = open_dialog(window, "CaseCheckDialog")
    wait_until(
        lambda: (
            "unchanged" in check._headline.text() or "altered" in check._headline.text()
        )
    )
    assert "unchanged" in check._headline.text()
    check.reject()


def test_forged_report_dropped_on_the_window_is_refused(
    make_window, desk_home, tmp_path
):
    window = make_window()
    window.open_paths([desk_home.copy_of_case(tmp_path / "case")])
    wait_until(lambda: window.session.record is not None)
    _evaluated(window)
    window.action_set["report"].trigger()
    dialog = open_dialog(window, "ReportDialog")
    dialog._on_issue()
    wait_until(lambda: dialog._presenter.state.issued)
    report = dialog._presenter.state.issued.path
    dialog.reject()
    data = bytearray(report.read_bytes())
    data[len(data) // 3] ^= 1
    forged = tmp_path / "forged.pdf"
    forged.write_bytes(data)
    drop(window, [forged])
    verify = open_dialog(window, "VerifyDialog")
    wait_until(lambda: verify._presenter.state.verdict)
    assert verify._presenter.state.verdict.ok is False
    assert verify._presenter.state.verdict.problems
    verify.reject()


def test_cancel_keeps_slices_and_resume_gives_the_same_scores(
    make_window, desk_home, tmp_path
):
    window = make_window()
    session = _import(window, desk_home.suspect, tmp_path / "case")
    wait_until(lambda: session.result.run is not None)
    run_id = session.result.run.run_id
    wait_until(lambda: len(session.store.done_slices(run_id)) >= 1)
    window.strip.progress.cancel_wanted.emit()
    wait_until(lambda: not window.session.jobs.jobs("compute"))
    run = session.store.run(run_id)
    if run.status == "done":
        pytest.skip("this machine scored the whole series before the cancel")
    assert run.status == "cancelled"
    kept = session.store.slice_results(run_id)
    assert 1 <= len(kept) < N_SLICES
    assert "Resume" in window.panels.series._score.text()
    window.panels.series._score.click()
    evaluation = _evaluated(window)
    assert evaluation.run.run_id == run_id
    after = {r.slice_index: r.arrays for r in session.store.slice_results(run_id)}
    assert len(after) == N_SLICES
    assert all(after[r.slice_index] == r.arrays for r in kept)
    with CaseStore.open(desk_home.case, read_only=True) as whole:
        run = latest_run(whole, 1)
        assert run is not None
        reference = whole.slice_results(run.run_id)
        assert {r.slice_index: r.arrays for r in reference} == after


def test_pause_stops_scoring_until_it_goes_on(make_window, desk_home, tmp_path):
    window = make_window()
    session = _import(window, desk_home.suspect, tmp_path / "case")
    window.parts.scoring.on_pause_toggled()
    assert window.parts.scoring.state.paused
    assert "paused" in window.strip.progress.text
    wait_until(lambda: session.jobs.jobs("compute")[0].is_paused)
    window.parts.scoring.on_pause_toggled()
    _evaluated(window)


def test_case_of_a_killed_process_goes_on_when_it_is_opened(
    make_window, desk_home, tmp_path
):
    case = desk_home.copy_of_case(tmp_path / "case")
    _make_it_look_killed(case)
    window = make_window()
    window.open_paths([case])
    wait_until(lambda: window.session.record is not None)
    evaluation = _evaluated(window)
    with CaseStore.open(desk_home.case, read_only=True) as whole:
        [record] = whole.series()
        expected = required_evaluation(read_series(whole, record))
    for kind in expected.kinds:
        for one, other in zip(
            expected.kinds[kind].slices, evaluation.kinds[kind].slices, strict=True
        ):
            assert one == other


def _make_it_look_killed(case: Path) -> None:
    """A second run of the same series, stopped by nobody after its second slice."""
    from btd_desktop.workflow.score_series import score_series
    from btd_desktop.workflow.services import Services

    class Killed(BaseException):
        pass

    def on_slice(scores):
        if scores.slice_index == 1:
            raise Killed

    from btd_desktop.progress import TaskContext
    from btd_desktop.workflow.import_series import (
        CaseDetails,
        create_case,
        import_into_case,
    )

    evidence = case.parent / "suspect"
    make_series_folder(evidence, 0, shape=(N_SLICES, 128, 128))
    shutil.rmtree(case)
    services = Services()
    store = create_case(case, CaseDetails(), services)
    series = import_into_case(store, [evidence], services, TaskContext())
    with pytest.raises(Killed):
        score_series(
            store,
            series[0].series_id,
            open_detector(find_model("", "CT")),
            services,
            TaskContext(),
            on_slice=on_slice,
        )
    run = store.runs(series[0].series_id)[-1]
    assert (run.status, run.n_done) == ("running", 2)
    store.close()


def test_folder_with_damaged_files_names_every_file(make_window, desk_home, tmp_path):
    window = make_window()
    session = _import(window, desk_home.suspect, tmp_path / "case")
    assert session.record.n_slices == N_SLICES
    assert window.panels.series._statement.text() == (
        f"{N_SLICES + 2} files received: {N_SLICES} accepted, 1 not an image, "
        "1 damaged."
    ) or window.panels.series._statement.text() == (
        f"{N_SLICES + 2} files received: {N_SLICES} accepted, 1 damaged, "
        "1 not an image."
    )
    window.action_set["statement"].trigger()
    statement = open_dialog(window, "ImportStatement")
    shown = {i.name.rpartition("/")[2]: i.reason for i in statement.model.rows}
    assert set(shown) == {"broken.dcm", "readme.txt"}
    assert all(shown.values())
    statement._only.setChecked(False)
    assert len(statement.model.rows) == N_SLICES + 2
    statement.reject()


def test_folder_without_any_scan_says_why(make_window, desk_home, tmp_path):
    evidence = tmp_path / "letters"
    evidence.mkdir()
    (evidence / "letter.txt").write_text("to whom it may concern")
    window = make_window()
    drop(window, [evidence])
    dialog = open_dialog(window, "CaseDialog")
    dialog._folder.set_path(tmp_path / "case")
    dialog.accept()
    wait_until(lambda: window.findChildren(_statement_class()))
    statement = open_dialog(window, "ImportStatement")
    assert [i.fate for i in statement.model.rows] == ["not an image"]
    statement.reject()


def _statement_class() -> type[QDialog]:
    from btd_desktop.gui.dialogs.import_statement import ImportStatement

    return ImportStatement


def test_calibrate_on_local_benign_scans_and_save(make_window, desk_home, tmp_path):
    window = make_window()
    window.open_paths([desk_home.copy_of_case(tmp_path / "case")])
    wait_until(lambda: window.session.record is not None)
    first = _evaluated(window)
    window.action_set["calibrate"].trigger()
    dialog = open_dialog(window, "CalibrationDialog")
    presenter = dialog._presenter
    wait_until(lambda: presenter.state.models)
    assert dialog.form is None
    dialog._folders.add_path(desk_home.benign)
    dialog._fpr.setValue(10.0)
    dialog._name.setText("Own scanner, second try")
    # Before anything is scored: 23 patients are needed for 10 %.
    wait_until(lambda: "are of 4 patients" in dialog._needed.text())
    assert "10 % takes 19 more" in dialog._needed.text()
    seen = []
    presenter.changed.connect(lambda s: seen.append(s.work.progress))
    dialog._on_start()
    wait_until(lambda: presenter.state.fits or presenter.state.problem)
    assert presenter.state.problem == ""
    assert any(p and p.stage.startswith("Scoring") for p in seen)
    levels = {f.level for f in presenter.state.fits}
    assert levels == {"patch", "place", "slice", "series"}
    series = next(f for f in presenter.state.fits if f.level == "series")
    assert series.threshold is None
    assert "4 patients cannot carry" in series.words
    assert any("takes 23 patients" in w for w in presenter.state.warnings)
    dialog._save.click()
    saved = presenter.state.saved
    assert saved is not None
    assert saved.is_file()
    # Saving judges no open case anew; using it is a step of its own.
    wait_until(lambda: not window.session.jobs.jobs())
    assert window.session.result.evaluation is first
    dialog._use.click()
    choice = open_dialog(window, "ChoiceDialog")
    wait_until(lambda: choice._presenter.state.rows)
    chosen = choice._presenter.state.chosen
    assert chosen.speaker.profile_name == "Own scanner, second try"
    assert window.session.result.evaluation is first
    choice.reject()
    saved.unlink()
