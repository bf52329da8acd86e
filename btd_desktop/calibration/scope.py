"""Whether a profile covers a series, and why not.

"Not covered" blocks every p-value. "Partly covered" prints them with the reason: the
examiner and the other party decide what they are worth.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from btd_desktop.calibration.fit import MIN_PATIENTS
from btd_desktop.calibration.profile import CalibrationProfile

__all__ = ["Coverage", "Scope", "check_scope"]

# A third thinner or half as thick again is another noise; a quarter in pixel size is
# another noise texture in pixels.
_MEASURES = (
    ("thickness_mm", "slice thickness"),
    ("pixel_spacing_mm", "pixel spacing"),
)
_FACTORS = (1.5, 1.25)


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
    preset: dict[str, Any],
    grid: dict[str, Any],
    facts: dict[str, Any],
) -> Scope:
    """Check a series and the run that scored it against a profile.

    Args:
        profile: The calibration.
        model_digest: Digest of the model that scores.
        preset: JSON value of the preprocessing used.
        grid: JSON value of the grid used.
        facts: Scanner facts of the series, as in `BenignSeries.facts`, with
            "modality".
    """
    refusals = _refusals(profile, model_digest, preset, grid, facts)
    if refusals:
        return Scope(Coverage.NOT, tuple(refusals))
    doubts = _doubts(profile, facts)
    if doubts:
        return Scope(Coverage.PARTLY, tuple(doubts))
    return Scope(Coverage.COVERED, ())


def _refusals(
    profile: CalibrationProfile,
    model_digest: str,
    preset: dict[str, Any],
    grid: dict[str, Any],
    facts: dict[str, Any],
) -> list[str]:
    out = []
    if model_digest != profile.model.get("digest"):
        out.append(
            f"the profile was made with model {profile.model.get('name')} "
            f"({profile.model.get('digest', '')[:12]}…), the scan was scored with "
            f"another ({model_digest[:12]}…)"
        )
    if preset != profile.preset:
        out.append("the profile was made with another preprocessing")
    if grid != profile.grid:
        out.append("the profile was made with another grid of patches")
    if facts.get("modality") != profile.preset.get("modality"):
        out.append(
            f"the profile is for {profile.preset.get('modality')}, the series is "
            f"{facts.get('modality')}"
        )
    for (key, name), factor in zip(_MEASURES, _FACTORS, strict=True):
        low, high = profile.ranges.get(key, (0.0, 0.0))
        value = facts.get(key)
        if value and high > 0.0 and not low / factor <= value <= high * factor:
            out.append(
                f"the series' {name} is {value:g} mm, the profile holds {low:g} to "
                f"{high:g} mm"
            )
    return out


def _doubts(profile: CalibrationProfile, facts: dict[str, Any]) -> list[str]:
    out = []
    if profile.n_patients < MIN_PATIENTS:
        out.append(
            f"the profile holds {profile.n_patients} patient(s) only: how far genuine "
            "patients differ is not known"
        )
    maker = str(facts.get("manufacturer") or "")
    model = str(facts.get("model") or "")
    kernel = str(facts.get("kernel") or "")
    known = profile.scanners
    for key, name in _MEASURES:
        if profile.ranges.get(key, (0.0, 0.0))[1] > 0.0 and not facts.get(key):
            out.append(f"the series does not state its {name}")
    if not any(
        s.get("manufacturer") == maker and s.get("model") == model for s in known
    ):
        named = f"{maker} {model}".strip() or "not named in the files"
        out.append(f"the scanner ({named}) is not among those of the profile")
    if kernel and not any(s.get("kernel") == kernel for s in known):
        out.append(f"the kernel ({kernel}) is not among those of the profile")
    if facts.get("lossy"):
        out.append(
            "the series was compressed with loss; the profile does not speak for that"
        )
    return out
