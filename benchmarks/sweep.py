"""A sweep of simulated series: same results whoever computes, overhead, speed-up.

Simulates patients of 40 slices of 256×256, cuts them into series of 8, puts a nodule
into every fifth series, and examines them in a bare loop and with `btd sweep`: by one
worker, by two, by a cluster of two on loopback of which one worker is killed, and by
one that is killed and started again. Prints a table and whether all found the same.

    python benchmarks/sweep.py --series 200 --folder FOLDER
    python benchmarks/sweep.py --series 4 --runs one                   # a smoke test

A second call with the same folder takes the series that lie there. The pixel spacing
that the files state (0.75 mm) is made up, so that the shipped profile covers them;
p-values of simulated series say nothing of real ones.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from btd_desktop.archive.rows import INDEX_NAME, read_rows, results_digest

SLICES, SIDE, OF_A_PATIENT, ALTERED_EVERY = 8, 256, 5, 5
RUNS = ("one", "two", "cluster", "killed")


def make_archive(folder: Path, n_series: int) -> None:
    """Write the series that are not there yet."""
    from btd_desktop.simulator.chest import chest_phantom
    from btd_desktop.simulator.ct import simulate_ct
    from btd_desktop.simulator.export import export_series
    from btd_desktop.simulator.scanners import CT_SCANNERS
    from btd_desktop.tampering.nodules import inject_nodule

    for patient in range(-(-n_series // OF_A_PATIENT)):
        numbers = range(patient * OF_A_PATIENT, (patient + 1) * OF_A_PATIENT)
        if all((folder / f"series-{n:04d}" / "done").is_file() for n in numbers):
            continue
        whole = simulate_ct(
            chest_phantom(np.random.default_rng([patient, 0])),
            CT_SCANNERS[patient % len(CT_SCANNERS)],
            n_slices=SLICES * OF_A_PATIENT,
            rows=SIDE,
            seed=patient,
            patient_id=f"SIM-{patient:04d}",
        )
        for place, number in enumerate(numbers):
            cut = slice(place * SLICES, (place + 1) * SLICES)
            volume = replace(
                whole,
                voxels=whole.voxels[cut],
                spacing_mm=(whole.spacing_mm[0], 0.75, 0.75),
                slice_positions_mm=whole.slice_positions_mm[cut],
                instance_uids=whole.instance_uids[cut],
                slice_origins_mm=None,
            )
            derived = None
            if number % ALTERED_EVERY == 0:
                rng = np.random.default_rng([number, 7])
                air = ndimage.uniform_filter(volume.voxels[4].astype(float), 25)
                rows, columns = np.nonzero((air > -950) & (air < -600))
                chosen = int(rng.integers(rows.size))
                at = 4, int(rows[chosen]), int(columns[chosen])
                done = inject_nodule(volume, at, 12.0, rng)
                volume, derived = done.volume, done.record.sentence
            target = folder / f"series-{number:04d}"
            export_series(
                volume,
                target,
                patient_id=f"SIM-{patient:04d}",
                series_description="sweep benchmark",
                uid_seed=f"sweep-{number}",
                derived=derived,
            )
            (target / "done").touch()


def bare_loop(folder: Path, n_series: int) -> None:
    """The examination of each series and nothing else, in this process."""
    from btd_desktop.progress import TaskContext
    from btd_desktop.workflow.examine import ExamineOptions, examine_each
    from btd_desktop.workflow.import_series import (
        CaseDetails,
        create_case,
        import_into_case,
    )
    from btd_desktop.workflow.services import Services

    services, context = Services(), TaskContext()
    for number in range(n_series):
        with tempfile.TemporaryDirectory() as scratch:
            case = Path(scratch) / "case"
            with create_case(case, CaseDetails(), services) as store:
                source = [folder / f"series-{number:04d}"]
                series = import_into_case(store, source, services, context)
                examine_each(store, series, ExamineOptions(), services, context)


def sweep_command(folder: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "btd_desktop", "sweep", str(folder), "--out",
            str(out), "--json", "--keep-free", "0.1", *more]  # fmt: skip


def timed(command: list[str]) -> tuple[float, float, str]:
    """Wall and processor seconds of a command and its children, and its output."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    wall = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = sum(getattr(after, n) - getattr(before, n) for n in ("ru_utime", "ru_stime"))
    return wall, cpu, done.stdout


