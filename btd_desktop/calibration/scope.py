"""Whether a profile covers a series, and why not.

"Not covered" blocks every p-value. "Partly covered" prints them with the reason: the
examiner and the other party decide what they are worth.

What the files say of the scanner is asked first (`check_scope`), the scores afterwards
(`with_scores`): a scan that is unlike the profile's all over shows it there, whatever
its header says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from btd_desktop.calibration.profile import MIN_PATIENTS, CalibrationProfile
from btd_desktop.calibration.regions import region_reasons
from btd_desktop.preprocess.presets import Preset
from btd_desktop.scoring.grid import PatchGrid
from btd_desktop.scoring.method import OWN, Method
from btd_desktop.volume import SeriesFacts

# A third thinner or half as thick again is another noise; a quarter in pixel size is
# another noise texture in pixels.
_MEASURES = (
    ("thickness_mm", "slice thickness"),
    ("pixel_spacing_mm", "pixel spacing"),
)
_FACTORS = (1.5, 1.25)

# Patches above the threshold that no tampered spot accounts for: a nodule of 20 mm is
# less than that of one slice, and far less of a series.
_UNLIKE_SHARE = 0.05
_UNLIKE_FACTOR = 1.5  # times the share of the profile's most unlike patient


class Coverage(StrEnum):
    """How far a profile speaks for a series."""

    COVERED = "covered"
    PARTLY = "partly covered"
    NOT = "not covered"


@dataclass(frozen=True, slots=True)
class Scope:
    """Answer of the scope check.

    Attributes:
        coverage: Covered, partly or not.
        reasons: Sentences; empty only when covered.
    """

    coverage: Coverage
    reasons: tuple[str, ...]

    @property
    def p_values_allowed(self) -> bool:
        """False when no p-value may be printed."""
        return self.coverage is not Coverage.NOT


def check_scope(
    profile: CalibrationProfile,
    *,
    model_digest: str,
    preset: Preset,
    grid: PatchGrid,
    facts: SeriesFacts,
    method: Method = OWN,
) -> Scope:
    """Check a series and the run that scored it against a profile.

    Args:
        profile: The calibration.
        model_digest: Digest of the model that scores.
        preset: The preprocessing used.
        grid: The grid used.
        facts: Facts of the series, as a case keeps them.
        method: What was done with the model.
    """
    elsewhere, unsure = _of_regions(profile, facts)
    refusals = _refusals(profile, model_digest, preset, grid, facts) + elsewhere
    if method != profile.used:
        refusals.append("the profile was made for another method")
    if refusals:
        return Scope(Coverage.NOT, tuple(refusals))
    doubts = _doubts(profile, facts) + unsure
    if doubts:
        return Scope(Coverage.PARTLY, tuple(doubts))
    return Scope(Coverage.COVERED, ())


def with_scores(
    scope: Scope,
    profile: CalibrationProfile,
    patch_scores: Iterable[NDArray[np.floating]],
) -> Scope:
    """The scope once the series' anomaly scores are known.

    A series of which far more patches lie above the threshold than of any patient of
    the profile is covered in part at most: as a whole it is unlike them.

    Args:
        scope: Answer of `check_scope`.
        profile: The calibration.
        patch_scores: Anomaly scores of its patches, any shapes; NaN where not scored.
    """
    level = profile.levels["anomaly"]["patch"]
    if level.threshold is None or scope.coverage is Coverage.NOT:
        return scope
    found = np.concatenate([np.empty(0), *(s[np.isfinite(s)] for s in patch_scores)])
    if not found.size:
        return scope
    share = float(np.mean(found > level.threshold))
    highest = max(level.patient_fpr, default=0.0)
    if share <= max(_UNLIKE_SHARE, _UNLIKE_FACTOR * highest):
        return scope
    own = f", of the profile's own patients at most {100 * highest:.2g} %"
    reason = (
        f"{100 * share:.2g} % of the patches of this series lie above the threshold"
        f"{own if level.patient_fpr else ''}: as a whole the scan is unlike those of "
        "the profile, or it was altered in many places"
    )
    return replace(scope, coverage=Coverage.PARTLY, reasons=(*scope.reasons, reason))


def _of_regions(
    profile: CalibrationProfile, facts: SeriesFacts
) -> tuple[list[str], list[str]]:
    if profile.regions is UNSET:
        return [], []
    return region_reasons(profile.regions, facts, MIN_PATIENTS)


def _refusals(
    profile: CalibrationProfile,
    model_digest: str,
    preset: Preset,
    grid: PatchGrid,
    facts: SeriesFacts,
) -> list[str]:
    out = []
    made_with = profile.model["digest"]
    if model_digest != made_with:
        out.append(
            f"the profile was made with model {profile.model['name']} "
            f"({made_with[:12]}…), the scan was scored with "
            f"another ({model_digest[:12]}…)"
        )
    if preset != profile.preset:
        out.append("the profile was made with another preprocessing")
    if grid != profile.grid:
        out.append("the profile was made with another grid of patches")
    if facts.modality != profile.preset.modality:
        out.append(
            f"the profile is for {profile.preset.modality}, the series is "
            f"{facts.modality}"
        )
    # What the import already knows that no profile speaks for.
    if facts.not_covered:
        out += facts.not_covered
    elif facts.modality == "CT" and facts.unit not in ("HU", None):
        out.append("its values are not HU")
    for (key, name), factor in zip(_MEASURES, _FACTORS, strict=True):
        low, high = profile.ranges.get(key, (0.0, 0.0))
        value = getattr(facts, key)
        if value and high > 0.0 and not low / factor <= value <= high * factor:
            out.append(
                f"the series' {name} is {value:g} mm, the profile holds {low:g} to "
                f"{high:g} mm"
            )
    return out


def _doubts(profile: CalibrationProfile, facts: SeriesFacts) -> list[str]:
    out = []
    if profile.n_patients < MIN_PATIENTS:
        out.append(
            f"the profile holds {profile.n_patients} patient(s) only: how far genuine "
            "patients differ is not known"
        )
    maker, model = facts.manufacturer or "", facts.model or ""
    kernel = facts.kernel or ""
    known = profile.scanners
    for key, name in _MEASURES:
        if profile.ranges.get(key, (0.0, 0.0))[1] > 0.0 and not getattr(facts, key):
            out.append(f"the series does not state its {name}")
    if not any((s.manufacturer, s.model) == (maker, model) for s in known):
        named = facts.scanner or "not named in the files"
        out.append(f"the scanner ({named}) is not among those of the profile")
    if kernel and not any(s.kernel == kernel for s in known):
        out.append(f"the kernel ({kernel}) is not among those of the profile")
    out.extend(
        f"the series is not as a reconstruction leaves it: {words}"
        for words in facts.processing or ()
    )
    if facts.lossy:
        out.append(
            "the series was compressed with loss; the profile does not speak for that"
        )
    return out
