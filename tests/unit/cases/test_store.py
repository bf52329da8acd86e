import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from btd_desktop.cases.model import SliceResult
from btd_desktop.cases.store import CaseStore
from btd_desktop.digest import array_digest
from btd_desktop.errors import CaseError
from btd_desktop.preprocess.presets import IntensityScale
from tests.factories import make_manifest, make_numbers
from tests.unit.cases.samples import (
    NOW,
    fill_case,
    make_evidence,
    make_volume,
    slice_map,
)


def folder_state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def case(tmp_path):
    with CaseStore.create(tmp_path / "new", now=NOW, title="T") as store:
        yield store


def test_create_then_open_gives_the_same_description(tmp_path, now):
    made = CaseStore.create(
        tmp_path / "deep" / "case",
        now=now,
        title="Lung",
        case_number="7/26",
        client="Court",
        examiner="Me",
        question="Altered?",
        software_version="0.1.0",
    )
    info = made.info
    made.close()
    with CaseStore.open(tmp_path / "deep" / "case") as case:
        assert case.info == info
        assert case.actor == "Me"
        assert case.info.created_utc == "2026-03-01T09:30:00.000Z"
        assert case.audit_log()[0].details["case_id"] == info.case_id


def test_closed_case_is_folder_without_side_files(case_folder):
    names = {path.name for path in case_folder.iterdir()}
    assert names == {"case.sqlite", "case.lock", "arrays"}


def test_update_info_keeps_what_it_was_in_the_log(case, now):
    case.update_info(question="Was slice 12 altered?", now=now)
    assert case.info.question == "Was slice 12 altered?"
    entry = case.audit_log()[-1]
    assert entry.details["before"] == {"question": ""}
    n_entries = len(case.audit_log())
    case.update_info(question="Was slice 12 altered?", now=now)
    assert len(case.audit_log()) == n_entries


def test_evidence_round_trips_with_numbers_and_odd_names(case, now):
    odd = replace(make_evidence(1)[0], name="K\udcf6ln\0\u202e", is_container=True)
    plain = make_evidence()
    case.add_evidence([*plain, odd], now)
    *kept, strange = case.evidence()
    assert kept == [replace(item, evidence_id=n) for n, item in enumerate(plain, 1)]
    named = replace(odd, name="K\\udcf6ln\0\u202e", evidence_id=4)
    assert strange == named
    assert strange.is_container is True
    assert case.audit_log()[-1].details["fates"] == {"damaged": 2, "accepted": 2}


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
@pytest.mark.parametrize("padding", [True, False])
def test_volume_round_trip_is_exact(tmp_path, now, dtype, padding):
    volume = make_volume(dtype, padding=padding)
    with CaseStore.create(tmp_path / "c", now=now) as case:
        series_id = case.add_series(volume, now=now, record_names=("a", "b", "c"))
    with CaseStore.open(tmp_path / "c") as case:
        loaded = case.load_volume(series_id, check=True)
        record = case.series()[0]
    assert isinstance(loaded.voxels, np.memmap)
    assert loaded.voxels.dtype == dtype
    np.testing.assert_array_equal(loaded.voxels, volume.voxels)
    if padding:
        np.testing.assert_array_equal(loaded.padding, volume.padding)
    else:
        assert loaded.padding is None
    for name in (
        "modality",
        "unit",
        "spacing_mm",
        "origin_mm",
        "row_direction",
        "column_direction",
        "slice_positions_mm",
        "instance_uids",
        "source",
    ):
        assert getattr(loaded, name) == getattr(volume, name)
    assert (record.n_slices, record.rows, record.cols) == volume.shape
    assert record.record_names == ("a", "b", "c")
    assert record.description == "Thorax 1.25"


