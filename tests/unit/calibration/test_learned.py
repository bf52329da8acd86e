"""Learned evidence beside the density: fitted, added, kept, and left out again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET
from numpy.typing import NDArray

from btd_desktop.bench.shift import AS_IF
from btd_desktop.calibration.apply import calibrate_place, calibrate_series
from btd_desktop.calibration.density import BenignDensity
from btd_desktop.calibration.fit import fit_profile
from btd_desktop.calibration.join import join_profile
from btd_desktop.calibration.place import PlaceNumbers
from btd_desktop.calibration.places import BenignSeries
from btd_desktop.calibration.profile import CalibrationProfile, profile_from_json
from btd_desktop.errors import CalibrationError
from btd_desktop.scoring.features import GridFeatures
from tests.unit.calibration.samples import N_FEATURES, header, searched, series_of

FPR = 0.2


def with_evidence(
    series: BenignSeries, seed: int, *, level: float = -6.0, noise: float = 0.5
) -> BenignSeries:
    """The series with a map of this ordinary level in it."""
    rng = np.random.default_rng([seed, 11])
    slices = []
    for grid in series.slices:
        shape = grid.injection.shape
        evidence = level + noise * rng.standard_normal(shape)
        evidence[~grid.scored] = np.nan
        features = np.concatenate([grid.features, evidence[..., None]], axis=-1)
        slices.append(replace(grid, features=features.astype(np.float32)))
    return replace(series, slices=tuple(slices))


def patients(n: int = 6) -> list[BenignSeries]:
    found = [series_of(f"p{i}", i) for i in range(n)]
    # Scanners differ in level and spread of the map too.
    return [
        with_evidence(searched(s, i), i, level=-7.0 + i % 3, noise=0.4 + 0.2 * (i % 2))
        for i, s in enumerate(found)
    ]


@pytest.fixture(scope="module")
def profile() -> CalibrationProfile:
    return fit_profile(patients(), header(), FPR)


def changed(
    series: BenignSeries, value: float, at: tuple[int, int, int] = (2, 6, 6)
) -> BenignSeries:
    """The series with another evidence at one place."""
    s, row, column = at
    features = series.slices[s].features.copy()
    features[row, column, -1] = value
    slices = list(series.slices)
    slices[s] = replace(slices[s], features=features)
    return replace(series, slices=tuple(slices))


def maps_of(
    profile: CalibrationProfile, series: BenignSeries
) -> dict[str, tuple[NDArray[np.float64], ...]]:
    results = calibrate_series(profile, AS_IF, series.slices)
    return {kind: own.patch_scores for kind, own in results.items()}


def place_of(series: BenignSeries, at: tuple[int, int, int] = (2, 6, 6)) -> Any:
    s, row, column = at
    grid = series.slices[s]
    part = slice(row, row + 1), slice(column, column + 1)
    return GridFeatures(
        grid.rows[row : row + 1],
        grid.columns[column : column + 1],
        *(a[part] for a in (grid.injection, grid.removal, grid.features, grid.aerated)),
    )


def test_evidence_is_added_to_the_untaught_score_and_moves_nothing_else(
    profile: CalibrationProfile,
) -> None:
    series = with_evidence(series_of("new", 77), 77)
    before, after = (maps_of(profile, s) for s in (series, changed(series, 4.0)))
    assert list(profile.levels) == ["anomaly", "injection", "removal", "untaught"]
    for kind in ("injection", "removal", "untaught"):
        np.testing.assert_array_equal(before[kind], after[kind])
    higher = np.array(after["anomaly"]) - np.array(before["anomaly"])
    assert higher[2, 6, 6] > 1.0
    higher[2, 6, 6] = np.nan
    # The series' own median and spread hardly move with one place.
    assert np.nanmax(np.abs(higher)) < 0.05
    known = np.isfinite(after["untaught"])
    assert np.all(
        np.array(after["anomaly"])[known] >= np.array(after["untaught"])[known]
    )


def test_a_map_that_is_higher_or_wider_all_over_a_series_says_nothing(
    profile: CalibrationProfile,
) -> None:
    plain = series_of("new", 78, n_slices=12)
    near, far = (
        maps_of(profile, with_evidence(plain, 78, level=level, noise=noise))["anomaly"]
        for level, noise in ((-6.0, 0.5), (3.0, 1.0))
    )
    difference = np.array(far) - np.array(near)
    # N / (N + 100) of the wider spread is known.
    assert np.nanmedian(np.abs(difference)) < 0.1
    assert np.nanmax(np.abs(difference)) < 0.6


def test_a_place_without_evidence_has_its_untaught_score(
    profile: CalibrationProfile,
) -> None:
    series = with_evidence(series_of("new", 79), 79)
    maps = maps_of(profile, changed(series, np.nan))
    assert maps["anomaly"][2][6, 6] == maps["untaught"][2][6, 6]


def test_a_place_is_told_with_both_scores(profile: CalibrationProfile) -> None:
    series = changed(with_evidence(series_of("new", 80), 80), 5.0)
    values = calibrate_place(profile, AS_IF, place_of(series), series.slices)
    assert values["anomaly"].score > values["untaught"].score
    numbers = PlaceNumbers(
        values["anomaly"],
        values["injection"],
        values["removal"],
        untaught=values["untaught"],
    )
    assert list(numbers.scores) == ["anomaly", "untaught", "injection", "removal"]
    maps = maps_of(profile, series)
    assert values["anomaly"].score == pytest.approx(maps["anomaly"][2][6, 6])
    assert values["untaught"].score == pytest.approx(maps["untaught"][2][6, 6])


def test_chosen_places_have_no_p_value_of_either_score(
    profile: CalibrationProfile,
) -> None:
    series = with_evidence(series_of("new", 81), 81)
    values = calibrate_place(
        profile, AS_IF, place_of(series), series.slices, chosen=True
    )
    assert all(v.p_value is None and v.flagged is None for v in values.values())


def test_profile_with_a_map_is_read_as_written(profile: CalibrationProfile) -> None:
    read = profile_from_json(json.loads(json.dumps(profile.to_json())), "file")
    assert read.digest == profile.digest
    series = with_evidence(series_of("new", 82), 82)
    for kind, maps in maps_of(profile, series).items():
        np.testing.assert_array_equal(maps, maps_of(read, series)[kind])


def test_evidence_of_scans_that_taught_the_map_shapes_nothing() -> None:
    behind = [series_of(f"b{i}", 50 + i) for i in range(3)]
    quiet, loud = (
        [with_evidence(s, i, level=level, noise=noise) for i, s in enumerate(behind)]
        for level, noise in ((-9.0, 0.01), (5.0, 3.0))
    )
    first, second = (
        fit_profile(patients(), header(), FPR, background=own) for own in (quiet, loud)
    )
    assert first.digest == second.digest


def test_local_patients_join_a_profile_with_a_map(profile: CalibrationProfile) -> None:
    local = with_evidence(series_of("local", 90), 90)
    joined = join_profile(profile, [local], header(name="joined"))
    assert list(joined.levels) == list(profile.levels)
    for kind, levels in joined.levels.items():
        assert (
            levels["patch"].n_patients == profile.levels[kind]["patch"].n_patients + 1
        )


def test_series_scored_without_the_map_is_refused(profile: CalibrationProfile) -> None:
    bare = series_of("new", 83)
    with pytest.raises(CalibrationError, match="scored with others"):
        calibrate_series(profile, AS_IF, bare.slices)
    without = fit_profile([series_of(f"p{i}", i) for i in range(4)], header(), FPR)
    assert "untaught" not in without.levels
    assert without.ranking.learned is UNSET
    with pytest.raises(CalibrationError, match="scored with others"):
        calibrate_series(without, AS_IF, with_evidence(bare, 83).slices)


def test_density_of_another_width_is_refused(profile: CalibrationProfile) -> None:
    density = profile.density
    assert density is not None
    assert density.n_columns == N_FEATURES + 1
    assert not isinstance(density.spreads, type(UNSET))
    with pytest.raises(ValueError, match="spreads"):
        BenignDensity(
            density.n_features,
            density.whole,
            density.alone,
            density.spreads[:, :-1],
            density.learned,
        )
    levels = {k: v for k, v in profile.levels.items() if k != "untaught"}
    with pytest.raises(ValueError, match="levels"):
        replace(profile, levels=levels)
