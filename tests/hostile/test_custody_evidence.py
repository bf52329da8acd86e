"""Evidence is never written, is compared again, and what changed is said."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.dicom.load import import_evidence
from btd_desktop.dicom.series import Import
from btd_desktop.digest import file_digest
from btd_desktop.errors import CaseError
from btd_desktop.progress import TaskContext
from btd_desktop.workflow import import_series
from btd_desktop.workflow.custody import check_evidence, open_checked
from btd_desktop.workflow.import_series import import_into_case
from btd_desktop.workflow.verify import verify_case_folder, verify_report_file
from tests.factories import make_series_folder
from tests.hostile.custody_case import SERVICES, fill_case, new_case, report, score

_ROOT = Path(__file__).resolve().parents[2]

State = dict[str, tuple[object, ...]]


def make_evidence(folder: Path) -> Path:
    """A scan, an archive with another one, and a file that is none."""
    make_series_folder(folder / "scan", 1, shape=(4, 96, 96))
    scratch = make_series_folder(folder.parent / "scratch", 2, shape=(2, 96, 96))
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for path in sorted(scratch.iterdir()):
            archive.write(path, path.name)
    (folder / "letter.txt").write_text("no scan")
    for path in [*sorted(folder.rglob("*")), folder]:
        # Old enough that a system with "relatime" would note the next reading.
        os.utime(path, ns=(10**18, 10**18 + 12345))
    return folder


def state_of(folder: Path) -> State:
    """Names, times, rights and bytes, read in an order that alters none of them."""
    paths = [folder, *sorted(folder.rglob("*"))]
    # Listing a folder is what changes its own time of access; it is left out.
    stats = {p: p.lstat() for p in paths}
    return {
        str(p.relative_to(folder)): (
            s.st_mode,
            s.st_size,
            s.st_mtime_ns,
            s.st_ctime_ns,
            s.st_nlink,
            s.st_atime_ns if p.is_file() else None,
            file_digest(p)[0] if p.is_file() else None,
        )
        for p, s in stats.items()
    }


def can_mount() -> bool:
    """Whether this process may make a mount that ends with the process."""
    if shutil.which("unshare") is None or not hasattr(os, "geteuid"):
        return False
    tried = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        check=False,
    )
    return tried.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("read_only_mount", [True, False], ids=["mount", "folder"])
def test_whole_run_leaves_the_evidence_as_it_was(
    tmp_path: Path, read_only_mount: bool
) -> None:
    if read_only_mount and not can_mount():
        pytest.skip("no right to mount (needs root and unshare)")
    evidence, work = make_evidence(tmp_path / "evidence"), tmp_path / "work"
    work.mkdir()
    before = state_of(evidence)
    command = [sys.executable, "-m", "tests.hostile.custody_run", evidence, work]
    if read_only_mount:
        place = shlex.quote(str(evidence))
        script = (
            f"mount --bind {place} {place} && mount -o remount,bind,ro {place} && "
            f"! touch {place}/probe 2>/dev/null && exec {shlex.join(map(str, command))}"
        )
        command = ["unshare", "-m", "sh", "-ec", script]
    done = subprocess.run(
        [str(part) for part in command],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["attempts"] == []
    assert told["fates"] == {"accepted": 6, "not an image": 1}
    assert told["finding"]
    assert told["report_problems"] == []
    assert told["report_ok"]
    assert told["case_intact"]
    assert told["evidence"] == "case intact; 6 of 6 evidence files unchanged"
    assert state_of(evidence) == before


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def case(home: Path, tmp_path: Path) -> Path:
    """A case of six made-up files in `evidence`, scored and reported."""
    fill_case(tmp_path / "case", tmp_path / "evidence")
    return tmp_path / "case"


def test_changed_and_missing_evidence_is_told_and_stops_nothing(
    case: Path, tmp_path: Path
) -> None:
    evidence = tmp_path / "evidence"
    (evidence / "IM1").unlink()
    with (evidence / "IM2").open("ab") as stream:
        stream.write(b"\0")
    check, _ = verify_case_folder(case)
    assert check.verdict.is_intact
    assert not check.is_intact
    assert check.evidence is not None
    assert check.evidence.changed == ("IM2",)
    assert check.evidence.unreachable == ("IM1",)
    assert check.evidence.n_unchanged == 4
    with open_checked(case, SERVICES, TaskContext()) as store:
        score(store)
        issued = report(store)
        checks = [e for e in store.audit_log() if e.action.startswith("case checked")]
    assert [e.action for e in checks] == [
        "case checked before the report",
        "case checked on opening",
        "case checked before the report",
    ]
    assert checks[0].details["evidence"]["n_unchanged"] == 6
    assert checks[2].details["evidence"]["changed"] == ["IM2"]
    assert checks[2].details["evidence"]["unreachable"] == ["IM1"]
    twin = verify_report_file(issued.path).twin
    assert twin is not None
    limits = " ".join(twin["limitations"])
    assert "1 of 6 evidence files no longer had the digest" in limits
    assert "1 of 6 evidence files were out of reach" in limits
    events = [event["event"] for event in twin["custody"]]
    assert events[-1] == (
        "case checked before the report: case intact; 4 of 6 evidence files unchanged, "
        "1 CHANGED, 1 out of reach"
    )


def test_evidence_that_is_all_gone_is_no_failure(case: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "evidence")
    check, _ = verify_case_folder(case)
    assert check.is_intact
    assert check.evidence is not None
    assert len(check.evidence.unreachable) == 6
    with open_checked(case, SERVICES, TaskContext()) as store:
        assert verify_report_file(report(store).path).ok


def test_report_prints_count_and_head_of_the_log(case: Path) -> None:
    verdict = verify_report_file(case / "report-1.pdf")
    assert verdict.twin is not None
    stated = verdict.twin["audit"]
    with CaseStore.open(case, read_only=True) as store:
        log = store.audit_log()
        (record,) = store.reports()
    assert log[stated["n_entries"] - 1].hash == stated["head"] == record.audit_head
    assert log[stated["n_entries"]].action == "report issued"


@pytest.mark.parametrize("what", ["array", "record", "log"])
def test_altered_case_is_neither_scored_nor_reported(case: Path, what: str) -> None:
    import sqlite3

    if what == "array":
        path = next((case / "arrays").glob("*.npy"))
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
    else:
        sql = {
            "record": "UPDATE finding SET note = 'another'",
            "log": "UPDATE audit SET actor = 'another' WHERE seq = 3",
        }[what]
        database = sqlite3.connect(case / "case.sqlite")
        database.execute(sql)
        database.commit()
        database.close()
    with pytest.raises(CaseError, match="was altered") as refused:
        open_checked(case, SERVICES, TaskContext())
    assert refused.value.code == "case-altered"
    # An entry that its seal does not fit is nobody's: the log is not this computer's.
    told = "NOT AUTHENTICATED" if what == "log" else "was altered"
    with CaseStore.open(case) as store, pytest.raises(CaseError, match=told):
        report(store)
    assert [p.name for p in case.glob("*.pdf")] == ["report-1.pdf"]


def test_altered_voxels_are_not_scored(case: Path) -> None:
    with CaseStore.open(case, read_only=True) as store:
        digest = store.series()[0].volume_digest
    path = case / "arrays" / f"{digest}.npy"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with CaseStore.open(case) as store, pytest.raises(CaseError, match="altered"):
        score(store)


def test_unaltered_evidence_without_digest_is_counted(case: Path) -> None:
    from btd_desktop.cases.model import EvidenceItem
    from tests.hostile.custody_case import NOW

    with CaseStore.open(case) as store:
        odd = EvidenceItem(
            0, "pipe", "/nowhere/pipe", 0, "", fate="refused", reason="x"
        )
        relative = EvidenceItem(0, "IM0", "IM0", 500, "0" * 64)
        store.add_evidence([odd, relative], NOW)
        found = check_evidence(store, TaskContext())
    assert found.n_without_digest == 1
    assert found.unreachable == ("IM0",)
    assert found.n_unchanged == 6


def meanwhile(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Do something between the first and the second reading of an import."""

    def read_then(paths: list[Path], context: TaskContext, **named: Any) -> Import:
        found = import_evidence(paths, context, **named)
        deed()
        return found

    monkeypatch.setattr(import_series, "import_evidence", read_then)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("how", ["changed", "gone"])
