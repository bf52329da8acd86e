"""Whoever joins a profile: the numbers of its patients stay sound."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from btd_desktop.calibration.join import _joined_level
from btd_desktop.calibration.level import stored_scores
from btd_desktop.calibration.ranks import calibrate_scores

# Distinct scores: a level refuses those that are mostly one value.
SCORES = st.lists(
    st.floats(-1e3, 1e3, allow_subnormal=False), min_size=1, max_size=12, unique=True
)
PATIENTS = st.lists(SCORES, min_size=1, max_size=8)


@settings(deadline=None)
@given(PATIENTS, PATIENTS, st.sampled_from([0.01, 0.1, 0.3]))
def test_patients_who_join_are_numbered_after_those_of_the_level(
    held: list[list[float]], own: list[list[float]], fpr: float
) -> None:
    def unlike(groups: list[list[float]], shift: float) -> list[np.ndarray]:
        # No two patients have a score in common.
        return [np.array(g) + shift + i * 1e4 for i, g in enumerate(groups)]

    before = calibrate_scores(unlike(held, 0.0), fpr)
    local = unlike(own, 5e5)
    after = _joined_level(before, {str(i): g for i, g in enumerate(local)}, fpr)
    numbers = np.array(after.patients)
    assert after.n_patients == len(held) + len(own)
    assert np.array_equal(np.unique(numbers), np.arange(after.n_patients))
    mine = numbers < len(held)
    assert np.array_equal(after.scores[mine], before.scores)
    assert np.array_equal(numbers[mine], np.array(before.patients))
    for number, group in enumerate(local, start=len(held)):
        expected = np.sort(stored_scores(group))
        assert np.array_equal(after.ecdf.by_patient[number], expected)
    # Each patient weighs one, however many scores.
    weights = np.bincount(numbers, after.ecdf.weights)
    np.testing.assert_allclose(weights, 1.0)
