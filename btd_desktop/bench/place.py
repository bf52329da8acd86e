"""A place as detectors are shown it, and what was measured there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.scoring.features import GridFeatures
from btd_desktop.volume import SeriesFacts, Volume


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A place before any calibration: the image, and our network's features of it.

    Attributes:
        volume: The series, tampered with at the place or genuine.
        centre: The place, voxel (slice, row, column).
        features: Features of the place, R = C = 1.
    """

    volume: Volume
    centre: tuple[int, int, int]
    features: GridFeatures


@dataclass(frozen=True, slots=True)
class Site:
    """What decides whether two places may be compared.

    Attributes:
        series: The series that it lies in.
        scanner: Manufacturer, model and kernel.
        content: What the central 32x32 px hold, as `bench.places.Place.content`; of a
            tampered place, after the attack.
        structure: True for a genuine solid structure of the lung, found as such; False
            for a place that was drawn by the rule of the attacks.
    """

    series: str = ""
    scanner: str = ""
    content: float = float("nan")
    structure: bool = False


UNPLACED = Site()
"""Site of a place of which nothing is known; it has no partner among structures."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What was measured at one place, before any calibration.

    Attributes:
        patient: Whose scan.
        modality: "CT" or "MR".
        attack: Name of the attack; "" for a genuine place.
        place: Features of the place, R = C = 1.
        series: Grid features of the whole genuine series, its reference: one spot
            that is tampered with hardly moves a median.
        copy: Where its noise is found again best; None when it cannot be searched for.
        scores: Scores by name of the detectors that need no calibration, higher for
            tampered.
        facts: What repeats the place: places, seed; JSON values.
        genuine_for: Attacks whose genuine partner this is; empty means all.
        site: Series, scanner and content.
        scanner_facts: Facts that the scope check compares.
        on_structure: True when a solid structure of the lung lies at the place.
    """

    patient: str
    modality: str
    attack: str
    place: GridFeatures
    series: Sequence[GridFeatures]
    copy: NoiseCopy | None
    scores: dict[str, float]
    facts: dict[str, Any]
    genuine_for: tuple[str, ...] = ()
    site: Site = UNPLACED
    scanner_facts: SeriesFacts = field(default_factory=SeriesFacts)
    on_structure: bool = False
