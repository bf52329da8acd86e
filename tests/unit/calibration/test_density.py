"""The benign density: two-sided, tissue by tissue, centred on the scan itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.calibration.density import (
    BenignDensity,
    centred_on,
    fit_density,
    series_reference,
)
from btd_desktop.errors import CalibrationError

MIX = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.3, 0.9]])


def places(
    n: int, seed: int = 0, air: float = 0.3
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    aerated = (rng.random(n) < air).astype(np.float64)
    features = rng.standard_normal((n, 3)) @ MIX.T
    features[aerated > 0.5] *= 3.0
    return features, aerated


def test_score_is_minus_log10_of_the_share_of_genuine_places_of_the_tissue() -> None:
    density = fit_density(*places(4000))
    features, aerated = places(4000, seed=1)
    scores = density.scores(features, aerated)
    assert float(scores.min()) >= 0.0
    for tissue in (0.0, 1.0):
        own = scores[aerated == tissue]
        for share in (0.5, 0.1, 0.02):
            assert float(np.mean(own > -np.log10(share))) == pytest.approx(
                share, rel=0.35
            )


def test_score_rises_on_beyond_all_genuine_places() -> None:
    density = fit_density(*places(4000))
    far = np.array([10.0, 20.0, 40.0])[:, None] * np.ones((1, 3))
    scores = density.scores(far, np.zeros(3))
    assert np.all(np.diff(scores) > 0.5)
    assert np.isfinite(scores).all()


def test_score_is_two_sided_in_every_feature() -> None:
    density = fit_density(*places(4000))
    solid = np.zeros(1)
    ordinary = float(density.scores(np.full((1, 3), 0.5), solid)[0])
    for k in range(3):
        for sign in (-1.0, 1.0):
            odd = np.zeros((1, 3))
            odd[0, k] = 6.0 * sign
            assert float(density.scores(odd, solid)[0]) > ordinary + 1.0


def test_unusual_combination_of_ordinary_values_scores_high() -> None:
    density = fit_density(*places(4000))
    solid = np.zeros(1)
    along = density.scores(np.array([[1.5, 1.5, 0.0]]), solid)[0]
    across = density.scores(np.array([[1.5, -1.5, 0.0]]), solid)[0]
    assert float(across) > float(along) + 0.5


def test_what_is_odd_for_solid_tissue_is_ordinary_for_lung() -> None:
    density = fit_density(*places(6000))
    features = np.array([[4.0, 3.2, 1.0]])
    solid, air = (float(density.scores(features, np.array([a]))[0]) for a in (0, 1))
    assert solid > air + 1.0


def test_log_distance_is_mahalanobis() -> None:
    features, aerated = places(3000, air=0.0)
    stratum = fit_density(features, aerated).strata[0]
    sample = features[:5]
    expected = np.diag(
        (sample - stratum.mean) @ stratum.precision @ (sample - stratum.mean).T
    )
    np.testing.assert_allclose(np.exp(stratum.log_distance(sample)), expected)
    covariance = np.linalg.inv(stratum.precision)
    np.testing.assert_allclose(covariance, MIX @ MIX.T, atol=0.12)


def test_score_alone_equals_score_among_others_to_the_bit() -> None:
    density = fit_density(*places(4000))
    features, aerated = places(500, seed=2)
    together = density.scores(features, aerated)
    alone = [
        density.scores(features[i : i + 1], aerated[i : i + 1])[0] for i in range(500)
    ]
    np.testing.assert_array_equal(together, alone)


def test_centring_removes_the_offset_of_a_series() -> None:
    features, aerated = places(2000)
    offset = np.array([5.0, -3.0, 0.7])
    plain = centred_on(series_reference(features, aerated), features, aerated)
    shifted = features + offset
    moved = centred_on(series_reference(shifted, aerated), shifted, aerated)
    # The reference is shrunk by N / (N + 20); about 600 places are aerated.
    assert float(np.abs(moved - plain).max()) < 5.0 * 20.0 / 600.0


def test_tampered_spot_does_not_move_its_own_reference() -> None:
    features, aerated = places(2000)
    spoilt = features.copy()
    spoilt[:20] += 50.0
    before, after = (series_reference(f, aerated) for f in (features, spoilt))
    assert float(np.abs(after - before).max()) < 0.1


def test_reference_of_few_places_is_shrunk_and_of_none_is_zero() -> None:
    features = np.full((5, 3), 2.0)
    reference = series_reference(features, np.zeros(5))
    np.testing.assert_allclose(reference[0], 2.0 * 5 / 25)
    np.testing.assert_array_equal(reference[1], 0.0)
    np.testing.assert_array_equal(series_reference(features[:0], np.zeros(0)), 0.0)


def test_missing_tissue_takes_the_others_density() -> None:
    features, aerated = places(1000, air=0.0)
    density = fit_density(features, aerated)
    assert density.strata[0] is density.strata[1]
    sample = features[:3]
    np.testing.assert_array_equal(
        density.scores(sample, np.zeros(3)), density.scores(sample, np.ones(3))
    )


def test_too_few_places_are_refused() -> None:
    with pytest.raises(CalibrationError) as caught:
        fit_density(*places(250, air=0.5))
    assert caught.value.code == "too_few"


def test_constant_feature_gives_finite_scores() -> None:
    features, aerated = places(1000, air=0.0)
    features[:, 1] = 0.0
    density = fit_density(features, aerated)
    assert np.isfinite(density.scores(features, aerated)).all()


def test_json_gives_the_same_scores_to_the_bit() -> None:
    density = fit_density(*places(3000))
    again = BenignDensity.from_json(json.loads(json.dumps(density.to_json())))
    features, aerated = places(300, seed=3)
    np.testing.assert_array_equal(
        again.scores(features, aerated), density.scores(features, aerated)
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mean", [0.0, 0.0]),
        ("mean", [0.0, 0.0, float("nan")]),
        ("precision", [[1.0]]),
        ("knots", [0.0, float("nan")]),
        ("distances", [1.0]),
        ("distances", [2.0, 1.0]),
    ],
)
def test_json_that_is_no_density_is_refused(key: str, value: object) -> None:
    document = fit_density(*places(3000)).to_json()
    document[0][key] = value
    with pytest.raises(ValueError, match=r"mean|usable|knots"):
        BenignDensity.from_json(document)
