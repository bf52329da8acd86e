"""What an examination costs: seconds of each part, and memory, in a fresh process.

Writes a synthetic CT series (body and lung with noise, no patient), then starts a new
process that examines it as `btd examine` does with the shipped model and profile:
sandboxed import into a case, every slice scored and stored, search, copies, signed PDF.
That process prints what each part took (what a part calls of another part is told
there alone), its own processor time beside, and the peak resident memory of itself and
of its largest child, the sandboxed reader.

    python benchmarks/examination.py                         # 300 slices of 512 x 512
    python benchmarks/examination.py --slices 3 --side 160   # a smoke test
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GOAL_S, GOAL_GIB = 120.0, 1.5  # 300 slices of 512 x 512 on two cores; each process
PARTS = {
    "read and decode": ("workflow.examine", "import_into_case"),
    "tissue": ("scoring.engine", "tissue_of"),
    "diffusion network": ("diffusion.denoiser", "DiffusionDetector.predict_noise"),
    "learned map": ("diffusion.evidence", "evidence_map"),
    "features": ("scoring.engine", "grid_features"),
    "store": ("cases.store", "CaseStore.save_slice"),
    "scores and ranks": ("workflow.examine", "read_series"),
    "search for copies": ("workflow.search_copies", "find_copies"),
    "findings": ("workflow.examine", "searched"),
    "report": ("workflow.examine", "issue_report"),
}
REST = "all else"


class Stopwatch:
    """Wall and processor seconds of parts; a part inside another stops the other's."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys((*PARTS, REST), (0.0, 0.0))
        self._running, self._since = [REST], self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.monotonic(), time.process_time()

    def _book(self) -> None:
        now = self._now()
        own = self.spent[self._running[-1]]
        passed = zip(own, now, self._since, strict=True)
        wall, cpu = (s + after - before for s, after, before in passed)
        self.spent[self._running[-1]], self._since = (wall, cpu), now

    def timed(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, booked under a part."""

        @functools.wraps(call)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self._book()
            self._running.append(part)
            try:
                return call(*args, **kwargs)
            finally:
                self._book()
                self._running.pop()

        return wrapped

    def watch(self) -> None:
        """Put the watch around every part."""
        for part, (module, name) in PARTS.items():
            owner: Any = importlib.import_module(f"btd_desktop.{module}")
            *outer, last = name.split(".")
            for step in outer:
                owner = getattr(owner, step)
            setattr(owner, last, self.timed(part, getattr(owner, last)))

    def stopped(self) -> dict[str, tuple[float, float]]:
        """Seconds of every part up to now."""
        self._book()
        return self.spent


def synthetic_slices(n: int, side: int) -> Iterator[NDArray[np.int16]]:
    """Body with a lung, correlated noise that differs in each slice, integer HU."""
    rng = np.random.default_rng(1)
    r, c = np.mgrid[:side, :side].astype(np.float32)
    half = side / 2
    hu = np.full((side, side), -1000.0, np.float32)
    hu[np.hypot((r - half) / 0.8, c - half) < 0.45 * side] = 40.0
    for centre in (0.32, 0.68):
        hu[np.hypot((r - half) / 1.5, c - centre * side) < 0.13 * side] = -850.0
    for _ in range(n):
        noise = rng.normal(0.0, 40.0, hu.shape).astype(np.float32)
        noise = 0.5 * (noise + np.roll(noise, 1, 0))
        yield np.rint(hu + noise).astype(np.int16)


def write_evidence(folder: Path, n: int, side: int) -> None:
    from btd_desktop.simulator.export import export_series
    from btd_desktop.volume import SeriesFacts, Volume

    volume = Volume(
        np.stack(list(synthetic_slices(n, side))),
        "CT",
        "HU",
        (1.0, 0.7, 0.7),
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        tuple(float(s) for s in range(n)),
        tuple(f"2.25.{s + 1}" for s in range(n)),
        source=SeriesFacts(model="BENCH", kernel="B", thickness_mm=1.0, kvp=120.0),
    )
    export_series(
        volume,
        folder,
        patient_id="BENCH",
        series_description="benchmark",
        uid_seed="benchmark",
    )


def peak_gib(who: int) -> float:
    peak = resource.getrusage(who).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20


def examine_here(root: Path, threads: int) -> None:
    """The measured process: examine, and leave what it took as JSON."""
    import torch

    from btd_desktop.progress import TaskContext
    from btd_desktop.workflow.examine import ExamineOptions, examine
    from btd_desktop.workflow.import_series import CaseDetails
    from btd_desktop.workflow.services import Services

    if threads:
        torch.set_num_threads(threads)
    watch = Stopwatch()
    watch.watch()
    found = examine(
        [root / "evidence"],
        root / "case",
        CaseDetails(title="benchmark", examiner="benchmark"),
        ExamineOptions(),
        Services(),
        TaskContext(),
    )
    (outcome,) = found.outcomes
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "parts": watch.stopped(),
        "child_s": child.ru_utime + child.ru_stime,
        "peaks": [peak_gib(resource.RUSAGE_SELF), peak_gib(resource.RUSAGE_CHILDREN)],
        "scored": outcome.evaluation is not None and found.report.path.is_file(),
        "n_slices": outcome.record.n_slices,
        "fates": found.fates,
    }
    (root / "result.json").write_text(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument("--examine", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.examine is not None:
        examine_here(options.examine, options.threads)
        return
    with tempfile.TemporaryDirectory(prefix="btd-benchmark-") as name:
        root = Path(name)
        print(f"writing {options.slices} slices of {options.side} x {options.side} ...")
        write_evidence(root / "evidence", options.slices, options.side)
        # A home of its own: keys, settings and logs of the user stay out of it.
        environment = {**os.environ, "BTD_HOME": str(root / "home")}
        command = [sys.executable, __file__, "--examine", str(root)]
        command += ["--threads", str(options.threads)]
        subprocess.run(command, check=True, env=environment)
        result = json.loads((root / "result.json").read_text())
    print_result(result)


def print_result(result: dict[str, Any]) -> None:
    print(f"{result['n_slices']} slices, files: {result['fates']}")
    print(f"{'part':20} {'seconds':>8} {'processor':>10}")
    for part, (wall, cpu) in result["parts"].items():
        print(f"{part:20} {wall:8.1f} {cpu:10.1f}")
    wall, cpu = (sum(own) for own in zip(*result["parts"].values(), strict=True))
    print(
        f"{'all':20} {wall:8.1f} {cpu:10.1f}, and {result['child_s']:.1f} in children"
    )
    own, child = result["peaks"]
    print(f"peak memory {own:.2f} GiB, largest child {child:.2f} GiB")
    print(f"goal for 300 slices of 512 x 512 on two cores: {GOAL_S:.0f} s, ", end="")
    print(f"{GOAL_GIB:g} GiB a process")
    if not result["scored"]:
        sys.exit("the series was not scored: the figures say nothing")


if __name__ == "__main__":
    main()