def test_positions_of_slices_survive_and_older_cases_lay_them_along_the_normal(
    tmp_path, now
):
    straight = make_volume()
    tilted = ((0.0, 0.0, 0.0), (0.0, -0.4, 1.25), (0.0, -0.8, 2.5))
    with CaseStore.create(tmp_path / "c", now=now) as case:
        old = case.add_series(straight, now=now)
        own = case.add_series(replace(straight, slice_origins_mm=tilted), now=now)
        assert own != old
        points = tuple(straight.slice_origin_mm(s) for s in range(3))
        again = replace(straight, slice_origins_mm=points)
        assert case.add_series(again, now=now) == old
        assert case.load_volume(old).slice_origins_mm is None
        assert case.load_volume(own).slice_origins_mm == tilted
        assert case.load_volume(own).world_mm((2, 0, 0)) == tilted[2]


def test_loaded_voxels_cannot_be_written(case, now):
    series_id = case.add_series(make_volume(), now=now)
    voxels = case.load_volume(series_id).voxels
    with pytest.raises(ValueError, match="read-only"):
        voxels[0, 0, 0] = 1


def test_add_series_twice_gives_the_same_number(case, now):
    first = case.add_series(make_volume(), now=now)
    assert case.add_series(make_volume(), now=now) == first
    assert case.add_series(make_volume(np.float32), now=now) != first
    assert len(case.series()) == 2


def test_start_run_with_the_same_manifest_resumes(case, now):
    series_id = case.add_series(make_volume(), now=now)
    run = case.start_run(series_id, make_manifest(), now)
    case.save_slice(run.run_id, 1, {"map": slice_map(1)}, {}, now)
    again = case.start_run(series_id, run.manifest, now)
    assert again.run_id == run.run_id
    assert again.n_done == 1
    assert case.done_slices(run.run_id) == {1}
    assert (
        case.start_run(series_id, make_manifest(software="2"), now).run_id != run.run_id
    )
    assert len(case.runs(series_id)) == 2
    assert case.runs(99) == ()


def test_cancelled_run_goes_on_and_finished_run_stays(case, now):
    series_id = case.add_series(make_volume(), now=now)
    run = case.start_run(series_id, make_manifest(), now)
    case.finish_run(run.run_id, "cancelled", now)
    assert case.run(run.run_id).finished_utc is not None
    with pytest.raises(CaseError, match="cancelled") as caught:
        case.save_slice(run.run_id, 0, {}, {}, now)
    assert caught.value.code == "run-not-running"
    resumed = case.start_run(series_id, make_manifest(), now)
    assert (resumed.run_id, resumed.status) == (run.run_id, "running")
    assert resumed.finished_utc is None
    case.finish_run(run.run_id, "done", now)
    assert case.start_run(series_id, make_manifest(), now).status == "done"
    assert case.verify().is_intact


def test_slice_round_trip_with_chosen_names(case, now):
    run = case.start_run(case.add_series(make_volume(), now=now), make_manifest(), now)
    arrays = {
        "map": slice_map(0),
        "boxes": np.empty((0, 4), np.int32),
        "mask": np.ones((8, 8), bool)[:, ::2],
    }
    case.save_slice(run.run_id, 2, arrays, {"max": 0.1 + 0.2}, now)
    loaded, summary = case.load_slice(run.run_id, 2)
    assert summary == {"max": 0.1 + 0.2}
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    assert list(case.load_slice(run.run_id, 2, ["mask"])[0]) == ["mask"]
    digests = {n: array_digest(np.ascontiguousarray(a)) for n, a in arrays.items()}
    saved = SliceResult(run.run_id, 2, {"max": 0.1 + 0.2}, digests)
    assert case.slice_results(run.run_id) == (saved,)
    with pytest.raises(CaseError, match="no array 'nope'"):
        case.load_slice(run.run_id, 2, ["nope"])
    with pytest.raises(CaseError, match="no result"):
        case.load_slice(run.run_id, 0)


