"""A volume through a detector, slice by slice."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from btd_desktop.preprocess.foreground import Tissue, tissue_map
from btd_desktop.preprocess.presets import IntensityScale, scaled_slice
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.features import GridFeatures, grid_features
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.volume import Volume

__all__ = ["SliceScores", "grid_of", "score_place", "score_slice", "score_volume"]


@dataclass(frozen=True, slots=True, eq=False)
class SliceScores:
    """What the detector says of one slice.

    Attributes:
        slice_index: From 0.
        features: At every centre of the grid.
        residual: F(x_0) at t = 0, signed, float32, shape (H, W). The residual of the
            reverse step, x_0 - x_{-1}, is this times 0.01733 (see docs/method.md).
    """

    slice_index: int
    features: GridFeatures
    residual: NDArray[np.float32]


def grid_of(preset: dict[str, Any], stride: int = 16) -> PatchGrid:
    """The grid that goes with a preset's JSON value."""
    return PatchGrid(int(preset["patch"]), stride, int(preset["centre"]))


def _inputs(
    volume: Volume, slice_index: int, scale: IntensityScale
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    plane = np.asarray(volume.voxels[slice_index])
    tissue = tissue_map(plane, volume.modality)
    if volume.padding is not None:
        tissue[volume.padding[slice_index]] = Tissue.OUTSIDE
    return scaled_slice(plane, scale), tissue


def score_slice(
    detector: Detector,
    volume: Volume,
    slice_index: int,
    scale: IntensityScale,
    grid: PatchGrid,
) -> SliceScores:
    """Residual map and features of one slice at all centres of the grid."""
    scaled, tissue = _inputs(volume, slice_index, scale)
    maps = detector.predict_noise(scaled)
    level = detector.info.paper_level
    features = grid_features(maps, tissue, grid, paper_level=level)
    return SliceScores(slice_index, features, maps[level])


def score_volume(
    detector: Detector,
    volume: Volume,
    scale: IntensityScale,
    grid: PatchGrid,
    context: TaskContext,
    *,
    skip: Collection[int] = (),
) -> Iterator[SliceScores]:
    """Score every slice that is not in `skip`, yielding each as it is done.

    Raises:
        Cancelled: The examiner asked to stop; what was yielded is complete.
    """
    todo = [s for s in range(volume.n_slices) if s not in skip]
    done = volume.n_slices - len(todo)
    context.report(done, volume.n_slices, "Scoring slices")
    for slice_index in todo:
        yield score_slice(detector, volume, slice_index, scale, grid)
        done += 1
        context.report(done, volume.n_slices, "Scoring slices")


def score_place(
    detector: Detector,
    volume: Volume,
    place: tuple[int, int, int],
    scale: IntensityScale,
    grid: PatchGrid,
) -> SliceScores:
    """Features of one place, exactly as the grid would give them there.

    Args:
        detector: The model.
        volume: The series.
        place: (slice, row, column) of the patch's centre; any pixel of the slice.
        scale: The series' scale.
        grid: Patch geometry.
    """
    slice_index, row, column = place
    scaled, tissue = _inputs(volume, slice_index, scale)
    maps = detector.predict_noise(scaled)
    level = detector.info.paper_level
    features = grid_features(maps, tissue, grid, paper_level=level, at=(row, column))
    return SliceScores(slice_index, features, maps[level])
