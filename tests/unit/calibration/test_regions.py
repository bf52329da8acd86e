"""Regions that a profile holds, and what they say of a series."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import UNSET

from btd_desktop.calibration.fit import fit_profile
from btd_desktop.calibration.profile import CalibrationProfile
from btd_desktop.calibration.regions import count_regions, regions_text
from btd_desktop.calibration.scope import Coverage, Scope, check_scope
from btd_desktop.volume import SeriesFacts
from tests.unit.calibration.samples import (
    FACTS,
    GRID,
    MODEL,
    PRESET,
    header,
    series_of,
)

Counts = dict[str, int]


def test_patients_are_counted_once_for_each_region_of_theirs() -> None:
    chest, body = SeriesFacts(body_part="CHEST"), SeriesFacts(body_part="CHESTABDOMEN")
    seen = SeriesFacts(body_part="CHEST", seen_regions=("pelvis",))
    series = [
        ("a", chest),
        ("a", chest),
        ("a", SeriesFacts()),
        ("b", body),
        ("c", seen),
        ("d", SeriesFacts(body_part="PHANTOM")),
    ]
    counts = count_regions(series)
    assert list(counts.items()) == [
        ("chest", 2),
        ("abdomen", 1),
        ("pelvis", 1),
        ("not known", 1),
    ]
    assert regions_text(counts) == (
        "chest (2 patients), abdomen (1 patient), pelvis (1 patient) and regions not "
        "known (1 patient)"
    )


@pytest.fixture(scope="module")
def profile() -> CalibrationProfile:
    parts = ["CHEST", "CHEST", "CHEST", "KNEE"]
    series = [series_of(f"p{i}", i, body_part=part) for i, part in enumerate(parts)]
    return fit_profile(series, header(), 0.05)


def scope_of(profile: CalibrationProfile, counts: Any, **facts: Any) -> Scope:
    return check_scope(
        replace(profile, regions=counts),
        model_digest=MODEL["digest"],
        preset=profile.preset,
        grid=GRID,
        facts=FACTS.with_facts(**{"body_part": None, **facts}),
    )


def test_profile_counts_the_patients_of_its_series(profile: CalibrationProfile) -> None:
    assert profile.regions == {"chest": 3, "extremity": 1}
    with pytest.raises(ValueError, match="more patients of a region"):
        replace(profile, regions={"chest": 5})


HOLDS = "the profile holds scans of the chest (4 patients) and abdomen (3 patients)"
BOTH: Counts = {"abdomen": 3, "chest": 4}


def test_series_of_a_region_that_the_profile_lacks_is_not_covered(
    profile: CalibrationProfile,
) -> None:
    seen = scope_of(profile, BOTH, seen_regions=("head",))
    assert seen == Scope(Coverage.NOT, (f"{HOLDS}; this series shows the head",))
    stated = scope_of(profile, BOTH, body_part="KNEE")
    assert stated == Scope(
        Coverage.NOT, (f"{HOLDS}; this series is by its header of the limbs",)
    )


@pytest.mark.parametrize(
    ("counts", "facts", "reason"),
    [
        (
            BOTH,
            {"seen_regions": ("chest", "pelvis")},
            "this series shows the pelvis too",
        ),
        (
            {"chest": 4, "abdomen": 2},
            {"seen_regions": ("chest", "abdomen")},
            "of the abdomen the profile holds 2 patient(s) only",
        ),
        # Patients whose region nobody knows may be of the head.
        (
            {"chest": 1, "not known": 3},
            {"seen_regions": ("head",)},
            "regions not known (3 patients); this series shows the head",
        ),
        (BOTH, {"seen_regions": ()}, "and the image shows none that the program knows"),
        (BOTH, {}, "the files do not state it, and the image was not read"),
    ],
)
def test_region_that_is_known_or_held_in_part_is_a_doubt(
    profile: CalibrationProfile, counts: Counts, facts: dict[str, Any], reason: str
) -> None:
    scope = scope_of(profile, counts, **facts)
    assert scope.coverage is Coverage.PARTLY
    assert len(scope.reasons) == 1
    assert reason in scope.reasons[0]


@pytest.mark.parametrize(
    ("counts", "coverage"),
    [({"chest": 4}, Coverage.PARTLY), ({"head": 4}, Coverage.PARTLY),
     ({"pelvis": 4}, Coverage.NOT)],
)  # fmt: skip
def test_header_and_image_that_contradict_each_other_are_both_told(
    profile: CalibrationProfile, counts: Counts, coverage: Coverage
) -> None:
    scope = scope_of(profile, counts, body_part="HEAD", seen_regions=("chest",))
    assert scope.coverage is coverage
    assert "the header states the head, the image shows the chest" in scope.reasons


def scope_of_mr(
    profile: CalibrationProfile, counts: Counts, body_part: str | None
) -> Scope:
    of_mr = replace(profile, preset=replace(PRESET, modality="MR"))
    return scope_of(of_mr, counts, modality="MR", body_part=body_part)


@pytest.mark.parametrize(
    ("counts", "coverage"),
    [(BOTH, Coverage.NOT), ({"chest": 2, "not known": 2}, Coverage.NOT),
     ({"chest": 1, "not known": 3}, Coverage.PARTLY)],
)  # fmt: skip
def test_mr_of_a_region_that_nobody_knows_is_covered_by_its_like_alone(
    profile: CalibrationProfile, counts: Counts, coverage: Coverage
) -> None:
    assert scope_of_mr(profile, counts, None) == Scope(
        coverage,
        (
            "the region of the body is not known: the files do not state it, and of "
            "MR the image is not read",
        ),
    )


@pytest.mark.parametrize(
    ("counts", "body_part", "coverage"),
    [
        ({"extremity": 3, "abdomen": 2}, "ABDOMEN", Coverage.NOT),
        ({"extremity": 3, "abdomen": 2}, "THIGH", Coverage.COVERED),
        ({"extremity": 1, "pelvis": 3}, "PELVIS HIP THIGH", Coverage.PARTLY),
        ({"extremity": 1, "not known": 3}, "THIGH", Coverage.PARTLY),
    ],
)
def test_region_of_too_few_patients_covers_no_mr(
    profile: CalibrationProfile, counts: Counts, body_part: str, coverage: Coverage
) -> None:
    scope = scope_of_mr(profile, counts, body_part)
    assert scope.coverage is coverage
    few = f"the profile holds {counts.get('abdomen', 1)} patient(s) only"
    assert all(few in reason for reason in scope.reasons)


def test_profile_without_regions_says_nothing_of_them(
    profile: CalibrationProfile,
) -> None:
    for facts in ({}, {"body_part": "HEAD", "seen_regions": ("chest",)}):
        assert scope_of(profile, UNSET, **facts) == Scope(Coverage.COVERED, ())
