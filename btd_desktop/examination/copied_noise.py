"""What the search for copied noise says of a place, in numbers and in words.

One wording for window, command line and report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np

from btd_desktop.calibration.apply import copy_surprise
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import Scope
from btd_desktop.calibration.surprise import SurpriseScale, counted_copies
from btd_desktop.examination.wording import percent_text
from btd_desktop.scoring.copies import CopyMatch

__all__ = ["JudgedCopy", "copy_sentence", "judge_copy", "level_of_place"]


@dataclass(frozen=True, slots=True)
class JudgedCopy:
    """Where the noise of a place is found again best, and how rare that is.

    Attributes:
        strength: Correlation over the spread of all correlations of the series.
        correlation: In [-1, 1].
        side_px: Side of the square that was compared.
        n_slices: 1 when the square was compared alone, 3 with both neighbours.
        slice_index: Of the place found, from 0.
        row: Its row in pixels.
        column: Its column.
        surprise: -log10 of the share of genuine places whose noise is found again as
            strongly; None when the profile does not know or does not cover the series.
        copied: That share is smaller than the profile's false-positive rate.
        share: That rate, in (0, 1).
        usual_strength: Strength that this share of genuine places reaches; None like
            `surprise`.
    """

    strength: float
    correlation: float
    side_px: int
    n_slices: int
    slice_index: int
    row: int
    column: int
    surprise: float | None
    copied: bool
    share: float
    usual_strength: float | None

    def to_json(self) -> dict[str, Any]:
        """JSON value, as findings keep it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> JudgedCopy:
        """Inverse of `to_json`.

        Raises:
            KeyError: A number is missing.
        """
        # Findings of the first version do not say that they compared 32 px.
        known = {"side_px": 32, **value}
        return cls(**{f.name: known[f.name] for f in fields(cls)})


def level_of_place(
    profile: CalibrationProfile, copy: CopyMatch | None
) -> Literal["place", "patch"]:
    """Level at which the anomaly score of a place is ranked.

    Args:
        profile: The calibration.
        copy: What the search for copied noise found; None when it could not search.
    """
    known = copy is not None and "place" in profile.levels["anomaly"]
    return "place" if known else "patch"


def judge_copy(
    profile: CalibrationProfile, scope: Scope, copy: CopyMatch | None
) -> JudgedCopy | None:
    """How rare a copy is among genuine places.

    Args:
        profile: The calibration.
        scope: Answer of the scope check: nothing is judged where it does not cover.
        copy: What the search found.

    Returns:
        None when the place could not be searched for.
    """
    if copy is None:
        return None
    surprise = usual = None
    rate = profile.target_fpr
    if scope.p_values_allowed and profile.copies is not None:
        surprise = copy_surprise(profile, copy)
        usual = _strength_at(profile.copies, rate)
    return JudgedCopy(
        **asdict(copy),
        surprise=surprise,
        copied=surprise is not None
        and bool(counted_copies(np.array([surprise]), rate)[0] > 0.0),
        share=rate,
        usual_strength=usual,
    )


def _strength_at(scale: SurpriseScale, share: float) -> float:
    """Strength that a share of genuine places reaches: `surprise` the other way."""
    wanted = float(np.log10(share))
    knots, logs = scale.knots, scale.distances
    if wanted < knots[-1]:
        slope = (logs[-1] - logs[-2]) / (knots[-1] - knots[-2])
        return float(np.exp(logs[-1] + slope * (wanted - knots[-1])))
    return float(np.exp(np.interp(-wanted, -knots, logs)))


def copy_sentence(copy: JudgedCopy | None) -> str:
    """What the search found, in a sentence; slices are counted from 1."""
    if copy is None:
        return (
            "The noise of this place cannot be searched for elsewhere: it lies at the "
            "rim of the slice or holds too little tissue."
        )
    where = f"x {copy.column}, y {copy.row}, slice {copy.slice_index + 1}"
    how = f"{copy.correlation:.2f} over {copy.side_px}×{copy.side_px} px"
    if copy.n_slices > 1:
        how += f" of {copy.n_slices} slices"
    strength = f"{copy.strength:.2g} times the spread"
    if copy.surprise is None or copy.usual_strength is None:
        return (
            f"Highest correlation with the noise of another place: {how}, at {where} "
            f"({strength}). How high genuine places reach is not known here."
        )
    if not copy.copied:
        return (
            f"Noise not found again elsewhere (highest correlation {how}, as by "
            "chance)."
        )
    return (
        f"The noise of this place is found again at {where} (correlation {how}, "
        f"{strength}; {percent_text(copy.share)} of genuine places reach "
        f"{copy.usual_strength:.2g})."
    )
