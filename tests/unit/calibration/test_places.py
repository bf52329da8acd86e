"""Places judged by themselves: the larger of anomaly and copy surprise."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET

from btd_desktop.calibration.apply import calibrate_place
from btd_desktop.calibration.fit import fit_profile
from btd_desktop.calibration.places import flatten, place_scores
from btd_desktop.calibration.profile import CalibrationProfile, profile_from_json
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.errors import CalibrationError
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.features import GridFeatures
from tests.unit.calibration.samples import (
    header,
    older,
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


def match(surprise: float | None) -> NoiseCopy:
    return NoiseCopy(6.0, 0.5, 1, 0, 40, 40, surprise, side_px=32)


def test_profile_of_searched_series_has_a_level_of_places(
    profile: CalibrationProfile,
) -> None:
    level = profile.levels["anomaly"]["place"]
    assert (level.ecdf.n, level.n_patients) == (5 * 30, 5)
    assert level.threshold is not None
    assert level.interval is not None
    assert profile.copies is None
    for kind in ("injection", "removal"):
        assert "place" not in profile.levels[kind]


def test_searched_copies_change_nothing_but_the_level_of_places(
    profile: CalibrationProfile,
) -> None:
    plain = profile_of(5).to_json()
    with_copies = profile.to_json()
    with_copies["levels"]["anomaly"].pop("place")
    assert with_copies == plain


def test_place_scores_are_the_larger_surprise() -> None:
    places = [flatten(searched(series_of(f"p{i}", i), i, 400)) for i in range(3)]
    anomaly = [
        np.random.default_rng(i).exponential(0.4, len(p.aerated))
        for i, p in enumerate(places)
    ]
    found = place_scores(places, anomaly, "place")
    assert set(found) == {"p0", "p1", "p2"}
    raised = 0
    for i, own in enumerate(places):
        searched_at = own.searched["place"]
        copied = searched_at.surprise.copy()
        # An ordinary best match, which every place has, counts for nothing.
        copied[copied <= 3.0] = 0.0
        both = np.maximum(anomaly[i][searched_at.at], copied)
        np.testing.assert_array_equal(found[f"p{i}"], both)
        raised += int((both > anomaly[i][searched_at.at]).sum())
    assert 0 < raised < 12


def test_searched_places_are_found_again_in_the_flat_list() -> None:
    series = searched(series_of("p", 4), 4)
    flat = flatten(series)
    kept = flat.searched["place"]
    assert flat.searched["structure"].at.size == 0
    for copy, at, own in zip(series.copies, kept.at, kept.surprise, strict=True):
        (index, *at_grid), surprise = copy
        grid, where = series.slices[index], tuple(at_grid)
        assert flat.slice_index[at] == index
        assert flat.injection[at] == grid.injection[where]
        assert flat.removal[at] == grid.removal[where]
        assert own == surprise


def test_series_that_was_not_searched_has_no_place_scores() -> None:
    places = [flatten(series_of("p0", 0))]
    places += [flatten(searched(series_of(f"p{i}", i), i, 70)) for i in (1, 2, 3)]
    found = place_scores(places, [np.zeros(len(p.aerated)) for p in places], "place")
    assert set(found) == {"p1", "p2", "p3"}
    assert all(len(scores) == 70 for scores in found.values())


def test_too_few_searched_patients_give_no_level_of_places() -> None:
    series = [searched(series_of(f"p{i}", i), i) for i in range(2)]
    series.append(series_of("p2", 2))
    assert "place" not in fit_profile(series, header(), 0.05).levels["anomaly"]
    series[2] = searched(series[2], 2)
    assert "place" in fit_profile(series, header(), 0.05).levels["anomaly"]


def test_copies_of_the_background_do_not_count() -> None:
    series = [series_of(f"p{i}", i) for i in range(3)]
    behind = [searched(series_of("b", 9), 9, 200)]
    profile = fit_profile(series, header(), 0.05, background=behind)
    assert "place" not in profile.levels["anomaly"]


def test_background_widens_the_density_and_enters_no_distribution() -> None:
    series = [series_of(f"p{i}", i) for i in range(3)]
    behind = [series_of("b", 9, spread=1.5, manufacturer="NOBODY")]
    plain = fit_profile(series, header(), 0.05)
    widened = fit_profile(series, header(), 0.05, background=behind)
    assert widened.density is not None
    assert plain.density is not None
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
    assert value.score == 20.0
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
    value = calibrate_place(profile, COVERED, place, slices, match(2.9))["anomaly"]
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


def test_copy_at_a_place_that_is_not_covered_has_a_score_and_no_p_value(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    value = calibrate_place(profile, NOT, place_of(slices), slices, match(20.0))
    assert value["anomaly"].score > 3.0
    assert value["anomaly"].p_value is None
    assert value["anomaly"].flagged is None


def test_place_on_a_structure_is_ranked_among_structures(
    slices: tuple[GridFeatures, ...],
) -> None:
    series = [searched(series_of(f"p{i}", i), i) for i in range(4)]
    plain = fit_profile(series, header(), 0.05)
    both = fit_profile(
        [searched(s, 9, 12, to="structures") for s in series], header(), 0.05
    )
    assert list(both.levels["anomaly"])[-2:] == ["place", "structure"]
    assert both.levels["anomaly"]["structure"].ecdf.n == 4 * 12
    place, copy = place_of(slices), match(0.1)
    for profile, on_structure, level in (
        (both, True, "structure"),
        (both, False, "place"),
        (plain, True, "place"),
    ):
        value = calibrate_place(
            profile, COVERED, place, slices, copy, on_structure=on_structure
        )["anomaly"]
        assert value.level == level
        known = profile.levels["anomaly"][level]
        assert value.p_value == known.ecdf.p_value(value.score)
        assert value.threshold == known.threshold
    value = json.loads(json.dumps(both.to_json()))
    assert profile_from_json(value, "file").digest == both.digest


def test_copy_of_which_too_little_can_be_searched_counts_for_nothing(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    place = place_of(slices)
    unknown = calibrate_place(profile, COVERED, place, slices, match(None))
    assert unknown == calibrate_place(profile, COVERED, place, slices, match(0.0))


def test_place_that_was_chosen_for_its_score_is_not_ranked(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    place, copy = place_of(slices), match(20.0)
    plain = calibrate_place(profile, COVERED, place, slices, copy)
    found = calibrate_place(profile, COVERED, place, slices, copy, chosen=True)
    for kind, value in found.items():
        assert value.score == plain[kind].score
        assert value.chosen is True
        assert (value.p_value, value.threshold, value.flagged) == (None, None, None)
        assert value.is_consistent
        # A crafted case cannot say both.
        assert not replace(value, p_value=0.01).is_consistent


def test_older_profile_judges_copies_by_its_own_places_and_counts_scores(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    old, place = older(profile), place_of(slices)
    strong = replace(match(None), strength=20.0)
    value = calibrate_place(old, COVERED, place, slices, strong)["anomaly"]
    assert value.score > 3.0
    assert value.p_value == 1 / (value.n + 1)
    assert value.smallest_p is UNSET
    weak = replace(match(20.0), strength=5.0)
    found = calibrate_place(old, COVERED, place, slices, weak)["anomaly"]
    assert found.score == calibrate_place(old, COVERED, place, slices)["anomaly"].score
    assert old.to_json()["format"] == 3
    assert profile_from_json(old.to_json(), "file").digest == old.digest


def test_profile_with_places_survives_its_json(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    value = json.loads(json.dumps({"digest": profile.digest, **profile.to_json()}))
    again = profile_from_json(value, "file")
    assert again.digest == profile.digest
    for surprise in (2.9, 3.1, 20.0):
        copy = match(surprise)
        assert calibrate_place(
            again, COVERED, place_of(slices), slices, copy
        ) == calibrate_place(profile, COVERED, place_of(slices), slices, copy)


def _lone_scores(value: dict[str, Any]) -> None:
    del value["levels"]["anomaly"]["slice"]["patients"]


def _no_alarms(value: dict[str, Any]) -> None:
    del value["alarms"]


def _scale(value: dict[str, Any]) -> None:
    value["copies"] = {"knots": [0.0, -1.0], "distances": [1.0, 2.0]}


def _stated_older(value: dict[str, Any]) -> None:
    value["format"] = 3


@pytest.mark.parametrize("edit", [_lone_scores, _no_alarms, _scale, _stated_older])
def test_profile_of_two_formats_at_once_is_refused(
    profile: CalibrationProfile, edit: Callable[[dict[str, Any]], None]
) -> None:
    """Scores that count by themselves would give p-values that patients cannot."""
    value = json.loads(json.dumps(profile.to_json()))
    edit(value)
    with pytest.raises(CalibrationError, match="format") as caught:
        profile_from_json(value, "file")
    assert caught.value.code == "profile"


@pytest.mark.parametrize(
    "edit",
    [
        lambda level: level["patients"].pop(),
        lambda level: level.update(patients=[0] * len(level["patients"])),
        lambda level: level.update(n_patients=4),
    ],
)
def test_patients_that_are_not_those_of_the_scores_are_refused(
    profile: CalibrationProfile, edit: Callable[[dict[str, Any]], None]
) -> None:
    value = json.loads(json.dumps(profile.to_json()))
    edit(value["levels"]["anomaly"]["patch"])
    with pytest.raises(CalibrationError, match="not those of its patients"):
        profile_from_json(value, "file")


def test_scale_of_copies_without_a_level_of_places_is_refused(
    profile: CalibrationProfile,
) -> None:
    value = older(profile).to_json()
    del value["levels"]["anomaly"]["place"]
    with pytest.raises(CalibrationError, match="without a level of places") as caught:
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
