"""Dask distributed and Ray side by side: what a task costs, and a worker that dies.

Run by hand where both are installed (Ray in an environment of its own: nothing else
here needs it):

    python benchmarks/sweep_engines.py dask
    python benchmarks/sweep_engines.py ray

Prints start, cost of an empty task with two workers, wall time of tasks that wait
100 ms over the ideal one, whether a task survives its worker, and the size installed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import os
import signal
import tempfile
import time
from pathlib import Path

N_EMPTY, N_WAITING, WAIT_S = 500, 40, 0.1


def nothing(number: int) -> int:
    return number


def waiting(number: int) -> int:
    time.sleep(WAIT_S)
    return number


def dies_once(mark: str) -> int:
    with contextlib.suppress(FileExistsError):
        Path(mark).touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)
    return 1


def measure(engine: str) -> None:
    began = time.monotonic()
    with running(engine) as run:
        run(nothing, range(4))
        print(f"start until four tasks are done: {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        run(nothing, range(N_EMPTY))
        spent = time.monotonic() - began
        print(f"empty task: {1000 * spent / N_EMPTY:.2f} ms")
        began = time.monotonic()
        run(waiting, range(N_WAITING))
        spent = time.monotonic() - began
        print(f"{N_WAITING} waits of {WAIT_S} s: {spent:.2f} s, ideal "
              f"{N_WAITING * WAIT_S / 2:.2f} s")  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            began = time.monotonic()
            alive = run(dies_once, [f"{folder}/mark"])
            print(f"task whose worker was killed: result {alive} after "
                  f"{time.monotonic() - began:.1f} s")  # fmt: skip


@contextlib.contextmanager
def running(engine: str):
    if engine == "dask":
        from distributed import Client, LocalCluster

        with (
            LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None,
                host="127.0.0.1", memory_limit=0, silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):  # fmt: skip
            yield lambda call, items: client.gather(client.map(call, items, pure=False))
        return
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False,
             logging_level=40)  # fmt: skip
    yield lambda call, items: ray.get(
        [ray.remote(max_retries=3)(call).remote(item) for item in items]
    )
    ray.shutdown()


def installed_bytes(names: list[str]) -> int:
    return sum(
        Path(str(file.locate())).stat().st_size
        for name in names
        for file in importlib.metadata.files(name) or ()
        if Path(str(file.locate())).is_file()
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=("dask", "ray"))
    chosen = parser.parse_args().engine
    parts = {
        "dask": ["dask", "distributed", "tornado", "msgpack", "psutil", "toolz",
                 "partd", "locket", "zict", "tblib", "importlib_metadata", "zipp"],
        "ray": ["ray", "msgpack", "protobuf", "jsonschema", "requests", "filelock",
                "click", "packaging", "pyyaml"],
    }  # fmt: skip
    there = [n for n in parts[chosen] if importlib.util.find_spec(
        {"importlib_metadata": "importlib_metadata", "protobuf": "google.protobuf",
         "pyyaml": "yaml"}.get(n, n))]  # fmt: skip
    version = importlib.metadata.version({"dask": "distributed"}.get(chosen, chosen))
    size = installed_bytes(there) / 1e6
    print(f"{chosen} {version}, {size:.0f} MB in {len(there)} packages")
    measure(chosen)
