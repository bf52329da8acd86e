"""Volumes through a detector: resumable, cancellable, padding left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from btd_desktop.errors import Cancelled
from btd_desktop.preprocess.presets import PRESETS, IntensityScale, fit_scale
from btd_desktop.progress import Progress, TaskContext
from btd_desktop.scoring.detector import Backend
from btd_desktop.scoring.engine import (
    NoiseMaps,
    SliceScores,
    grid_of,
    neighbours_of,
    score_place,
    score_volume,
    scored_slice,
)
from btd_desktop.scoring.features import ACROSS, GridFeatures, feature_names
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.manifest import ENGINE_VERSION, RunManifest
from btd_desktop.volume import Volume
from tests.unit.scoring.fakes import LEVELS, HighPassDetector, chest_volume

PRESET = PRESETS["ct96wide"]
GRID = grid_of(PRESET)
ACROSS_COLUMNS = np.array([n.startswith(ACROSS) for n in feature_names(LEVELS)])


def score(volume: Volume, **options: object) -> list[SliceScores]:
    context = options.pop("context", None) or TaskContext()
    return list(
        score_volume(
            HighPassDetector(),
            volume,
            fit_scale(volume, PRESET),
            GRID,
            context,  # type: ignore[arg-type]
            **options,  # type: ignore[arg-type]
        )
    )


def score_alone(
    detector: HighPassDetector, volume: Volume, index: int, scale: IntensityScale
) -> SliceScores:
    return scored_slice(NoiseMaps(detector, volume, scale), index, GRID)


def assert_same(a: GridFeatures, b: GridFeatures) -> None:
    for name in ("rows", "columns", "injection", "removal", "features", "aerated"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


def test_grid_follows_the_preset() -> None:
    assert (GRID.patch, GRID.stride, GRID.centre) == (96, 16, 32)
    assert grid_of(PRESETS["mr128"]).patch == 128


def test_volume_yields_every_slice_in_order_with_its_residual() -> None:
    volume = chest_volume(3, seed=1)
    found = score(volume)
    assert [s.slice_index for s in found] == [0, 1, 2]
    for own in found:
        assert own.residual.shape == volume.shape[1:]
        assert own.residual.dtype == np.float32
        assert own.features.scored.any()
        assert not own.features.scored.all()
    lone = score_alone(HighPassDetector(), volume, 1, fit_scale(volume, PRESET))
    assert_same(lone.features, found[1].features)
    np.testing.assert_array_equal(lone.residual, found[1].residual)


def test_every_slice_of_a_series_is_compared_with_its_neighbours() -> None:
    for own in score(chest_volume(3, seed=1)):
        numbers = own.features.features[own.features.scored]
        assert np.isfinite(numbers).all()
        assert float(np.abs(numbers[:, ACROSS_COLUMNS]).max()) > 0.0


def test_lone_slice_lacks_only_what_compares_it_with_neighbours() -> None:
    volume = chest_volume(3, seed=1)
    lone = replace(
        volume,
        voxels=volume.voxels[1:2],
        slice_positions_mm=volume.slice_positions_mm[1:2],
        instance_uids=volume.instance_uids[1:2],
    )
    (alone,) = score(lone)
    numbers = alone.features.features[alone.features.scored]
    assert np.isnan(numbers[:, ACROSS_COLUMNS]).all()
    among = score(volume)[1].features
    np.testing.assert_array_equal(
        numbers[:, ~ACROSS_COLUMNS], among.features[among.scored][:, ~ACROSS_COLUMNS]
    )


def test_changed_neighbour_changes_only_what_compares_with_it() -> None:
    volume = chest_volume(3, seed=1)
    voxels = volume.voxels.copy()
    voxels[2] = chest_volume(1, seed=99).voxels[0]
    plain = score(volume)
    changed = score(replace(volume, voxels=voxels))
    # The first slice does not border on the third.
    assert_same(plain[0].features, changed[0].features)
    before, after = (s[1].features.features for s in (plain, changed))
    scored = plain[1].features.scored
    np.testing.assert_array_equal(
        before[..., ~ACROSS_COLUMNS], after[..., ~ACROSS_COLUMNS]
    )
    assert (
        before[scored][:, ACROSS_COLUMNS] != after[scored][:, ACROSS_COLUMNS]
    ).mean() > 0.9


def placed(*positions: float) -> Volume:
    n = len(positions)
    return replace(
        chest_volume(n, seed=1, side=16), slice_positions_mm=tuple(positions)
    )


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_neighbours_are_the_slices_before_and_after(sign: float) -> None:
    volume = placed(*(sign * p for p in (0.0, 2.0, 4.01, 6.0)))
    found = [neighbours_of(volume, s) for s in range(4)]
    assert found == [(1,), (0, 2), (1, 3), (2,)]


def test_slice_beyond_a_gap_is_no_neighbour() -> None:
    volume = placed(0.0, 2.0, 4.0, 8.0, 10.0, 12.0)
    assert neighbours_of(volume, 2) == (1,)
    assert neighbours_of(volume, 3) == (4,)
    # Nearer than usual has another correlation too.
    volume = placed(0.0, 2.0, 4.0, 5.0, 7.0, 9.0)
    assert neighbours_of(volume, 2) == (1,)
    assert neighbours_of(volume, 3) == (4,)


def test_single_slice_has_no_neighbours() -> None:
    assert neighbours_of(placed(3.0), 0) == ()


def test_slices_around_a_gap_are_scored_as_if_the_other_was_absent() -> None:
    whole = chest_volume(4, seed=11)
    gapped = replace(whole, slice_positions_mm=(0.0, 2.0, 4.0, 9.0))
    scale = fit_scale(whole, PRESET)
    beyond = score_alone(HighPassDetector(), gapped, 3, scale).features
    assert np.isnan(beyond.features[..., ACROSS_COLUMNS]).all()
    detector = HighPassDetector()
    score_alone(detector, gapped, 2, scale)
    assert len(detector.calls) == 2
    last_before = score(gapped)[2].features
    assert np.isfinite(last_before.features[last_before.scored]).all()


def test_every_slice_is_predicted_once() -> None:
    volume, detector = chest_volume(6, seed=12, side=128), HighPassDetector()
    scale = fit_scale(volume, PRESET)
    assert len(list(score_volume(detector, volume, scale, GRID, TaskContext()))) == 6
    assert len(detector.calls) == 6


def test_residual_is_the_map_of_the_papers_level() -> None:
    volume = chest_volume(1, seed=2)
    detector = HighPassDetector()
    scale = fit_scale(volume, PRESET)
    found = score_alone(detector, volume, 0, scale)
    maps = detector.predict_noise(detector.calls[0])
    np.testing.assert_array_equal(found.residual, maps[detector.info.paper_level])


@pytest.mark.parametrize("skip", [{0, 2}, {0, 1, 2, 3}, {1, 2, 3, 4}, {2, 3, 4, 6}])
def test_resuming_with_skip_gives_the_same_slices_as_one_run(skip: set[int]) -> None:
    volume = chest_volume(7, seed=3, side=128)
    whole = {s.slice_index: s for s in score(volume)}
    rest = score(volume, skip=skip)
    assert [s.slice_index for s in rest] == sorted(set(range(7)) - skip)
    for own in rest:
        assert_same(own.features, whole[own.slice_index].features)
        np.testing.assert_array_equal(own.residual, whole[own.slice_index].residual)


def test_progress_counts_skipped_slices_as_done() -> None:
    seen: list[Progress] = []
    score(chest_volume(3, seed=4), skip={1}, context=TaskContext(seen.append))
    assert [(p.done, p.total) for p in seen] == [(1, 3), (2, 3), (3, 3)]


def test_everything_skipped_asks_the_detector_nothing() -> None:
    volume = chest_volume(2, seed=4)
    detector = HighPassDetector()
    scale = fit_scale(volume, PRESET)
    context = TaskContext()
    assert not list(score_volume(detector, volume, scale, GRID, context, skip=range(2)))
    assert detector.calls == []


def test_cancelling_keeps_what_was_yielded() -> None:
    volume, detector, context = chest_volume(5, seed=5), HighPassDetector(), None
    context = TaskContext()
    kept: list[SliceScores] = []
    scale = fit_scale(volume, PRESET)

    def consume() -> None:
        for own in score_volume(detector, volume, scale, GRID, context):
            kept.append(own)
            if len(kept) == 2:
                context.cancel()

    with pytest.raises(Cancelled):
        consume()
    assert [s.slice_index for s in kept] == [0, 1]
    # The third slice was looked at only as the second one's neighbour.
    assert len(detector.calls) == 3


def test_cancelled_before_the_start_scores_nothing() -> None:
    context = TaskContext()
    context.cancel()
    with pytest.raises(Cancelled):
        score(chest_volume(1, seed=6), context=context)


def test_padding_is_not_scored() -> None:
    volume = chest_volume(1, seed=7)
    padding = np.zeros(volume.shape, dtype=np.bool_)
    padding[:, :, 96:] = True
    plain = score(volume)[0].features
    padded = score(replace(volume, padding=padding))[0].features
    right = plain.columns >= 112
    assert plain.scored[:, right].any()
    assert not padded.scored[:, right].any()
    assert padded.scored[:, ~right].any()


@pytest.mark.parametrize("s", [0, 1, 2])
def test_place_at_a_grid_centre_equals_the_slice_bit_for_bit(s: int) -> None:
    volume = chest_volume(3, seed=8)
    scale = fit_scale(volume, PRESET)
    whole = score(volume)[s].features
    assert np.isfinite(whole.features[whole.scored]).all()
    for i, j in np.argwhere(whole.scored)[s::13]:
        place = (s, int(whole.rows[i]), int(whole.columns[j]))
        alone = score_place(HighPassDetector(), volume, place, scale, GRID).features
        np.testing.assert_array_equal(alone.features[0, 0], whole.features[i, j])
        assert alone.injection[0, 0] == whole.injection[i, j]
        assert alone.removal[0, 0] == whole.removal[i, j]


def manifest(**changes: object) -> RunManifest:
    values: dict[str, object] = {
        "software": "0.1.0",
        "engine": ENGINE_VERSION,
        "model": {"name": "m", "digest": "0" * 64},
        "preset": PRESET,
        "scale": IntensityScale(-1024.0, 1000.0),
        "grid": GRID,
        "noise_levels": LEVELS,
        "paper_level": 1,
        "volume_digest": "1" * 64,
        "backend": Backend("cpu", dtype="float32"),
    }
    return RunManifest(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"engine": ENGINE_VERSION + 1},
        {"model": {"name": "m", "digest": "2" * 64}},
        {"scale": IntensityScale(-1024.0, 1001.0)},
        {"grid": PatchGrid(96, 8, 32)},
        {"paper_level": 0},
        {"volume_digest": "3" * 64},
        {"backend": Backend("cpu", dtype="bfloat16")},
    ],
)
def test_manifest_digest_changes_with_whatever_decides_scores(
    changes: dict[str, object],
) -> None:
    assert manifest().digest == manifest().digest
    assert manifest(**changes).digest != manifest().digest