def test_file_that_changes_during_the_import_is_recorded_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    evidence = make_evidence(tmp_path / "evidence")
    victim = sorted((evidence / "scan").iterdir())[2]
    first, _ = file_digest(victim)

    def deed() -> None:
        if how == "gone":
            victim.unlink()
        else:
            with victim.open("r+b") as stream:
                stream.seek(-1, os.SEEK_END)
                stream.write(b"\x55")

    meanwhile(monkeypatch, deed)
    new_case(tmp_path / "case")
    with CaseStore.open(tmp_path / "case") as store:
        added = import_into_case(store, [evidence], SERVICES, TaskContext())
        items = {item.name: item for item in store.evidence()}
        assert store.verify().is_intact
    item = items[f"scan/{victim.name}"]
    assert item.sha256 == first
    scan = next(record for record in added if record.n_slices == 4)
    other = next(record for record in added if record.n_slices == 2)
    codes = {finding.code: finding for finding in scan.findings}
    if how == "changed":
        assert f"SHA-256 was {first}" in item.reason
        assert file_digest(victim)[0] in item.reason
        assert codes["changed_on_import"].severity == "warning"
        assert victim.name in codes["changed_on_import"].sentence
    else:
        assert "second time" in item.reason
        assert codes["read_once"].severity == "note"
    assert not {"changed_on_import", "read_once"} & {f.code for f in other.findings}
    assert [
        i.name
        for i in items.values()
        if "second time" in i.reason or "CHANGED" in i.reason
    ] == [item.name]


@pytest.mark.usefixtures("home")
def test_archive_that_changes_during_the_import_is_told_with_its_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = make_evidence(tmp_path / "evidence")
    archive = evidence / "more.zip"

    def deed() -> None:
        with archive.open("ab") as stream:
            stream.write(b"\0")

    meanwhile(monkeypatch, deed)
    new_case(tmp_path / "case")
    with CaseStore.open(tmp_path / "case") as store:
        added = import_into_case(store, [evidence], SERVICES, TaskContext())
        (container,) = [item for item in store.evidence() if item.is_container]
    assert "CHANGED" in container.reason
    told = [
        r for r in added if r.findings and r.findings[0].code == "changed_on_import"
    ]
    assert [record.n_slices for record in told] == [2]
