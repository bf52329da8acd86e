"""Score a volume with a detector, slice by slice."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from btd_desktop.preprocess.foreground import Tissue, tissue_map
from btd_desktop.preprocess.presets import IntensityScale, Preset, scaled_slice
from btd_desktop.progress import TaskContext
from btd_desktop.scoring.alone import alone_features
from btd_desktop.scoring.detector import Detector
from btd_desktop.scoring.features import GridFeatures, Neighbour, grid_features
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.method import OWN, Method
from btd_desktop.scoring.selfcheck import check_maps
from btd_desktop.volume import Volume

_MAPS_KEPT = 3


@dataclass(frozen=True, slots=True, eq=False)
class SliceScores:
    """Scores of one slice.

    Attributes:
        slice_index: From 0.
        features: Features at every centre of the grid, or at one place.
        residual: F(x_0) at t = 0, signed, float32, shape (H, W). The residual of the
            reverse step, x_0 - x_{-1}, is this times 0.01733 (see docs/method.md).
    """

    slice_index: int
    features: GridFeatures
    residual: NDArray[np.float32]

    @property
    def injection_max(self) -> float | None:
        """Largest injection score, not calibrated; None without tissue."""
        found = self.features.scored
        return float(self.features.injection[found].max()) if found.any() else None


def grid_of(preset: Preset, method: Method = OWN) -> PatchGrid:
    """The grid that goes with a preset; in the paper's method its squares tile."""
    if method != OWN:
        return PatchGrid(preset.patch, stride=preset.centre, centre=preset.centre)
    return PatchGrid(preset.patch, centre=preset.centre)


def tissue_of(volume: Volume, slice_index: int) -> NDArray[np.uint8]:
    """Tissue classes of a slice, shape (H, W); padding is outside."""
    tissue = tissue_map(np.asarray(volume.voxels[slice_index]), volume.modality)
    if volume.padding is not None:
        tissue[volume.padding[slice_index]] = Tissue.OUTSIDE
    return tissue


class NoiseMaps:
    """Maps and tissue of slices; keeps the latest, since neighbours need them again.

    Attributes:
        detector: Predicts the maps.
        volume: The series.
    """

    def __init__(
        self, detector: Detector, volume: Volume, scale: IntensityScale
    ) -> None:
        self.detector, self.volume, self._scale = detector, volume, scale
        self._kept: dict[int, Neighbour] = {}

    def scaled(self, slice_index: int) -> NDArray[np.float32]:
        """Scaled intensities of a slice in [0, 1], shape (H, W)."""
        return scaled_slice(np.asarray(self.volume.voxels[slice_index]), self._scale)

    def of(self, slice_index: int) -> NDArray[np.float32]:
        """Maps of a slice, shape (L, H, W); one more where evidence is learned."""
        return self.with_tissue(slice_index)[0]

    def with_tissue(self, slice_index: int) -> Neighbour:
        """Maps, as of `of`, and tissue classes (H, W) of a slice."""
        if slice_index not in self._kept:
            scaled = self.scaled(slice_index)
            maps = self.detector.predict_noise(scaled)
            check_maps(maps, scaled, self.detector.info.name, slice_index)
            while len(self._kept) >= _MAPS_KEPT:
                # Slices are asked for in order: the oldest is the farthest.
                del self._kept[next(iter(self._kept))]
            self._kept[slice_index] = maps, tissue_of(self.volume, slice_index)
        return self._kept[slice_index]


def usual_steps(positions_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Which slices are followed by the next at the series' usual distance.

    Within 5 % of the median: only over that distance is noise compared, since across a
    gap its correlation differs.

    Args:
        positions_mm: Position of each slice along the normal, S entries.

    Returns:
        Shape (S - 1,); empty for fewer than two slices.
    """
    steps = np.abs(np.diff(np.asarray(positions_mm, dtype=np.float64)))
    usual = float(np.median(steps)) if len(steps) else 0.0
    return np.asarray(np.abs(steps - usual) <= 0.05 * usual, np.bool_)


def neighbours_of(volume: Volume, slice_index: int) -> tuple[int, ...]:
    """Indices of the slices next to one at the series' usual distance, none to two."""
    is_usual = usual_steps(volume.slice_positions_mm)
    return tuple(
        other
        for other, step in (
            (slice_index - 1, slice_index - 1),
            (slice_index + 1, slice_index),
        )
        if 0 <= step < len(is_usual) and is_usual[step]
    )


def scored_slice(
    maps: NoiseMaps,
    slice_index: int,
    grid: PatchGrid,
    at: tuple[int, int] | None = None,
) -> SliceScores:
    """Features of a slice with its neighbours, at all centres of the grid or at one.

    Args:
        maps: Maps of the series; predicts each slice once when asked in order.
        slice_index: From 0.
        grid: Patch geometry.
        at: One centre (row, column) instead of the grid.
    """
    if maps.detector.info.method != OWN:
        scaled, tissue = maps.scaled(slice_index), tissue_of(maps.volume, slice_index)
        alone = alone_features(maps.detector, scaled, tissue, grid, slice_index, at)
        return SliceScores(slice_index, *alone)
    near = neighbours_of(maps.volume, slice_index)
    # This order predicts each slice once when a series is scored in order.
    before = [maps.with_tissue(i) for i in near if i < slice_index]
    own, tissue = maps.with_tissue(slice_index)
    after = [maps.with_tissue(i) for i in near if i > slice_index]
    level = maps.detector.info.paper_level
    features = grid_features(
        own,
        tissue,
        grid,
        paper_level=level,
        at=at,
        neighbours=before + after,
        learned=maps.detector.info.learned,
    )
    return SliceScores(slice_index, features, own[level])


def score_volume(
    detector: Detector,
    volume: Volume,
    scale: IntensityScale,
    grid: PatchGrid,
    context: TaskContext,
    *,
    skip: Collection[int] = (),
) -> Iterator[SliceScores]:
    """Score every slice that is not in `skip`, yielding each when it is done.

    Raises:
        Cancelled: The examiner asked to stop; the slices yielded are complete.
    """
    todo = [s for s in range(volume.n_slices) if s not in skip]
    done = volume.n_slices - len(todo)
    context.report(done, volume.n_slices, "Scoring slices")
    maps = NoiseMaps(detector, volume, scale)
    for slice_index in todo:
        yield scored_slice(maps, slice_index, grid)
        done += 1
        context.report(done, volume.n_slices, "Scoring slices")


def score_place(
    detector: Detector,
    volume: Volume,
    place: tuple[int, int, int],
    scale: IntensityScale,
    grid: PatchGrid,
) -> SliceScores:
    """Features of one place, exactly those that the grid would give there.

    Args:
        detector: The model.
        volume: The series.
        place: (slice, row, column) of the patch's centre; any pixel of the slice.
        scale: The series' scale.
        grid: Patch geometry.
    """
    slice_index, row, column = place
    maps = NoiseMaps(detector, volume, scale)
    return scored_slice(maps, slice_index, grid, (row, column))
