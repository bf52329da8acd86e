"""The table of parts left out: every variation has what it says, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from btd_desktop.bench.ablation import (
    Variation,
    judge_variations,
    to_markdown,
    variations,
)
from btd_desktop.bench.detectors.registry import DETECTORS
from btd_desktop.bench.place import Observed
from btd_desktop.bench.tables import mean_rows
from btd_desktop.calibration.places import BenignSeries
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.features import ACROSS, GridFeatures, feature_names
from btd_desktop.volume import SeriesFacts

LEVELS = (0.003, 0.02)
NAMES = feature_names(LEVELS)
LOOKED = [d.name for d in DETECTORS.values() if d.looks is not None]


def grid(rng: np.random.Generator, n: int = 12, **odd: float) -> GridFeatures:
    """Unit normal features; `odd` shifts those whose name starts so."""
    features = rng.normal(size=(n, n, len(NAMES))).astype(np.float32)
    for start, shift in odd.items():
        columns = [i for i, name in enumerate(NAMES) if name.startswith(start)]
        features[..., columns] += np.float32(shift)
    ones = np.ones((n, n), np.float32)
    centres = np.arange(n)
    return GridFeatures(centres, centres, ones, ones, features, ones)


@pytest.fixture(scope="module")
def benign() -> list[BenignSeries]:
    rng = np.random.default_rng(0)
    return [
        BenignSeries(
            patient,
            tuple(grid(rng) for _ in range(3)),
            SeriesFacts(),
            patient * 64,
            tuple(
                ((0, int(i), int(j)), 0.3 + float(rng.normal(0, 0.2)))
                for i, j in np.ndindex(10, 10)
            ),
        )
        for patient in "abc"
    ]


def observed(attack: str, surprise: float, **odd: float) -> list[Observed]:
    rng = np.random.default_rng(len(attack))
    series = [grid(rng) for _ in range(3)]
    return [
        Observed(
            f"P{k % 3}",
            "CT",
            attack,
            grid(rng, 1, **odd),
            series,
            NoiseCopy(5.0, 0.3, 1, 0, 0, 0, surprise, side_px=32),
            dict.fromkeys(LOOKED, 1.0),
            {},
        )
        for k in range(30)
    ]


def auc_of(
    benign: list[BenignSeries], seen: list[Observed], wanted: list[Variation]
) -> dict[str, float]:
    judged = judge_variations([*observed("", 0.3), *seen], benign, LEVELS, wanted)
    [row] = mean_rows(judged, {seen[0].attack: "redraw"}, n_draws=50)
    return {name: figures["auc"].value for name, figures in row.figures.items()}


def test_what_only_texture_shows_is_lost_without_texture(benign):
    found = auc_of(benign, observed("redrawn", 0.3, texture=4.0), variations(LEVELS))
    assert found["whole"] > 0.95
    assert found["no correlation across slices"] > 0.95
    assert found["no texture"] < 0.8
    assert found["power ratios only"] < 0.8
    assert found["search for copies only"] == pytest.approx(0.5)


def test_what_only_the_search_for_copies_shows_is_lost_without_it(benign):
    found = auc_of(benign, observed("copied", 9.0), variations(LEVELS))
    assert found["whole"] > 0.95
    assert found["search for copies only"] == 1.0
    assert found["no search for copies"] < 0.8


def test_one_ratio_uses_one_feature_two_sided(benign):
    [wanted] = [v for v in variations(LEVELS) if v.name == "one ratio, disc at 0.02"]
    assert wanted.features == ("disc@0.02",)
    for shift in (-5.0, 5.0):
        odd = {"disc@0.02": shift}
        assert auc_of(benign, observed("redrawn", 0.3, **odd), [wanted])[
            wanted.name
        ] == pytest.approx(1.0, abs=0.02)
    odd = {"disc@0.003": 5.0}
    assert auc_of(benign, observed("redrawn", 0.3, **odd), [wanted])[wanted.name] < 0.8


def test_variations_differ_and_stay_within_the_features(benign):
    found = variations(LEVELS)
    assert len({v.name for v in found}) == len(found)
    assert all(set(v.features) <= set(NAMES) for v in found)
    lone = next(v for v in found if v.name == "slice alone")
    assert not any(n.startswith(ACROSS) for n in lone.features)


def test_centring_removes_what_the_whole_series_has(benign):
    """A scanner that shifts everything is no evidence; left uncentred, it is."""
    rng = np.random.default_rng(5)
    shifted = [grid(rng, disc=6.0) for _ in range(3)]
    seen = [
        Observed(
            "P",
            "CT",
            "",
            grid(rng, 1, disc=6.0),
            shifted,
            None,
            dict.fromkeys(LOOKED, 1.0),
            {},
        )
    ]
    wanted = [
        Variation("centred", NAMES, copies=False),
        Variation("as it is", NAMES, copies=False, centred=False),
    ]
    [own] = judge_variations(seen, benign, LEVELS, wanted)
    assert own.scores["centred"] < 1.5 < own.scores["as it is"]


def test_table_has_a_line_for_every_method_and_the_means(benign):
    seen = [*observed("", 0.3), *observed("redrawn", 0.3, texture=4.0)]
    judged = judge_variations(seen, benign, LEVELS, variations(LEVELS))
    text = to_markdown(mean_rows(judged, {"redrawn": "redraw"}, n_draws=50))
    lines = text.splitlines()
    assert lines[0] == "| Detector | redraw CT, mean of 1 |"
    assert len(lines) == 2 + 3 + len(variations(LEVELS))
    assert any(line.startswith("| paper, injection score |") for line in lines)
