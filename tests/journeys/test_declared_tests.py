"""What is tested is declared before scoring; a change shows, with both answers."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from btd_desktop.__main__ import main
from tests.factories import make_series_folder, make_tiny_model

PLACE = "48,90,3"


def btd(*words: str | Path) -> tuple[int, dict[str, Any]]:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main([*(str(word) for word in words), "--json"])
    return status, json.loads(printed.getvalue())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory):
    desk = tmp_path_factory.mktemp("desk")
    make_tiny_model(desk / "models" / "tiny-ct")
    make_series_folder(desk / "suspect", 0)
    for patient in range(1, 5):
        make_series_folder(desk / "benign" / f"p{patient}", patient)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BTD_HOME", str(desk / "home"))
        patch.setenv("BTD_MODELS_DIR", str(desk / "models"))
        status, told = btd(
            "calibrate", desk / "benign", "--name", "local", "--fpr", "0.05",
            "--out", desk / "local.json",
        )  # fmt: skip
        assert status == 0, told
        yield desk


@pytest.fixture(scope="module")
def examined(desk: Path) -> tuple[Path, dict[str, Any]]:
    case = desk / "case"
    status, told = btd(
        "examine", desk / "suspect", "--out", case, "--profile", desk / "local.json",
        "--examiner", "A. Examiner", "--search-in", "solid tissue",
        "--named-place", PLACE,
    )  # fmt: skip
    assert status == 0, told
    return case, told


def _mandate(report: dict[str, Any]) -> list[str]:
    from btd_desktop.workflow.verify import verify_report_file

    twin = verify_report_file(Path(report["path"])).twin
    assert twin is not None
    return list(twin["mandate"]["tests"])


def test_named_place_is_scored_and_ranked_and_the_search_keeps_to_its_domain(examined):
    _, told = examined
    (series,) = told["series"]
    assert series["domain"] == "solid tissue"
    first = series["declared"]["first"]
    assert first["mandate"]["domain"] == "solid tissue"
    assert first["actor"] == "A. Examiner"
    assert series["declared"]["changes"] == []
    named = [f for f in series["findings"] if f["origin"] == "examiner"]
    assert [(f["x"], f["y"], f["slice"]) for f in named] == [(48, 90, 3)]
    # Whatever the search suggests there: it was named before and is a test of its own.
    assert named[0]["numbers"]["anomaly"]["p_value"] is not None
    of_search, of_place, of_both = told["conclusion"]["sentences"]
    assert "Series 1, search of solid tissue: " in of_search
    assert "place x 48, y 90, slice 3, named before scoring" in of_place
    assert "rate" in of_both
    (line,) = _mandate(told["report"])
    assert "before scoring: search of solid tissue; 1 named place" in line


def test_window_names_what_was_searched_beside_the_maxima_alone(examined):
    from btd_desktop.cases.store import CaseStore
    from btd_desktop.examination.comparison import compare
    from btd_desktop.examination.reading import read_case

    case, _ = examined
    with CaseStore.open(case, read_only=True) as store:
        (series,) = read_case(store)
    evaluation = series.evaluation
    assert evaluation is not None
    for level in ("slice", "series"):
        told = compare(evaluation, "anomaly", level).searched
        assert told == "search of solid tissue"
        assert compare(evaluation, "injection", level).searched == ""
    assert compare(evaluation, "anomaly", "patch").searched == ""


def test_place_outside_the_domain_is_scored_and_ranked_all_the_same(examined):
    case, told = examined
    lung = "37,65,3"
    status, place = btd("score", case, "--at", lung, "--mode", "anomaly")
    assert status == 0, place
    assert place["p_value"] is not None
    assert place["scores"]["anomaly"]["level"] == "place"
    # The search itself brought up nothing there.
    (series,) = told["series"]
    found = [f for f in series["findings"] if f["origin"] == "search"]
    assert all(abs(f["x"] - 37) > 16 or abs(f["y"] - 65) > 16 for f in found)


def test_examining_again_names_the_place_once(desk, examined):
    case, first = examined
    status, again = btd(
        "examine", desk / "suspect", "--out", case, "--profile", desk / "local.json"
    )
    assert status == 0
    assert again["series"] == first["series"]
    assert again["conclusion"] == first["conclusion"]


def test_change_after_scoring_is_printed_with_both_answers(desk, examined):
    case, first = examined
    before_change = [f["finding_id"] for f in first["series"][0]["findings"]]
    status, told = btd("declare", case, "--search-in", "whole body")
    assert status == 0
    (change,) = told["declared"]["changes"]
    assert change["mandate"] == {"domain": "whole body", "places": []}
    status, report = btd("report", case, "--profile", desk / "local.json")
    assert status == 0
    before, after = _mandate(report["report"])
    assert "Declared on" in before
    assert "after scoring had begun: search of the whole body" in after
    sentence = " ".join(report["conclusion"]["sentences"])
    assert report["conclusion"]["conclusion"] == first["conclusion"]["conclusion"]
    assert "search of solid tissue" in sentence
    assert "the changed tests say" in sentence.lower()
    # What the deciding test rests on stays among the places shown.
    shown = [f["finding_id"] for f in report["series"][0]["findings"]]
    assert shown[: len(before_change)] == before_change
    # Declared again as it is, nothing changes.
    status, same = btd("declare", case, "--search-in", "whole body")
    assert len(same["declared"]["changes"]) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--search-in", "liver"), "--search-in is"),
        (("--named-place", "1,2"), "no place"),
        (("--named-place", "4000,2,1"), "lies outside series 1"),
        (("--named-place", "7:1,2,1"), "no series 7"),
        ((), "name a --search-in"),
    ],
)
def test_what_cannot_be_declared_is_refused(examined, words, said):
    case, _ = examined
    status, told = btd("declare", case, *words)
    assert status != 0
    assert said in json.dumps(told)


def test_place_outside_the_evidence_stops_the_examination_before_scoring(
    desk, tmp_path
):
    status, told = btd(
        "examine", desk / "suspect", "--out", tmp_path / "case",
        "--named-place", "1,2,99",
    )  # fmt: skip
    assert status != 0
    assert "lies outside series 1" in json.dumps(told)
    from btd_desktop.cases.store import CaseStore

    with CaseStore.open(tmp_path / "case", read_only=True) as store:
        assert not store.runs()
        assert len(store.series()) == 1
