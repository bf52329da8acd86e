"""Conformal p-values by patient, thresholds of patients left out, exact intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from btd_desktop.calibration.ecdf import (
    Ecdf,
    LeftOut,
    Tail,
    clopper_pearson,
    more_than_expected,
    patients_for,
    smallest_level,
    threshold_at,
)
from btd_desktop.errors import CalibrationError


def pooled(*scores: float) -> Ecdf:
    """As of a profile before format 4: each score counts by itself."""
    return Ecdf(np.sort(np.array(scores)))


def patients(
    n: int, seed: int = 0, spread: float = 0.0, sizes: tuple[int, int] = (40, 400)
) -> list[NDArray[np.float64]]:
    """Scores of n patients, of unlike number; the level of each is its own."""
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal(int(rng.integers(*sizes))) + spread * rng.standard_normal()
        for _ in range(n)
    ]


def test_p_value_is_one_plus_those_at_least_as_high_over_n_plus_one() -> None:
    ecdf = pooled(3.0, 1.0, 2.0, 2.0)
    for score, p in ((0.0, 1.0), (1.0, 1.0), (1.5, 4 / 5), (2.0, 4 / 5), (2.5, 2 / 5)):
        assert ecdf.p_value(score) == p
    assert ecdf.p_value(3.0) == 2 / 5  # a tie counts against flagging
    assert ecdf.p_value(99.0) == ecdf.smallest_p == 1 / 5


def test_p_value_counts_patients_however_many_scores_they_give() -> None:
    ecdf = Ecdf.fit([np.array([1.0, 2.0, 3.0, 4.0]), np.array([2.0]), np.array([9.0])])
    assert (ecdf.n, ecdf.n_units) == (6, 3)
    for score, shares in ((0.0, 3.0), (2.0, 2.75), (3.5, 1.25), (9.0, 1.0)):
        assert ecdf.p_value(score) == pytest.approx((1.0 + shares) / 4.0)
    assert ecdf.p_value(9.1) == ecdf.smallest_p == 1 / 4
    assert ecdf.cdf(2.0) == pytest.approx((2 / 4 + 1.0 + 0.0) / 3.0)
    assert ecdf.weights.sum() == pytest.approx(3.0)


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_p_values_of_new_patients_are_small_no_more_often_than_they_say(
    spread: float,
) -> None:
    hits = {0.1: 0.0, 0.2: 0.0, 0.5: 0.0}
    n = 200
    for seed in range(n):
        *known, new = patients(12, seed, spread, (20, 100))
        p = Ecdf.fit(known).p_values(new)
        for level in hits:
            hits[level] += float(np.mean(p <= level)) / n
    for level, rate in hits.items():
        assert rate <= level + 0.02
    # Were the scores to count instead, unlike patients would break the promise.
    if spread:
        broken = 0.0
        for seed in range(n):
            *known, new = patients(4, seed, spread, (20, 100))
            each = pooled(*np.concatenate(known))
            broken += float(np.mean(each.p_values(new) <= 0.01)) / n
        assert broken > 0.03


def test_p_value_is_never_zero_and_infinity_has_one() -> None:
    ecdf = pooled(*np.arange(9.0))
    assert ecdf.p_value(math.inf) == 0.1
    assert ecdf.p_value(-math.inf) == 1.0
    assert math.isnan(ecdf.p_value(math.nan))


def test_p_values_keep_shape_and_not_scored_places() -> None:
    for ecdf in (pooled(*np.arange(9.0)), Ecdf.fit([np.array([s]) for s in range(9)])):
        found = ecdf.p_values(np.array([[8.5, np.nan], [-1.0, 0.0]]))
        np.testing.assert_allclose(found, [[0.1, np.nan], [1.0, 1.0]])


def test_fit_drops_places_that_are_not_scored_and_patients_without_any() -> None:
    nothing = np.array([np.nan])
    ecdf = Ecdf.fit([np.array([2.0, np.nan]), nothing, np.array([1.0, np.inf])])
    np.testing.assert_array_equal(ecdf.scores, [1.0, 2.0])
    assert ecdf.n_units == 2
    with pytest.raises(CalibrationError):
        Ecdf.fit([nothing])


def test_cdf_counts_those_at_most_as_large() -> None:
    ecdf = pooled(1.0, 2.0, 2.0, 3.0)
    assert [ecdf.cdf(s) for s in (0.0, 2.0, 2.5, 3.0)] == [0.0, 0.75, 0.75, 1.0]


@pytest.mark.parametrize("rate", [0.0, 0.003, 0.01, 0.2, 0.9])
def test_threshold_is_the_smallest_score_that_keeps_the_rate(rate: float) -> None:
    ecdf = Ecdf.fit(patients(7, 3))
    threshold = threshold_at(ecdf, rate)
    assert ecdf.share_above(threshold) <= rate + 1e-9
    lower = ecdf.scores[ecdf.scores < threshold]
    assert not lower.size or ecdf.share_above(float(lower[-1])) > rate


def test_equal_scores_are_flagged_together() -> None:
    ecdf = Ecdf.fit([np.array([1.0, 5.0, 5.0, 5.0])])
    assert threshold_at(ecdf, 0.5) == 5.0
    assert threshold_at(ecdf, 0.75) == 1.0


def test_thresholds_of_the_others_are_those_of_the_others_alone() -> None:
    own = patients(5, 4)
    ecdf = Ecdf.fit(own)
    left_out = LeftOut.of(ecdf)
    found, rates = left_out.thresholds(0.05), left_out.rates(0.05)
    for k, scores in enumerate(own):
        others = Ecdf.fit([s for j, s in enumerate(own) if j != k])
        assert found[k] == threshold_at(others, 0.05)
        assert rates[k] == pytest.approx(float(np.mean(scores > found[k])))
    for alone in (Ecdf.fit(own[:1]), pooled(1.0, 2.0)):
        with pytest.raises(ValueError, match="two patients"):
            LeftOut.of(alone)


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_new_patients_are_flagged_at_the_rate_that_was_wanted(spread: float) -> None:
    wanted, observed = 0.02, []
    for seed in range(100):
        *known, new = patients(13, seed, spread)
        asked = LeftOut.of(Ecdf.fit(known)).rate_to_ask(wanted)
        assert asked is not None
        assert 0.0 <= asked <= wanted
        observed.append(float(np.mean(new > threshold_at(Ecdf.fit(known), asked))))
    assert float(np.mean(observed)) == pytest.approx(wanted, abs=0.012)


def test_no_rate_is_asked_for_that_the_patients_cannot_carry() -> None:
    single = LeftOut.of(Ecdf.fit([np.array([float(k)]) for k in range(46)]))
    # The highest of all is above all others: one patient of 46.
    assert single.rate_to_ask(0.01) is None
    assert single.rate_to_ask(1 / 46) is not None


@pytest.mark.parametrize("n", [1, 3, 13, 46, 299])
def test_smallest_level_is_where_three_times_it_bounds_the_rate(n: int) -> None:
    level = smallest_level(n)
    bound = clopper_pearson(level * n, n)[1]
    assert bound == pytest.approx(3.0 * level, rel=1e-6)
    assert clopper_pearson(0.9 * level * n, n)[1] > 3.0 * 0.9 * level


@pytest.mark.parametrize("fpr", [0.3, 0.05, 0.01])
def test_patients_for_a_rate_are_the_fewest_that_establish_it(fpr: float) -> None:
    n = patients_for(fpr)
    assert smallest_level(n) <= fpr < smallest_level(n - 1)


def test_more_than_expected_takes_two_slices_and_three_times_the_rate() -> None:
    assert not more_than_expected(1, 10, 0.01)
    assert more_than_expected(2, 10, 0.01)
    assert not more_than_expected(3, 100, 0.01)
    assert more_than_expected(4, 100, 0.01)


@pytest.mark.parametrize(
    ("k", "n"), [(0, 1), (0, 299), (1, 1), (3, 100), (50, 100), (100, 100), (17, 2000)]
)
def test_clopper_pearson_equals_scipys_exact_interval(k: int, n: int) -> None:
    expected = stats.binomtest(k, n).proportion_ci(0.95, "exact")
    assert clopper_pearson(k, n) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


def test_clopper_pearson_of_fractions_lies_between_whole_numbers() -> None:
    low, high = clopper_pearson(2.5, 100.5)
    assert clopper_pearson(2, 101)[0] < low < clopper_pearson(3, 100)[0]
    assert clopper_pearson(2, 101)[1] < high < clopper_pearson(3, 100)[1]


def test_tail_of_an_older_profile_falls_and_never_reaches_zero() -> None:
    tail = Tail(2.0, 0.1, 0.05, 0.5)
    p = [tail.p_value(s) or 0.0 for s in (2.0, 3.0, 6.0, 30.0)]
    assert p[0] == pytest.approx(tail.share)
    assert p == sorted(p, reverse=True)
    assert p[-1] > 0.0
    assert tail.p_value(1.999) is None
    assert tail.p_value(math.nan) is None


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
