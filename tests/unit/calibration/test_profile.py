"""Profiles as files: never overwritten, never believed when altered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import UNSET

from btd_desktop.calibration.apply import calibrate_series
from btd_desktop.calibration.profile import (
    CalibrationProfile,
    profile_from_json,
    read_profile,
    write_profile,
)
from btd_desktop.calibration.scope import Coverage, Scope
from btd_desktop.digest import json_digest
from btd_desktop.errors import CalibrationError
from tests.unit.calibration.samples import profile_of, series_of

Edit = Callable[[dict[str, Any]], None]
NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def profile() -> CalibrationProfile:
    return profile_of(4)


def document(profile: CalibrationProfile) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        json.dumps({"digest": profile.digest, **profile.to_json()})
    )
    return value


def refusal(path: Path) -> CalibrationError:
    with pytest.raises(CalibrationError) as caught:
        read_profile(path)
    return caught.value


def test_profile_survives_the_file_with_digest_and_scores(
    profile: CalibrationProfile, tmp_path: Path
) -> None:
    path = tmp_path / "profiles" / "local.json"
    write_profile(profile, path)
    again = read_profile(path)
    assert again.digest == profile.digest
    assert again.to_json() == profile.to_json()
    slices = series_of("new", 50).slices
    covered = Scope(Coverage.COVERED, ())
    before = calibrate_series(profile, covered, slices)
    after = calibrate_series(again, covered, slices)
    for kind, own in before.items():
        assert own.slices == after[kind].slices
        assert own.series == after[kind].series
        for a, b in zip(own.patch_p, after[kind].patch_p, strict=True):
            np.testing.assert_array_equal(a, b)
        for a, b in zip(own.patch_scores, after[kind].patch_scores, strict=True):
            np.testing.assert_array_equal(a, b)


def test_digest_in_the_file_is_that_of_the_rest(
    profile: CalibrationProfile, tmp_path: Path
) -> None:
    write_profile(profile, tmp_path / "a.json")
    value = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    stated = value.pop("digest")
    assert stated == json_digest(value) == profile.digest
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_writing_twice_is_harmless_and_overwriting_is_refused(
    profile: CalibrationProfile, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    write_profile(profile, path)
    write_profile(profile, path)
    before = path.read_bytes()
    with pytest.raises(CalibrationError) as caught:
        write_profile(profile_of(3), path)
    assert caught.value.code == "profile_exists"
    assert path.read_bytes() == before
    foreign = tmp_path / "b.json"
    foreign.write_bytes(b"\xff\xfe not ours")
    with pytest.raises(CalibrationError):
        write_profile(profile, foreign)
    assert foreign.read_bytes() == b"\xff\xfe not ours"


def test_writing_where_one_cannot_is_an_error_with_its_reason(
    profile: CalibrationProfile, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CalibrationError) as caught:
        write_profile(profile, tmp_path / "file" / "a.json")
    assert caught.value.code == "profile_write"


def raise_threshold(value: dict[str, Any]) -> None:
    value["levels"]["anomaly"]["patch"]["threshold"] += 1.0


def move_a_score(value: dict[str, Any]) -> None:
    value["levels"]["removal"]["slice"]["scores"][0] -= 0.001


def claim_patients(value: dict[str, Any]) -> None:
    value["n_patients"] = 400


def claim_a_scanner(value: dict[str, Any]) -> None:
    value["scanners"][0]["manufacturer"] = "OTHER"


def drop_the_digest(value: dict[str, Any]) -> None:
    value["target_fpr"] = 0.5
    del value["digest"]


@pytest.mark.parametrize(
    "edit",
    [raise_threshold, move_a_score, claim_patients, claim_a_scanner, drop_the_digest],
)
def test_altered_profile_is_refused(
    profile: CalibrationProfile, tmp_path: Path, edit: Edit
) -> None:
    value = document(profile)
    edit(value)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    error = refusal(path)
    assert error.code == "profile_digest"
    assert "altered" in error.detail


def test_profile_kept_without_digest_is_read_from_its_value(
    profile: CalibrationProfile,
) -> None:
    assert profile_from_json(profile.to_json(), "case").digest == profile.digest


def test_levels_have_one_order_whether_read_from_a_file_or_from_a_case(
    profile: CalibrationProfile,
) -> None:
    kept = json.loads(json.dumps(profile.to_json(), sort_keys=True))
    levels = profile_from_json(kept, "case").levels
    assert list(levels) == list(profile.levels)
    for kind, by_level in profile.levels.items():
        assert list(levels[kind]) == list(by_level)


def test_profile_without_regions_is_read_as_it_was_written(
    profile: CalibrationProfile,
) -> None:
    value = profile.to_json()
    assert value.pop("regions") == {"chest": 4}
    again = profile_from_json({"digest": json_digest(value), **value}, "file")
    assert again.regions is UNSET
    assert again.to_json() == value


def test_newer_profile_is_refused(profile: CalibrationProfile, tmp_path: Path) -> None:
    value = document(profile)
    value["format"] = 99
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    error = refusal(path)
    assert error.code == "profile_format"
    assert "newer version" in error.hint


@pytest.mark.parametrize("damaged", [False, True])
def test_profile_of_the_first_format_is_refused_with_what_to_do(
    profile: CalibrationProfile, tmp_path: Path, damaged: bool
) -> None:
    value = document(profile)
    value["format"] = 1
    if damaged:
        # As the first format was: no scale of copies, a plain list of tissues.
        del value["copies"]
        value["density"] = value["density"]["alone"]["strata"]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(value))
    error = refusal(path)
    assert error.code == "profile_format"
    assert "old.json has format 1, whose scores this program no longer" in error.detail
    assert "calibrate again" in error.hint


def set_at(*keys: str | int, to: Any) -> Edit:
    def edit(value: dict[str, Any]) -> None:
        target: Any = value
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = to

    return edit


def delete(key: str) -> Edit:
    def edit(value: dict[str, Any]) -> None:
        del value[key]

    return edit


PATCH = ("levels", "anomaly", "patch")


@pytest.mark.parametrize(
    "edit",
    [
        set_at("format", to=INF),
        set_at("format", to="one"),
        set_at("n_patients", to=INF),
        set_at("target_fpr", to=0.0),
        set_at("target_fpr", to=NAN),
        set_at("levels", to={}),
        set_at("levels", "anomaly", to=[]),
        set_at(*PATCH, "scores", to=[]),
        set_at(*PATCH, "scores", to=[2.0, 1.0]),
        set_at(*PATCH, "scores", to=[0.0, NAN]),
        set_at(*PATCH, "scores", to="high"),
        set_at(*PATCH, "effective_n", to=NAN),
        set_at(*PATCH, "interval", to=[0.1]),
        set_at(*PATCH, "tail", to=[0.1, 0.2]),
        set_at("density", to=[]),
        set_at("density", "whole", to=[]),
        set_at("density", "n_features", to=13),
        set_at("density", "n_features", to=INF),
        set_at("density", "alone", to=None),
        set_at("density", "alone", "columns", to=[0, 1]),
        set_at("density", "alone", "columns", to="all"),
        set_at("density", "alone", "columns", 0, to=NAN),
        set_at("density", "whole", "strata", 0, "mean", to=[0.0] * 3),
        set_at("density", "whole", "strata", 0, "knots", to=[0.0, 0.0]),
        set_at("copies", to=[]),
        set_at("copies", to={"knots": [0.0, -1.0], "distances": [1.0, 2.0]}),
        delete("copies"),
        set_at("noise_levels", to=[0.01]),
        set_at("noise_levels", to=None),
        set_at("ranges", to={"thickness_mm": []}),
        set_at("scanners", to=[1]),
        set_at("model", to="tiny"),
        set_at("regions", to={"tail": 1}),
        set_at("regions", to={"chest": 5}),
        set_at("regions", to=[]),
    ],
)
def test_value_that_is_no_profile_is_refused(
    profile: CalibrationProfile, tmp_path: Path, edit: Edit
) -> None:
    value = document(profile)
    edit(value)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value))
    assert refusal(path).code == "profile"


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"digest": ""}']
)
def test_file_that_is_no_profile_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(data)
    assert refusal(path).code == "profile"


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.json").code == "profile_read"
