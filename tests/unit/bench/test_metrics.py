"""Metrics agree with scikit-learn and with cases that can be counted by hand."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from btd_desktop.bench.metrics import (
    Group,
    Interval,
    auc,
    eer,
    mean_interval,
    patient_rate,
    tpr_at_fpr,
)
from btd_desktop.calibration.ecdf import clopper_pearson


def array(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


def test_auc_counts_pairs_and_halves_ties():
    assert auc(array(3, 4), array(1, 2)) == 1.0
    assert auc(array(1, 2), array(3, 4)) == 0.0
    assert auc(array(1, 3), array(2, 2)) == 0.5
    assert auc(array(2), array(2)) == 0.5
    assert auc(array(2, 3), array(1, 2)) == 0.875


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("coarse", [False, True])
def test_auc_and_tpr_agree_with_scikit_learn(seed, coarse):
    rng = np.random.default_rng(seed)
    tampered, genuine = rng.normal(0.7, 1.3, 83), rng.normal(0, 1, 211)
    if coarse:  # many ties
        tampered, genuine = np.rint(2 * tampered), np.rint(2 * genuine)
    labels = np.r_[np.ones(83), np.zeros(211)]
    scores = np.r_[tampered, genuine]
    assert auc(tampered, genuine) == pytest.approx(roc_auc_score(labels, scores))
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    for allowed in (0.01, 0.05, 0.2):
        best = tpr[fpr <= allowed + 1e-12].max()
        assert tpr_at_fpr(tampered, genuine, allowed) == pytest.approx(best)
    # The EER lies on the curve, where the miss rate is the false-positive rate.
    found = eer(tampered, genuine)
    assert 1 - np.interp(found, fpr, tpr) == pytest.approx(found, abs=0.02)


def test_eer_of_separated_swapped_and_equal_scores():
    assert eer(array(3, 4), array(1, 2)) == 0.0
    assert eer(array(1, 2), array(3, 4)) == 1.0
    assert eer(array(1, 2, 3, 4), array(1, 2, 3, 4)) == pytest.approx(0.5)
    # One of four tampered below, one of four genuine above.
    assert eer(array(0, 5, 6, 7), array(1, 2, 3, 8)) == pytest.approx(0.25)


def test_tpr_allows_exactly_the_share_of_genuine_ones():
    genuine = np.arange(100.0)
    tampered = array(98.5, 99.0, 99.5, 50.0)
    assert tpr_at_fpr(tampered, genuine, 0.0) == 0.25
    assert tpr_at_fpr(tampered, genuine, 0.01) == 0.75
    assert tpr_at_fpr(tampered, genuine, 1.0) == 1.0
    # With ten genuine places 1 % is none of them.
    assert tpr_at_fpr(array(8.5, 9.5), np.arange(10.0), 0.01) == 0.5


def test_empty_side_is_not_a_number():
    for metric in (auc, eer, partial(tpr_at_fpr, fpr=0.01)):
        assert np.isnan(metric(array(), array(1)))
        assert np.isnan(metric(array(1), array()))


def clustered(n_patients: int, per_patient: int, seed: int = 0):
    """Scores that share a large offset within a patient."""
    rng = np.random.default_rng(seed)
    scores, labels, patients = [], [], []
    for k in range(n_patients):
        offset = rng.normal(0, 2)
        for i in range(per_patient):
            labels.append(i % 2 == 0)
            scores.append(offset * (i % 2 == 0) + rng.normal(0.5 * (i % 2 == 0), 0.3))
            patients.append(f"P{k}")
    return scores, labels, patients


def bootstrap_interval(scores, labels, patients, **options) -> Interval:
    group = Group(np.array(scores), np.array(labels), np.array(patients))
    return mean_interval(auc, [group], **options)


def test_interval_by_patient_is_wider_than_by_place():
    scores, labels, patients = clustered(8, 40)
    by_patient = bootstrap_interval(scores, labels, patients, n_draws=300)
    places = [f"{p}-{i // 2}" for i, p in enumerate(patients)]
    by_place = bootstrap_interval(scores, labels, places, n_draws=300)
    assert by_patient.value == by_place.value
    assert by_patient.high - by_patient.low > 1.5 * (by_place.high - by_place.low)
    assert by_patient.low <= by_patient.value <= by_patient.high


def test_interval_repeats_with_its_seed():
    given = clustered(5, 10)
    first = bootstrap_interval(*given, seed=3, n_draws=100)
    assert first == bootstrap_interval(*given, seed=3, n_draws=100)
    assert first != bootstrap_interval(*given, seed=4, n_draws=100)


def test_one_patient_has_no_interval():
    found = bootstrap_interval([1.0, 0.0], [True, False], ["A", "A"])
    assert found.value == 1.0
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        names, scores, labels = [], [], []
        for k in range(20):
            for label in (True, False) * 4:
                names.append(str(k))
                labels.append(label)
                scores.append(rng.normal(1.0 if label else 0.0))
        found = bootstrap_interval(scores, labels, names, n_draws=200)
        covered += found.low <= 0.7602 <= found.high  # Phi(1/sqrt 2)
    assert 50 <= covered <= 60


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_score_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="finite"):
        bootstrap_interval([1.0, bad], [True, False], ["A", "B"])


def test_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="one entry"):
        bootstrap_interval([1.0], [True, False], ["A", "B"])


def test_patients_count_the_same_whatever_their_number_of_places():
    flags = [True] + [False] * 99
    patients = ["A"] + ["B"] * 99
    rate = patient_rate([(flags, patients)])
    assert rate is not None
    assert rate.value == 0.5
    assert (rate.low, rate.high) == clopper_pearson(1.0, 2)
    assert (rate.n, rate.n_patients) == (100, 2)


def test_none_flagged_in_thirteen_patients_leaves_a_quarter_open():
    patients = [f"P{i % 13}" for i in range(1300)]
    rate = patient_rate([([False] * 1300, patients)])
    assert rate is not None
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(0.247, abs=5e-4)


def test_share_of_a_patient_is_the_mean_over_attacks():
    first = ([True, True, True, False], ["A", "A", "A", "B"])
    second = ([False, True], ["A", "B"])
    rate = patient_rate([first, second])
    assert rate is not None
    assert rate.value == 0.5
    assert rate.n == 6
    assert patient_rate([]) is None
    assert patient_rate([([], [])]) is None
    sure = patient_rate([([True] * 3, ["A", "B", "C"])])
    assert sure is not None
    assert sure.value == sure.high == 1.0


@pytest.mark.parametrize("alike", [0.3, 3.0, 30.0])
def test_interval_holds_the_true_rate_where_patients_differ(alike):
    # Patients have rates of their own (beta, mean 0.1), each ten places.
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        rates = rng.beta(0.1 * alike, 0.9 * alike, 12)
        flags = rng.random((12, 10)) < rates[:, None]
        patients = [f"P{i}" for i in range(12) for _ in range(10)]
        found = patient_rate([(flags.ravel().tolist(), patients)])
        assert found is not None
        held += found.low <= 0.1 <= found.high
    assert held >= 0.95 * 400
