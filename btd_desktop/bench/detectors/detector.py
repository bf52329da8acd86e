"""What the bench calls a detector: a name, a heading, and one number per place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from btd_desktop.bench.place import Observed, Shown
from btd_desktop.calibration.profile import CalibrationProfile


@dataclass(frozen=True, slots=True)
class BenchDetector:
    """One column of the tables. Exactly one of `looks` and `ranks` is given.

    Attributes:
        name: Key in JSON and CSV.
        title: Heading in tables.
        looks: Score of a place from image and features alone, finite, higher for
            tampered.
        ranks: The same with a calibration made from other patients.

    Raises:
        ValueError: Both are given, or neither.
    """

    name: str
    title: str
    looks: Callable[[Shown], float] | None = None
    ranks: Callable[[Observed, CalibrationProfile], float] | None = None

    def __post_init__(self) -> None:
        if (self.looks is None) == (self.ranks is None):
            raise ValueError(f"{self.name} needs either looks or ranks")