def test_save_slice_again_is_free_but_another_result_is_refused(case, now):
    run = case.start_run(case.add_series(make_volume(), now=now), make_manifest(), now)
    case.save_slice(run.run_id, 0, {"map": slice_map(0)}, {"max": 1.0}, now)
    n_entries = len(case.audit_log())
    case.save_slice(run.run_id, 0, {"map": slice_map(0)}, {"max": 1.0}, now)
    assert len(case.audit_log()) == n_entries
    for arrays, summary in (
        ({"map": slice_map(1)}, {"max": 1.0}),
        ({"map": slice_map(0)}, {"max": 1.1}),
    ):
        with pytest.raises(CaseError) as caught:
            case.save_slice(run.run_id, 0, arrays, summary, now)
        assert caught.value.code == "slice-differs"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_in_json_is_refused_and_nothing_is_stored(case, now, value):
    series_id = case.add_series(make_volume(), now=now)
    run = case.start_run(series_id, make_manifest(), now)
    n_entries = len(case.audit_log())
    with pytest.raises(ValueError, match="JSON"):
        case.save_slice(run.run_id, 0, {}, {"deep": [{"max": value}]}, now)
    with pytest.raises(ValueError, match="JSON"):
        case.start_run(series_id, make_manifest(scale=IntensityScale(0.0, value)), now)
    with pytest.raises(ValueError, match="JSON"):
        case.append_audit("x", {"x": value}, "me", now)
    assert case.done_slices(run.run_id) == set()
    assert len(case.audit_log()) == n_entries


def test_naive_time_is_refused(case):
    with pytest.raises(ValueError, match="aware"):
        case.add_evidence(make_evidence(), datetime(2026, 1, 1))  # noqa: DTZ001
    assert case.evidence() == ()


def test_finding_changes_keep_numbers_and_log_both_states(case_folder, now):
    with CaseStore.open(case_folder) as case:
        finding = case.findings()[0]
        assert (finding.x, finding.y, finding.note) == (3.5, 2.0, "see lobe")
        thumbnail = case.load_thumbnail(finding.finding_id)
        assert thumbnail is not None
        assert thumbnail.shape == (2, 2, 3)
        case.update_finding(finding.finding_id, status="confirmed", now=now)
        changed = case.finding(finding.finding_id)
        assert changed == replace(finding, status="confirmed")
        details = case.audit_log()[-1].details
        assert (details["before"], details["after"]) == (
            {"status": "to check"},
            {"status": "confirmed"},
        )
        assert case.findings(series_id=2) == ()
        with pytest.raises(ValueError, match="none of"):
            case.update_finding(finding.finding_id, status=cast(Any, "proved"), now=now)
        assert case.verify().problems == ()


def test_records_that_refer_to_nothing_are_refused(case, now):
    series_id = case.add_series(make_volume(), now=now)
    place = {"slice_index": 0, "x": 1, "y": 1, "mode": "removal"}
    place |= {"numbers": make_numbers()}
    with pytest.raises(CaseError, match="no series 9"):
        case.start_run(9, make_manifest(), now)
    with pytest.raises(CaseError, match="no run 9"):
        case.save_slice(9, 0, {}, {}, now)
    with pytest.raises(CaseError, match="no run 9"):
        case.add_finding(series_id=series_id, run_id=9, now=now, **place)
    with pytest.raises(CaseError, match="no calibration profile"):
        case.add_finding(series_id=series_id, profile_digest="00", now=now, **place)
    with pytest.raises(CaseError, match="no series 9"):
        case.load_volume(9)


def test_profiles_are_kept_once_and_never_replaced(case, now):
    case.add_profile({"fpr": 0.01}, "aa", now)
    case.add_profile({"fpr": 0.01}, "aa", now)
    assert case.profile("aa") == {"fpr": 0.01}
    assert [p.digest for p in case.profiles()] == ["aa"]
    with pytest.raises(CaseError, match="another calibration profile"):
        case.add_profile({"fpr": 0.05}, "aa", now)


