"""Any genuine scores: p-values keep their promise."""

from __future__ import annotations

import numpy as np
import scipy.stats  # noqa: F401 - not loaded in the time of the first example
from hypothesis import given, settings
from hypothesis import strategies as st

from btd_desktop.calibration.ecdf import Ecdf, clopper_pearson, threshold_at

NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
SCORES = st.lists(NUMBERS, min_size=1, max_size=120)
# Whole numbers make ties likely.
TIED = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=60)


@given(st.one_of(SCORES, TIED), NUMBERS)
def test_p_value_is_the_share_at_least_as_high_with_the_score_itself(
    scores: list[float], score: float
) -> None:
    ecdf = Ecdf.fit([np.array([s]) for s in scores])
    p = ecdf.p_value(score)
    assert p == (1 + sum(s >= score for s in scores)) / (len(scores) + 1)
    assert ecdf.smallest_p <= p <= 1.0


@given(st.one_of(SCORES, TIED), st.lists(NUMBERS, min_size=2, max_size=20))
def test_p_values_fall_as_scores_rise(scores: list[float], probes: list[float]) -> None:
    p = Ecdf.fit([np.array([s]) for s in scores]).p_values(np.sort(probes))
    assert (np.diff(p) <= 0.0).all()


@given(st.lists(st.one_of(SCORES, TIED), min_size=2, max_size=8), st.floats(0.0, 0.99))
def test_at_most_the_rate_lies_above_the_threshold_and_no_lower_one_would_do(
    by_patient: list[list[float]], rate: float
) -> None:
    ecdf = Ecdf.fit([np.array(scores) for scores in by_patient])
    threshold = threshold_at(ecdf, rate)
    assert ecdf.share_above(threshold) <= rate + 1e-6
    lower = ecdf.scores[ecdf.scores < threshold]
    assert not lower.size or ecdf.share_above(float(lower[-1])) > rate - 1e-6
    # What is flagged has no larger p-value than what is not.
    above = float(np.nextafter(threshold, np.inf))
    assert ecdf.smallest_p <= ecdf.p_value(above) <= ecdf.p_value(threshold)


@given(
    st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.5, 0.999),
)
def test_interval_holds_the_observed_rate(kn: tuple[int, int], level: float) -> None:
    k, n = kn
    low, high = clopper_pearson(k, n, level)
    assert 0.0 <= low <= k / n <= high <= 1.0
    wider = clopper_pearson(k, n, 0.5 + level / 2.0)
    assert wider[0] <= low
    assert wider[1] >= high


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1 << 30),
    st.sampled_from(["normal", "exponential", "integers", "constant"]),
    st.integers(5, 60),
    st.sampled_from([0.05, 0.1, 0.25]),
)
def test_exchangeable_scores_are_flagged_at_most_as_often_as_claimed(
    seed: int, kind: str, n: int, alpha: float
) -> None:
    rng = np.random.default_rng(seed)
    repetitions = 1500
    shape = (repetitions, n + 1)
    if kind == "normal":
        draws = rng.standard_normal(shape)
    elif kind == "exponential":
        draws = rng.exponential(1.0, shape)
    elif kind == "integers":
        draws = rng.integers(0, 5, shape).astype(np.float64)
    else:
        draws = np.ones(shape)
    flagged = np.mean(
        [Ecdf.fit(row[1:, None]).p_value(row[0]) <= alpha for row in draws]
    )
    # Five standard errors: the bound itself is exact, only the count is random.
    assert flagged <= alpha + 5.0 * np.sqrt(alpha * (1.0 - alpha) / repetitions)
