"""A process that dies at any point leaves a case that opens and can be finished."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from btd_desktop.cases.store import CaseStore
from tests.factories import make_manifest
from tests.unit.cases.samples import NOW, make_volume, slice_map

N_SLICES = 400

# argv: folder, SQL statement at which to die (0 = go on until killed from outside)
WORKER = """
import os, sys
from pathlib import Path
from btd_desktop.cases.store import CaseStore
from tests.factories import make_manifest
from tests.unit.cases.samples import NOW, slice_map

die_at = int(sys.argv[2])
with CaseStore.open(Path(sys.argv[1])) as case:
    run = case.start_run(1, make_manifest(), NOW)
    done = case.done_slices(run.run_id)
    todo = [s for s in range(400) if s not in done]
    seen = 0
    def count(statement):
        global seen
        seen += 1
        if seen == die_at:
            os._exit(9)
    if die_at:
        case._connection.set_trace_callback(count)
    print("ready", flush=True)
    for s in todo:
        case.save_slice(run.run_id, s, {"map": slice_map(s)}, {"max": s / 7}, NOW)
"""


def start_worker(folder: Path, die_at: int) -> subprocess.Popen[bytes]:
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), str(die_at)],
        cwd=Path(__file__).resolve().parents[3],
        stdout=subprocess.PIPE,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline().strip() == b"ready"
    return worker


@pytest.fixture
def folder(tmp_path) -> Path:
    with CaseStore.create(tmp_path / "case", now=NOW) as case:
        case.add_series(make_volume(n_slices=N_SLICES), now=NOW)
    return Path(tmp_path / "case")


def assert_sound_and_finish(folder: Path) -> None:
    with CaseStore.open(folder) as case:
        assert case.verify().problems == ()
        run = case.start_run(1, make_manifest(), NOW)
        assert run.run_id == 1
        missing = set(range(N_SLICES)) - case.done_slices(1)
        for s in sorted(missing):
            case.save_slice(1, s, {"map": slice_map(s)}, {"max": s / 7}, NOW)
        case.finish_run(1, "done", NOW)
        results = case.slice_results(1)
        assert [r.slice_index for r in results] == list(range(N_SLICES))
        for s in (0, 100, 399):
            arrays, summary = case.load_slice(1, s)
            np.testing.assert_array_equal(arrays["map"], slice_map(s))
            assert summary == {"max": s / 7}
        assert case.verify().problems == ()
        assert not list((folder / "arrays").glob(".writing-*"))


@pytest.mark.slow
def test_kill_at_random_points_then_resume_gives_all_results(folder):
    delays = random.Random(11)
    for _ in range(10):
        worker = start_worker(folder, 0)
        time.sleep(delays.uniform(0.0, 0.08))
        worker.kill()
        worker.communicate()
        with CaseStore.open(folder, read_only=True) as case:
            assert case.verify().problems == ()
    assert_sound_and_finish(folder)


@pytest.mark.slow
def test_death_at_each_statement_of_save_slice_keeps_all_or_nothing(folder):
    for die_at in range(1, 13):
        worker = start_worker(folder, die_at)
        worker.communicate()
        assert worker.returncode == 9
        with CaseStore.open(folder, read_only=True) as case:
            verdict = case.verify()
            assert verdict.problems == ()
            # case and series and run, then one entry for each slice that is there
            assert verdict.n_entries == 3 + len(case.done_slices(1))


def test_leftover_of_a_killed_array_write_is_removed(folder):
    leftover = folder / "arrays" / ".writing-abc"
    leftover.write_bytes(b"half")
    CaseStore.open(folder, read_only=True).close()
    assert leftover.exists()
    CaseStore.open(folder).close()
    assert not leftover.exists()


def test_lock_of_a_dead_process_does_not_stay(folder):
    worker = start_worker(folder, 5)
    worker.communicate()
    assert (folder / "case.lock").read_text() == str(worker.pid)
    with CaseStore.open(folder):
        assert (folder / "case.lock").read_text() == str(os.getpid())
