"""How much memory an examination takes: import, scores and report, in a fresh process.

Writes a synthetic CT series (body and lung with noise, no patient), a lean model with
untrained weights and a profile for it, then starts a new process that examines the
series as `btd examine` does: sandboxed import into a case, every slice scored and
stored, evaluation, signed PDF. That process prints its peak resident memory and that of
its largest child (the sandboxed reader) after each stage.

    python benchmarks/memory.py                         # 300 slices of 512 x 512
    python benchmarks/memory.py --slices 3 --side 160   # a smoke test
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT_GIB = 4.0 * 1e9 / 2**30  # issue 2: under 4 GB
LEVELS = (0.01, 0.0173286, 0.055)


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
        series_description="memory benchmark",
        uid_seed="memory benchmark",
    )


def write_model(folder: Path) -> Path:
    """A lean model that was not trained, and a profile; returns the profile's file."""
    import torch

    from btd_desktop.calibration.fit import ProfileHeader, fit_profile
    from btd_desktop.calibration.places import BenignSeries
    from btd_desktop.calibration.profile import write_profile
    from btd_desktop.diffusion.checkpoint import save_model, weights_bytes
    from btd_desktop.diffusion.lean import LeanDenoiser
    from btd_desktop.diffusion.networks import parameter_count
    from btd_desktop.digest import bytes_digest
    from btd_desktop.preprocess.presets import PRESETS
    from btd_desktop.scoring.card import ModelCard
    from btd_desktop.scoring.detector import Backend
    from btd_desktop.scoring.engine import grid_of
    from btd_desktop.scoring.features import GridFeatures, feature_names
    from btd_desktop.volume import SeriesFacts

    torch.manual_seed(0)
    network = LeanDenoiser()
    # A model that finds no noise is refused: let this one give what a blur takes away.
    blur = torch.tensor([1.0, 2.0, 1.0])
    sharp = -torch.outer(blur, blur) / 16.0
    sharp[1, 1] += 1.0
    with torch.no_grad():
        network.stem.weight[0, 0] = sharp
        network.from1.weight[:, 0] = 0.0
        network.head.weight.zero_()
        network.head.weight[0, 0] = 1.4
    weights = weights_bytes(network.state_dict())
    preset = PRESETS["ct96wide"]
    card = ModelCard(
        "bench",
        "untrained weights",
        network.config,
        parameter_count(network),
        preset,
        LEVELS,
        bytes_digest(weights),
    )
    save_model(folder, card, weights)

    rng = np.random.default_rng(2)
    k = len(feature_names(LEVELS))

    def features() -> GridFeatures:
        shape = (20, 20)
        arrays = (
            rng.random(shape) + 0.5,
            rng.random(shape) + 0.5,
            0.1 * rng.standard_normal((*shape, k)),
            rng.integers(0, 2, shape),
        )
        return GridFeatures(
            16 * np.arange(20),
            16 * np.arange(20),
            *(a.astype(np.float32) for a in arrays),
        )

    facts = SeriesFacts(thickness_mm=1.0, pixel_spacing_mm=0.7)
    series = [
        BenignSeries(f"p{i}", tuple(features() for _ in range(40)), facts, f"{i:064x}")
        for i in range(4)
    ]
    header = ProfileHeader(
        "bench",
        "2026-01-01T00:00:00+00:00",
        "bench",
        {"name": card.name, "digest": card.digest},
        preset,
        grid_of(preset),
        LEVELS,
        Backend(),
    )
    path = folder / "profiles" / "bench.json"
    write_profile(fit_profile(series, header, 0.01), path)
    return path


def peak_gib(who: int) -> float:
    peak = resource.getrusage(who).ru_maxrss
    return peak / 2**30 if sys.platform == "darwin" else peak / 2**20


def examine_here(root: Path, threads: int) -> None:
    """The measured process: examine, and print the peaks after each stage as JSON."""
    import torch

    from btd_desktop.progress import Progress, TaskContext
    from btd_desktop.workflow.examine import ExamineOptions, examine
    from btd_desktop.workflow.import_series import CaseDetails
    from btd_desktop.workflow.services import Services

    if threads:
        torch.set_num_threads(threads)
    peaks: dict[str, tuple[float, float]] = {}

    def watch(progress: Progress) -> None:
        # The last report of a stage overwrites the ones before it.
        peaks[progress.stage] = (
            peak_gib(resource.RUSAGE_SELF),
            peak_gib(resource.RUSAGE_CHILDREN),
        )

    found = examine(
        [root / "evidence"],
        root / "case",
        CaseDetails(title="memory benchmark", examiner="benchmark"),
        ExamineOptions(
            model=str(root / "model"),
            profile=str(root / "model" / "profiles" / "bench.json"),
        ),
        Services(),
        TaskContext(watch),
    )
    peaks["all"] = (peak_gib(resource.RUSAGE_SELF), peak_gib(resource.RUSAGE_CHILDREN))
    (outcome,) = found.outcomes
    scored = outcome.evaluation is not None and bool(found.report.path.is_file())
    result = {
        "peaks": peaks,
        "scored": scored,
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
    with tempfile.TemporaryDirectory(prefix="btd-memory-") as name:
        root = Path(name)
        print(f"writing {options.slices} slices of {options.side} x {options.side} ...")
        write_evidence(root / "evidence", options.slices, options.side)
        write_model(root / "model")
        # A home of its own: keys, settings and logs of the user stay out of it.
        environment = {**os.environ, "BTD_HOME": str(root / "home")}
        command = [sys.executable, __file__, "--examine", str(root)]
        command += ["--threads", str(options.threads)]
        subprocess.run(command, check=True, env=environment)
        result = json.loads((root / "result.json").read_text())
    print_result(result)


def print_result(result: dict[str, Any]) -> None:
    peaks = result["peaks"]
    print(f"{result['n_slices']} slices, files: {result['fates']}")
    print(f"{'peak so far, GiB':32} {'process':>8} {'largest child':>14}")
    for stage, (own, child) in peaks.items():
        print(f"{stage:32} {own:8.2f} {child:14.2f}")
    own, child = peaks["all"]
    # Reader and process live at the same time only during import, so this is an upper
    # bound of what both together ever held.
    together = own + child
    verdict = "under" if together < LIMIT_GIB else "OVER"
    print(f"process and child together at most {together:.2f} GiB: {verdict} 4 GB")
    if not result["scored"]:
        sys.exit("the series was not scored: the figures say nothing")


if __name__ == "__main__":
    main()
