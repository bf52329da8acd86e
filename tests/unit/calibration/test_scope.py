"""What a profile speaks for, and the reason where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import Coverage, Scope, check_scope, with_scores
from btd_desktop.preprocess.presets import PRESETS
from tests.unit.calibration.samples import FACTS, GRID, MODEL, PRESET, profile_of


@pytest.fixture(scope="module")
def profile() -> CalibrationProfile:
    return profile_of(4)


def scope_of(profile: CalibrationProfile, **changes: Any) -> Scope:
    run: dict[str, Any] = {
        "model_digest": MODEL["digest"],
        "preset": PRESET,
        "grid": GRID,
    }
    run.update({k: changes.pop(k) for k in tuple(changes) if k in run})
    return check_scope(profile, **run, facts=FACTS.with_facts(**changes))


def test_series_like_those_of_the_profile_is_covered(
    profile: CalibrationProfile,
) -> None:
    scope = scope_of(profile)
    assert scope == Scope(Coverage.COVERED, ())
    assert scope.p_values_allowed


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"model_digest": "b" * 64}, "model tiny"),
        ({"preset": PRESETS["ct96"]}, "preprocessing"),
        ({"preset": replace(PRESET, version=2)}, "preprocessing"),
        ({"grid": replace(GRID, stride=8)}, "grid"),
        ({"modality": "MR"}, "is for CT, the series is MR"),
        ({"thickness_mm": 5.0}, "slice thickness is 5 mm"),
        ({"thickness_mm": 0.5}, "slice thickness is 0.5 mm"),
        ({"pixel_spacing_mm": 1.2}, "pixel spacing is 1.2 mm"),
        ({"pixel_spacing_mm": 0.4}, "pixel spacing is 0.4 mm"),
        ({"not_covered": ["its values are not HU: x"]}, "its values are not HU: x"),
        ({"unit": ""}, "its values are not HU"),
    ],
)
def test_what_the_profile_does_not_cover_is_refused(
    profile: CalibrationProfile, changes: dict[str, Any], word: str
) -> None:
    scope = scope_of(profile, **changes)
    assert scope.coverage is Coverage.NOT
    assert not scope.p_values_allowed
    assert len(scope.reasons) == 1
    assert word in scope.reasons[0]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"manufacturer": "OTHER"}, "scanner (OTHER One)"),
        ({"manufacturer": "", "model": ""}, "not named in the files"),
        ({"manufacturer": None, "model": None}, "not named in the files"),
        ({"kernel": "B70f"}, "kernel (B70f)"),
        ({"lossy": True}, "compressed with loss"),
        ({"processing": ["its finest noise is missing"]}, "finest noise is missing"),
        ({"thickness_mm": None}, "does not state its slice thickness"),
        ({"pixel_spacing_mm": None}, "does not state its pixel spacing"),
    ],
)
def test_what_the_profile_has_not_seen_is_partly_covered(
    profile: CalibrationProfile, changes: dict[str, Any], word: str
) -> None:
    scope = scope_of(profile, **changes)
    assert scope.coverage is Coverage.PARTLY
    assert scope.p_values_allowed
    assert any(word in reason for reason in scope.reasons)


@pytest.mark.parametrize("thickness", [1.4, 2.0, 2.9])
def test_thickness_near_the_profiles_is_covered(
    profile: CalibrationProfile, thickness: float
) -> None:
    assert scope_of(profile, thickness_mm=thickness).coverage is Coverage.COVERED


def test_every_reason_is_told(profile: CalibrationProfile) -> None:
    scope = scope_of(profile, model_digest="b" * 64, modality="MR", thickness_mm=9.0)
    assert len(scope.reasons) == 3


COVERED = Scope(Coverage.COVERED, ())


def scores_with(profile: CalibrationProfile, share: float) -> list[NDArray[np.float64]]:
    """Two slices of 100 patches, a share of them above the patch threshold."""
    threshold = profile.levels["anomaly"]["patch"].threshold
    assert threshold is not None
    scores = np.full((2, 10, 10), threshold)
    scores.reshape(-1)[: round(200 * share)] = threshold + 0.1
    return list(scores)


def with_rates(
    profile: CalibrationProfile, rates: tuple[float, ...]
) -> CalibrationProfile:
    levels = dict(profile.levels["anomaly"])
    levels["patch"] = replace(levels["patch"], patient_fpr=rates)
    return replace(profile, levels={**profile.levels, "anomaly": levels})


def test_scan_that_is_unlike_the_profile_all_over_is_partly_covered(
    profile: CalibrationProfile,
) -> None:
    known = with_rates(profile, (0.0, 0.01, 0.06))
    found = with_scores(COVERED, known, scores_with(known, 0.12))
    assert found.coverage is Coverage.PARTLY
    assert found.p_values_allowed
    [reason] = found.reasons
    assert "12 % of the patches" in reason
    assert "at most 6 %" in reason


@pytest.mark.parametrize(
    ("rates", "share"),
    [((0.0, 0.01), 0.05), ((0.0, 0.01), 0.0), ((0.01, 0.08), 0.12), ((), 0.05)],
)
def test_tampered_spot_or_a_patient_like_the_profiles_leaves_the_scope(
    profile: CalibrationProfile, rates: tuple[float, ...], share: float
) -> None:
    known = with_rates(profile, rates)
    assert with_scores(COVERED, known, scores_with(known, share)) == COVERED


def test_scores_add_to_the_reasons_and_never_lift_a_refusal(
    profile: CalibrationProfile,
) -> None:
    known = with_rates(profile, ())
    many = scores_with(known, 0.5)
    doubted = Scope(Coverage.PARTLY, ("another kernel",))
    found = with_scores(doubted, known, many)
    assert found.coverage is Coverage.PARTLY
    assert found.reasons[0] == "another kernel"
    assert "own patients" not in found.reasons[1]
    refused = Scope(Coverage.NOT, ("another model",))
    assert with_scores(refused, known, many) == refused


def test_series_without_scored_patches_leaves_the_scope(
    profile: CalibrationProfile,
) -> None:
    assert with_scores(COVERED, profile, [np.full((3, 3), np.nan)]) == COVERED
    assert with_scores(COVERED, profile, []) == COVERED
