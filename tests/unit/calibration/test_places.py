"""Places judged by themselves: the larger of anomaly and copy surprise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from btd_desktop.calibration.apply import calibrate_place, copy_surprise
from btd_desktop.calibration.fit import fit_profile
from btd_desktop.calibration.places import copy_scale, flatten, place_scores
from btd_desktop.calibration.profile import CalibrationProfile, profile_from_json
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.errors import CalibrationError
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.features import GridFeatures
from tests.unit.calibration.samples import (
    header,
    profile_of,
    searched,
    series_of,
)

COVERED = Scope(Coverage.COVERED, ())
NOT = Scope(Coverage.NOT, ("the model is another",))


@pytest.fixture(scope="module")
def profile() -> CalibrationProfile:
    return profile_of(5, copies=True)


@pytest.fixture(scope="module")
def slices() -> tuple[GridFeatures, ...]:
    return series_of("new", 321, n_slices=4).slices


def place_of(slices: tuple[GridFeatures, ...]) -> GridFeatures:
    own = slices[1]
    arrays = (own.injection, own.removal, own.features, own.aerated)
    return GridFeatures(own.rows[6:7], own.columns[7:8], *(a[6:7, 7:8] for a in arrays))


def match(strength: float) -> NoiseCopy:
    return NoiseCopy(strength, 0.5, 1, 0, 40, 40, side_px=32)


def test_profile_of_searched_series_has_a_level_of_places(
    profile: CalibrationProfile,
) -> None:
    level = profile.levels["anomaly"]["place"]
    assert (level.ecdf.n, level.n_patients) == (5 * 30, 5)
    assert level.threshold is not None
    assert level.interval is not None
    assert profile.copies is not None
    for kind in ("injection", "removal"):
        assert "place" not in profile.levels[kind]


def test_searched_copies_change_nothing_but_the_level_of_places(
    profile: CalibrationProfile,
) -> None:
    plain = profile_of(5).to_json()
    with_copies = profile.to_json()
    with_copies["levels"]["anomaly"].pop("place")
    assert with_copies.pop("copies") is not None
    assert plain.pop("copies") is None
    assert with_copies == plain


@pytest.mark.parametrize("fpr", [0.5, 0.05])
def test_place_scores_are_the_larger_surprise_on_the_scale_of_the_others(
    fpr: float,
) -> None:
    places = [flatten(searched(series_of(f"p{i}", i), i, 60)) for i in range(3)]
    anomaly = [
        np.random.default_rng(i).exponential(0.4, len(p.aerated))
        for i, p in enumerate(places)
    ]
    found = place_scores(places, anomaly, fpr)
    assert set(found) == {"p0", "p1", "p2"}
    for i, own in enumerate(places):
        scale = copy_scale([p for k, p in enumerate(places) if k != i])
        assert scale is not None
        copied = scale.surprise(own.strength)
        # An ordinary best match, which every place has, counts for nothing.
        copied[copied <= -np.log10(fpr)] = 0.0
        both = np.maximum(anomaly[i][own.copied], copied)
        np.testing.assert_array_equal(found[f"p{i}"], both)
        # Each of the two is the larger one somewhere.
        assert fpr < 0.5 or 0.0 < float(np.mean(both > copied)) < 1.0


def test_searched_places_are_found_again_in_the_flat_list() -> None:
    series = searched(series_of("p", 4), 4)
    flat = flatten(series)
    for copy, at, log in zip(series.copies, flat.copied, flat.strength, strict=True):
        (index, *at_grid), strength = copy
        own, where = series.slices[index], tuple(at_grid)
        assert flat.slice_index[at] == index
        assert flat.injection[at] == own.injection[where]
        assert flat.removal[at] == own.removal[where]
        assert float(np.exp(log)) == pytest.approx(strength)


def test_series_that_was_not_searched_has_no_place_scores() -> None:
    places = [flatten(series_of("p0", 0))]
    places += [flatten(searched(series_of(f"p{i}", i), i, 70)) for i in (1, 2, 3)]
    found = place_scores(places, [np.zeros(len(p.aerated)) for p in places], 0.05)
    assert set(found) == {"p1", "p2", "p3"}
    assert all(len(scores) == 70 for scores in found.values())


def test_too_few_searched_places_give_no_level_of_places() -> None:
    series = [searched(series_of(f"p{i}", i), i, 33) for i in range(3)]
    few = fit_profile(series, header(), 0.05)
    assert few.copies is None
    assert "place" not in few.levels["anomaly"]
    series[0] = searched(series_of("p0", 0), 0, 34)
    assert "place" in fit_profile(series, header(), 0.05).levels["anomaly"]


def test_copies_of_the_background_do_not_count() -> None:
    series = [series_of(f"p{i}", i) for i in range(3)]
    behind = [searched(series_of("b", 9), 9, 200)]
    assert fit_profile(series, header(), 0.05, background=behind).copies is None


def test_background_widens_the_density_and_enters_no_distribution() -> None:
    series = [series_of(f"p{i}", i) for i in range(3)]
    behind = [series_of("b", 9, spread=1.5, manufacturer="NOBODY")]
    plain = fit_profile(series, header(), 0.05)
    widened = fit_profile(series, header(), 0.05, background=behind)
    assert widened.density.alone.strata[0].n > plain.density.alone.strata[0].n
    assert (widened.n_patients, widened.n_slices) == (3, 24)
    assert widened.scanners == plain.scanners
    assert widened.evidence == plain.evidence
    level = widened.levels["anomaly"]["patch"]
    assert level.ecdf.n == plain.levels["anomaly"]["patch"].ecdf.n
    assert not np.array_equal(
        level.ecdf.scores, plain.levels["anomaly"]["patch"].ecdf.scores
    )
    np.testing.assert_array_equal(
        widened.levels["injection"]["patch"].ecdf.scores,
        plain.levels["injection"]["patch"].ecdf.scores,
    )


def test_strong_copy_takes_over_the_anomaly_score_of_its_place(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    place = place_of(slices)
    plain = calibrate_place(profile, COVERED, place, slices)
    found = calibrate_place(profile, COVERED, place, slices, match(20.0))
    level = profile.levels["anomaly"]["place"]
    value = found["anomaly"]
    assert value.score == copy_surprise(profile, match(20.0)) > 3.0
    assert value.score > plain["anomaly"].score
    assert value.n == level.ecdf.n
    assert value.threshold == level.threshold
    assert value.p_value == level.ecdf.p_value(value.score) == level.ecdf.smallest_p
    assert value.flagged is True
    # The paper's scores know nothing of copies.
    assert {k: found[k] for k in ("injection", "removal")} == {
        k: plain[k] for k in ("injection", "removal")
    }


def test_weak_copy_leaves_the_score_and_ranks_it_among_searched_places(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    place = place_of(slices)
    plain = calibrate_place(profile, COVERED, place, slices)["anomaly"]
    value = calibrate_place(profile, COVERED, place, slices, match(3.0))["anomaly"]
    assert value.score == plain.score
    assert value.n == profile.levels["anomaly"]["place"].ecdf.n
    assert plain.n == profile.levels["anomaly"]["patch"].ecdf.n
    assert value.n != plain.n
    assert value.p_value == profile.levels["anomaly"]["place"].ecdf.p_value(plain.score)


def test_profile_that_does_not_know_copies_judges_by_the_patch(
    slices: tuple[GridFeatures, ...],
) -> None:
    profile, place = profile_of(4), place_of(slices)
    plain = calibrate_place(profile, COVERED, place, slices)
    assert calibrate_place(profile, COVERED, place, slices, match(30.0)) == plain
    assert copy_surprise(profile, match(30.0)) == 0.0


def test_copy_at_a_place_that_is_not_covered_has_a_score_and_no_p_value(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    value = calibrate_place(profile, NOT, place_of(slices), slices, match(20.0))
    assert value["anomaly"].score > 3.0
    assert value["anomaly"].p_value is None
    assert value["anomaly"].flagged is None


def test_surprise_of_a_copy_rises_with_its_strength(
    profile: CalibrationProfile,
) -> None:
    strengths = (0.0, 4.0, 5.2, 5.5, 6.0, 8.0, 30.0)
    found = [copy_surprise(profile, match(s)) for s in strengths]
    assert found == sorted(found)
    assert found[:2] == [0.0, 0.0]
    # Half of genuine places lie beyond 5 + 0.4 * 0.67.
    assert copy_surprise(profile, match(5.27)) == pytest.approx(0.30, abs=0.12)


def test_profile_with_places_survives_its_json(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    value = json.loads(json.dumps({"digest": profile.digest, **profile.to_json()}))
    again = profile_from_json(value, "file")
    assert again.digest == profile.digest
    for strength in (3.0, 5.5, 20.0):
        copy = match(strength)
        assert calibrate_place(
            again, COVERED, place_of(slices), slices, copy
        ) == calibrate_place(profile, COVERED, place_of(slices), slices, copy)


def _without_scale(value: dict[str, Any]) -> None:
    value["copies"] = None


def _without_places(value: dict[str, Any]) -> None:
    del value["levels"]["anomaly"]["place"]


@pytest.mark.parametrize("edit", [_without_scale, _without_places])
def test_scale_of_copies_and_level_of_places_go_together(
    profile: CalibrationProfile, edit: Callable[[dict[str, Any]], None]
) -> None:
    value = json.loads(json.dumps(profile.to_json()))
    edit(value)
    with pytest.raises(CalibrationError, match="go together") as caught:
        profile_from_json(value, "file")
    assert caught.value.code == "profile"


def lone(series: GridFeatures) -> GridFeatures:
    features = series.features.copy()
    features[..., -4:] = np.nan
    return replace(series, features=features)


def test_slices_without_neighbours_calibrate_and_are_calibrated() -> None:
    mixed = [series_of(f"p{i}", i) for i in range(4)]
    mixed = [
        replace(s, slices=(lone(s.slices[0]), *s.slices[1:-1], lone(s.slices[-1])))
        for s in mixed
    ]
    profile = fit_profile(mixed, header(), 0.05)
    assert profile.n_patches == 4 * 8 * 70
    assert np.isfinite(profile.levels["anomaly"]["patch"].ecdf.scores).all()
    new = series_of("new", 50).slices
    for slices in (new, (lone(new[0]),), tuple(map(lone, new))):
        found = calibrate_place(profile, COVERED, place_of((new[0], *slices)), slices)
        assert np.isfinite(found["anomaly"].score)