def test_report_head_that_is_not_in_the_log_is_a_problem(case_folder, now):
    with CaseStore.open(case_folder) as case:
        assert case.verify({case.audit_log()[2].hash: "a report"}).audit_complete
        verdict = case.verify({"77" * 32: "a report"})
        assert not verdict.audit_complete
        assert "named by a report" in verdict.problems[0]
        assert case.reports()[0].path_name == "report.pdf"


def test_reserved_audit_keys_are_refused(case, now):
    with pytest.raises(ValueError, match="records"):
        case.append_audit("x", {"records": []}, "me", now)


@pytest.mark.parametrize("victim", ["voxels", "padding", "map", "thumbnail"])
@pytest.mark.parametrize("deed", ["delete", "flip", "cut", "reshape", "pickle"])
def test_missing_or_altered_array_is_named(case_folder, victim, deed):
    arrays = case_folder / "arrays"
    with CaseStore.open(case_folder, read_only=True) as case:
        record = case.series()[0]
        run_id = case.runs()[0].run_id
        digest = {
            "voxels": record.volume_digest,
            "padding": _padding_digest(case_folder),
            "map": case.slice_results(run_id)[1].arrays["map"],
            "thumbnail": case.findings()[0].thumbnail,
        }[victim]
    assert digest is not None
    path = arrays / f"{digest}.npy"
    content = path.read_bytes()
    if deed == "delete":
        path.unlink()
    elif deed == "flip":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif deed == "cut":
        path.write_bytes(content[:-1])
    elif deed == "reshape":
        array = np.load(path)
        np.save(path, array.reshape(-1))
    else:
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with CaseStore.open(case_folder, read_only=True) as case:
        verdict = case.verify()
        assert not verdict.arrays_intact
        assert verdict.records_intact
        assert any(digest in problem for problem in verdict.problems)
        loads: dict[str, Callable[[], object]] = {
            "voxels": lambda: case.load_volume(1, check=True),
            "padding": lambda: case.load_volume(1, check=True),
            "map": lambda: case.load_slice(run_id, 1),
            "thumbnail": lambda: case.load_thumbnail(1),
        }
        with pytest.raises(CaseError, match=digest):
            loads[victim]()


def _padding_digest(folder: Path) -> str:
    with contextlib.closing(sqlite3.connect(folder / "case.sqlite")) as connection:
        row = connection.execute("SELECT padding_digest FROM series").fetchone()
    return str(row[0])


def test_forged_npy_header_allocates_nothing(case_folder):
    with CaseStore.open(case_folder, read_only=True) as case:
        digest = case.series()[0].volume_digest
        path = case_folder / "arrays" / f"{digest}.npy"
        content = path.read_bytes()
        forged = content.replace(b"(3, 6, 5), }", b"(99999999, 99999, 9)}")
        path.write_bytes(forged)
        with pytest.raises(CaseError) as caught:
            case.load_volume(1)
        assert caught.value.code in ("array-altered",)


def test_array_name_that_leaves_the_folder_is_refused(case_folder):
    with contextlib.closing(sqlite3.connect(case_folder / "case.sqlite")) as connection:
        connection.execute("UPDATE series SET volume_digest = '../../secret'")
        connection.commit()
    with CaseStore.open(case_folder, read_only=True) as case:
        with pytest.raises(CaseError, match="invalid digest"):
            case.load_volume(1)
        assert not case.verify().is_intact


# Folders that cannot be used.


def test_create_in_a_folder_with_content_touches_nothing(tmp_path, now):
    (tmp_path / "holiday.txt").write_text("x")
    with pytest.raises(CaseError, match="not empty") as caught:
        CaseStore.create(tmp_path, now=now)
    assert caught.value.hint
    assert [p.name for p in tmp_path.iterdir()] == ["holiday.txt"]


