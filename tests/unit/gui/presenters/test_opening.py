"""What a drop means, where a case is proposed, what is shown first."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QPushButton

from btd_desktop.errors import CaseError
from btd_desktop.examination.declared import Mandate, declared_in, places_from
from btd_desktop.gui.dialogs.modality_dialog import ModalityDialog
from btd_desktop.gui.jobs import JobRunner
from btd_desktop.gui.models.recent_cases import RecentCases
from btd_desktop.gui.presenters.custody import custody_words
from btd_desktop.gui.presenters.opening import (
    CaseChoice,
    OpeningPresenter,
    kind_of_paths,
    proposed_folder,
)
from btd_desktop.gui.presenters.session import Session
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.first_slice import first_slice
from btd_desktop.workflow.import_series import (
    CaseDetails,
    create_case,
    import_into_case,
)
from btd_desktop.workflow.portable.packing import pack_case
from btd_desktop.workflow.services import Services
from tests.factories import make_series_folder
from tests.unit.dicom.volume_samples import nifti, stack
from tests.window_desk import wait_until


@pytest.fixture
def opening(qapp, no_thread_left):
    jobs = JobRunner()
    session = Session(Services(), jobs)
    made = OpeningPresenter(session, RecentCases(5))
    yield made
    made.close()
    session.close_case()
    assert jobs.shut_down(20.0)


def test_drop_is_told_apart_by_its_content(tmp_path):
    case = tmp_path / "case"
    case.mkdir()
    (case / "case.sqlite").write_bytes(b"x")
    report = tmp_path / "report.pdf"
    report.write_bytes(b"%PDF")
    folder = tmp_path / "scan.pdf"
    folder.mkdir()
    assert kind_of_paths([case]) == "case"
    assert kind_of_paths([case / "case.sqlite"]) == "case"
    assert kind_of_paths([report]) == "report"
    assert kind_of_paths([folder]) == "evidence"
    assert kind_of_paths([report, case]) == "evidence"


def test_portable_case_is_told_by_its_content_and_opens_read_only(opening, tmp_path):
    services, context = Services(), TaskContext()
    scan = make_series_folder(tmp_path / "scan", 0, shape=(3, 48, 48))
    with create_case(tmp_path / "case", CaseDetails(), services) as store:
        import_into_case(store, [scan], services, context)
    packed = tmp_path / "for the court.zip"
    pack_case(tmp_path / "case", packed, services, context)
    assert kind_of_paths([packed]) == "case"
    opening.on_paths_given([packed])
    wait_until(lambda: opening._session.store is not None and not opening.is_busy)
    store = opening._session.store
    assert store.read_only
    assert opening._session.volume.shape == (3, 48, 48)
    assert custody_words(store).startswith("Portable case: every digest was compared")
    assert opening._recent.cases() == ()

    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 1
    packed.write_bytes(bytes(data))
    failed: list[CaseError] = []
    opening._session.failed.connect(failed.append)
    opening.on_paths_given([packed])
    wait_until(lambda: failed)
    assert "for the court.zip was altered" in failed[0].detail
    assert opening._session.store is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("scan 1", "scan 1"), ("../../etc", "etc"), ("a/b:c*", "a_b_c"), ("...", "Case")],
)
def test_proposed_folder_stays_below_its_parent(tmp_path, name, expected):
    folder = proposed_folder(tmp_path, name)
    assert folder.parent == tmp_path
    assert folder.name == expected


def test_proposed_folder_is_never_one_that_exists(tmp_path):
    (tmp_path / "scan").mkdir()
    (tmp_path / "scan 2").mkdir()
    assert proposed_folder(tmp_path, "scan") == tmp_path / "scan 3"


def test_evidence_asks_for_a_case_before_anything_is_read(opening, tmp_path):
    evidence = make_series_folder(tmp_path / "scan", 3, shape=(2, 32, 32))
    asked: list[Any] = []
    opening.case_wanted.connect(asked.append)
    opening.on_paths_given([evidence])
    assert [p.paths for p in asked] == [(evidence,)]
    assert asked[0].title == "scan"
    assert not asked[0].folder.exists()
    # Only a process that has been given nothing may be started meanwhile.
    started = [job.title for job in opening._session.jobs.jobs()]
    assert started in ([], ["Starting the reader"])


def test_path_that_is_gone_is_told(opening, tmp_path):
    failed: list[Any] = []
    opening._session.failed.connect(failed.append)
    opening.on_paths_given([tmp_path / "gone"])
    assert "gone does not exist" in failed[0].detail


def test_folder_that_is_no_case_is_told(opening, tmp_path):
    failed: list[Any] = []
    opening._session.failed.connect(failed.append)
    opening.on_case_opened(tmp_path)
    wait_until(lambda: failed)
    assert "is not a case" in failed[0].detail
    wait_until(lambda: not opening.is_busy)


def test_first_slice_is_found_among_other_files(tmp_path):
    folder = make_series_folder(tmp_path / "scan", 3, shape=(4, 32, 32))
    (folder / "a.txt").write_text("first by name")
    volume = first_slice([folder], TaskContext())
    assert volume is not None
    assert volume.shape == (1, 32, 32)


def test_first_slice_of_a_new_case_is_shown_before_the_import_is_done(
    opening, tmp_path
):
    folder = make_series_folder(tmp_path / "scan", 3, shape=(4, 32, 32))
    session = opening._session
    shown: list[tuple[bool, int]] = []

    def on_selected() -> None:
        if session.volume is not None:
            shown.append((session.record is None, session.volume.n_slices))

    session.series_selected.connect(on_selected)
    opening.on_paths_given([folder])
    opening.on_case_chosen(CaseChoice((folder,), tmp_path / "case"))
    wait_until(lambda: session.record is not None)
    assert shown == [(True, 1), (False, 4)]
    wait_until(lambda: not opening.is_busy)


def test_reader_that_waits_for_evidence_ends_with_the_presenter(
    opening, tmp_path, monkeypatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    opening.get_ready()
    reader = opening._preview
    wait_until(lambda: reader._ready is not None and not reader.is_busy)
    process = reader._ready._sandbox._contained.process
    assert process.poll() is None
    assert list(temporary.iterdir())
    opening.close()
    assert process.poll() is not None
    assert not list(temporary.iterdir())


def test_reader_ends_when_nothing_looks_like_an_image(opening, tmp_path):
    folder = tmp_path / "letters"
    folder.mkdir()
    (folder / "letter.txt").write_text("to whom it may concern")
    opening.get_ready()
    reader = opening._preview
    wait_until(lambda: reader._ready is not None and not reader.is_busy)
    process = reader._ready._sandbox._contained.process
    reader.show([folder])
    wait_until(lambda: not opening._session.jobs.jobs())
    assert process.poll() is not None
    assert reader._ready is None


def test_reader_that_is_starting_ends_with_the_presenter(
    opening, tmp_path, monkeypatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    opening.get_ready()
    opening.close()
    wait_until(lambda: not opening._preview.is_busy)
    assert not list(temporary.iterdir())


def test_first_slice_of_a_folder_without_images_is_none(tmp_path):
    (tmp_path / "a.txt").write_text("no image")
    assert first_slice([tmp_path], TaskContext()) is None


def test_links_are_not_followed_for_the_first_slice(tmp_path):
    outside = make_series_folder(tmp_path / "outside", 3, shape=(2, 32, 32))
    inside = tmp_path / "inside"
    inside.mkdir()
    try:
        (inside / "link.dcm").symlink_to(next(iter(outside.glob("*.dcm"))))
        (inside / "deeper").symlink_to(outside, target_is_directory=True)
    except OSError:
        pytest.skip("no links on this file system")
    assert first_slice([inside], TaskContext()) is None


def test_recent_cases_survive_and_forget(tmp_path, monkeypatch, qapp):
    monkeypatch.setenv("BTD_HOME", str(tmp_path))
    first = RecentCases(2)
    for name in ("one", "two", "three"):
        first.add(tmp_path / name)
    assert [c.name for c in RecentCases(2).cases()] == ["three", "two"]
    first.remove((tmp_path / "three").resolve())
    assert [c.name for c in RecentCases(2).cases()] == ["two"]


def test_recent_cases_keep_no_title_and_are_for_their_owner(
    tmp_path, monkeypatch, qapp
):
    monkeypatch.setenv("BTD_HOME", str(tmp_path))
    file = tmp_path / "config" / "recent-cases.json"
    file.parent.mkdir()
    # As versions before wrote it.
    listed = [{"folder": str(tmp_path / "c1"), "title": "Doe v. Insurance"}]
    file.write_text(json.dumps(listed))
    file.chmod(0o644)
    recent = RecentCases(5)
    assert recent.cases() == (tmp_path / "c1",)
    assert "Doe" not in file.read_text()
    recent.add(tmp_path / "c2")
    assert json.loads(file.read_text())[0] == {
        "folder": str(tmp_path / "c2"),
        "state": "",
    }
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"folder": 3}]', "null"])
def test_damaged_list_of_recent_cases_is_an_empty_one(
    tmp_path, monkeypatch, qapp, content
):
    monkeypatch.setenv("BTD_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "recent-cases.json").write_text(content)
    assert RecentCases(5).cases() == ()


def test_default_place_of_cases_follows_the_home(monkeypatch, tmp_path):
    from btd_desktop.gui.presenters.opening import default_cases_dir

    monkeypatch.setenv("BTD_HOME", str(tmp_path))
    assert default_cases_dir() == Path(tmp_path) / "data" / "cases"


@pytest.mark.parametrize(("pressed", "modality"), [("mr", "MR"), ("", "OT")])
def test_modality_that_nothing_tells_is_asked_for_and_recorded(
    opening, tmp_path, pressed, modality
):
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti(abs(stack((3, 8, 9)))))
    session = opening._session
    questions: list[Any] = []
    opening.modality_wanted.connect(questions.append)
    opening.on_case_chosen(CaseChoice((path,), tmp_path / "case"))
    wait_until(lambda: questions)
    assert questions[0].descriptions == ("scan.nii",)
    assert session.store is not None
    assert session.store.series() == ()
    dialog = ModalityDialog(questions[0])
    state, skip = dialog.findChildren(QPushButton)
    assert not state.isEnabled()
    if pressed:
        dialog.mr.click()
        state.click()
    else:
        skip.click()
    wait_until(lambda: not opening.is_busy)
    (record,) = session.store.series()
    assert record.modality == modality
    stated = [e for e in session.store.audit_log() if e.action == "modality stated"]
    assert len(stated) == bool(pressed)


def test_import_that_waits_for_an_answer_can_be_cancelled(opening, tmp_path):
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti(abs(stack((3, 8, 9)))))
    questions: list[Any] = []
    opening.modality_wanted.connect(questions.append)
    opening.on_case_chosen(CaseChoice((path,), tmp_path / "case"))
    wait_until(lambda: questions)
    opening.on_cancel()
    wait_until(lambda: not opening.is_busy)
    assert opening._session.store.series() == ()


def test_what_is_tested_is_declared_before_anything_is_scored(opening, tmp_path):
    folder = make_series_folder(tmp_path / "scan")
    imported: list[object] = []
    opening.imported.connect(imported.append)
    mandate = Mandate("lung", places_from("40,50,2"))
    opening.on_case_chosen(CaseChoice((folder,), tmp_path / "case", mandate=mandate))
    wait_until(lambda: imported)
    store = opening._session.store
    declared = declared_in(store)
    assert declared.first.mandate.domain == "lung"
    assert [p.text for p in declared.first.mandate.places] == ["1:40,50,2"]
    assert not declared.changes


def test_named_place_outside_the_evidence_is_told_and_nothing_is_scored(
    opening, tmp_path
):
    folder = make_series_folder(tmp_path / "scan")
    failed: list[Any] = []
    imported: list[object] = []
    opening._session.failed.connect(failed.append)
    opening.imported.connect(imported.append)
    mandate = Mandate(places=places_from("40,50,2000"))
    opening.on_case_chosen(CaseChoice((folder,), tmp_path / "case", mandate=mandate))
    wait_until(lambda: failed)
    assert "lies outside series 1" in failed[0].detail
    assert "What is tested" in failed[0].hint
    assert not imported, "scoring begins with `imported`"
    assert len(opening._session.records) == 1
