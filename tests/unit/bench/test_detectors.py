"""The registry of detectors: what is in it is asked, and stands in every table."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.bench.detectors import registry
from btd_desktop.bench.detectors.detector import BenchDetector
from btd_desktop.bench.detectors.high_pass import HIGH_PASS
from btd_desktop.bench.place import Shown
from btd_desktop.bench.tables import Judged, rows_of, to_csv, to_json, to_markdown
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.volume import Volume

NOTHING = np.zeros((1, 1), np.float32)
PLACE = GridFeatures(
    np.zeros(1, np.int64),
    np.zeros(1, np.int64),
    np.full((1, 1), 0.5, np.float32),
    np.full((1, 1), 0.25, np.float32),
    np.zeros((1, 1, 1), np.float32),
    NOTHING,
)


def shown(volume: Volume, at: tuple[int, int, int]) -> Shown:
    return Shown(volume, at, PLACE)


def test_detector_that_neither_looks_nor_ranks_is_refused():
    with pytest.raises(ValueError, match="needs either looks or ranks"):
        BenchDetector("idle", "idle")
    with pytest.raises(ValueError, match="needs either looks or ranks"):
        BenchDetector("both", "both", lambda s: 0.0, lambda o, p: 0.0)


def test_every_detector_is_registered_under_its_own_name():
    assert [d.name for d in registry.DETECTORS.values()] == list(registry.DETECTORS)
    assert {d.title for d in registry.DETECTORS.values()} == {
        registry.title_of(name) for name in registry.DETECTORS
    }
    assert registry.title_of("a variation") == "a variation"


def test_high_pass_grows_with_the_noise_of_the_place_and_ignores_what_is_far(
    chest: Volume,
):
    assert HIGH_PASS.looks is not None
    rng = np.random.default_rng(0)
    at = (chest.n_slices // 2, 80, 80)
    noise = np.zeros(chest.shape, np.float32)
    noise[at[0], 64:96, 64:96] = rng.normal(0, 60, (32, 32))
    noisy = (chest.voxels + noise).astype(np.float32)
    far = chest.voxels.copy()
    far[at[0], 120:, 120:] = 1000
    before = HIGH_PASS.looks(shown(chest, at))
    assert HIGH_PASS.looks(shown(replace(chest, voxels=noisy), at)) > before + 1000
    assert HIGH_PASS.looks(shown(replace(chest, voxels=far), at)) == before


def test_a_row_in_the_registry_is_a_column_of_every_table(
    chest: Volume, monkeypatch: pytest.MonkeyPatch
):
    mean = BenchDetector(
        "mean_value", "mean value", lambda s: float(s.volume.voxels[s.centre])
    )
    rows = (*registry.DETECTORS.values(), mean)
    monkeypatch.setattr(registry, "_ALL", rows)
    monkeypatch.setattr("btd_desktop.bench.tables.DETECTORS", {d.name: d for d in rows})
    monkeypatch.setattr(registry, "DETECTORS", {d.name: d for d in rows})
    at = (0, 60, 60)
    scores = registry.looked_at(shown(chest, at))
    assert scores["mean_value"] == float(chest.voxels[at])
    assert scores["paper_injection"] == 0.5
    judged = [
        Judged("A", "CT", attack, scores, {}) for attack in ("drawn", "", "drawn", "")
    ]
    table = rows_of(judged, {"drawn": "injection"}, n_draws=10)
    assert "mean value" in to_markdown(table)
    assert "mean_value" in to_csv(table)
    assert "mean_value" in to_json(table, {})
