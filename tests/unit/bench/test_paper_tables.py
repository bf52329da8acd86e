"""The comparison's file and tables: what is known must come out of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.bench import paper_run
from btd_desktop.bench.detectors.peers.scorers import Scorer
from btd_desktop.bench.networks import CutPlace
from btd_desktop.bench.paper_run import GROSS, RunOptions, run
from btd_desktop.bench.paper_tables import (
    cells_of,
    scanner_cells,
    shuffled_cells,
    to_markdown,
)
from btd_desktop.bench.place import Site
from btd_desktop.errors import SettingsError
from btd_desktop.progress import TaskContext
from tests.factories import make_ct_volume

OPTIONS = RunOptions(("ct-gan injection", "ct-gan removal"), 2)


@pytest.fixture(autouse=True)
def made_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places whose patches say by their level what they are."""

    def cut(volume: Any, patient: str, presets: Any, **options: Any) -> list[CutPlace]:
        rng = np.random.default_rng([*options["seed"], 1])
        site = Site(f"{patient} s", f"scanner {len(patient) % 2}", 0.3)

        def place(level: float, attack: str, *of: str, structure: bool = False) -> Any:
            patch = np.float32(level) + 0.02 * rng.standard_normal((96, 96))
            own = {"ct96": np.clip(patch, 0, 1).astype(np.float32)}
            return CutPlace(attack, of, replace(site, structure=structure), own)

        injected, removed = options["attacks"]
        return [
            *(place(0.7, injected) for _ in range(4)),
            *(place(0.9, "", injected) for _ in range(4)),  # lung: not its peers
            *(place(0.3, "", structure=True) for _ in range(6)),
            *(place(0.6, removed) for _ in range(4)),
            *(place(0.4, "", removed) for _ in range(4)),
        ]

    monkeypatch.setattr(paper_run, "cut_places", cut)


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, patches: NDArray[np.float32]) -> dict[str, Any]:
        self.calls += 1
        return {"": patches.mean(axis=(1, 2)).astype(np.float64)}


def spread(patches: NDArray[np.float32]) -> dict[str, Any]:
    return {"": patches.std(axis=(1, 2)).astype(np.float64)}


def series() -> list[tuple[Any, str]]:
    return [(make_ct_volume(n), "p" * (n + 1)) for n in range(4)]


def test_known_order_gives_one_and_shuffled_labels_a_half(tmp_path: Path) -> None:
    scorers = [
        Scorer("mean", "of intensities", "ct96", Counting()),
        Scorer("spread", "of intensities", "ct96", spread),
    ]
    found = run(
        series(), scorers, OPTIONS, results=tmp_path / "r.json", context=TaskContext()
    )
    cells = cells_of(found, "mean")
    for attack in OPTIONS.attacks:
        assert cells[attack].auc == 1.0
        assert cells[attack].eer == 0.0
        assert cells[attack].n_patients == 4
    # Injections against solid structures only: against lung this score would fail.
    assert cells["ct-gan injection"].n_genuine == 16
    assert cells_of(found, "spread")[GROSS].auc > 0.99
    for cell in shuffled_cells(found, "mean").values():
        assert cell.auc == pytest.approx(0.5, abs=0.06)
        assert cell.low < 0.5 < cell.high
    by_scanner = scanner_cells(found, "mean", ["ct-gan removal"])
    assert set(by_scanner) == {"scanner 0", "scanner 1"}
    text = to_markdown(found)
    assert "shuffled labels" in text
    assert "of intensities" in text


def test_run_that_was_stopped_goes_on_and_another_one_is_refused(
    tmp_path: Path,
) -> None:
    results, first = tmp_path / "r.json", Counting()
    one = [Scorer("mean", "", "ct96", first)]
    run(series()[:2], one, OPTIONS, results=results, context=TaskContext())
    assert first.calls == 2
    run(series(), one, OPTIONS, results=results, context=TaskContext())
    assert first.calls == 4
    both = [*one, Scorer("spread", "", "ct96", spread)]
    found = run(series(), both, OPTIONS, results=results, context=TaskContext())
    assert first.calls == 4
    assert cells_of(found, "spread")
    with pytest.raises(SettingsError, match="another patient"):
        run(series()[::-1], one, OPTIONS, results=results, context=TaskContext())
    with pytest.raises(SettingsError, match="other options"):
        run(
            series(), one, replace(OPTIONS, seed=1), results=results,
            context=TaskContext(),
        )  # fmt: skip


def test_results_hold_no_pixels(tmp_path: Path) -> None:
    results = tmp_path / "r.json"
    scorers = [Scorer("mean", "", "ct96", Counting())]
    run(series()[:1], scorers, OPTIONS, results=results, context=TaskContext())
    assert results.stat().st_size < 20_000
