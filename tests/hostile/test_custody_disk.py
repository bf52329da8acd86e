"""Full disks, media that cannot be written, slow and odd shares, newer formats.

Each ends in one clear sentence, and nothing that was stored is lost.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import BtdError, CaseError, ReportError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow.custody import open_checked
from btd_desktop.workflow.import_series import keep_import
from btd_desktop.workflow.verify import verify_case_folder, verify_report_file
from tests.hostile.custody_case import (
    SERVICES,
    fill_case,
    make_import,
    new_case,
    report,
    score,
    scores_of,
)
from tests.hostile.custody_case import make_evidence as make_files
from tests.hostile.test_custody_evidence import can_mount

_ROOT = Path(__file__).resolve().parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def case(home: Path, tmp_path: Path) -> Path:
    """A case of six made-up files in `evidence`, not yet scored."""
    new_case(tmp_path / "case")
    with CaseStore.open(tmp_path / "case") as store:
        evidence = make_files(tmp_path / "evidence")
        keep_import(store, make_import(evidence), SERVICES)
    return tmp_path / "case"


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Scores of a run that met no trouble."""
    root = tmp_path_factory.mktemp("wanted")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        fill_case(root / "case", root / "evidence")
        with CaseStore.open(root / "case", read_only=True) as store:
            return json.loads(json.dumps(scores_of(store)))


def in_process(what: str, place: Path, home: Path, mount: str = "") -> dict[str, Any]:
    """`custody_disk` in a process of its own, behind a mount of its own if wanted."""
    command = [sys.executable, "-m", "tests.hostile.custody_disk", what, place, home]
    words = [str(part) for part in command]
    if mount:
        script = f"{mount} && exec {shlex.join(words)}"
        words = ["unshare", "-m", "sh", "-ec", script]
    done = subprocess.run(
        words, cwd=_ROOT, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def is_sound(state: dict[str, Any]) -> bool:
    return not state["problems"] and not state["leftovers"]


def test_full_disk_is_told_at_every_step_and_loses_nothing(
    tmp_path: Path, wanted: Any
) -> None:
    if not can_mount():
        pytest.skip("no right to mount (needs root and unshare)")
    place, home = tmp_path / "disk", tmp_path / "home"
    place.mkdir()
    mount = f"mount -t tmpfs -o size=1m tmpfs {shlex.quote(str(place))}"
    told = in_process("full", place, home, mount)
    code, detail, hint = told["series"]
    assert code == "disk-full"
    assert "is full" in detail
    assert hint
    assert told["after series"]["n_series"] == 1
    assert told["after series"]["n_evidence"] == 6
    assert told["score"][0] == "disk-full"
    assert told["new case"][0] == "disk-full"
    assert not told["second is there"]
    assert told["open"][0] == "disk-full"
    assert "made" not in told["open"][1]
    assert told["report"][0] in ("disk-full", "report")
    assert all(is_sound(state) for name, state in told.items() if "after" in name)
    assert told["scores"] == wanted
    assert told["report in the end"]
    assert is_sound(told["in the end"])


@posix
def test_limit_on_file_size_is_told_and_loses_nothing(
    tmp_path: Path, wanted: Any
) -> None:
    told = in_process("limit", tmp_path / "place", tmp_path / "home")
    assert told["series"][0] == "disk-full"
    # Scoring goes on as long as the database may grow; then it is told.
    assert told["score"] == [] or told["score"][0] in ("disk-full", "disk-error")
    assert told["scores"] == wanted
    assert is_sound(told["in the end"])
    assert told["in the end"]["n_series"] == 1


def test_case_on_a_read_only_medium_can_be_read_and_verified(
    tmp_path: Path, wanted: Any
) -> None:
    if not can_mount():
        pytest.skip("no right to mount (needs root and unshare)")
    place, home = tmp_path / "medium", tmp_path / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(home))
        fill_case(place / "case", place / "evidence")
    name = shlex.quote(str(place))
    mount = f"mount --bind {name} {name} && mount -o remount,bind,ro {name}"
    told = in_process("read-only", place, home, mount)
    assert told["open"][0] == "not-writable"
    assert "read-only" in told["open"][2]
    assert told["new case"][0] == "not-writable"
    for step in ("score", "change", "report"):
        assert told[step][0] == "read-only", step
    assert is_sound(told["state"])
    assert told["scores"] == wanted


