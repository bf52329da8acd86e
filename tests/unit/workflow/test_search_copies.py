"""Which genuine places are searched for copies, and what is kept of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.preprocess.presets import PRESETS, fit_scale
from btd_desktop.preprocess.solid_structures import structure_near
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.copies import find_copies
from btd_desktop.scoring.engine import grid_of, score_volume, tissue_of
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.volume import Volume
from btd_desktop.workflow.search_copies import sampled_copies
from tests.unit.preprocess.test_solid_structures import SPACING, chest, disc
from tests.unit.scoring.fakes import HighPassDetector, volume_of

PRESET = PRESETS["ct96wide"]


@pytest.fixture(scope="module")
def volume() -> Volume:
    # Tissue everywhere: an edge drawn with a ruler looks like itself further along.
    noise = np.random.default_rng(3).normal(40.0, 25.0, (4, 192, 192))
    return volume_of(np.rint(noise).astype(np.int16))


@pytest.fixture(scope="module")
def scored(volume: Volume) -> tuple[list[GridFeatures], list[NDArray[np.float16]]]:
    found = list(
        score_volume(
            HighPassDetector(),
            volume,
            fit_scale(volume, PRESET),
            grid_of(PRESET),
            TaskContext(),
        )
    )
    return [s.features for s in found], [s.residual.astype(np.float16) for s in found]


def test_places_are_scored_ones_spread_over_all_slices(volume, scored):
    features, residuals = scored
    found = sampled_copies(volume, features, residuals)[0]
    # Those at the rim of a slice cannot be searched for.
    assert 15 <= len(found) < 30
    assert len({place for place, _ in found}) == len(found)
    for (s, i, j), _ in found:
        assert features[s].scored[i, j]
    counts = np.bincount([place[0] for place, _ in found], minlength=4)
    assert counts.min() >= 3
    # White noise: found again no more often than chance allows.
    surprises = np.array([surprise for _, surprise in found])
    assert 0.0 <= float(np.median(surprises)) < 0.9
    assert float(surprises.max()) < 3.0


def test_surprises_are_those_of_the_search_at_the_grids_centres(volume, scored):
    features, residuals = scored
    found = sampled_copies(volume, features, residuals)[0]
    some = found[::9]
    places = [
        (s, int(features[s].rows[i]), int(features[s].columns[j]))
        for (s, i, j), _ in some
    ]
    matches = find_copies(
        lambda s: residuals[s], lambda s: tissue_of(volume, s) > 0, 4, places
    )
    assert [m.surprise for m in matches if m is not None] == [s for _, s in some]
    assert sampled_copies(volume, features, residuals)[0] == found


def test_copied_noise_in_a_sampled_place_is_kept_as_strong(volume, scored):
    features, residuals = scored
    plain = sampled_copies(volume, features, residuals)[0]
    place, before = next(found for found in plain if found[0][0] == 1)
    r, c = int(features[1].rows[place[1]]), int(features[1].columns[place[2]])
    planted = [m.copy() for m in residuals]
    column = 96 if abs(c - 96) > 24 else 130
    planted[3][80:112, column - 16 : column + 16] = residuals[1][
        r - 16 : r + 16, c - 16 : c + 16
    ]
    found = sampled_copies(volume, features, planted)[0]
    assert before < 3.0 < 6.0 < dict(found)[place]


def test_few_places_are_all_searched_and_none_give_nothing(volume, scored):
    features, residuals = scored
    inside = np.argwhere(features[1].scored)
    # Well inside the body, so that none leaves the slice.
    middle = sorted(
        inside.tolist(),
        key=lambda p: np.hypot(p[0] - 6, p[1] - 6),
    )[:3]
    blank = [replace(f, injection=np.full_like(f.injection, np.nan)) for f in features]
    assert sampled_copies(volume, blank, residuals)[0] == ()
    injection = blank[1].injection.copy()
    for i, j in middle:
        injection[i, j] = 1.0
    blank[1] = replace(blank[1], injection=injection)
    found = sampled_copies(volume, blank, residuals)[0]
    assert [[i, j] for (_, i, j), _ in found] == sorted(middle)
    assert {s for (s, _, _), _ in found} == {1}


def test_centres_next_to_solid_structures_of_the_lung_are_searched_too():
    nodule = disc((130.0, 80.0), 12.0)
    planes = [chest(nodule, seed=s) for s in range(2)] + [chest(seed=9)]
    chest_volume = volume_of(np.rint(np.stack(planes)).astype(np.int16))
    chest_volume = replace(chest_volume, spacing_mm=(1.0, *SPACING))
    found = list(
        score_volume(
            HighPassDetector(),
            chest_volume,
            fit_scale(chest_volume, PRESET),
            grid_of(PRESET),
            TaskContext(),
        )
    )
    features = [s.features for s in found]
    places, structures = sampled_copies(
        chest_volume, features, [s.residual for s in found]
    )
    assert len(places) > 15
    assert {s for (s, _, _), _ in structures} == {0, 1}
    for (s, i, j), surprise in structures:
        row, column = int(features[s].rows[i]), int(features[s].columns[j])
        assert structure_near(planes[s], SPACING, row, column) is not None
        assert surprise < 3.0
    # In MR there is nothing to call so.
    other = replace(chest_volume, modality="MR")
    assert sampled_copies(other, features, [s.residual for s in found])[1] == ()