@contextlib.contextmanager
def cluster() -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A scheduler and two workers on loopback: address and the workers' nannies."""
    dask = [sys.executable, "-m", "dask"]
    quiet = {**os.environ, "DASK_LOGGING__DISTRIBUTED": "error"}
    scheduler = subprocess.Popen(
        [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    workers: list[subprocess.Popen[str]] = []
    try:
        address = ""
        for line in scheduler.stderr or ():
            if found := re.search(r"Scheduler at:\s*(tcp://\S+)", line):
                address = found[1]
                break
        workers = [
            subprocess.Popen(
                [*dask, "worker", address, "--nthreads", "1", "--no-dashboard",
                 "--memory-limit", "0", "--host", "127.0.0.1"],
                stderr=subprocess.DEVNULL, text=True, env=quiet,
            )
            for _ in range(2)
        ]  # fmt: skip
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            process.terminate()
        for process in (*workers, scheduler):
            process.wait()


def killed_worker(folder: Path, out: Path) -> tuple[float, float, str]:
    """A sweep by the cluster, one worker of which is killed after a few rows."""
    import psutil

    with cluster() as (address, workers):
        began = time.monotonic()
        with subprocess.Popen(
            sweep_command(folder, out, "--cluster", address),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as running:  # fmt: skip
            wait_for_rows(out, 2, running)
            victims = [
                c for c in psutil.Process(workers[0].pid).children()
                if "spawn_main" in " ".join(c.cmdline())
            ]  # fmt: skip
            for victim in victims:
                victim.kill()
            print(f"killed {len(victims)} worker of the cluster", file=sys.stderr)
            told = running.communicate()[0]
        return time.monotonic() - began, float("nan"), told


def killed_sweep(folder: Path, out: Path) -> tuple[float, float, str]:
    """A sweep that is killed after a few rows, and the same command again."""
    with subprocess.Popen(
        sweep_command(folder, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as first:
        wait_for_rows(out, 2, first)
        first.send_signal(signal.SIGKILL)
    print(f"killed the sweep after {len(read_rows(out / INDEX_NAME))} rows",
          file=sys.stderr)  # fmt: skip
    return timed(sweep_command(folder, out))


def wait_for_rows(out: Path, n: int, running: subprocess.Popen[str]) -> None:
    while running.poll() is None:
        with contextlib.suppress(Exception):
            if len(read_rows(out / INDEX_NAME)) >= n:
                return
        time.sleep(0.2)


def measure(folder: Path, n_series: int, runs: list[str]) -> None:
    with tempfile.TemporaryDirectory() as outputs:
        archive = Path(outputs) / "archive"
        archive.mkdir()
        for number in range(n_series):
            (archive / f"series-{number:04d}").mkdir()
            for file in (folder / f"series-{number:04d}").glob("*.dcm"):
                os.link(file, archive / f"series-{number:04d}" / file.name)
        bare = timed([sys.executable, __file__, "--bare", str(archive), "--series",
                      str(n_series)])  # fmt: skip
        print(f"{n_series} series of {SLICES} x {SIDE} x {SIDE}")
        print(f"{'bare loop':28} {bare[0]:8.1f} s, {bare[1]:8.1f} s of processors")
        digests, walls = set(), {}
        calls = {
            "one": lambda out: timed(sweep_command(archive, out)),
            "two": lambda out: timed(sweep_command(archive, out, "--workers", "2")),
            "cluster": lambda out: killed_worker(archive, out),
            "killed": lambda out: killed_sweep(archive, out),
        }
        for name in runs:
            out = Path(outputs) / name
            wall, cpu, told = calls[name](out)
            walls[name] = wall
            rows = read_rows(out / INDEX_NAME)
            digests.add(results_digest(rows))
            states = json.loads(told)["states"]
            print(f"{name:28} {wall:8.1f} s, {cpu:8.1f} s of processors, "
                  f"{results_digest(rows)[:12]}, {states}", flush=True)  # fmt: skip
            if name == "one":
                print(f"  overhead a series: {wall / bare[0] - 1:+.1%} of the time, "
                      f"{cpu / bare[1] - 1:+.1%} of the processors")  # fmt: skip
                for stage in ("read", "open", "score", "search"):
                    spent = [row.seconds.get(stage, 0.0) for row in rows]
                    print(f"  {stage:8} {np.median(spent):6.2f} s a series (median)")
                found = [r for r in rows if r.p_value is not None]
                print(f"  p-values of {len(found)} series; smallest "
                      f"{min((r.p_words for r in found), default='none')}")  # fmt: skip
        if {"one", "two"} <= walls.keys():
            print(f"speed-up by two workers: {walls['one'] / walls['two']:.2f}")
        print("identical results" if len(digests) == 1 else "RESULTS DIFFER")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--runs", nargs="*", choices=RUNS, default=list(RUNS))
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.bare is not None:
        bare_loop(chosen.bare, chosen.series)
        sys.exit()
    with contextlib.ExitStack() as closing:
        where = chosen.folder or Path(
            closing.enter_context(tempfile.TemporaryDirectory())
        )
        make_archive(where, chosen.series)
        measure(where, chosen.series, chosen.runs)
