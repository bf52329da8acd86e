"""Features and a profile to p-values, for series and for one place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec import UNSET

from btd_desktop.calibration.apply import (
    calibrate_place,
    calibrate_series,
    search_part,
)
from btd_desktop.calibration.level import PARTS
from btd_desktop.calibration.profile import KINDS, CalibrationProfile
from btd_desktop.calibration.reference import in_domain
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.errors import CalibrationError
from btd_desktop.scoring.features import GridFeatures
from tests.unit.calibration.samples import N_FEATURES, profile_of, series_of

COVERED = Scope(Coverage.COVERED, ())
PARTLY = Scope(Coverage.PARTLY, ("the scanner is another",))
NOT = Scope(Coverage.NOT, ("the model is another",))


@pytest.fixture(scope="module")
def profile() -> CalibrationProfile:
    return profile_of(6)


@pytest.fixture(scope="module")
def slices() -> tuple[GridFeatures, ...]:
    return series_of("new", 321, n_slices=5).slices


def place_of(slices: tuple[GridFeatures, ...], s: int, r: int, c: int) -> GridFeatures:
    own = slices[s]
    arrays = (own.injection, own.removal, own.features, own.aerated)
    return GridFeatures(
        own.rows[r : r + 1],
        own.columns[c : c + 1],
        *(a[r : r + 1, c : c + 1] for a in arrays),
    )


def planted(slices: tuple[GridFeatures, ...], shift: float) -> tuple[GridFeatures, ...]:
    """The series with the features of one place moved."""
    features = slices[2].features.copy()
    features[6, 7] += np.float32(shift)
    return (*slices[:2], replace(slices[2], features=features), *slices[3:])


@pytest.mark.parametrize("scope", [COVERED, PARTLY])
def test_every_scored_patch_has_score_and_p_value(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...], scope: Scope
) -> None:
    found = calibrate_series(profile, scope, slices)
    assert set(found) == set(KINDS)
    for own in found.values():
        for grid, scores, p in zip(slices, own.patch_scores, own.patch_p, strict=True):
            np.testing.assert_array_equal(np.isfinite(scores), grid.scored)
            np.testing.assert_array_equal(np.isfinite(p), grid.scored)
            assert float(np.nanmin(p)) > 0.0
            assert float(np.nanmax(p)) <= 1.0


def test_papers_scores_are_the_stored_ones(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    found = calibrate_series(profile, COVERED, slices)
    for s, grid in enumerate(slices):
        np.testing.assert_array_equal(
            found["injection"].patch_scores[s], grid.injection.astype(np.float64)
        )
        np.testing.assert_array_equal(
            found["removal"].patch_scores[s], grid.removal.astype(np.float64)
        )


def test_slice_and_series_values_are_maxima_with_their_own_calibration(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    own = calibrate_series(profile, COVERED, slices)["anomaly"]
    levels = profile.levels["anomaly"]
    maxima = [float(np.nanmax(m)) for m in own.patch_scores]
    assert [v.score for v in own.slices if v is not None] == maxima
    assert own.series is not None
    assert own.series.score == max(maxima)
    assert own.series.p_value == levels["series"].ecdf.p_value(max(maxima))
    assert own.series.n == 6
    first = own.slices[0]
    assert first is not None
    assert first.p_value == levels["slice"].ecdf.p_value(maxima[0])
    assert first.threshold == levels["slice"].threshold
    assert first.flagged is (maxima[0] > (levels["slice"].threshold or np.inf))


@pytest.mark.parametrize("shift", [-1.2, 1.2])
def test_place_that_is_too_smooth_or_too_rough_stands_out(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...], shift: float
) -> None:
    changed = planted(slices, shift)
    before = calibrate_series(profile, COVERED, slices)["anomaly"]
    after = calibrate_series(profile, COVERED, changed)["anomaly"]
    assert after.series is not None
    assert before.series is not None
    assert after.series.score > before.series.score + 1.0
    scores = after.patch_scores[2]
    peak = np.unravel_index(int(np.nanargmax(scores)), scores.shape)
    assert tuple(map(int, peak)) == (6, 7)
    smallest = profile.levels["anomaly"]["patch"].ecdf.smallest_p
    assert float(after.patch_p[2][6, 7]) == smallest
    assert after.slices[2] is not None
    assert after.slices[2].flagged is True


def test_offset_of_the_whole_series_changes_little(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    shifted = tuple(replace(s, features=s.features + np.float32(0.2)) for s in slices)
    one, other = (
        calibrate_series(profile, COVERED, s)["anomaly"].patch_scores[0]
        for s in (slices, shifted)
    )
    assert float(np.nanmedian(np.abs(one - other))) < 0.1


def test_what_is_not_covered_has_scores_and_no_p_values(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    covered = calibrate_series(profile, COVERED, slices)
    for kind, own in calibrate_series(profile, NOT, slices).items():
        assert all(np.isnan(p).all() for p in own.patch_p)
        np.testing.assert_array_equal(
            own.patch_scores[0], covered[kind].patch_scores[0]
        )
        values = [*own.slices, own.series]
        for value in values:
            assert value is not None
            assert value.p_value is None
            assert value.tail_p is None
            assert value.threshold is None
            assert value.flagged is None
        assert own.flagged_share is None
    place = calibrate_place(profile, NOT, place_of(slices, 0, 5, 5), slices)
    assert all(v.p_value is None and v.flagged is None for v in place.values())


def test_place_at_a_grid_centre_equals_the_series_map_to_the_bit(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    found = calibrate_series(profile, COVERED, slices)
    for s in range(len(slices)):
        for r in range(3, 10):
            for c in range(10):
                values = calibrate_place(
                    profile, COVERED, place_of(slices, s, r, c), slices
                )
                for kind, value in values.items():
                    assert value.score == found[kind].patch_scores[s][r, c]
                    assert value.p_value == found[kind].patch_p[s][r, c]
                    assert value.n == profile.levels[kind]["patch"].ecdf.n


def test_place_without_tissue_is_refused(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    with pytest.raises(ValueError, match="no tissue"):
        calibrate_place(profile, COVERED, place_of(slices, 0, 0, 0), slices)


def test_place_without_any_scored_slice_has_no_reference_and_still_a_score(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    place = place_of(slices, 0, 5, 5)
    alone = calibrate_place(profile, COVERED, place, ())
    expected = profile.ranking.scores(
        place.features.reshape(1, N_FEATURES).astype(np.float64),
        place.aerated.reshape(1),
    )
    assert alone["anomaly"].score == float(expected[0])


def test_slices_without_tissue_have_no_value(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    blank = replace(
        slices[0],
        injection=np.full_like(slices[0].injection, np.nan),
        removal=np.full_like(slices[0].removal, np.nan),
        features=np.full_like(slices[0].features, np.nan),
    )
    mixed = calibrate_series(profile, COVERED, (blank, slices[1]))["anomaly"]
    assert mixed.slices[0] is None
    assert mixed.slices[1] is not None
    for nothing in ((blank,), ()):
        for own in calibrate_series(profile, COVERED, nothing).values():
            assert own.series is None
            assert own.flagged_share is None


def test_flagged_share_counts_scored_slices(
    profile: CalibrationProfile, slices: tuple[GridFeatures, ...]
) -> None:
    own = calibrate_series(profile, COVERED, planted(slices, 3.0))["anomaly"]
    flags = [v.flagged for v in own.slices if v is not None]
    assert own.flagged_share == sum(map(bool, flags)) / 5
    assert (own.flagged_share or 0.0) >= 0.2


def test_search_of_a_part_sees_nothing_elsewhere_and_has_its_own_ranks(
    profile: CalibrationProfile,
) -> None:
    slices = series_of("new", 77).slices
    whole = calibrate_series(profile, COVERED, slices)["anomaly"]
    for part in PARTS:
        found = search_part(profile, COVERED, whole, slices, part)
        for grid, ours, all_of_it in zip(
            slices, found.patch_scores, whole.patch_scores, strict=True
        ):
            inside = in_domain(grid.aerated, part) & grid.scored
            assert np.array_equal(ours[inside], all_of_it[inside])
            assert not np.isfinite(ours[~inside]).any()
        search = profile.search(part)
        assert search is not None
        level = search.levels["slice"]
        for value, scores in zip(found.slices, found.patch_scores, strict=True):
            assert value is not None
            assert value.score == np.nanmax(scores)
            assert value.p_value == level.ecdf.p_value(value.score)


def test_part_that_a_profile_does_not_know_is_refused(
    profile: CalibrationProfile,
) -> None:
    slices = series_of("new", 77).slices
    whole = calibrate_series(profile, COVERED, slices)["anomaly"]
    unaware = replace(profile, parts=UNSET)
    with pytest.raises(CalibrationError, match="search of the lung alone"):
        search_part(unaware, COVERED, whole, slices, "lung")
