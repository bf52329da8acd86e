"""Train the generators of the CT-GAN-style attack on the real training scans.

Needs the real scans beside the checkout. Checkpoints are kept in `runs/ct-gan-*`, so
the work can be interrupted; a finished checkpoint is used as it is.

Run: python benchmarks/train_ct_gan.py [remove] [inject]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from real_data import CREDITS, load_split, sources_of

from btd_desktop.bench.attacks.ct_gan.cubes import fit_equalisation
from btd_desktop.bench.attacks.ct_gan.examples import CubeSet, collect_cubes
from btd_desktop.bench.attacks.ct_gan.training import (
    CtGanRecipe,
    hole_error_hu,
    train_generator,
)
from btd_desktop.bench.attacks.ct_gan.weights import Goal, save_generator
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.volume import Volume

ROOT = Path(__file__).resolve().parents[1]

_FEWEST_SLICES = 20
_SEED = 20


def _print_progress(progress: Progress) -> None:
    if progress.done % 25 == 0:
        now = time.strftime("%H:%M:%S")
        print(f"{now} {progress.done}/{progress.total} {progress.detail}", flush=True)


def _cubes(stacks: Sequence[Volume], cache: Path) -> CubeSet:
    """Cubes of the stacks, cut once and kept in `runs`, which git does not see."""
    if not cache.exists():
        cubes = collect_cubes(stacks, _SEED)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            cache,
            healthy=cubes.healthy,
            nodules=cubes.nodules,
            n_found=np.int64(cubes.n_found),
        )
    with np.load(cache, allow_pickle=False) as kept:
        return CubeSet(kept["healthy"], kept["nodules"], int(kept["n_found"]))


def _train(
    goals: list[Goal],
    recipe: CtGanRecipe,
    seconds: float,
    start: Path | None,
    out: Path,
) -> None:
    series = load_split("train", "CT")
    stacks = [s.volume for s in series if s.volume.n_slices >= _FEWEST_SLICES]
    cubes = _cubes(stacks, ROOT / "runs" / "ct-gan-cubes.npz")
    scanners = sorted(v.source.scanner for v in stacks)
    for goal in goals:
        chosen, n_found = cubes.healthy, 0
        if goal == "inject":
            # Most things found are vessels: with all of them in, the generator learns
            # to draw smears. A third keeps it used to real tissue.
            found = cubes.nodules[: cubes.n_found : 3]
            chosen = np.concatenate([found, cubes.nodules[cubes.n_found :]])
            n_found = len(found)
        print(f"{goal}: {len(chosen)} cubes, {n_found} solid ones found", flush=True)
        equalisation = fit_equalisation(chosen)
        trained = train_generator(
            chosen,
            equalisation,
            recipe,
            ROOT / "runs" / f"ct-gan-{goal}",
            seconds=seconds,
            start_from=start,
            context=TaskContext(_print_progress),
        )
        error = hole_error_hu(trained.generator, chosen, equalisation)
        print(f"{goal}: step {trained.step}, {error:.0f} HU in the hole", flush=True)
        save_generator(
            out,
            goal,
            trained,
            equalisation,
            recipe,
            data={
                "cubes": len(chosen),
                "found_solid": n_found,
                "drawn_nodules": len(chosen) - n_found if goal == "inject" else 0,
                "scans": len(stacks),
                "scanners": scanners,
                "split": "train",
                "started_from": start.name if start else "nothing",
                "credits": CREDITS.format(sources=sources_of("train", "CT")),
            },
            hole_error_hu=error,
        )


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("goals", nargs="*", default=["remove", "inject"])
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--start", type=Path, help="runs/ folder to begin with")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "attacks")
    options = parser.parse_args()
    unknown = set(options.goals) - {"remove", "inject"}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    torch.set_num_threads(options.threads)
    recipe = CtGanRecipe(
        width=options.width,
        critic_width=options.width,
        steps=options.steps,
        learning_rate=options.rate,
    )
    _train(options.goals, recipe, options.seconds, options.start, options.out)


if __name__ == "__main__":
    main()
