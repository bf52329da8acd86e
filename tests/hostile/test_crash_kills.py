"""Killed with SIGKILL anywhere, a case opens, goes on, and ends with the same scores.

Every kill hits a process of its own while it creates a case, imports, scores or
reports: half of them at a random moment, half at a random one of the points at which
something reaches the disk. Afterwards this process opens the case, verifies it, goes
on, and compares every score with an uninterrupted run, bit for bit.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from btd_desktop.cases.store import CaseStore
from btd_desktop.errors import CaseError
from btd_desktop.workflow.import_series import holds_case, keep_import
from btd_desktop.workflow.verify import verify_report_file
from tests.factories import make_series_folder
from tests.hostile.custody_case import (
    SERVICES,
    make_evidence,
    make_import,
    new_case,
    report,
    score,
    scores_of,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL"),
]

_ROOT = Path(__file__).resolve().parents[2]
_SIGKILL = 9
# 200 kills of import, scoring and report, and ten of making a case.
KILLS = {"create": 10, "import": 65, "score": 85, "report": 50}


class Killer:
    """The process that forks those to be killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.crash_worker"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, phase: str, root: Path, kill: dict[str, float] | None) -> Any:
        """Have one phase done, or killed; see `crash_worker`."""
        order = {
            "phase": phase,
            "case": str(root / "case"),
            "evidence": str((root / "evidence").resolve()),
            "home": os.environ["BTD_HOME"],
            "kill": kill,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    made = Killer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """For each phase a folder with the case as it is before, and one `finished`."""
    root = tmp_path_factory.mktemp("stages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(root / "home"))
        evidence = make_evidence(root / "evidence")
        case = root / "case"
        (root / "create").mkdir()
        new_case(case)
        shutil.copytree(case, root / "import")
        with CaseStore.open(case) as store:
            keep_import(store, make_import(evidence), SERVICES)
        shutil.copytree(case, root / "score")
        with CaseStore.open(case) as store:
            score(store)
        shutil.copytree(case, root / "report")
        with CaseStore.open(case) as store:
            report(store)
        case.rename(root / "finished")
    # Each test has a memory of its own of what it saw of the case.
    shutil.rmtree(root / "home" / "data" / "audit-heads")
    return_to = os.environ.get("BTD_HOME")
    yield root
    assert os.environ.get("BTD_HOME") == return_to


@pytest.fixture
def root(stages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BTD_HOME", str(tmp_path / "home"))
    (tmp_path / "evidence").symlink_to(stages / "evidence")
    return tmp_path


def fresh(stages: Path, root: Path, phase: str) -> None:
    """The case as it is before a phase, and a computer that has not seen it yet."""
    for name in ("case", "home"):
        shutil.rmtree(root / name, ignore_errors=True)
    shutil.copytree(stages / "home", root / "home")
    if phase != "create":
        shutil.copytree(stages / phase, root / "case")


def finish(root: Path) -> dict[str, object]:
    """Open, verify, and do all that is not done yet; the scores in the end."""
    folder = root / "case"
    if not holds_case(folder):
        new_case(folder)  # what a killed creation left must not be in the way
    with CaseStore.open(folder, read_only=True) as store:
        assert store.verify().problems == ()
    with CaseStore.open(folder) as store:
        assert store.verify().problems == ()
        keep_import(store, make_import((root / "evidence").resolve()), SERVICES)
        assert len(store.evidence()) == 6
        assert len(store.series()) == 1
        run = score(store)
        assert run.status == "done"
        assert store.verify().problems == ()
        assert not list((folder / "arrays").glob(".writing-*"))
        return scores_of(store)


@pytest.mark.parametrize("phase", list(KILLS))
def test_every_killed_case_ends_with_the_same_scores(
    phase: str,
    stages: Path,
    root: Path,
    killer: Killer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with CaseStore.open(stages / "finished", read_only=True) as store:
        wanted = scores_of(store)
    fresh(stages, root, phase)
    whole = killer.order(phase, root, None)
    assert (whole["signal"], whole["status"]) == (0, 0)
    assert whole["points"] > 20
    rng = np.random.default_rng([3, list(KILLS).index(phase)])
    seen: Counter[str] = Counter()
    while seen["killed"] < KILLS[phase]:
        fresh(stages, root, phase)
        by_time = bool(seen["killed"] % 2)
        kill = (
            {"after_s": float(rng.uniform(0, whole["seconds"]))}
            if by_time
            else {"at": float(rng.integers(1, whole["points"] + 1))}
        )
        ended = killer.order(phase, root, kill)
        if ended["signal"] != _SIGKILL:
            assert ended["status"] == 0  # it was faster than the one who kills
            seen["ended before"] += 1
            assert seen["ended before"] < 10 * KILLS[phase]
            continue
        seen["killed"] += 1
        seen["at a moment" if by_time else "at a point"] += 1
        before = holds_case(root / "case")
        assert before or phase == "create"
        scores = finish(root)
        seen["resumed"] += 1
        seen["equal"] += scores == wanted
        assert scores == wanted, kill
    with capsys.disabled():
        sys.stdout.write(
            f"\nSIGKILL during {phase}: {seen['killed']} killed "
            f"({seen['at a moment']} at a moment, {seen['at a point']} at a point of "
            f"{whole['points']}), {seen['resumed']} opened, verified and resumed, "
            f"{seen['equal']} with equal scores\n"
        )


def in_session(session: int) -> list[str]:
    """Processes of a session that still run (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name stands in brackets and may hold anything.
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(path.parent.name)
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_import_killed_while_files_are_parsed_leaves_no_process_and_no_trace(
    stages: Path, root: Path, killer: Killer
) -> None:
    """Real DICOM files: those that parse them must end with the one that is killed."""
    (root / "evidence").unlink()
    make_series_folder(root / "evidence", 1, shape=(12, 64, 64))
    rng = np.random.default_rng(4)
    fresh(stages, root, "import")
    whole = killer.order("read", root, None)
    assert (whole["signal"], whole["status"]) == (0, 0)
    with CaseStore.open(root / "case", read_only=True) as store:
        wanted = [series.volume_digest for series in store.series()]
    assert len(wanted) == 1
    fresh(stages, root, "import")
    n_killed = 0
    for _ in range(5):
        kill: dict[str, float] = {
            "after_s": float(rng.uniform(0.1, 0.9 * whole["seconds"]))
        }
        ended = killer.order("read", root, kill)
        n_killed += ended["signal"] == _SIGKILL
        deadline = time.monotonic() + 60
        while in_session(ended["session"]) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert in_session(ended["session"]) == []
        with CaseStore.open(root / "case", read_only=True) as store:
            assert store.verify().problems == ()
    assert n_killed >= 3
    assert killer.order("read", root, None)["status"] == 0
    with CaseStore.open(root / "case", read_only=True) as store:
        assert [series.volume_digest for series in store.series()] == wanted
        assert len(store.evidence()) == 12
        assert store.verify().problems == ()


def test_report_can_be_issued_after_a_kill_at_any_point(
    stages: Path, root: Path, killer: Killer
) -> None:
    """Between the file and its record there is a moment; neither may block the next."""
    fresh(stages, root, "report")
    n_points = killer.order("report", root, None)["points"]
    outcomes: Counter[str] = Counter()
    # The last points are those around the file, its record and the end.
    for at in range(n_points - 40, n_points + 1, 4):
        fresh(stages, root, "report")
        ended = killer.order("report", root, {"at": at})
        assert ended["signal"] == _SIGKILL
        folder = root / "case"
        with CaseStore.open(folder) as store:
            n_recorded = len(store.reports())
            issued = report(store)
            assert verify_report_file(issued.path).ok
            assert store.verify().problems == ()
            assert len(store.reports()) == n_recorded + 1
        left = sorted(p.name for p in folder.glob("report-*"))
        assert not [name for name in left if name.endswith(".part")]
        outcomes["recorded" if n_recorded else "not recorded"] += 1
        outcomes["set aside"] += any("unrecorded" in name for name in left)
    assert outcomes["not recorded"]
    assert outcomes["recorded"]
    assert outcomes["set aside"]


def test_kill_of_a_writer_leaves_no_lock(
    stages: Path, root: Path, killer: Killer
) -> None:
    fresh(stages, root, "score")
    killer.order("score", root, {"at": 30})
    with (
        CaseStore.open(root / "case") as store,
        pytest.raises(CaseError, match="open in"),
    ):
        CaseStore.open(root / "case")
    assert store.read_only is False
