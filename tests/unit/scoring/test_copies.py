"""Copied noise is found again where it was put; genuine noise is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.errors import Cancelled
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.scoring.copies import COPY_SHARE, NoiseCopy, find_copies

SIDE = 144
Residuals = NDArray[np.float32]


def white(n: int = 4, seed: int = 0) -> Residuals:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, SIDE, SIDE), dtype=np.float32)


def search(
    residuals: NDArray[np.floating],
    places: Sequence[tuple[int, int, int]],
    inside: NDArray[np.bool_] | None = None,
) -> list[NoiseCopy | None]:
    if inside is None:
        inside = np.ones(residuals.shape, np.bool_)
    body = inside
    return find_copies(
        lambda s: residuals[s], lambda s: body[s], len(residuals), places
    )


def search_one(
    residuals: NDArray[np.floating],
    place: tuple[int, int, int],
    inside: NDArray[np.bool_] | None = None,
) -> NoiseCopy:
    (found,) = search(residuals, [place], inside)
    assert found is not None
    return found


def square(residuals: Residuals, place: tuple[int, int, int]) -> Residuals:
    s, r, c = place
    return residuals[s, r - 16 : r + 16, c - 16 : c + 16]


PLACE = (1, 40, 44)
FAR = (1, 100, 93)
OTHER_SLICE = (3, 95, 100)


@pytest.mark.parametrize("target", [FAR, OTHER_SLICE, (3, 40, 69), (0, 65, 44)])
def test_verbatim_copy_is_found_at_its_place(target: tuple[int, int, int]) -> None:
    residuals = white()
    square(residuals, target)[:] = square(residuals, PLACE)
    found = search_one(residuals, PLACE)
    assert (found.slice_index, found.row, found.column) == target
    assert found.strength > 8.0
    assert found.correlation > 0.9
    assert (found.n_slices, found.side_px) == (1, 32)
    # Either of the two leads to the other.
    back = search_one(residuals, target)
    assert (back.slice_index, back.row, back.column) == PLACE
    assert back.strength > 8.0


@pytest.mark.parametrize("gain", [0.3, -1.0, 2.5])
def test_scaled_copy_is_found_unless_its_sign_is_turned(gain: float) -> None:
    residuals = white()
    square(residuals, OTHER_SLICE)[:] = gain * square(residuals, PLACE)
    found = search_one(residuals, PLACE)
    hit = (found.slice_index, found.row, found.column) == OTHER_SLICE
    assert hit == (gain > 0.0)
    assert (found.strength > 8.0) == (gain > 0.0)


def test_copy_of_a_small_nodules_size_is_found_by_the_small_square() -> None:
    residuals = white(6)
    # 15 px across, in noise of its own: a fifth of the large square.
    residuals[3, 88:103, 93:108] = residuals[1, 33:48, 37:52]
    found = search_one(residuals, PLACE)
    assert found.side_px == 14
    assert (found.slice_index, found.row, found.column) == (3, 95, 100)
    assert found.strength > 8.0


def test_edges_that_look_alike_are_not_called_copies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    residuals = white()
    for s, r, c in (PLACE, FAR):
        residuals[s, r - 12 : r + 12, c] += 15.0
    assert search_one(residuals, PLACE).strength < 7.0
    # It is the clipping that sees to it.
    monkeypatch.setattr("btd_desktop.scoring.copies._CLIP", 100.0)
    assert search_one(residuals, PLACE).strength > 12.0


def test_half_blended_copy_is_found() -> None:
    residuals = white()
    target = square(residuals, OTHER_SLICE)
    target[:] = 0.5 * target + 0.5 * square(residuals, PLACE)
    found = search_one(residuals, PLACE)
    assert (found.slice_index, found.row, found.column) == OTHER_SLICE
    assert found.strength > 8.0
    assert 0.5 < found.correlation < 0.9


def test_weak_copy_through_three_slices_is_found_by_all_three_together() -> None:
    residuals = white(6)
    for step in (-1, 0, 1):
        target = square(residuals, (4 + step, 100, 93))
        target[:] = 0.8 * target + 0.25 * square(residuals, (1 + step, 40, 44))
    found = search_one(residuals, PLACE)
    assert found.n_slices == 3
    assert (found.slice_index, found.row, found.column) == (4, 100, 93)
    assert found.strength > 8.0


def test_pure_noise_is_found_again_at_about_five() -> None:
    residuals = white(6, seed=3)
    places = [(s, r, c) for s in range(6) for r in (30, 72, 110) for c in (25, 90)]
    found = search(residuals, places)
    strengths = np.array([m.strength for m in found if m is not None])
    assert len(strengths) == len(places)
    assert float(strengths.max()) < 7.0
    assert float(strengths.min()) > 3.5
    assert float(np.mean(strengths)) == pytest.approx(4.5, abs=0.5)


@pytest.mark.parametrize("n_slices", [1, 4, 16])
def test_chance_is_called_a_copy_no_more_often_for_long_series(n_slices: int) -> None:
    # One of the maximum over a whole series would be judged by its length.
    rng = np.random.default_rng(n_slices)
    residuals = rng.standard_normal((n_slices, 320, 320), dtype=np.float32)
    places = [
        (int(rng.integers(n_slices)), int(rng.integers(20, 300)), 40 + 4 * k)
        for k in range(60)
    ]
    found = [m for m in search(residuals, places) if m is not None]
    p = np.array([10.0 ** -(m.surprise or 0.0) for m in found])
    assert not any(m.copied for m in found)
    assert {m.share for m in found} == {COPY_SHARE}
    # The four kinds of search overlap, so that their bound is a safe one.
    for level in (0.1, 0.5):
        assert float(np.mean(p <= level)) <= level + 0.1
    assert float(np.mean(p <= 0.5)) > 0.05
    # Where copies begin is where they begin to be called so.
    for one in found:
        assert one.usual_strength is not None
        assert one.strength < one.usual_strength


def test_copy_in_a_long_series_is_called_so() -> None:
    residuals = white(12, seed=8)
    square(residuals, (9, 95, 100))[:] = square(residuals, PLACE)
    found = search_one(residuals, PLACE)
    assert found.copied
    assert found.surprise is not None
    assert found.surprise > 6.0
    assert found.usual_strength is not None
    assert found.strength > found.usual_strength


def test_too_little_to_search_says_nothing_of_chance() -> None:
    found = search_one(white(1), (0, 40, 44))
    assert (found.surprise, found.usual_strength) == (None, None)
    assert (found.copied, found.share) == (False, 0.0)


def test_uneven_loudness_does_not_look_like_a_copy() -> None:
    # Bone and lung side by side: noise ten times as loud in half of the slice.
    residuals = white(seed=4)
    residuals[:, :, 72:] *= 10.0
    for place in ((1, 40, 40), (2, 60, 72), (1, 90, 110)):
        assert search_one(residuals, place).strength < 7.0


@pytest.mark.parametrize("target", [(1, 64, 68), (2, 40, 44), (3, 64, 20)])
def test_repetition_near_the_place_is_ignored(target: tuple[int, int, int]) -> None:
    # Anatomy goes on from slice to slice: up to 24 px away in both directions.
    residuals = white(seed=5)
    square(residuals, target)[:] = square(residuals, PLACE).copy()
    found = search_one(residuals, PLACE)
    assert found.strength < 7.0
    assert abs(found.row - PLACE[1]) > 24 or abs(found.column - PLACE[2]) > 24


def test_copy_outside_the_body_is_ignored() -> None:
    residuals = white()
    square(residuals, OTHER_SLICE)[:] = square(residuals, PLACE)
    inside = np.ones(residuals.shape, np.bool_)
    inside[3, 70:, 70:] = False
    found = search_one(residuals, PLACE, inside)
    assert found.strength < 7.0
    assert inside[found.slice_index, found.row, found.column]


def test_place_in_air_or_at_the_rim_cannot_be_searched() -> None:
    residuals = white()
    inside = np.ones(residuals.shape, np.bool_)
    inside[:, :, 100:] = False
    rim = [(0, 15, 60), (0, 60, 15), (3, SIDE - 15, 60), (2, 0, 0)]
    air = [(0, 60, 110), (1, 60, 101)]
    fine = [(0, 16, 60), (3, SIDE - 16, 60), (0, 60, 99), (1, 60, 16)]
    found = search(residuals, [*rim, *fine, *air], inside)
    assert found[: len(rim)] == [None] * len(rim)
    assert found[-len(air) :] == [None] * len(air)
    assert all(m is not None for m in found[len(rim) : -len(air)])
    columns = search(residuals, [(0, 60, SIDE - 15), (0, 60, SIDE - 16)])
    assert columns[0] is None
    assert columns[1] is not None


def test_place_without_noise_cannot_be_searched() -> None:
    residuals = white()
    residuals[1, 10:75, 10:80] = 0.0
    assert search(residuals, [PLACE]) == [None]


def test_single_slice_is_searched_by_itself() -> None:
    residuals = white(1)
    plain = search_one(residuals, (0, 40, 44))
    assert plain.strength < 7.0
    assert plain.n_slices == 1
    square(residuals, (0, 100, 93))[:] = square(residuals, (0, 40, 44))
    found = search_one(residuals, (0, 40, 44))
    assert (found.slice_index, found.row, found.column) == (0, 100, 93)
    assert found.strength > 8.0


def test_slice_with_nowhere_else_to_look_gives_no_match() -> None:
    small = white(1)[:, :40, :40]
    assert search(small, [(0, 20, 20)]) == [None]
    assert search(white(), []) == []


def test_search_is_deterministic_and_places_do_not_touch_each_other() -> None:
    residuals = white(seed=6)
    square(residuals, OTHER_SLICE)[:] = square(residuals, PLACE)
    places = [PLACE, (0, 0, 0), (2, 70, 70), OTHER_SLICE, (0, 50, 90)]
    together = search(residuals, places)
    assert search(residuals, places) == together
    assert [search(residuals, [p])[0] for p in places] == together
    assert search(residuals, places[::-1]) == together[::-1]


def test_residuals_as_a_case_keeps_them_give_the_same_places() -> None:
    residuals = white(seed=7)
    square(residuals, FAR)[:] = square(residuals, PLACE)
    full = search_one(residuals, PLACE)
    half = search_one(residuals.astype(np.float16), PLACE)
    assert (half.slice_index, half.row, half.column) == FAR
    assert half.strength == pytest.approx(full.strength, rel=1e-3)


def test_search_tells_each_slice_and_stops_where_it_is_cancelled() -> None:
    residuals = white(6)
    told: list[Progress] = []
    asked: list[int] = []
    context = TaskContext(told.append)

    def residual_of(s: int) -> Residuals:
        asked.append(s)
        if len(told) == 3:
            context.cancel()
        found: Residuals = residuals[s]
        return found

    body = np.ones((SIDE, SIDE), np.bool_)
    with pytest.raises(Cancelled):
        find_copies(residual_of, lambda s: body, 6, [PLACE], context)
    assert [(p.done, p.total) for p in told] == [(0, 6), (1, 6), (2, 6)]
    assert len({p.stage for p in told}) == 1
    assert max(asked) == 3

    # Before the series is looked at, too.
    asked.clear()
    with pytest.raises(Cancelled):
        find_copies(residual_of, lambda s: body, 6, [PLACE], context)
    assert not asked


def test_each_slice_is_asked_for_once_and_once_for_the_places() -> None:
    residuals = white(6)
    asked: dict[str, list[int]] = {"residual": [], "body": []}
    body = np.ones((SIDE, SIDE), np.bool_)

    def residual_of(s: int) -> Residuals:
        asked["residual"].append(s)
        found: Residuals = residuals[s]
        return found

    def inside_of(s: int) -> NDArray[np.bool_]:
        asked["body"].append(s)
        return body

    # Both places' slices are 3 to 5; the pass through the series starts anew.
    find_copies(residual_of, inside_of, 6, [(4, 40, 44), (4, 90, 90)])
    for slices in asked.values():
        assert sorted(slices[:3]) == [3, 4, 5]
        assert slices[3:] == [0, 1, 2, 3, 4, 5]
