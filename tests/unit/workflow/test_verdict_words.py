"""Verdicts in words: what is said first, and what of a report's models and adoption."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from btd_desktop.cases.model import CaseVerdict
from btd_desktop.report.verification import ReportVerdict
from btd_desktop.workflow.custody import ADOPTION
from btd_desktop.workflow.verdict_words import case_words, report_words
from btd_desktop.workflow.verify import marks_in

INTACT = ReportVerdict(
    is_signed=True,
    intact=True,
    valid=True,
    signer="A. Examiner",
    fingerprint_sha256="ab" * 32,
    self_signed=True,
    covers_whole_file=True,
    twin_present=True,
    twin_matches_print=True,
    twin={
        "methods": [{"model_name": "ct96wide-lean", "card_digest": "0" * 64}],
        "calibrations": [{"profile_name": "Local", "profile_digest": "1" * 64}],
        "custody": [f"{ADOPTION} by A. Examiner: it came by courier"],
    },
)


def test_report_without_a_signature_is_told_in_one_line():
    said = report_words(ReportVerdict())
    assert said.headline.startswith("This file is not a signed report")
    assert said.ok is False
    assert [line.name for line in said.lines] == ["Signature"]


def test_intact_report_names_its_models_profiles_and_adoption():
    said = report_words(INTACT)
    unchanged = "The report is unchanged since it was signed."
    assert said.headline == f"{unchanged} Who signed it is not validated."
    assert report_words(replace(INTACT, trusted=True)).headline == unchanged
    assert said.ok is True
    words = {line.name: line.words for line in said.lines}
    # A digest that is not the shipped one, under a shipped name.
    assert "NOT the model shipped under this name" in words["Model"]
    assert words["Calibration"].startswith("The profile “Local” did not come")
    assert words["Case"] == f"{ADOPTION} by A. Examiner: it came by courier"
    assert "own claim" in words["Signer"]


MARKED: Any = {
    "sentence": "The method suggested 2 places.",
    "dismissed": [
        {"series_number": 1, "slice_number": 13, "place": [70, 80], "is_flagged": True,
         "reason": "a vessel"},
        {"series_number": 1, "slice_number": 5, "place": [1, 2], "reason": ""},
    ],
}  # fmt: skip


def told(verdict: ReportVerdict, name: str) -> list[str]:
    return [line.words for line in report_words(verdict).lines if line.name == name]


def test_marks_of_the_examiner_are_told_with_each_reason():
    twin: Any = {"marks": MARKED, "identity": {"standing": "draft", "is_draft": True}}
    verdict = replace(INTACT, twin=twin)
    assert told(verdict, "Marks") == [
        "The method suggested 2 places.",
        "Dismissed: series 1, slice 13, column and row 70, 80, flagged; reason: "
        "a vessel",
        "Dismissed: series 1, slice 5, column and row 1, 2; reason: none stated",
    ]
    assert told(verdict, "State") == ["DRAFT, not for use in proceedings."]
    assert marks_in(twin)[1:] == tuple(told(verdict, "Marks")[1:])
    many: Any = {"marks": {**MARKED, "dismissed": MARKED["dismissed"] * 20}}
    assert marks_in(many)[-1] == "28 more dismissed places: see the report."


def test_earlier_report_is_told_to_say_nothing_of_marks():
    verdict = replace(INTACT, twin={"identity": {"is_draft": False}})
    (said,) = told(verdict, "Marks")
    assert "does not state how many places" in said
    assert told(verdict, "State") == ["The report calls itself final."]


@pytest.mark.parametrize(
    "twin",
    [
        {"marks": 3, "identity": []},
        {"marks": {"dismissed": [3, {"place": 3, "reason": {}}]}, "identity": {}},
        {"marks": {"sentence": ["x"]}, "identity": {"standing": "proven"}},
        {"identity": {"standing": 3, "is_draft": "no"}},
    ],
)
def test_damaged_data_inside_still_give_words(twin):
    verdict = replace(INTACT, twin=twin)
    assert all(isinstance(words, str) for words in told(verdict, "Marks"))
    assert told(verdict, "State") == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"intact": False}, "changed after it was signed"),
        ({"is_revised": True, "problems": ("x",)}, "changed after it was signed"),
        ({"active_content": ("x",), "problems": ("x",)}, "content that acts"),
        ({"twin_matches_print": False}, "the data inside are not those"),
        ({"signer_refused": True, "problems": ("x",)}, "none of those whom you trust"),
        ({"problems": ("x",)}, "it does not verify"),
    ],
)
def test_report_that_does_not_verify_says_why_and_quotes_nothing_of_itself(
    changes, reason
):
    said = report_words(replace(INTACT, **changes))
    assert said.headline.startswith("Do not rely on this report: ")
    assert reason in said.headline
    if changes.get("problems"):
        names = {line.name for line in said.lines}
        assert names.isdisjoint({"State", "Marks", "Model", "Calibration", "Case"})


def test_allowed_counter_signature_contradicts_nothing():
    added = "Counter-signed by R (not validated), as the first signature allows."
    verdict = replace(
        INTACT, covers_whole_file=False, later_changes=added, trusted=True
    )
    said = report_words(verdict)
    assert said.ok
    assert not [line for line in said.lines if line.ok is False]


@pytest.mark.parametrize("changes", [{"intact": False}, {"twin_matches_print": False}])
def test_report_that_was_changed_is_not_to_be_relied_on(changes):
    said = report_words(replace(INTACT, **changes))
    assert said.headline.startswith("Do not rely on this report")
    assert said.ok is False
    assert any(line.ok is False for line in said.lines)


@pytest.mark.parametrize(
    ("changes", "ok", "said"),
    [
        ({}, True, "unchanged as far as it can be checked"),
        ({"authentication": "adopted"}, True, "since it was adopted"),
        ({"authentication": "not authenticated"}, False, "NOT AUTHENTICATED"),
        ({"arrays_intact": False}, False, "altered"),
    ],
)
def test_case_is_good_only_where_it_is_intact_and_vouched_for(changes, ok, said):
    verdict = replace(CaseVerdict(True, True, 3, "ab" * 32, True), **changes)
    words = case_words(verdict)
    assert words.ok is ok
    assert said in words.headline
