"""What ten million series need: the scheduler, the index and the disks, scaled up.

Measures here what one task costs Dask's scheduler (empty tasks, fed as a sweep feeds
them) and what one row costs the index, and plays a sweep of any size through a queue
with these costs: one scheduler that serves a task at a time, workers whose series take
a time drawn from a lognormal distribution, and workers that are lost and replaced.

    python benchmarks/sweep_at_scale.py --series 10000000 --seconds 3.6 --slices 100
    python benchmarks/sweep_at_scale.py --series 20000 --tasks 200 --rows 2000
"""

from __future__ import annotations

import argparse
import heapq
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from btd_desktop.archive.engine import _AHEAD, _Cluster
from btd_desktop.archive.examination import SweepOptions
from btd_desktop.archive.rows import (
    LookAt,
    SeriesRow,
    is_known,
    open_index,
    rows_of,
    write_rows,
)
from btd_desktop.progress import TaskContext

ROW = SeriesRow(
    "0" * 64, study_digest="1" * 64, uid_digest="2" * 64, patient="3" * 16,
    modality="CT", body_part="CHEST", scanner="MAKER MODEL", slices=100,
    state="examined", score=3.25, p_value=0.25, floor=1 / 27, patients=26,
    coverage="partly covered", scope=("the kernel (B30f) is not among those of the "
    "profile",), places=tuple(LookAt(n, 120, 130, 3.2 - n / 10) for n in range(12)),
    seconds={"read": 1.0, "open": 0.3, "score": 2.0, "search": 1.0},
    model="ct96wide-lean", model_digest="4" * 64, profile="Public CT scans",
    profile_digest="5" * 64, software="0.3.0", evidence=("/archive/2026/11/a" * 2,),
)  # fmt: skip


def scheduler_cost(n_tasks: int) -> float:
    """Seconds that a task costs where scheduler, workers and client share a process."""
    from distributed import Client, LocalCluster

    import btd_desktop.archive.engine as engine

    engine.serve = nothing  # the same way to the workers, with nothing to do there
    with (
        LocalCluster(n_workers=8, threads_per_worker=1, processes=False,
                     dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        where = _Cluster(client, SweepOptions(), TaskContext())
        tasks = ({"number": n} for n in range(n_tasks))
        began = time.process_time()
        n_done = sum(1 for _ in where._answers(tasks, lambda t: f"t-{t['number']}"))
        spent = time.process_time() - began
    return spent / n_done


def nothing(asked: dict[str, object], options: dict[str, object]) -> dict[str, object]:
    return {"number": asked["number"]}


def index_cost(n_rows: int) -> dict[str, float]:
    """Processor seconds of a written, sought and read row, and bytes a row."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.sqlite"
        rng = np.random.default_rng(1)
        with open_index(path) as connection:
            began = time.process_time()
            for number in range(n_rows):
                row = replace(ROW, series_digest=f"{number:064x}", score=rng.random())
                write_rows(connection, [row])
            written = time.process_time()
            for number in range(0, n_rows, 2):
                is_known(connection, f"{number:064x}")
            sought = time.process_time()
            sum(1 for _ in rows_of(connection))
            read = time.process_time()
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = path.stat().st_size
    return {
        "write": (written - began) / n_rows,
        "seek": (sought - written) / (n_rows / 2),
        "read": (read - sought) / n_rows,
        "bytes": size / n_rows,
    }


def played(
    n_series: int, n_workers: int, seconds: float, per_task: float, days_to_loss: float
) -> tuple[float, float, int]:
    """Days that a sweep takes, share of the workers' time used, and tasks repeated."""
    rng = np.random.default_rng(n_workers)
    free = [0.0] * n_workers
    scheduler, busy, repeated, ended = 0.0, 0.0, 0, 0.0
    left = n_series
    while left:
        n = min(left, 100_000)
        # Series differ by their slices: a third of the mean to three times it, mostly.
        times = rng.lognormal(np.log(seconds) - 0.25 / 2, 0.5, n).tolist()
        fails = rng.random(n) < np.array(times) / (days_to_loss * 86400)
        for took, fail in zip(times, fails.tolist(), strict=True):
            at = heapq.heappop(free)
            scheduler = max(scheduler, at) + per_task
            end = scheduler + took * (1.5 if fail else 1.0)  # lost half way, again
            repeated += fail
            busy += took
            ended = max(ended, end)
            heapq.heappush(free, end)
        left -= n
    return ended / 86400, busy / (ended * n_workers), repeated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=10_000_000)
    parser.add_argument("--simulated", type=int, default=1_000_000,
                        help="series played; more are scaled up")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=3.6,
                        help="that a series takes on one core, on average")  # fmt: skip
    parser.add_argument("--slices", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=200_000, help="of a slice")
    parser.add_argument("--tasks", type=int, default=3000)
    parser.add_argument("--rows", type=int, default=20_000)
    chosen = parser.parse_args()
    per_task = scheduler_cost(chosen.tasks)
    index = index_cost(chosen.rows)
    print(f"scheduler, {_AHEAD} tasks ahead for each worker: {1000 * per_task:.2f} ms "
          f"of one core a task, by {chosen.tasks} empty tasks")  # fmt: skip
    print(f"index: {1e3 * index['write']:.3f} ms to write a row, "
          f"{1e6 * index['seek']:.0f} µs to seek one, {1e6 * index['read']:.0f} µs to "
          f"read one, {index['bytes']:.0f} bytes; by {chosen.rows} rows")  # fmt: skip
    n = chosen.series
    volume = n * chosen.slices * chosen.bytes
    print(f"{n:,} series: index {n * index['bytes'] / 1e9:.0f} GB, written in "
          f"{n * index['write'] / 3600:.1f} h in all; evidence {volume / 1e12:.0f} TB, "
          f"read three times")  # fmt: skip
    serial = per_task + index["write"]
    print(f"one series takes {chosen.seconds:g} s; scheduler and index keep "
          f"{chosen.seconds / serial:,.0f} workers busy")  # fmt: skip
    print("workers      days  used  repeated   read MB/s")
    played_n = min(n, chosen.simulated)
    for n_workers in (2, 32, 256, 1024, 4096, 16384):
        if n_workers * 20 > played_n:
            continue
        days, used, repeated = played(played_n, n_workers, chosen.seconds, serial, 30.0)
        days, scaled = days * n / played_n, n / played_n
        print(f"{n_workers:7,} {days:9.1f} {used:5.0%} {repeated * scaled:9,.0f} "
              f"{3 * volume / days / 86400 / 1e6:11,.0f}")  # fmt: skip


if __name__ == "__main__":
    main()
