"""Conformal p-values, thresholds, exact intervals and the tail beside them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from btd_desktop.calibration.ecdf import (
    Ecdf,
    Tail,
    clopper_pearson,
    fit_tail,
    threshold_at_fpr,
)
from btd_desktop.errors import CalibrationError


def test_p_value_is_one_plus_those_at_least_as_high_over_n_plus_one() -> None:
    ecdf = Ecdf.fit(np.array([3.0, 1.0, 2.0, 2.0]))
    for score, p in ((0.0, 1.0), (1.0, 1.0), (1.5, 4 / 5), (2.0, 4 / 5), (2.5, 2 / 5)):
        assert ecdf.p_value(score) == p
    assert ecdf.p_value(3.0) == 2 / 5  # a tie counts against flagging
    assert ecdf.p_value(99.0) == ecdf.smallest_p == 1 / 5


def test_p_value_is_never_zero_and_infinity_has_one() -> None:
    ecdf = Ecdf.fit(np.arange(9.0))
    assert ecdf.p_value(math.inf) == 0.1
    assert ecdf.p_value(-math.inf) == 1.0
    assert math.isnan(ecdf.p_value(math.nan))


def test_p_values_keep_shape_and_not_scored_places() -> None:
    ecdf = Ecdf.fit(np.arange(9.0))
    found = ecdf.p_values(np.array([[8.5, np.nan], [-1.0, 0.0]]))
    np.testing.assert_array_equal(found, [[0.1, np.nan], [1.0, 1.0]])


def test_fit_drops_places_that_are_not_scored() -> None:
    ecdf = Ecdf.fit(np.array([[2.0, np.nan], [1.0, np.inf]]))
    np.testing.assert_array_equal(ecdf.scores, [1.0, 2.0])
    with pytest.raises(CalibrationError):
        Ecdf.fit(np.array([np.nan]))


def test_cdf_counts_those_at_most_as_large() -> None:
    ecdf = Ecdf.fit(np.array([1.0, 2.0, 2.0, 3.0]))
    assert [ecdf.cdf(s) for s in (0.0, 2.0, 2.5, 3.0)] == [0.0, 0.75, 0.75, 1.0]


@pytest.mark.parametrize(
    ("n", "fpr"), [(99, 0.01), (199, 0.01), (150, 0.01), (19, 0.5)]
)
def test_threshold_flags_only_p_at_most_fpr_and_nothing_less(
    n: int, fpr: float
) -> None:
    ecdf = Ecdf.fit(np.random.default_rng(n).standard_normal(n))
    threshold = threshold_at_fpr(ecdf, fpr)
    assert ecdf.p_value(np.nextafter(threshold, np.inf)) <= fpr
    # It is the smallest such: at the threshold itself the rate would be passed.
    assert ecdf.p_value(threshold) > fpr


def test_threshold_below_99_scores_cannot_carry_one_per_cent() -> None:
    with pytest.raises(CalibrationError) as caught:
        threshold_at_fpr(Ecdf.fit(np.arange(98.0)), 0.01)
    assert caught.value.code == "too_few"
    assert "at least 99" in caught.value.hint
    assert threshold_at_fpr(Ecdf.fit(np.arange(99.0)), 0.01) == 98.0


@pytest.mark.parametrize("fpr", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_threshold_of_no_rate_is_refused(fpr: float) -> None:
    with pytest.raises(CalibrationError):
        threshold_at_fpr(Ecdf.fit(np.arange(9.0)), fpr)


def test_threshold_at_almost_one_is_the_lowest_score() -> None:
    ecdf = Ecdf.fit(np.arange(9.0))
    assert threshold_at_fpr(ecdf, 1.0 - 1e-12) == 0.0


@pytest.mark.parametrize(
    ("k", "n"), [(0, 1), (0, 299), (1, 1), (3, 100), (50, 100), (100, 100), (17, 2000)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_clopper_pearson_equals_scipys_exact_interval(
    k: int, n: int, confidence: float
) -> None:
    expected = stats.binomtest(k, n).proportion_ci(confidence, "exact")
    assert clopper_pearson(k, n, confidence) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


def test_clopper_pearson_of_fractions_lies_between_whole_numbers() -> None:
    low, high = clopper_pearson(2.5, 100.5)
    assert clopper_pearson(2, 101)[0] < low < clopper_pearson(3, 100)[0]
    assert clopper_pearson(2, 101)[1] < high < clopper_pearson(3, 100)[1]


def test_tail_of_exponential_scores_is_close_to_the_truth() -> None:
    scores = np.random.default_rng(1).exponential(2.0, 20_000)
    tail = fit_tail(Ecdf.fit(scores))
    assert tail is not None
    assert tail.share == 0.1
    for score in (8.0, 12.0, 16.0):
        p = tail.p_value(score)
        assert p is not None
        assert math.log(p) == pytest.approx(-score / 2.0, abs=0.7)


def test_tail_p_falls_with_the_score_and_never_reaches_zero() -> None:
    tail = fit_tail(Ecdf.fit(np.random.default_rng(2).standard_normal(3000)))
    assert tail is not None
    scores = np.linspace(tail.start, tail.start + 20.0, 60)
    p = [tail.p_value(s) or 0.0 for s in scores]
    assert p[0] == pytest.approx(tail.share)
    assert all(a > b > 0.0 for a, b in itertools.pairwise(p))
    assert tail.p_value(tail.start - 1e-9) is None
    assert tail.p_value(math.nan) is None


def test_bounded_scores_get_a_tail_without_an_end() -> None:
    tail = fit_tail(Ecdf.fit(np.random.default_rng(3).random(5000)))
    assert tail is not None
    assert tail.shape == 0.0
    assert (tail.p_value(1.5) or 0.0) > 0.0


@pytest.mark.parametrize(
    "scores",
    [np.arange(199.0), np.ones(500)],
    ids=["too few", "all alike"],
)
def test_no_tail_where_none_can_be_fitted(
    scores: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    assert fit_tail(Ecdf.fit(scores)) is None


def test_tail_of_scores_with_ties_is_finite() -> None:
    scores = np.round(np.random.default_rng(4).exponential(1.0, 2000), 1)
    tail = fit_tail(Ecdf.fit(scores))
    assert tail is not None
    assert math.isfinite(tail.scale)
    assert tail.scale > 0.0


@pytest.mark.parametrize(
    "values",
    [
        (0.0, 0.1, 0.1, 0.0),
        (0.0, 0.1, 0.1, -1.0),
        (0.0, 0.1, 0.1, 1e-320),
        (0.0, 0.1, -0.1, 1.0),
        (0.0, 0.1, 1e308, 1.0),
        (0.0, 0.0, 0.1, 1.0),
        (0.0, 1.5, 0.1, 1.0),
        (-1e308, 0.1, 0.1, 1.0),
        (float("nan"), 0.1, 0.1, 1.0),
        (0.0, 0.1, float("inf"), 1.0),
    ],
)
def test_tail_that_cannot_be_one_is_refused(values: tuple[float, ...]) -> None:
    """A crafted profile could give p-values above 1, or overflow in a report."""
    with pytest.raises(ValueError, match="cannot be one"):
        Tail(*values)
