"""Verdicts in words: what is said first, and what of a report's models and adoption."""

from __future__ import annotations

from dataclasses import replace

import pytest

from btd_desktop.cases.model import CaseVerdict
from btd_desktop.report.verification import ReportVerdict
from btd_desktop.workflow.custody import ADOPTION
from btd_desktop.workflow.verdict_words import case_words, report_words

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
