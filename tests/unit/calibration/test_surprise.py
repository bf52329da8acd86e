"""One scale for any measure: the share of genuine places beyond."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.calibration.surprise import SurpriseScale, fit_surprise, rounded
from btd_desktop.strict_json import plain_json, record_from_json


def genuine(n: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(1.6, 0.1, n)


def test_surprise_is_minus_log10_of_the_share_of_new_places_beyond() -> None:
    scale = fit_surprise(genuine(20_000))
    new = scale.surprise(genuine(20_000, seed=1))
    for share in (0.5, 0.1, 0.01, 0.002):
        assert float(np.mean(new > -np.log10(share))) == pytest.approx(share, rel=0.3)


def test_surprise_never_falls_as_the_measure_rises() -> None:
    scale = fit_surprise(genuine(3000))
    logs = np.linspace(0.0, 5.0, 2000)
    surprise = scale.surprise(logs)
    assert (np.diff(surprise) >= 0.0).all()
    assert surprise[0] == 0.0
    beyond = logs > scale.distances[-1]
    assert (np.diff(surprise[beyond]) > 0.0).all()


@pytest.mark.parametrize(("n", "rarest"), [(20, 0.5), (100, 0.1), (5000, 0.002)])
def test_scale_keeps_only_shares_that_ten_places_carry(n: int, rarest: float) -> None:
    scale = fit_surprise(genuine(n))
    assert scale.knots[0] == 0.0
    assert scale.knots[-1] == pytest.approx(np.log10(rarest), abs=1e-9)
    assert scale.distances[-1] <= genuine(n).max()


def test_beyond_the_genuine_places_the_last_slope_goes_on() -> None:
    scale = SurpriseScale(np.array([0.0, -1.0, -2.0]), np.array([1.0, 2.0, 2.5]))
    logs = np.array([0.0, 1.0, 1.5, 2.0, 2.25, 2.5, 3.0, 4.5])
    expected = [0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 6.0]
    np.testing.assert_allclose(scale.surprise(logs), expected)
    # The step from inside to beyond is smooth.
    edge = scale.surprise(np.array([2.5, np.nextafter(2.5, 3.0)]))
    assert float(edge[1] - edge[0]) < 1e-12


def test_repeated_measures_still_give_a_rising_scale() -> None:
    scale = fit_surprise(np.ones(1000))
    assert (np.diff(scale.distances) > 0.0).all()
    surprise = scale.surprise(np.array([0.9, 1.0, 1.1]))
    assert np.isfinite(surprise).all()
    assert surprise[2] > surprise[1] >= surprise[0] == 0.0


def test_nineteen_places_are_too_few() -> None:
    with pytest.raises(ValueError, match="19 places are too few"):
        fit_surprise(genuine(19))


def test_json_gives_the_same_surprise_to_the_bit() -> None:
    scale = fit_surprise(genuine(4000))
    again = record_from_json(SurpriseScale, json.loads(json.dumps(plain_json(scale))))
    logs = genuine(500, seed=2) * 1.3
    np.testing.assert_array_equal(again.surprise(logs), scale.surprise(logs))
    assert plain_json(again) == plain_json(scale)


@pytest.mark.parametrize(
    ("knots", "distances"),
    [
        ([0.0], [1.0]),
        ([], []),
        ([0.0, -1.0], [1.0]),
        ([[0.0, -1.0]], [[1.0, 2.0]]),
        ([0.0, 0.0], [1.0, 2.0]),
        ([0.0, 1.0], [1.0, 2.0]),
        ([0.0, -1.0], [1.0, 1.0]),
        ([0.0, -1.0], [2.0, 1.0]),
        ([0.0, float("-inf")], [1.0, 2.0]),
        ([0.0, -1.0], [1.0, float("inf")]),
        ([0.0, float("nan")], [1.0, 2.0]),
    ],
)
def test_json_that_is_no_scale_is_refused(knots: object, distances: object) -> None:
    with pytest.raises(ValueError, match=r"knots|usable"):
        record_from_json(SurpriseScale, {"knots": knots, "distances": distances})


def test_json_without_knots_is_refused() -> None:
    with pytest.raises(ValueError, match="knots"):
        record_from_json(SurpriseScale, {"distances": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"distances"):
        record_from_json(SurpriseScale, {"knots": [], "distances": [1.0, 2.0, {}]})


def test_rounding_keeps_ten_digits() -> None:
    assert rounded([1.0 / 3.0, -123456.7890123]) == [0.3333333333, -123456.789]