def test_slow_disk_gives_the_same_scores(
    case: Path, wanted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every flush takes its time, as on a share over a bad line."""
    fsync, n_flushes = os.fsync, 0

    def slow(descriptor: int) -> None:
        nonlocal n_flushes
        n_flushes += 1
        time.sleep(0.02)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    with CaseStore.open(case) as store:
        score(store)
        assert verify_report_file(report(store).path).ok
        assert json.loads(json.dumps(scores_of(store))) == wanted
        assert store.verify().problems == ()
    assert n_flushes > 20


@posix
@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_share_that_cannot_flush_folders_is_used_all_the_same(
    case: Path, wanted: Any, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fsync, refused = os.fsync, 0

    def no_folders(descriptor: int) -> None:
        nonlocal refused
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):  # noqa: PTH112
            refused += 1
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", no_folders)
    with CaseStore.open(case) as store:
        score(store)
        assert json.loads(json.dumps(scores_of(store))) == wanted
    assert refused or not Path("/proc/self/fd").is_dir()


@posix
@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP])
def test_share_without_locks_is_refused_for_writing(
    case: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    import fcntl

    def no_locks(stream: object, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(CaseError, match="cannot lock files") as refused:
        CaseStore.open(case)
    assert refused.value.code == "no-locks"
    assert "local disk" in refused.value.hint
    with CaseStore.open(case, read_only=True) as store:
        assert store.verify().problems == ()


@pytest.mark.parametrize(
    ("code", "named"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EIO, "not-writable"),
        (errno.EROFS, "not-writable"),
        (errno.ENOTCONN, "not-writable"),
    ],
)
@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_disk_that_fails_during_scoring_loses_nothing(
    case: Path,
    wanted: Any,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    named: str,
    at: str,
) -> None:
    real: Callable[..., Any] = getattr(os, at)
    n_calls = 0

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 6:
            raise OSError(code, os.strerror(code))
        return real(*arguments, **options)

    with CaseStore.open(case) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, at, failing)
            with pytest.raises(CaseError) as met:
                score(store)
        assert met.value.code == named
        assert str(store.folder) in met.value.detail
        n_done = len(store.done_slices(1))
        assert 0 < n_done < 6
        assert store.verify().problems == ()
        score(store)
        assert json.loads(json.dumps(scores_of(store))) == wanted


class _Failing:
    """A connection of which one statement ends in an error of SQLite's."""

    def __init__(self, real: sqlite3.Connection, word: str, code: int) -> None:
        self._real, self._word, self._code = real, word, code

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if self._word and sql.startswith(self._word):
            self._word = ""
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = self._code
            raise error
        return self._real.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@pytest.mark.parametrize("word", ["BEGIN", "INSERT INTO slice_result", "COMMIT"])
@pytest.mark.parametrize(
    ("code", "named"),
    [
        (sqlite3.SQLITE_FULL, "disk-full"),
        (sqlite3.SQLITE_IOERR_WRITE, "disk-error"),
        (sqlite3.SQLITE_IOERR_FSYNC, "disk-error"),
        (sqlite3.SQLITE_READONLY, "not-writable"),
        (sqlite3.SQLITE_BUSY, "case-locked"),
    ],
)
def test_database_that_fails_during_scoring_loses_nothing(
    case: Path, wanted: Any, word: str, code: int, named: str
) -> None:
    with CaseStore.open(case) as store:
        real = store._connection
        store._connection = _Failing(real, word, code)  # type: ignore[assignment]
        with pytest.raises(CaseError) as met:
            score(store)
        assert met.value.code == named
        store._connection = real
        assert store.verify().problems == ()
        score(store)
        assert json.loads(json.dumps(scores_of(store))) == wanted
        assert store.verify().problems == ()


@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_disk_that_fails_while_the_report_is_written_leaves_no_half_report(
    case: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def failing(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with CaseStore.open(case) as store:
        score(store)
        with monkeypatch.context() as patch:
            patch.setattr(os, at, failing)
            with pytest.raises(ReportError, match="cannot be written"):
                report(store)
        assert not list(case.glob("report*"))
        assert store.reports() == ()
        issued = report(store)
        assert issued.path.name == "report-1.pdf"
        assert verify_report_file(issued.path).ok


def test_report_that_the_case_does_not_know_is_set_aside_and_logged(case: Path) -> None:
    """As a process leaves it that dies between the file and its record."""
    (case / "report-1.pdf").write_bytes(b"%PDF-1.7 of whom?")
    (case / "report-1.pdf.part").write_bytes(b"half")
    (case / "report-notes.pdf").write_bytes(b"the examiner's own")
    with CaseStore.open(case) as store:
        score(store)
        issued = report(store)
        entry = next(e for e in store.audit_log() if "set aside" in e.action)
    assert issued.path.name == "report-1.pdf"
    assert verify_report_file(issued.path).ok
    aside = case / "report-1-unrecorded.pdf"
    assert aside.read_bytes() == b"%PDF-1.7 of whom?"
    assert entry.details["path_name"] == aside.name
    assert (case / "report-notes.pdf").is_file()
    assert not (case / "report-1.pdf.part").exists()


def test_case_of_a_newer_format_is_refused_and_left_alone(case: Path) -> None:
    with contextlib.closing(sqlite3.connect(case / "case.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 2000")
        connection.commit()
    before = {p: p.read_bytes() for p in case.rglob("*") if p.is_file()}
    ways: list[Callable[[], object]] = [
        lambda: CaseStore.open(case),
        lambda: CaseStore.open(case, read_only=True),
        lambda: verify_case_folder(case),
        lambda: open_checked(case, SERVICES, TaskContext()),
    ]
    for way in ways:
        with pytest.raises(CaseError, match="newer") as refused:
            raise_from(way)
        assert refused.value.code == "case-newer"
        assert "2.0" in refused.value.detail
    assert {p: p.read_bytes() for p in case.rglob("*") if p.is_file()} == before


def raise_from(way: Callable[[], object]) -> None:
    """Do it; the message includes the hint, where the newer program is named."""
    try:
        way()
    except BtdError as error:
        raise type(error)(
            f"{error.detail}; {error.hint}", hint=error.hint, code=error.code
        ) from error


def test_arrays_folder_that_is_gone_is_named(case: Path) -> None:
    shutil.rmtree(case / "arrays")
    check, _ = verify_case_folder(case)
    assert not check.verdict.arrays_intact
    with pytest.raises(CaseError, match="was altered"):
        open_checked(case, SERVICES, TaskContext())
