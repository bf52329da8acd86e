"""An archive swept: the numbers of an examination, whoever computes them."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pytest_socket import enable_socket, socket_allow_hosts

from btd_desktop.archive.examination import SweepOptions, examine_files
from btd_desktop.archive.export import write_parquet
from btd_desktop.archive.rows import (
    open_index,
    read_facts,
    read_rows,
    results_digest,
    write_rows,
)
from btd_desktop.archive.sources import Discovery, SeriesFiles, gather
from btd_desktop.archive.sweep import SweepPlan, sweep
from btd_desktop.archive.worker import Examiner
from btd_desktop.dicom.discovery import list_folders, look_into
from btd_desktop.errors import Cancelled, CaseError, EvidenceError
from btd_desktop.examination.place import highest_places
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.examine import ExamineOptions, examine
from btd_desktop.workflow.import_series import CaseDetails
from btd_desktop.workflow.services import Services
from tests.factories import make_ct_volume, make_series_folder

SHAPE = (2, 128, 128)
NAMES = ("Mustermann", "Erika", "PID-4711")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """User folders without models: the shipped model and profile are used."""
    root = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        yield root


@pytest.fixture(scope="module")
def archive(home):
    """Four series: a folder, an altered one, a ZIP of two of which one is known."""
    root = home / "archive"
    for n in (10, 11, 12):
        volume = make_ct_volume(n, shape=SHAPE, patient_id=f"PID-4711-{n}")
        if n == 11:
            voxels = volume.voxels.copy()
            voxels[1, 40:70, 40:70] = 300
            volume = replace(volume, voxels=voxels)
        volume = replace(volume, spacing_mm=(2.5, 0.7, 0.7))
        source = volume.source.with_facts(patient_name="Mustermann^Erika")
        folder = root / f"Mustermann_Erika_{n}"
        make_series_folder(folder, n, volume=replace(volume, source=source))
    with zipfile.ZipFile(root / "disc.zip", "w") as disc:
        for n in (10, 12):
            for path in sorted((root / f"Mustermann_Erika_{n}").iterdir()):
                disc.write(path, f"{n}/{path.name}")
    shutil.rmtree(root / "Mustermann_Erika_12")
    (root / "notes.txt").write_text("Mustermann, Erika")
    broken = next((root / "Mustermann_Erika_11").iterdir()).read_bytes()
    (root / "broken.dcm").write_bytes(broken[: len(broken) // 2])
    return root


def _found(archive: Path) -> Discovery:
    places = list_folders([archive])
    return gather(f for place in places for f in look_into([place], TaskContext()))


def _in(folder: Path) -> SeriesFiles:
    """The one series of a folder."""
    (files,) = gather(look_into([str(folder)], TaskContext())).series
    return files


def _plan(archive: Path, out: Path, n_workers: int = 1) -> SweepPlan:
    return SweepPlan((archive,), out, SweepOptions(), n_workers, keep_free_bytes=0)


def test_series_are_found_once_in_folders_and_archives(archive):
    found = _found(archive)
    assert len(found.series) == 3
    assert found.fates["duplicate"] == SHAPE[0]
    assert found.fates["not an image"] == 1
    assert sum(found.fates.values()) == 4 * SHAPE[0] + 2
    holders = sorted(Path(one.evidence[0]).name for one in found.series)
    assert holders == ["Mustermann_Erika_10", "Mustermann_Erika_11", "disc.zip"]


def test_digest_of_a_series_does_not_depend_on_where_it_lies(archive, tmp_path):
    moved = _in(archive / "Mustermann_Erika_11")
    shutil.copytree(archive / "Mustermann_Erika_11", tmp_path / "elsewhere")
    (first, *_) = sorted((tmp_path / "elsewhere").iterdir())
    first.rename(tmp_path / "elsewhere" / "zzz")
    copied = _in(tmp_path / "elsewhere")
    assert copied.digest == moved.digest
    data = dcmread(tmp_path / "elsewhere" / "zzz")
    data.PixelData = bytes(len(data.PixelData))
    data.save_as(tmp_path / "elsewhere" / "zzz")
    altered = _in(tmp_path / "elsewhere")
    assert altered.digest != moved.digest


@pytest.fixture(scope="module")
def row(archive):
    """Row of the altered series, examined in this process."""
    (found,) = examine_files(
        _in(archive / "Mustermann_Erika_11"), SweepOptions(), Services()
    )
    return found


def test_row_has_the_numbers_of_an_examination(archive, row, tmp_path, monkeypatch):
    monkeypatch.setattr("btd_desktop.workflow.examine.issue_report", lambda *_: None)
    folder = archive / "Mustermann_Erika_11"
    examined = examine(
        [folder],
        tmp_path / "case",
        CaseDetails(examiner="T. Ester"),
        ExamineOptions(),
        Services(),
        TaskContext(),
    )
    (outcome,) = examined.outcomes
    assert outcome.evaluation is not None
    value = outcome.evaluation.kinds["anomaly"].series
    assert value is not None
    assert row.state == outcome.state.value == "examined"
    assert (row.score, row.p_value) == (value.score, value.p_value)
    assert (row.floor, row.patients) == (value.floor, value.n_patients)
    places = highest_places(outcome.evaluation)
    assert [(p.slice, p.y, p.x, p.evidence) for p in row.places] == [
        (p.slice_index, p.row, p.column, p.score) for p in places
    ]
    assert row.coverage == outcome.evaluation.scope.coverage.value
    assert {"read", "open", "score"} <= set(row.seconds)


@pytest.fixture(scope="module")
def whole(archive, tmp_path_factory):
    """Summary of a sweep by one worker, without any interruption."""
    return sweep(_plan(archive, tmp_path_factory.mktemp("whole")), TaskContext())


@pytest.mark.slow
def test_sweep_stopped_and_begun_again_finds_the_same(archive, whole, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    assert (whole.n_found, whole.n_known, whole.n_examined) == (3, 0, 3)
    assert whole.states == {"examined": 3}
    rows = read_rows(whole.index)
    assert [row.sweep for row in rows] == [1, 1, 1]
    assert {row.slices for row in rows} == {SHAPE[0]}  # of the archive, one member set
    ranked = [row.p_value or 0.0 for row in rows]
    assert ranked == sorted(ranked)
    assert ranked[0] > 0.0

    def stop(progress):
        if progress.stage == "Examining series" and progress.done == 1:
            context.cancel()

    context = TaskContext(stop)
    with pytest.raises(Cancelled):
        sweep(_plan(archive, tmp_path / "halves"), context)
    # What a killed sweep leaves behind.
    (tmp_path / "halves" / "work" / "btd-sweep-left").mkdir()
    again = sweep(_plan(archive, tmp_path / "halves"), TaskContext())
    assert (again.n_known, again.n_examined) in {(1, 2), (2, 1)}
    assert results_digest(read_rows(again.index)) == results_digest(rows)
    assert [row.sweep for row in read_rows(again.index)] == [1, 1, 1]
    assert not (tmp_path / "halves" / "work" / "btd-sweep-left").exists()
    assert "patients are needed" in read_facts(again.index)["flags"]["reason"]
    assert not any(name in caplog.text for name in NAMES)
    text = (tmp_path / "halves" / "index.sqlite").read_bytes()
    assert b"PID-4711" not in text
    assert b"Mustermann^" not in text


def test_what_takes_too_long_or_too_much_costs_its_series_alone(archive):
    files = _in(archive / "Mustermann_Erika_10")
    hurry = SweepOptions(time_limit_s=0.01)
    with contextlib.closing(Examiner()) as examiner:
        (row,) = examiner.examine(files, hurry)
        assert row.state == "not scored"
        assert row.reason == "it took longer than 0.01 s"
        (row,) = examiner.examine(files, SweepOptions(memory_bytes=10 << 20))
        assert "GiB of memory" in row.reason
        (row,) = examiner.examine(files, SweepOptions(software="0.0.1"))
        assert "the worker runs version" in row.reason


def test_process_that_dies_is_started_again_once(archive, monkeypatch):
    files = _in(archive / "Mustermann_Erika_10")
    monkeypatch.setenv("BTD_HOME", "/dev/null/nowhere")
    with contextlib.closing(Examiner()) as examiner:
        found = examiner.look((str(archive / "Mustermann_Erika_10"),), SweepOptions())
        assert len(found) == SHAPE[0]
        assert examiner._contained is not None
        os.kill(examiner._contained.process.pid, signal.SIGKILL)
        assert examiner.look((str(archive),), SweepOptions())
        (row,) = examiner.examine(files, SweepOptions())
    assert row.state == "not scored"
    assert row.reason


def test_sweep_leaves_room_on_the_disk_and_says_what_is_missing(archive, tmp_path):
    full = replace(_plan(archive, tmp_path / "full"), keep_free_bytes=1 << 60)
    with pytest.raises(CaseError, match="free"):
        sweep(full, TaskContext())
    assert read_rows(tmp_path / "full" / "index.sqlite") == ()
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvidenceError, match="no series"):
        sweep(_plan(tmp_path / "empty", tmp_path / "none"), TaskContext())


def test_export_holds_every_row(row, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    with open_index(tmp_path / "index.sqlite") as connection:
        write_rows(connection, [row, replace(row, series_digest="x", p_value=None)])
        write_parquet(connection, tmp_path / "series.parquet")
    first, second = parquet.read_table(tmp_path / "series.parquet").to_pylist()
    assert (first["rank"], first["series_digest"]) == (1, row.series_digest)
    assert np.isclose(first["p_value"], row.p_value)
    assert first["places"][0]["evidence"] == row.places[0].evidence
    assert dict(first["seconds"]) == row.seconds
    assert second["p_value"] is None


@pytest.mark.slow
def test_workers_of_dask_find_the_same_though_one_is_killed(archive, whole, tmp_path):
    pytest.importorskip("distributed")
    enable_socket()
    socket_allow_hosts(["127.0.0.1", "localhost", "::1"], allow_unix_socket=True)
    killed: list[int] = []

    def kill(progress):
        if progress.stage == "Examining series" and progress.done == 1 and not killed:
            workers = _dask_workers()
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

    both = sweep(_plan(archive, tmp_path / "both", n_workers=2), TaskContext(kill))
    assert killed
    rows = read_rows(both.index)
    assert both.states == {"examined": 3}
    assert results_digest(rows) == results_digest(read_rows(whole.index))


def _dask_workers() -> list[int]:
    """Processes of workers below this one."""
    import psutil  # type: ignore[import-untyped]

    children = psutil.Process().children(recursive=True)
    found = [c.pid for c in children if "spawn_main" in " ".join(c.cmdline())]
    assert found
    return found
