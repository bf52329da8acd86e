"""What a calibration is judged by."""

from __future__ import annotations

import numpy as np
from scipy import stats

from btd_desktop.calibration.ecdf import Tail, clopper_pearson
from btd_desktop.calibration.level import LevelCalibration
from btd_desktop.examination.fit import level_fit, rate_note


def test_rate_is_told_with_the_patients_that_it_takes():
    assert rate_note(0.01) == (
        "It takes 279 patients to establish a rate of 1 %; 3 establish 30 %, 20 "
        "establish 11 %."
    )


def test_note_says_what_the_patients_chosen_can_establish():
    assert rate_note(0.01, 2) == (
        "The scans chosen are of 2 patients. To calibrate at all takes 1 more."
    )
    assert rate_note(0.01, 46) == (
        "The scans chosen are of 46 patients. The smallest rate that they establish is "
        "5.5 %; 1 % takes 233 more."
    )
    assert "takes" not in rate_note(0.1, 46)


def test_note_counts_the_patients_of_the_profile_that_is_joined():
    assert rate_note(0.01, 3, 46) == (
        "The scans chosen are of 3 patients; with the 46 of the profile 49. The "
        "smallest rate that they establish is 5.2 %; 1 % takes 230 more."
    )
    assert rate_note(0.01, None, 46) == (
        "The profile holds 46 patients. The smallest rate that they establish is "
        "5.5 %; 1 % takes 233 more."
    )
    # One is enough beside others.
    assert "To calibrate at all" not in rate_note(0.01, 1, 2)
    assert "takes" not in rate_note(0.1, 1, 46)


def _level(scores: np.ndarray) -> LevelCalibration:
    start = float(np.quantile(scores, 0.9))
    tail = Tail(start, 0.1, 0.1, 1.26) if scores.size > 99 else None
    return LevelCalibration(
        np.sort(scores),
        9,
        2.0,
        "",
        clopper_pearson(2, 100),
        100.0,
        (0.0, 0.1),
        tail,
    )


def test_curves_of_many_scores_keep_the_whole_upper_tail(rng):
    scores = np.sort(rng.exponential(size=20_000))
    fit = level_fit("patch", _level(scores), 0.01)
    assert fit.ecdf_x.size < 4000
    np.testing.assert_array_equal(fit.ecdf_x[-500:], scores[-500:])
    assert fit.ecdf_y[-1] == 1.0
    assert np.all(np.diff(fit.ecdf_y) > 0)
    share = np.searchsorted(scores, fit.ecdf_x, "right") / scores.size
    np.testing.assert_allclose(fit.ecdf_y, share)


def test_qq_points_of_a_fitting_tail_lie_on_the_line(rng):
    scores = stats.genpareto.rvs(0.1, size=20_000, random_state=rng)
    fit = level_fit("patch", _level(scores), 0.01)
    middle = slice(0, int(fit.qq_x.size * 0.95))
    np.testing.assert_allclose(fit.qq_x[middle], fit.qq_y[middle], rtol=0.08)


def test_few_scores_have_no_tail_and_say_what_is_not_established(rng):
    fit = level_fit("series", _level(rng.exponential(size=30)), 0.01)
    assert fit.words.endswith(
        "(95 %); not established at 1 %: the smallest rate that 9 patients can "
        "establish is 19 %."
    )
    assert fit.tail_x.size == fit.qq_x.size == 0
    assert "95 %" in fit.words


def test_level_without_threshold_says_why():
    level = LevelCalibration(
        np.arange(4.0), 4, None, "4 scores are too few", None, 0.0, (), None
    )
    fit = level_fit("series", level, 0.01)
    assert fit.threshold is None
    assert fit.words == "No threshold: 4 scores are too few."
