"""The result of the search for copied noise at a place, in numbers and in words.

One wording for window, command line and report.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from msgspec import UNSET, UnsetType

from btd_desktop.calibration.apply import copy_surprise
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import Scope
from btd_desktop.calibration.surprise import SurpriseScale
from btd_desktop.examination.wording import percent_text
from btd_desktop.scoring.copies import NoiseCopy


def judge_copy(
    profile: CalibrationProfile, scope: Scope, copy: NoiseCopy | None
) -> NoiseCopy | None:
    """How rare a copy is among genuine places.

    The search itself judges by the other places of the series, whether or not a profile
    covers it. Profiles before format 4 judge by their own genuine places instead.

    Args:
        profile: The calibration.
        scope: Result of the scope check.
        copy: Result of the search.

    Returns:
        The copy; None when the place's noise could not be searched for.
    """
    if copy is None or profile.levels["anomaly"]["patch"].patients is not UNSET:
        return copy
    surprise = usual = None
    rate = profile.target_fpr
    if scope.p_values_allowed and profile.copies is not None:
        surprise, _ = copy_surprise(profile, copy)
        usual = _strength_at(profile.copies, rate)
    return replace(
        copy,
        surprise=surprise,
        copied=surprise is not None and surprise > -math.log10(rate),
        share=rate,
        usual_strength=usual,
    )


def _strength_at(scale: SurpriseScale, share: float) -> float:
    """Strength that a share of genuine places reaches: the inverse of `surprise`."""
    wanted = float(np.log10(share))
    knots, logs = scale.knots, scale.distances
    if wanted < knots[-1]:
        slope = (logs[-1] - logs[-2]) / (knots[-1] - knots[-2])
        return float(np.exp(logs[-1] + slope * (wanted - knots[-1])))
    return float(np.exp(np.interp(-wanted, -knots, logs)))


def copy_sentence(copy: NoiseCopy | UnsetType | None) -> str:
    """The result of the search in a sentence; slices are counted from 1."""
    if copy is UNSET:
        return ""  # The first version of the program did not search.
    if copy is None:
        return (
            "The noise of this place cannot be searched for elsewhere: it lies at the "
            "rim of the slice or holds too little tissue."
        )
    where = f"x {copy.column}, y {copy.row}, slice {copy.slice_index + 1}"
    how = f"{copy.correlation:.2f} over {copy.side}×{copy.side} px"
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
