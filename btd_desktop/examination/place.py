"""A place of a scored series, judged: by a click, a command or the search."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from btd_desktop.calibration.apply import calibrate_place
from btd_desktop.calibration.place import CalibratedValue, PlaceNumbers
from btd_desktop.examination.copied_noise import judge_copy
from btd_desktop.examination.series import Evaluation
from btd_desktop.scoring.copies import CopyMatch
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.volume import Volume


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPlace:
    """A place with its scores.

    Attributes:
        evaluation: Of the series' run: the profile and how far it covers the series.
        slice_index: From 0.
        x: Column of the patch's centre.
        y: Row of the patch's centre.
        numbers: Its scores and where its noise is found again; those of its slice too
            where the search chose it.
        world_mm: (x, y, z) of the place, LPS mm.
    """

    evaluation: Evaluation
    slice_index: int
    x: int
    y: int
    numbers: PlaceNumbers
    world_mm: tuple[float, float, float]

    @property
    def is_searched(self) -> bool:
        """True when the program's search chose it."""
        return self.numbers.slice is not UNSET


def judged_place(
    evaluation: Evaluation,
    volume: Volume,
    place: tuple[int, int, int],
    features: GridFeatures,
    copy: CopyMatch | None,
    slice_value: CalibratedValue | UnsetType = UNSET,
) -> ScoredPlace:
    """Judge a place by its features and by what the search for its noise found.

    Args:
        evaluation: Of the series: it is its own reference.
        volume: The series.
        place: (slice, row, column), from 0.
        features: Of the place, R = C = 1.
        copy: Where its noise is found again best; None when it cannot be searched for.
        slice_value: Value of the slice, where the search chose the place.

    Raises:
        ValueError: The place holds no tissue to score.
    """
    profile, scope = evaluation.profile, evaluation.scope
    values = calibrate_place(profile, scope, features, evaluation.features, copy)
    numbers = PlaceNumbers(
        **values, copy=judge_copy(profile, scope, copy), slice=slice_value
    )
    index, row, column = place
    return ScoredPlace(evaluation, index, column, row, numbers, volume.world_mm(place))
