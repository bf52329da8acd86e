"""The scan statistic: discs, neighbouring slices, distinct places, self-reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from btd_desktop.scoring.scan_statistic import (
    MIN_PLACES,
    EvidencePlace,
    centres,
    disc_means,
    evidence_at,
    highest_places,
    pooled,
    self_referenced,
)

SHAPE = (72, 90)
SPACING = (0.8, 1.0)


def noise_of(seed: int, shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0.0, 1.0, shape).astype(np.float32)


def whole(shape: tuple[int, int] = SHAPE) -> NDArray[np.uint8]:
    return np.ones(shape, np.uint8)


def stack_of(
    seed: int, *, spot: float = 0.0, n: int = 9
) -> tuple[NDArray[np.float32], list[float]]:
    """Discs of simulated maps, with a bright ball or none, and slice positions."""
    maps = noise_of(seed, (n, 160, 160))
    z, y, x = np.ogrid[:n, :160, :160]
    maps[(z - 4.0) ** 2 * 9.0 + (y - 60) ** 2 + (x - 100) ** 2 <= 100] += spot
    tissue = whole((160, 160))
    return np.stack([disc_means(own, tissue) for own in maps]), [
        2.0 * s for s in range(n)
    ]


def scan_of(
    stack: NDArray[np.float32], positions: list[float]
) -> tuple[EvidencePlace, ...]:
    return highest_places(pooled(stack, positions), positions, SPACING)


def place_of(score: float) -> EvidencePlace:
    return EvidencePlace(score, 0, 0, 0)


@pytest.mark.parametrize(("stride", "radius"), [(8, 10.0), (4, 3.5), (16, 0.0)])
def test_disc_means_are_those_of_the_pixels_one_by_one(stride, radius):
    evidence = noise_of(1)
    tissue = (noise_of(2) > 0.3).astype(np.uint8) * 2
    tissue[:, 40:] = 1
    found = disc_means(evidence, tissue, stride, radius)
    rows, columns = centres(SHAPE[0], stride), centres(SHAPE[1], stride)
    assert found.shape == (len(rows), len(columns))
    assert rows[0] == stride // 2
    y, x = np.mgrid[-50:150, -50:150]
    for i, r in enumerate(rows):
        for j, c in enumerate(columns):
            disc = (y - r) ** 2 + (x - c) ** 2 <= radius**2
            inside = disc[50 : 50 + SHAPE[0], 50 : 50 + SHAPE[1]] & (tissue > 0)
            if 2 * inside.sum() < disc.sum():
                assert np.isnan(found[i, j])
            else:
                assert found[i, j] == pytest.approx(evidence[inside].mean(), abs=1e-5)
    assert np.isnan(found).any()
    assert np.isfinite(found).any()


@pytest.mark.parametrize(("n_columns", "last"), [(45, 44), (44, 36)])
def test_a_disc_of_which_less_than_half_is_tissue_has_no_evidence(n_columns, last):
    tissue = whole()
    tissue[:, n_columns:] = 0
    found = disc_means(np.zeros(SHAPE, np.float32), tissue)
    known = centres(SHAPE[1])[np.isfinite(found[4])]
    assert known.tolist() == list(range(4, last + 1, 8))


def test_evidence_outside_tissue_does_not_count():
    tissue = whole()
    tissue[30:36, 30:36] = 0
    evidence = np.zeros(SHAPE, np.float32)
    evidence[30:36, 30:36] = 1e6
    assert np.nanmax(disc_means(evidence, tissue)) == 0.0
    assert evidence_at(evidence, tissue, (28, 28)) == 0.0
    assert evidence_at(evidence, np.zeros_like(tissue), (28, 28)) is None


def test_evidence_at_a_place_is_the_mean_of_a_disc_of_8_px():
    evidence = np.zeros(SHAPE, np.float32)
    evidence[20, 38] = 1.0
    for column, inside in ((30, True), (29, False)):
        found = evidence_at(evidence, whole(), (20, column))
        assert (found == pytest.approx(1 / 197)) is inside


def test_pooling_averages_two_neighbours_on_each_side():
    stack = np.arange(7, dtype=np.float32)[:, None, None] ** 2
    found = pooled(stack, [2.0 * s for s in range(7)])[:, 0, 0]
    assert found[3] == pytest.approx((1 + 4 + 9 + 16 + 25) / 5)
    assert found[0] == pytest.approx((0 + 1 + 4) / 3)
    assert found[6] == pytest.approx((16 + 25 + 36) / 3)


@pytest.mark.parametrize(
    ("step", "expected"), [(4.0, 10.0), (5.0, 14.0 / 3), (8.0, 14.0 / 3), (8.1, 4.0)]
)
def test_pooling_reaches_8_mm(step, expected):
    stack = np.array([9.0, 1.0, 4.0, 9.0, 27.0], np.float32)[:, None, None]
    found = pooled(stack, [step * s for s in range(5)])[2, 0, 0]
    assert found == pytest.approx(expected)


def test_pooling_stops_at_a_gap():
    stack = np.arange(6, dtype=np.float32)[:, None, None]
    found = pooled(stack, [0.0, 1.0, 2.0, 5.0, 6.0, 7.0])[:, 0, 0]
    assert np.allclose(found, [1.0, 1.0, 1.0, 4.0, 4.0, 4.0])


def test_pooling_keeps_nan_and_skips_it_in_neighbours():
    stack = np.ones((3, 1, 2), np.float32)
    stack[1, 0, 0] = np.nan
    stack[0] *= 3.0
    found = pooled(stack, [0.0, 1.0, 2.0])
    assert np.isnan(found[1, 0, 0])
    assert found[0, 0, 0] == found[2, 0, 0] == 2.0
    assert found[1, 0, 1] == pytest.approx(5 / 3)


def test_a_single_slice_is_its_own_mean():
    stack = noise_of(3, (1, 4, 5))
    assert np.array_equal(pooled(stack, [0.0]), stack)


def test_places_are_distinct_ordered_and_in_pixels():
    values = np.full((3, 12, 12), -1.0, np.float32)
    values[1, 2, 3] = 5.0
    values[1, 2, 4] = 4.0  # 8 mm away: the same place
    values[1, 9, 9] = 3.0
    values[2, 2, 7] = 2.0  # 32 mm away
    found = highest_places(values, [0.0, 3.0, 6.0], (1.0, 1.0), n=3)
    assert found == (
        EvidencePlace(5.0, 1, 20, 28),
        EvidencePlace(3.0, 1, 76, 76),
        EvidencePlace(2.0, 2, 20, 60),
    )


def test_places_are_no_more_than_there_is_room_for():
    values = np.zeros((2, 6, 6), np.float32)
    values[:, 3:] = np.nan
    found = highest_places(values, [0.0, 1.0], (0.5, 0.5), apart_mm=24.0)
    assert len(found) == 1
    nothing = np.full((1, 2, 2), np.nan, np.float32)
    assert highest_places(nothing, [0.0], (1.0, 1.0)) == ()


def test_slices_far_apart_hold_places_of_their_own():
    values = np.zeros((3, 1, 1), np.float32)
    assert len(highest_places(values, [0.0, 24.0, 49.0], (1.0, 1.0))) == 2


@pytest.mark.parametrize("seed", range(4))
def test_a_planted_spot_is_found_first_and_makes_the_series_stand_out(seed):
    genuine, tampered = stack_of(seed), stack_of(seed, spot=1.0)
    first = scan_of(*tampered)[0]
    assert abs(first.slice_index - 4) <= 1
    assert abs(first.row - 60) <= 8
    assert abs(first.column - 100) <= 8
    before, after = (self_referenced(scan_of(*own)) for own in (genuine, tampered))
    assert before is not None
    assert after is not None
    assert after > before + 0.5


def test_a_constant_added_to_the_map_changes_nothing():
    stack, positions = stack_of(1, spot=0.4)
    own, lifted = scan_of(stack, positions), scan_of(stack + np.float32(3.0), positions)
    assert [p.score + 3.0 for p in own] == pytest.approx([p.score for p in lifted])
    assert [(p.slice_index, p.row, p.column) for p in own] == [
        (p.slice_index, p.row, p.column) for p in lifted
    ]
    assert self_referenced(own) == pytest.approx(self_referenced(lifted), abs=1e-4)


@given(
    st.lists(st.floats(-9.0, 9.0), min_size=MIN_PLACES, max_size=12),
    st.floats(1.0, 50.0),
)
def test_a_louder_map_gives_more_up_to_the_ratio_without_the_constant(scores, louder):
    ordered = sorted(scores, reverse=True)
    own = self_referenced([place_of(v) for v in ordered])
    found = self_referenced([place_of(louder * v) for v in ordered])
    assert own is not None
    assert found is not None
    assert found >= own - 1e-9
    rest = ordered[1:8]
    if (spread := max(rest) - min(rest)) > 1e-3:
        assert found <= (ordered[0] - np.median(rest)) / spread + 1e-9


def test_statistic_is_what_the_docstring_says_of_eight_places():
    scores = [5.0, 3.0, 2.0, 2.0, 1.5, 1.0, 1.0, 0.3, 0.2, -7.0]
    found = self_referenced([place_of(v) for v in scores])
    assert found == pytest.approx((5.0 - 1.5) / (3.0 - 0.3 + 0.3))


def test_too_few_places_are_not_judged():
    places = [place_of(v) for v in (4.0, 1.0, 0.0, 0.0)]
    assert self_referenced(places) is None
    assert self_referenced([*places, place_of(0.0)]) == pytest.approx(4.0 / 1.3)
