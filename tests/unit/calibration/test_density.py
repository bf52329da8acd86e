"""The benign density: two-sided, tissue by tissue, centred on the scan itself."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.calibration.density import (
    BenignDensity,
    View,
    _log_distance,
    fit_density,
)
from btd_desktop.calibration.reference import (
    centred_on,
    ordinary_spreads,
    series_reference,
)
from btd_desktop.errors import CalibrationError
from btd_desktop.strict_json import plain_json, record_from_json

MIX = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.0, 0.3, 0.9]])
ALONE = (0, 1)  # the third feature needs a neighbouring slice


def places(
    n: int, seed: int = 0, air: float = 0.3
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    aerated = (rng.random(n) < air).astype(np.float64)
    features = rng.standard_normal((n, 3)) @ MIX.T
    features[aerated > 0.5] *= 3.0
    return features, aerated


def fitted(
    features: NDArray[np.float64], aerated: NDArray[np.float64]
) -> BenignDensity:
    return fit_density(features, aerated, ALONE)


def whole_of(density: BenignDensity) -> View:
    assert density.whole is not None
    return density.whole


def without_neighbours(features: NDArray[np.float64]) -> NDArray[np.float64]:
    lone = features.copy()
    lone[:, 2] = np.nan
    return lone


@pytest.mark.parametrize("lone", [False, True])
def test_score_is_minus_log10_of_the_share_of_genuine_places_of_the_tissue(
    lone: bool,
) -> None:
    density = fitted(*places(4000))
    features, aerated = places(4000, seed=1)
    if lone:
        features = without_neighbours(features)
    scores = density.scores(features, aerated)
    assert float(scores.min()) >= 0.0
    for tissue in (0.0, 1.0):
        own = scores[aerated == tissue]
        for share in (0.5, 0.1, 0.02):
            assert float(np.mean(own > -np.log10(share))) == pytest.approx(
                share, rel=0.35
            )


def test_score_rises_on_beyond_all_genuine_places() -> None:
    density = fitted(*places(4000))
    far = np.array([10.0, 20.0, 40.0])[:, None] * np.ones((1, 3))
    scores = density.scores(far, np.zeros(3))
    assert np.all(np.diff(scores) > 0.5)
    assert np.isfinite(scores).all()


def test_score_is_two_sided_in_every_feature() -> None:
    density = fitted(*places(4000))
    solid = np.zeros(1)
    ordinary = float(density.scores(np.full((1, 3), 0.5), solid)[0])
    for k in range(3):
        for sign in (-1.0, 1.0):
            odd = np.zeros((1, 3))
            odd[0, k] = 6.0 * sign
            assert float(density.scores(odd, solid)[0]) > ordinary + 1.0


def test_unusual_combination_of_ordinary_values_scores_high() -> None:
    density = fitted(*places(4000))
    solid = np.zeros(1)
    along = density.scores(np.array([[1.5, 1.5, 0.0]]), solid)[0]
    across = density.scores(np.array([[1.5, -1.5, 0.0]]), solid)[0]
    assert float(across) > float(along) + 0.5


def test_what_is_odd_for_solid_tissue_is_ordinary_for_lung() -> None:
    density = fitted(*places(6000))
    features = np.array([[4.0, 3.2, 1.0]])
    solid, air = (float(density.scores(features, np.array([a]))[0]) for a in (0, 1))
    assert solid > air + 1.0


def test_log_distance_is_mahalanobis() -> None:
    features, aerated = places(3000, air=0.0)
    stratum = whole_of(fitted(features, aerated)).strata[0]
    sample = features[:5]
    expected = np.diag(
        (sample - stratum.mean) @ stratum.precision @ (sample - stratum.mean).T
    )
    logs = _log_distance(sample, stratum.mean, stratum.precision)
    np.testing.assert_allclose(np.exp(logs), expected)
    covariance = np.linalg.inv(stratum.precision)
    np.testing.assert_allclose(covariance, MIX @ MIX.T, atol=0.12)


def test_score_alone_equals_score_among_others_to_the_bit() -> None:
    # As many features as a detector of three noise levels has.
    features, aerated = places(3000)
    rng = np.random.default_rng(4)
    features = np.concatenate([rng.standard_normal((3000, 18)), features], axis=1)
    density = fit_density(features, aerated, range(15))
    sample, air = features[:400].copy(), aerated[:400]
    sample[::3, 15:] = np.nan
    together = density.scores(sample, air)
    alone = [density.scores(sample[i : i + 1], air[i : i + 1])[0] for i in range(400)]
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
    spreads = ordinary_spreads([(features, aerated)])
    before, after = (series_reference(f, aerated, spreads) for f in (features, spoilt))
    assert float(np.abs(after.median - before.median).max()) < 0.1
    assert float(np.abs(after.scale - before.scale).max()) < 0.1


def test_series_that_scatters_more_widely_is_its_own_measure() -> None:
    features, aerated = places(6000)
    spreads = ordinary_spreads([(features, aerated)])
    wide = 1.8 * features
    plain, scaled = (
        centred_on(series_reference(f, aerated, spreads), f, aerated)
        for f in (features, wide)
    )
    # The scale is shrunk by N / (N + 100); some 1,800 places are aerated.
    assert float(np.abs(scaled / plain - 1.0).max()) < 0.05
    # A profile that knows no ordinary spread leaves it as it is, to the bit.
    old = series_reference(wide, aerated)
    np.testing.assert_array_equal(old.scale, 1.0)
    kept = centred_on(old, wide, aerated)
    solid = aerated < 0.3
    np.testing.assert_array_equal(kept[solid], (wide - old.median[0])[solid])


def test_spread_of_few_places_counts_little_and_has_its_bounds() -> None:
    features, aerated = places(3000, air=0.0)
    spreads = ordinary_spreads([(features, aerated), (features[:50], aerated[:50])])
    few = series_reference(3.0 * features[:5], aerated[:5], spreads)
    assert float(np.abs(np.log(few.scale)).max()) < np.log(4.0) * 5 / 105 + 1e-9
    wild = series_reference(1e6 * features, aerated, spreads)
    assert float(wild.scale.max()) <= 4.0
    flat = series_reference(np.zeros_like(features), aerated, spreads)
    assert float(flat.scale.min()) >= 0.25
    # Of tissues and features that no series shows, nothing is ordinary.
    np.testing.assert_array_equal(spreads[1:], 1.0)
    nothing = series_reference(features[:0], aerated[:0], spreads)
    np.testing.assert_array_equal(nothing.scale, 1.0)


def test_ordinary_spreads_are_read_back_and_those_of_others_refused() -> None:
    features, aerated = places(3000)
    spreads = ordinary_spreads([(features, aerated)])
    density = fit_density(features, aerated, ALONE, spreads)
    again = again_of(density)
    np.testing.assert_array_equal(again.spreads, spreads)
    told, read = (
        series_reference(features, aerated, d.spreads) for d in (density, again)
    )
    np.testing.assert_array_equal(told.scale, read.scale)
    assert "spreads" not in plain_json(fit_density(features, aerated, ALONE))
    for wrong in (spreads[:, 1:], -spreads, np.full_like(spreads, np.inf)):
        with pytest.raises(ValueError, match="ordinary spreads"):
            replace(density, spreads=wrong)


def test_reference_of_few_places_is_shrunk_and_of_none_is_zero() -> None:
    features = np.full((5, 3), 2.0)
    reference = series_reference(features, np.zeros(5))
    np.testing.assert_allclose(reference.median[0], 2.0 * 5 / 25)
    np.testing.assert_array_equal(reference.median[1], 0.0)
    of_none = series_reference(features[:0], np.zeros(0))
    np.testing.assert_array_equal(of_none.median, 0.0)


def test_missing_tissue_takes_the_others_density() -> None:
    features, aerated = places(1000, air=0.0)
    density = fitted(features, aerated)
    for view in (whole_of(density), density.alone):
        assert view.strata[0] is view.strata[1] is view.strata[2]
    for sample in (features[:3], without_neighbours(features[:3])):
        np.testing.assert_array_equal(
            density.scores(sample, np.zeros(3)), density.scores(sample, np.ones(3))
        )


def test_too_few_places_are_refused() -> None:
    with pytest.raises(CalibrationError) as caught:
        fitted(*places(250, air=0.5))
    assert caught.value.code == "too_few"


def test_constant_feature_gives_finite_scores() -> None:
    features, aerated = places(1000, air=0.0)
    features[:, 1] = 0.0
    density = fitted(features, aerated)
    assert np.isfinite(density.scores(features, aerated)).all()


def again_of(density: BenignDensity) -> BenignDensity:
    return record_from_json(BenignDensity, json.loads(json.dumps(plain_json(density))))


def test_json_gives_the_same_scores_to_the_bit() -> None:
    density = fitted(*places(3000))
    again = again_of(density)
    features, aerated = places(300, seed=3)
    features[::2] = without_neighbours(features[::2])
    np.testing.assert_array_equal(
        again.scores(features, aerated), density.scores(features, aerated)
    )


@pytest.mark.parametrize("view", ["whole", "alone"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mean", [0.0]),
        ("mean", [0.0, 0.0, float("nan")]),
        ("precision", [[1.0]]),
        ("knots", [0.0, float("nan")]),
        ("distances", [1.0]),
        ("distances", [2.0, 1.0]),
    ],
)
def test_json_that_is_no_density_is_refused(view: str, key: str, value: object) -> None:
    document = plain_json(fitted(*places(3000)))
    document[view]["strata"][0][key] = value
    with pytest.raises(ValueError, match=r"mean|usable|knots"):
        record_from_json(BenignDensity, document)


@pytest.mark.parametrize(
    ("view", "columns"),
    [
        ("alone", []),
        ("alone", [1, 0]),
        ("alone", [1, 1]),
        ("alone", [-1, 0]),
        ("alone", [0, 3]),
        ("alone", [[0, 1]]),
        ("alone", [0]),
        ("alone", [0, 1, 2]),
        ("whole", [0, 1]),
        ("whole", [0, 1, 3]),
    ],
)
def test_json_with_columns_that_its_features_lack_is_refused(
    view: str, columns: list[Any]
) -> None:
    document = plain_json(fitted(*places(3000)))
    document[view]["columns"] = columns
    with pytest.raises(ValueError, match="columns"):
        record_from_json(BenignDensity, document)


def test_json_whose_whole_density_lacks_a_feature_is_refused() -> None:
    document = plain_json(fitted(*places(3000)))
    document["whole"] = document["alone"]
    with pytest.raises(ValueError, match="every feature"):
        record_from_json(BenignDensity, document)


@pytest.mark.parametrize("n_strata", [0, 2, 4])
def test_json_with_another_number_of_tissues_is_refused(n_strata: int) -> None:
    document = plain_json(fitted(*places(3000)))
    strata = document["alone"]["strata"]
    document["alone"]["strata"] = [*strata, *strata][:n_strata]
    with pytest.raises(ValueError, match="length 3"):
        record_from_json(BenignDensity, document)


def test_place_without_neighbours_is_judged_by_what_it_has() -> None:
    density = fitted(*places(4000))
    features, aerated = places(400, seed=5)
    lone = without_neighbours(features)
    by_itself = fit_density(places(4000)[0][:, :2], places(4000)[1], (0, 1))
    np.testing.assert_array_equal(
        density.scores(lone, aerated), by_itself.scores(features[:, :2], aerated)
    )
    assert np.isfinite(density.scores(lone, aerated)).all()
    # Places of both kinds at once: each as among its own.
    mixed = np.where(np.arange(400)[:, None] % 2 == 0, features, lone)
    expected = np.where(
        np.arange(400) % 2 == 0,
        density.scores(features, aerated),
        density.scores(lone, aerated),
    )
    np.testing.assert_array_equal(density.scores(mixed, aerated), expected)


def test_oddness_of_a_missing_feature_cannot_be_seen() -> None:
    density = fitted(*places(4000))
    odd = np.array([[0.0, 0.0, 8.0]])
    solid = np.zeros(1)
    assert float(density.scores(odd, solid)[0]) > 3.0
    assert float(density.scores(without_neighbours(odd), solid)[0]) < 0.5


def test_genuine_places_without_neighbours_enter_only_the_density_of_their_kind() -> (
    None
):
    features, aerated = places(4000)
    more, more_aerated = places(1000, seed=8)
    both = np.concatenate([features, without_neighbours(more * 2.0)])
    air = np.concatenate([aerated, more_aerated])
    density, plain = fitted(both, air), fitted(features, aerated)
    own, other = (plain_json(whole_of(d).strata[0]) for d in (density, plain))
    assert own == other
    assert density.alone.strata[0].n == plain.alone.strata[0].n + int(
        (more_aerated == 0).sum()
    )


def test_single_slices_only_give_no_whole_density() -> None:
    features, aerated = places(1000, air=0.0)
    density = fitted(without_neighbours(features), aerated)
    assert density.whole is None
    again = again_of(density)
    assert again.whole is None
    # A place with neighbours can then be judged only as one without.
    np.testing.assert_array_equal(
        again.scores(features, aerated),
        density.scores(without_neighbours(features), aerated),
    )


def test_reference_of_a_rare_feature_counts_the_places_that_have_it() -> None:
    features = np.full((100, 3), 2.0)
    features[5:, 2] = np.nan
    reference = series_reference(features, np.zeros(100))
    np.testing.assert_allclose(
        reference.median[0], [2.0 * 100 / 120] * 2 + [2.0 * 5 / 25]
    )
    features[:, 2] = np.nan
    reference = series_reference(features, np.zeros(100))
    np.testing.assert_allclose(reference.median[0], [2.0 * 100 / 120] * 2 + [0.0])
