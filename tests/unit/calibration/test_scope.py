"""What a profile speaks for, and the reason where it does not."""

from __future__ import annotations

from typing import Any

import pytest

from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.scope import Coverage, Scope, check_scope
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
    return check_scope(profile, **run, facts={**FACTS, **changes})


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
        ({"preset": PRESETS["ct96"].to_json()}, "preprocessing"),
        ({"preset": {**PRESET, "version": 2}}, "preprocessing"),
        ({"grid": {**GRID, "stride": 8}}, "grid"),
        ({"modality": "MR"}, "is for CT, the series is MR"),
        ({"thickness_mm": 5.0}, "slice thickness is 5 mm"),
        ({"thickness_mm": 0.5}, "slice thickness is 0.5 mm"),
        ({"pixel_spacing_mm": 1.2}, "pixel spacing is 1.2 mm"),
        ({"pixel_spacing_mm": 0.4}, "pixel spacing is 0.4 mm"),
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
