"""Judge a place of a scored series: one clicked, named in a command or suggested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from btd_desktop.calibration.apply import calibrate_place
from btd_desktop.calibration.place import CalibratedValue, PlaceNumbers
from btd_desktop.examination.copied_noise import judge_copy
from btd_desktop.examination.series import Evaluation
from btd_desktop.preprocess.solid_structures import structure_near
from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.scoring.peaks import N_PLACES, distinct_peaks
from btd_desktop.scoring.peaks import Peak as Peak  # the window knows it from here
from btd_desktop.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPlace:
    """A place with its scores.

    Attributes:
        evaluation: Evaluation of the series' run.
        slice_index: Slice, from 0.
        x: Column of the patch's centre.
        y: Row of the patch's centre.
        numbers: Its scores and where its noise is found again; where the search chose
            the place, the score of its slice too.
        world_mm: (x, y, z) of the place, LPS mm.
    """

    evaluation: Evaluation
    slice_index: int
    x: int
    y: int
    numbers: PlaceNumbers
    world_mm: tuple[float, float, float]

    @property
    def voxel(self) -> tuple[int, int, int]:
        """(slice, row, column), from 0."""
        return self.slice_index, self.y, self.x

    def share_at_most(self, kind: str) -> float | None:
        """Share of genuine scores at most as high, in [0, 1]; None where not covered.

        Args:
            kind: "anomaly", "injection", "removal" or "untaught".
        """
        value = self.numbers.scores[kind]
        level = self.evaluation.profile.levels[kind][value.ranked_at]
        return None if value.p_value is None else level.ecdf.cdf(value.score)

    @property
    def is_searched(self) -> bool:
        """True when the program's search chose it."""
        return self.numbers.slice is not UNSET


def strongest_patch(evaluation: Evaluation, index: int) -> tuple[int, int] | None:
    """(row, column) in the grid of a slice's highest anomaly score; None without one.

    Args:
        evaluation: Of the series.
        index: Slice, from 0.
    """
    maps = evaluation.kinds["anomaly"].patch_scores
    if index >= len(maps) or not np.isfinite(maps[index]).any():
        return None
    r, c = np.unravel_index(int(np.nanargmax(maps[index])), maps[index].shape)
    return int(r), int(c)


def highest_places(evaluation: Evaluation) -> tuple[Peak, ...]:
    """The twelve highest distinct places of a series, in order: where to look first.

    Whether anything stands out is another question: twelve places are the highest of
    genuine scans too.

    Args:
        evaluation: Of the series.

    Returns:
        Empty where the profile is of another model, whose density gives no order.
    """
    model = evaluation.profile.model["digest"]
    if model != evaluation.run.manifest.model["digest"]:
        return ()
    return distinct_places(evaluation, evaluation.kinds["anomaly"].patch_scores)


def distinct_places(
    evaluation: Evaluation, maps: Sequence[NDArray[np.float64]], n: int = N_PLACES
) -> tuple[Peak, ...]:
    """The highest distinct places of maps of a series, at most n.

    Args:
        evaluation: Of the series.
        maps: Scores of each slice's grid, shape (R, C); NaN where there is none.
        n: How many at most.
    """
    meta, stride = evaluation.record.meta, evaluation.profile.grid.stride
    step, spacing = meta.slice_step_mm or 1.0, meta.pixel_spacing_mm or 1.0
    positions = [step * index for index in range(len(maps))]
    return distinct_peaks(maps, stride, positions, (spacing, spacing), n=n)


def pixel_of(
    evaluation: Evaluation, index: int, patch: tuple[int, int]
) -> tuple[int, int]:
    """(row, column) of a patch's centre in pixels, from (row, column) in the grid."""
    features = evaluation.features[index]
    return int(features.rows[patch[0]]), int(features.columns[patch[1]])


def may_hold_structures(volume: Volume) -> bool:
    """True for CT: solid structures of the lung are searched for in CT only."""
    return volume.modality == "CT"


def is_on_structure(volume: Volume, place: tuple[int, int, int]) -> bool:
    """True when a solid structure of the lung lies at a place."""
    if not may_hold_structures(volume):
        return False
    index, row, column = place
    spacing = volume.spacing_mm[1], volume.spacing_mm[2]
    return structure_near(volume.voxels[index], spacing, row, column) is not None


def judged_place(
    evaluation: Evaluation,
    volume: Volume,
    place: tuple[int, int, int],
    features: GridFeatures,
    copy: NoiseCopy | None,
    slice_value: CalibratedValue | UnsetType = UNSET,
    *,
    chosen: bool = False,
) -> ScoredPlace:
    """Judge a place by its features and by what the search for its noise found.

    Args:
        evaluation: Evaluation of the series, which is its own reference.
        volume: The series.
        place: (slice, row, column), from 0.
        features: Features of the place, R = C = 1.
        copy: Where its noise is found again best; None when it cannot be searched for.
        slice_value: Value of the slice, where the search chose the place.
        chosen: The search chose the place, or one that it overlaps, for its score.

    Raises:
        ValueError: The place holds no tissue to score.
    """
    profile, scope = evaluation.profile, evaluation.scope
    values = calibrate_place(
        profile,
        scope,
        features,
        evaluation.features,
        copy,
        # Profiles of earlier versions have no such level.
        on_structure="structure" in profile.levels["anomaly"]
        and is_on_structure(volume, place),
        chosen=chosen,
    )
    numbers = PlaceNumbers(
        **values, copy=judge_copy(profile, scope, copy), slice=slice_value
    )
    index, row, column = place
    return ScoredPlace(evaluation, index, column, row, numbers, volume.world_mm(place))
