"""The numbers of a place: the record that a finding of a case keeps.

A case may come from the other party, so the record is read strictly: a field that is
missing, of another kind, out of range or in conflict with another is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from btd_desktop.scoring.copies import NoiseCopy
from btd_desktop.strict_json import (
    Count,
    Rate,
    Real,
)

PlaceLevel = Literal["place", "structure", "patch", "slice"]
_PValue = Annotated[float, Meta(gt=0.0, le=1.0)]


@dataclass(frozen=True, slots=True)
class CalibratedValue:
    """One score and its rank among genuine scores.

    Attributes:
        score: Higher is less like genuine.
        p_value: Conformal p-value in (0, 1]; None when the profile does not cover the
            series, or when `chosen` is set.
        tail_p: p-value of the parametric tail; None below the tail or without one.
        n: Genuine scores behind the p-value.
        n_patients: Patients behind them.
        threshold: Threshold of the profile at this level; None when none applies.
        flagged: True when the score exceeds the threshold; None without threshold.
        level: Level of the profile that a score of a place was ranked at; not set for
            slices and series, and by the first version of the program.
        smallest_p: The smallest p-value that so many patients can give; not set by
            profiles before format 4, which counted scores.
        chosen: True when the program's search chose the place for its score: its
            p-value would be too small, so it has none, and no flag; else not set.
    """

    score: Real
    p_value: _PValue | None
    tail_p: Rate | None
    n: Count
    n_patients: Count
    threshold: Real | None
    flagged: bool | None
    level: PlaceLevel | UnsetType = UNSET
    smallest_p: _PValue | UnsetType = UNSET
    chosen: Literal[True] | UnsetType = UNSET

    @property
    def floor(self) -> float:
        """The smallest possible p-value."""
        return 1.0 / (self.n + 1) if self.smallest_p is UNSET else self.smallest_p

    @property
    def ranked_at(self) -> PlaceLevel:
        """`level`, and "patch" where it is not set."""
        return "patch" if self.level is UNSET else self.level

    @property
    def is_consistent(self) -> bool:
        """True when it is flagged if, and only if, it lies above its threshold.

        A place chosen for its score has no threshold, no flag and no p-value.
        """
        if self.chosen is True and (self.p_value, self.threshold) != (None, None):
            return False
        if self.threshold is None or self.flagged is None:
            return self.threshold is self.flagged
        return self.flagged == (self.score > self.threshold)


@dataclass(frozen=True, slots=True)
class PlaceNumbers:
    """Everything that is kept of a place.

    Attributes:
        anomaly: Anomaly score. Where the place's noise was searched for elsewhere and
            the profile has that level, ranked at level "place", or "structure" on a
            solid structure of the lung; else at level "patch".
        injection: Injection score (paper), level "patch".
        removal: Removal score (paper), level "patch".
        copy: Where its noise is found again best, judged; None when it cannot be
            searched for (at the rim of the slice); not set by the first version of the
            program.
        slice: Value of the slice whose maximum the place is; set for places that the
            program's search chose.
        untaught: Anomaly score without the learned evidence map, level "patch"; set
            where the model has such a map.

    Raises:
        ValueError: A score is ranked at a level that it does not have, or flagged
            against its threshold.
    """

    anomaly: CalibratedValue
    injection: CalibratedValue
    removal: CalibratedValue
    copy: NoiseCopy | UnsetType | None = UNSET
    slice: CalibratedValue | UnsetType = UNSET
    untaught: CalibratedValue | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse numbers that the program never makes."""
        for kind, value in self.scores.items():
            searched = ("place", "structure") if kind == "anomaly" else ()
            levels = (*searched, "patch")
            if value.ranked_at not in levels:
                raise ValueError(f"the {kind} score has no level {value.level!r}")
        if self.slice is not UNSET and self.slice.level is not UNSET:
            raise ValueError("the score of a slice has a level of its own")
        for kind, value in self.every.items():
            if not value.is_consistent:
                raise ValueError(f"the {kind} score is flagged against its threshold")

    @property
    def scores(self) -> dict[str, CalibratedValue]:
        """Scores of the place by kind; "untaught" where there is one."""
        found = {"anomaly": self.anomaly}
        if self.untaught is not UNSET:
            found["untaught"] = self.untaught
        return {**found, "injection": self.injection, "removal": self.removal}

    @property
    def every(self) -> dict[str, CalibratedValue]:
        """`scores`, and "slice" with its level where the search chose the place."""
        if self.slice is UNSET:
            return self.scores
        return {**self.scores, "slice": replace(self.slice, level="slice")}
