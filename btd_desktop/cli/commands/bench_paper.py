"""`btd bench run`: the paper's comparison, every detector on the same patches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from btd_desktop.cli.commands.bench import bench
from btd_desktop.cli.measuring import Seed, Series, Split, series_to_measure
from btd_desktop.cli.output import say
from btd_desktop.cli.watching import watched

if TYPE_CHECKING:
    from btd_desktop.bench.detectors.peers.scorers import Scorer
    from btd_desktop.progress import TaskContext

_STEPS = {"quick": (1, 10), "full": (1, 10, 50, 100, 200)}
_FITTED_A_SERIES = 8
_PLACES = {"quick": 1, "full": 2}


@bench.command("run")
def run_comparison(
    data: Annotated[Path, typer.Option(help="Folder of real scans, manifest.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for results.json and tables.md.")],
    preset: Annotated[
        str, typer.Option(help="quick (1 and 10 reverse steps) or full (up to 200).")
    ] = "quick",
    split: Split = "test",
    series: Series = "",
    peers: Annotated[Path, typer.Option(help="Folder of trained peers.")] = Path(
        "benchmarks/peers"
    ),
    seed: Seed = 0,
) -> int:
    """Set the paper's method, its reverse steps and its peers side by side, on CT.

    Patches are cut by the paper's window. A run that was stopped goes on; tables are
    made from the results file.
    """
    from btd_desktop.bench.attacks.registry import attacks_named
    from btd_desktop.bench.paper_run import ATTACKS, RunOptions, run
    from btd_desktop.bench.paper_tables import to_markdown

    if preset not in _STEPS:
        raise typer.BadParameter(f"--preset is {' or '.join(_STEPS)}, got {preset!r}")
    usable = attacks_named(ATTACKS, "CT", lambda why: say(f"left out: {why}"))
    options = RunOptions(tuple(a.name for a in usable), _PLACES[preset], seed)
    with watched() as context:
        measured, donors = series_to_measure(
            data, split, "CT", 0, context, usable, names=series
        )
        found = run(
            measured,
            [*_scorers(preset, peers, seed), _splicebuster(data, context)],
            options,
            results=out / "results.json",
            context=context,
            donors=donors,
        )
    text = to_markdown(found)
    (out / "tables.md").write_text(text, encoding="utf-8")
    say(*text.splitlines())
    return 0


def _splicebuster(data: Path, context: TaskContext) -> Scorer:
    """Fitted on patches of the split "train", the same in every run."""
    import numpy as np

    from btd_desktop.bench import corpus
    from btd_desktop.bench.detectors.peers.scorers import splicebuster_scorer
    from btd_desktop.preprocess.presets import fit_scale, preset_named, scaled_slice

    preset, rng = preset_named("ct96"), np.random.default_rng(0)
    read, _ = corpus.load_split(data, "train", "CT", context)
    patches = []
    for volume, _ in corpus.patients_of(read):
        scale, side = fit_scale(volume, preset), preset.patch
        for _ in range(_FITTED_A_SERIES):
            plane = np.asarray(volume.voxels[int(rng.integers(volume.n_slices))])
            # The middle of a slice is inside the body.
            r, c = (int(rng.integers(n // 4, 3 * n // 4 - side)) for n in plane.shape)
            patches.append(scaled_slice(plane, scale)[r : r + side, c : c + side])
    return splicebuster_scorer(np.stack(patches))


def _scorers(preset: str, peers: Path, seed: int) -> list[Scorer]:
    from btd_desktop.bench.detectors.peers.scorers import (
        high_pass_scorer,
        paper_scorers,
        peer_scorers,
    )
    from btd_desktop.examination.models import find_model, open_detector

    models = [find_model("ct96-reference8", "CT"), find_model("ct96-lean", "CT")]
    found: list[Scorer] = []
    for entry in models:
        detector = open_detector(entry, method="paper")
        found += paper_scorers(detector, _STEPS[preset], seed)
    return [*found, *peer_scorers(peers), high_pass_scorer()]