def test_create_over_a_case_is_refused(case_folder, now):
    before = folder_state(case_folder)
    with pytest.raises(CaseError, match="holds a case already"):
        CaseStore.create(case_folder, now=now)
    assert folder_state(case_folder) == before


def test_create_after_an_interrupted_creation_works(tmp_path, now):
    (tmp_path / "arrays").mkdir()
    (tmp_path / "case.lock").write_bytes(b"1")
    (tmp_path / "case.creating").write_bytes(b"half")
    with CaseStore.create(tmp_path, now=now) as case:
        assert case.verify().is_intact


def test_create_that_fails_leaves_nothing(tmp_path, now, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(CaseError, match="disk") as caught:
        CaseStore.create(tmp_path / "c", now=now)
    assert caught.value.code == "disk-full"
    assert not (tmp_path / "c").exists()


def test_full_disk_on_opening_says_nothing_of_making_a_case(case, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("btd_desktop.cases.store.read_snapshot", full)
    with pytest.raises(CaseError, match="is full") as caught:
        CaseStore.open(case.folder, read_only=True)
    assert caught.value.code == "disk-full"
    assert "made" not in caught.value.detail


@pytest.mark.parametrize("content", [None, b"", b"no database", "foreign"])
def test_open_what_is_no_case_is_refused_and_untouched(tmp_path, content):
    path = tmp_path / "case.sqlite"
    if content == "foreign":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE audit (seq)")
            connection.commit()
    elif content is not None:
        path.write_bytes(content)
    before = folder_state(tmp_path)
    for read_only in (False, True):
        with pytest.raises(CaseError, match="not a case") as caught:
            CaseStore.open(tmp_path, read_only=read_only)
        assert caught.value.code == "not-a-case"
    assert folder_state(tmp_path) == before


def test_open_a_cut_database_is_a_case_error(case_folder):
    path = case_folder / "case.sqlite"
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(CaseError):
        CaseStore.open(case_folder)


def test_schema_with_code_of_its_own_is_refused(case_folder):
    with contextlib.closing(sqlite3.connect(case_folder / "case.sqlite")) as connection:
        connection.execute(
            "CREATE TRIGGER t AFTER INSERT ON finding BEGIN"
            " UPDATE finding SET status = 'dismissed'; END"
        )
    with pytest.raises(CaseError, match="SQL code"):
        CaseStore.open(case_folder)


def test_second_writer_is_refused_while_reading_goes_on(case_folder, now):
    with CaseStore.open(case_folder) as first:
        first.add_evidence(make_evidence(), now)
        with pytest.raises(CaseError, match="another program") as caught:
            CaseStore.open(case_folder)
        assert caught.value.code == "case-locked"
        with CaseStore.open(case_folder, read_only=True) as reader:
            assert len(reader.evidence()) == 6
            assert reader.verify().is_intact
    CaseStore.open(case_folder).close()


def test_second_process_is_refused(case_folder):
    code = (
        "import sys; from pathlib import Path\n"
        "from btd_desktop.cases.store import CaseStore\n"
        "from btd_desktop.errors import CaseError\n"
        "try: CaseStore.open(Path(sys.argv[1]))\n"
        "except CaseError as error: print(error.code, error.detail)"
    )
    with CaseStore.open(case_folder):
        done = subprocess.run(
            [sys.executable, "-c", code, str(case_folder)],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.startswith("case-locked")
    assert f"(process {os.getpid()})" in done.stdout


def test_read_only_refuses_changes_and_writes_nothing(case_folder, now):
    before = folder_state(case_folder)
    with CaseStore.open(case_folder, read_only=True) as case:
        assert case.read_only
        with pytest.raises(CaseError) as caught:
            case.add_evidence(make_evidence(), now)
        assert caught.value.code == "read-only"
        with pytest.raises(CaseError):
            case.add_series(make_volume(np.float32), now=now)
        assert case.verify().is_intact
    assert folder_state(case_folder) == before


@pytest.fixture
def unprivileged_case(monkeypatch):
    """A case in a folder without write permission, seen by a user who is not root."""
    if os.name == "nt":
        pytest.skip("folder permissions work otherwise on Windows")
    root = Path(tempfile.mkdtemp(prefix="btd-test-"))
    root.chmod(0o755)
    fill_case(root / "case")
    everything = [root / "case", *(root / "case").rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setenv("BTD_HOME", str(root / "nowhere"))
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield root / "case"
    finally:
        if user == 0:
            os.seteuid(user)
        for path in everything:
            path.chmod(0o755)
        shutil.rmtree(root)


def test_read_only_folder_opens_for_reading(unprivileged_case):
    with CaseStore.open(unprivileged_case, read_only=True) as case:
        verdict = case.verify()
        assert verdict.is_intact
        assert verdict.key_check == "not checkable"
        assert case.load_volume(1, check=True).n_slices == 3
        assert case.load_slice(1, 0)[0]["map"].shape == (2, 8, 8)


def test_read_only_folder_refuses_a_writer_clearly(unprivileged_case, monkeypatch):
    monkeypatch.setenv("BTD_HOME", tempfile.mkdtemp(prefix="btd-test-home-"))
    try:
        with pytest.raises(CaseError, match="cannot be written") as caught:
            CaseStore.open(unprivileged_case)
        assert caught.value.code == "not-writable"
        with pytest.raises(CaseError) as caught:
            CaseStore.create(unprivileged_case.parent / "other", now=NOW)
        assert caught.value.code == "not-writable"
    finally:
        shutil.rmtree(os.environ["BTD_HOME"])


def test_disk_full_in_the_database_loses_nothing(case, now):
    case.add_evidence(make_evidence(), now)
    pages = case._connection.execute("PRAGMA page_count").fetchone()[0]
    case._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(CaseError, match="full") as caught:
        case.add_evidence(make_evidence(5000), now)
    assert caught.value.code == "disk-full"
    assert len(case.evidence()) == 3
    assert case.verify().is_intact
    case._connection.execute("PRAGMA max_page_count = 1000000")
    case.add_evidence(make_evidence(5000), now)
    assert len(case.evidence()) == 5003
    assert case.verify().is_intact


def test_disk_full_while_writing_an_array_leaves_no_trace(case, now, monkeypatch):
    run = case.start_run(case.add_series(make_volume(), now=now), make_manifest(), now)
    before = sorted((case.folder / "arrays").iterdir())

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CaseError) as caught:
            case.save_slice(run.run_id, 0, {"map": slice_map(0)}, {}, now)
    assert caught.value.code == "disk-full"
    assert sorted((case.folder / "arrays").iterdir()) == before
    case.save_slice(run.run_id, 0, {"map": slice_map(0)}, {}, now)
    assert case.done_slices(run.run_id) == {0}


def test_copied_case_opens_and_verifies(case_folder, tmp_path):
    copy = tmp_path / "elsewhere" / "copy"
    shutil.copytree(case_folder, copy)
    with CaseStore.open(copy) as case:
        assert case.verify().is_intact
        assert case.verify().key_check == "verified"


def test_threads_share_one_store(case, now):
    series_id = case.add_series(make_volume(n_slices=24), now=now)
    run = case.start_run(series_id, make_manifest(), now)

    def score(first: int) -> None:
        for index in range(first, 24, 3):
            case.save_slice(run.run_id, index, {"map": slice_map(index)}, {}, now)

    threads = [threading.Thread(target=score, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert len(case.slice_results(run.run_id)) <= 24
    assert case.done_slices(run.run_id) == set(range(24))
    assert case.verify().is_intact


def test_closed_store_says_so(case_folder):
    case = CaseStore.open(case_folder)
    case.close()
    case.close()
    with pytest.raises(CaseError, match="closed"):
        case.evidence()
